// How OAuth endpoints speak: errors as {"error","error_description"}, WWW-Authenticate where RFC 6749 §5.2 and RFC 6750 §3
// want it, nothing cached, readable from browsers of any origin. No endpoint of this style looks at cookies, so that
// allowing an origin gives it nothing that it could not fetch by itself.
#pragma once

#include <functional>

#include "net/endpoint.h"

namespace gatehouse::idp {

class OAuthStyle final : public net::Style {
 public:
  // Makes what DPoP-Nonce says to a client that has to use one (RFC 9449 §8). Before serving.
  void offer_nonces(std::function<std::string()> make) { make_nonce_ = std::move(make); }
  Task<net::Principal> authenticate(const net::Request& request) override;
  net::Reply shape(const Error& error, const net::Request& request) override;
  void decorate(net::Reply& reply, const net::Request& request, const net::Principal& who) override;
  Result<void> admit(const net::Request& request, const net::Principal& who) override;

 private:
  std::function<std::string()> make_nonce_;
};

}  // namespace gatehouse::idp
