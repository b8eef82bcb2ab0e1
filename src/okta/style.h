// How the management API speaks: who calls (SSWS or Bearer), errors in Okta's form, rate limits and their headers, CORS.
// Knows neither users nor tokens: whether a proof is good is asked of two small interfaces that others implement.
#pragma once

#include <set>
#include <string>

#include "core/random.h"
#include "core/secret.h"
#include "net/endpoint.h"
#include "okta/rate_limit.h"

namespace gatehouse::okta {

// "Authorization: SSWS <token>". Fault::unauthenticated when it is not good; an administrator's has the scope "*".
class ApiTokenCheck {
 public:
  virtual ~ApiTokenCheck() = default;
  virtual Task<net::Principal> check(Secret token) = 0;
};
// "Authorization: Bearer <token>", or DPoP with the proof that `request` has: an access token of the org authorization server, and of no other. Scopes as granted.
class AccessTokenCheck {
 public:
  virtual ~AccessTokenCheck() = default;
  virtual Task<net::Principal> check(Secret token, const net::Request& request) = 0;
  // WWW-Authenticate of a refusal; empty: none.
  virtual std::string challenge(const Error&, const net::Request&) { return {}; }
};

struct StyleNeeds {
  ApiTokenCheck& api_tokens;
  AccessTokenCheck& access_tokens;
  const Clock& clock;
  Random& random;
};
struct StyleOptions {
  RateLimits limits;
  std::set<std::string, std::less<>> cors_origins;  // "https://app.example.com"; nobody by default
};

class ApiStyle final : public net::Style {
 public:
  ApiStyle(StyleNeeds needs, StyleOptions options);
  Task<net::Principal> authenticate(const net::Request& request) override;
  net::Reply shape(const Error& error, const net::Request& request) override;
  void decorate(net::Reply& reply, const net::Request& request, const net::Principal& who) override;
  Result<void> admit(const net::Request& request, const net::Principal& who) override;

 private:
  StyleNeeds needs_;
  StyleOptions options_;
  RateLimiter limiter_;
};

}  // namespace gatehouse::okta
