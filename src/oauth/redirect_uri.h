// Where an authorization server may send a browser: compared byte for byte with what was registered. No patterns, no
// normalisation: whatever two parsers could read differently is simply not equal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "net/form.h"

namespace gatehouse::oauth {

inline constexpr std::size_t kRedirectUriMax = 2048;

enum class Loopback { exact, any_port };

// True if `asked` is one of `registered`. With any_port (native apps, RFC 8252 §7.3) the port of an http URI on
// 127.0.0.1, [::1] or localhost may differ from the registered one, and nothing else.
bool is_registered(std::string_view asked, const std::vector<std::string>& registered, Loopback loopback);

// May this be registered, and be redirected to? Absolute, without fragment, user info, control characters, white space
// or backslash; http(s), or a private-use scheme with a dot (RFC 8252 §7.1); never javascript:, data: and friends.
Result<void> check_redirect_uri(std::string_view uri);

// The URI with parameters added to its query, or as its fragment.
std::string with_query(std::string_view uri, const net::Form& parameters);
std::string with_fragment(std::string_view uri, const net::Form& parameters);

// "https://host:port" of an http(s) URI; "scheme:" of another. A source expression for Content-Security-Policy.
std::string csp_source_of(std::string_view uri);

}  // namespace gatehouse::oauth
