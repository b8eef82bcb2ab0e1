// What our tokens say, in Okta's shape. Minting only; whether anything may be minted is decided before.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

inline constexpr std::size_t kGroupsClaimMax = 100;   // names; more would not fit where tokens go

struct Person {
  directory::User user;
  Timestamp auth_time;
  std::vector<std::string> amr;
};
struct Mint {
  Server server;
  std::string base;                        // address under which the org was called; the issuer begins with it
  directory::App app;
  oauth::Scopes scopes;
  std::optional<Person> person;            // nobody: client credentials
  std::string grant_id, nonce;
};
// Access token, and an ID token when a person is there and openid was granted.
Task<oauth::TokenResponse> mint(Provider& provider, Mint ask);

// The claims that scopes open about a person: for ID tokens and userinfo.
Task<json::object> claims_about(Provider& provider, directory::User user, oauth::Scopes scopes);

// The grant that an access token belongs to, as its jti tells ("AT.<random>.<grant>"); empty when it has none.
std::string grant_of_jti(std::string_view jti);

enum class TokenUse { access, id };
// Signature, issuer, audience and kind of a token of this server, under any address of the org. `ignored` expiry is for
// logout hints and revocation. Fault::unauthenticated.
Task<json::object> verify_own(Provider& provider, Server server, TokenUse use, std::string token, jose::Expect::Expiry expiry);

}  // namespace gatehouse::idp
