// Absolute http(s) URLs, strict. (Boost.URL behind it.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace gatehouse::net {

struct Url {
  bool tls = false;
  std::string host;           // canonical, [v6] without brackets
  std::uint16_t port = 80;
  std::string path = "/";     // with leading '/'
  std::string query;
  bool has_query = false;

  static Result<Url> parse(std::string_view text);  // no user info, no fragment
  std::string str() const;
  std::string origin() const;      // scheme://host[:port], default ports left out
  std::string target() const;      // path[?query]
  std::string authority() const;   // host[:port]
};

}  // namespace gatehouse::net
