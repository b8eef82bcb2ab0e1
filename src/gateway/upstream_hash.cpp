#include "gateway/upstream_hash.h"

#include <utility>

namespace gatehouse::gateway {

namespace {

std::string_view value_of(const HashBy& by, const net::Request& request, std::string_view who) {
  switch (by.source) {
    case HashBy::Source::client: return request.client.ip;
    case HashBy::Source::header: return request.fields.only(by.name).value_or("");
    case HashBy::Source::cookie: return request.cookie(by.name).value_or("");
    case HashBy::Source::path: return request.path;
    case HashBy::Source::identity: return who;
  }
  std::unreachable();
}

}  // namespace

std::uint64_t hash_request(const HashBy& by, const crypto::SipKey& key, const net::Request& request,
                           std::string_view who) {
  const auto value = value_of(by, request, who);
  return crypto::siphash128(key, value.empty() ? std::string_view(request.client.ip) : value).low;
}

}  // namespace gatehouse::gateway
