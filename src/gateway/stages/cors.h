// Which pages of other origins may call this route from a browser (Fetch, https://fetch.spec.whatwg.org/#http-cors-protocol).
// Speaks for the upstream: what that says about CORS is replaced. Refusals carry the headers too, so that a page can read
// why it was refused. An origin that is not listed is never named in an answer.
#pragma once

#include "gateway/stage.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kCorsOriginsMax = 256, kCorsNamesMax = 64;

struct CorsConfig {
  // "https://app.example.com"; "https://*.example.com" for every name below it; "*" for any, without credentials.
  std::vector<std::string> origins;
  std::vector<std::string> methods{"GET", "HEAD", "POST"};
  std::vector<std::string> headers;          // that a page may send beyond the safelisted ones
  std::vector<std::string> expose;           // that it may read
  Seconds max_age{600};                      // of a preflight's answer
  bool credentials = false;
  bool private_network = false;              // may a public page reach this one on a private network?
};

// Fault::invalid: not an origin, "*" with credentials, a name that is none.
Result<std::shared_ptr<Stage>> make_cors_stage(CorsConfig config);

}  // namespace gatehouse::gateway
