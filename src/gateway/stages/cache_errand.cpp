#include "gateway/stages/cache_errand.h"

namespace gatehouse::gateway {

std::string_view OwnRequest::keep(std::string_view text) {
  return *texts_.emplace_back(std::make_unique<std::string>(text));
}

OwnRequest::OwnRequest(const net::Request& request) : request_(request) {
  request_.method_name = keep(request.method_name);
  request_.client_certificate = keep(request.client_certificate);
  request_.fields.clear();
  for (const auto& field : request.fields.all()) request_.fields.add({keep(field.name), keep(field.value), field.id});
}

}  // namespace gatehouse::gateway
