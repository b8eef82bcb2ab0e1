// Lets the gateway ask our own org whether an access token still stands: not revoked, its user and client still active.
// A direct call instead of introspection over HTTP; for other issuers there is nobody to ask.
#pragma once

#include "idp/provider.h"
#include "oauth/client/token_check.h"

namespace gatehouse::app {

class OrgWitness final : public oauth::client::TokenWitness {
 public:
  explicit OrgWitness(idp::Provider& provider) : provider_(provider) {}
  bool knows(std::string_view issuer) const override { return server_of(issuer).has_value(); }
  Task<void> check(std::string token, std::string issuer) override;

 private:
  // The id of the authorization server behind an issuer of ours; "" is the org's own.
  std::optional<std::string> server_of(std::string_view issuer) const;
  idp::Provider& provider_;
};

}  // namespace gatehouse::app
