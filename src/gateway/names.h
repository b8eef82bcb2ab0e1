// Header names that only the gateway may set, and cookie names that only it may read. A client's header that *some*
// server could take for one of them is not let through, on no route and in no phase: legacy servers (CGI, WSGI, PHP, .NET)
// fold case and take '-', '_' and '.' for one another, so the namespace is folded the same way before it is compared.
// Knows nothing of which names there are beyond the forwarding ones: policies and routes bring theirs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "net/message.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kManagedNameMax = 63;
inline constexpr std::size_t kManagedNamesMax = 500;

class ManagedNames {
 public:
  ManagedNames();   // the forwarding headers (X-Forwarded-*, Forwarded, X-Real-IP, X-Original-URL …)
  // Fault::invalid: not a field name, too long, or one that belongs to the message itself (Host, Content-Length …).
  Result<void> add(std::string_view name);

  enum class Match { none, exact, alias };
  // exact: the same name, whatever the case; alias: another spelling that folds onto it.
  Match match(std::string_view name) const;

 private:
  struct Name {
    std::string folded, plain;   // plain: lower case as configured
  };
  void insert(std::string_view name);
  std::array<std::vector<Name>, kManagedNameMax + 2> by_length_;   // folding keeps the length
  std::size_t count_ = 0;
};

bool is_field_name(std::string_view name);             // RFC 9110 §5.1 token
// What may be sent as a header value: no control characters (C0, DEL, and C1 in UTF-8), valid UTF-8, at most 8 KiB.
bool is_safe_value(std::string_view value);

// The Cookie header without the cookies named; empty when nothing is left.
std::string without_cookies(std::string_view header, const std::vector<std::string>& names);

}  // namespace gatehouse::gateway
