// What the upstream is asked differs from what the client asked, and the answer from what the upstream said: addresses and
// headers, never bodies. The rule and the policy see the request as it came; what comes out here is made canonical again
// and refused when it is not, so that the upstream reads what was allowed. Identity headers cannot be named here
// (Stage::edited_headers, which the snapshot judges).
#pragma once

#include "gateway/stage.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kRewriteHeadersMax = 64;
inline constexpr std::size_t kRewritePatternMax = 1000;      // bytes of a pattern, and of what takes its place
inline constexpr std::size_t kRewrittenPathMax = 8 * 1024;   // bytes

using HeaderPairs = std::vector<std::pair<std::string, std::string>>;

struct PathRewrite {
  std::string strip_prefix;                  // "/api": of whole segments; a path without it stays
  std::string pattern, replacement;          // RE2, the first match; \0 to \9
  std::string add_prefix;                    // last
};

struct RequestRewrite {
  PathRewrite path;
  HeaderPairs query_set;                     // instead of what the client sent under this name
  std::vector<std::string> query_remove;
  HeaderPairs set;
  std::vector<std::string> remove;
  HeaderPairs rename;                        // from, to
  std::string host;                          // of the Host field
};
Result<std::shared_ptr<Stage>> make_rewrite_stage(RequestRewrite rewrite);

struct CookieRewrite {
  std::optional<std::string> domain, path, same_site;   // "" takes the attribute away
  bool secure = false, http_only = false;                // adds the attribute
  bool any() const { return domain || path || same_site || secure || http_only; }
};

struct AnswerRewrite {
  HeaderPairs set;
  std::vector<std::string> remove;
  CookieRewrite cookies;                     // of every Set-Cookie of the upstream
  std::vector<std::string> origins;          // "http://10.0.0.5:8080" in Location and Content-Location becomes ours
  std::string path_prefix;                   // what was stripped from the path comes before the path of a Location
};
Result<std::shared_ptr<Stage>> make_answer_stage(AnswerRewrite rewrite);

// Headers that tell browsers to be careful; each unless it is empty, on every answer of the route. What the upstream says
// itself holds, except that it cannot switch off nosniff or HSTS.
struct SecurityHeaders {
  std::string hsts = "max-age=31536000; includeSubDomains";   // over TLS only (RFC 6797 §7.2)
  std::string frame = "DENY", csp, referrer = "strict-origin-when-cross-origin", permissions;
};
Result<std::shared_ptr<Stage>> make_security_stage(SecurityHeaders headers);

}  // namespace gatehouse::gateway
