#include "store/faults.h"

namespace gatehouse::store {

namespace {

Error with_detail(Fault fault, const char* message, std::string_view detail) {
  return Error(fault, message).while_doing(detail);
}

}  // namespace

Error already_exists(std::string_view detail) { return with_detail(Fault::conflict, "it exists already", detail); }

Error broken_reference(std::string_view detail) {
  return with_detail(Fault::conflict, "it refers to something that is not there, or something still refers to it", detail);
}

Error bad_statement(std::string_view detail) {
  return with_detail(Fault::internal, "the database refused a statement", detail);
}

Error away(std::string_view detail) {
  return with_detail(Fault::upstream, "the database is away; try again later", detail);
}

Error not_saved(std::string_view detail) {
  return with_detail(Fault::upstream, "the database did not confirm that the change was saved", detail);
}

Error disk_full(std::string_view detail) {
  return with_detail(Fault::upstream, "the disk that holds the database is full", detail);
}

}  // namespace gatehouse::store
