// The request that another proxy holds and asks about: put together from its words, by the rules for requests that come
// to us ourselves. What is missing, malformed or told in two ways is refused. Pure; knows no caller and no wire form.
#pragma once

#include "net/message.h"

namespace gatehouse::gateway {

// Each is said by somebody; nothing of it has been looked at.
struct OriginalWords {
  std::string_view method, scheme, host, target;
};
// Without fields, client and id. Fault::denied.
Result<net::Request> original_request(const OriginalWords& words);

// Headers that would tell another target, method or host than the words do (X-Original-URI beside X-Forwarded-Uri …).
Result<void> check_agreement(const net::Fields& fields, const OriginalWords& words);
bool has_named(const net::Fields& fields, std::string_view name);  // any case
// Headers that are about the question, not about the original request: they are no part of it.
bool is_about_the_way(std::string_view name);
std::optional<bool> is_tls(std::string_view scheme);  // nullopt: no scheme of HTTP or WebSocket

}  // namespace gatehouse::gateway
