#include "core/error.h"

namespace gatehouse {

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::invalid: return "invalid";
    case Fault::unauthenticated: return "unauthenticated";
    case Fault::denied: return "denied";
    case Fault::missing: return "missing";
    case Fault::conflict: return "conflict";
    case Fault::limited: return "limited";
    case Fault::upstream: return "upstream";
    case Fault::internal: return "internal";
  }
  std::unreachable();
}

Error::Error(Fault fault, std::string message, std::source_location at)
    : fault_(fault), message_(std::move(message)), trail_(at.function_name()) {}

Error Error::while_doing(std::string_view doing) && {
  trail_.append(" < ").append(doing);
  return std::move(*this);
}

Error Error::with_code(std::string code) && {
  code_ = std::move(code);
  return std::move(*this);
}

std::unexpected<Error> failure(Fault fault, std::string message, std::source_location at) {
  return std::unexpected(Error(fault, std::move(message), at));
}

}  // namespace gatehouse
