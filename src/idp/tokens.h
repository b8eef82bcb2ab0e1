// What our tokens say, in Okta's shape or in that of RFC 9068, as the server says. Minting only; whether anything may be minted is decided before.
#pragma once

#include "idp/access.h"
#include "idp/binding.h"
#include "idp/claims.h"
#include "idp/claims_request.h"

namespace gatehouse::idp {

struct Person {
  directory::User user;
  Timestamp auth_time;
  std::vector<std::string> amr;
  std::string session_id = {};             // of the browser session behind it (`sid`); empty: none
};
// What is made of it: everything, or what a response type of the authorization endpoint names.
struct Wanted {
  bool access = true, id = true;
  std::string code = {};                   // that the ID token stands beside (c_hash)

  Place id_place() const { return access || !code.empty() ? Place::id_token_beside : Place::id_token_alone; }
};
struct Mint {
  Server server;
  std::string base;                        // address under which the org was called; the issuer begins with it
  directory::App app;
  oauth::Scopes scopes;
  std::optional<Person> person;            // nobody: client credentials
  std::string grant_id, nonce;
  Access access;                           // whoever mints has asked
  Binding bound_to = {};
  Wanted wanted = {};
  AskedClaims asked = {};
};
// Access token, and an ID token when a person is there and openid was granted, as far as they are wanted. Code::access_denied when a claim cannot be
// made: a token without it would say something else than the administrator wants.
Task<oauth::TokenResponse> mint(Provider& provider, Mint ask);

// What the tokens will say, before hooks and signatures. Writes nothing. `ask` is borrowed until it has returned.
struct Draft {
  json::object access;
  std::optional<json::object> id;          // without at_hash and c_hash
  std::optional<ClaimFault> fault;
};
Task<Draft> draft_tokens(Provider& provider, const Mint& ask);

// What a server says of people; the org's own says what nobody changes.
const ClaimSet& claims_of(const Server& server);

// What the org's own server tells about a person with these scopes; `groups` are all of theirs.
json::object claims_about(const directory::User& user, const std::vector<directory::Group>& groups, const oauth::Scopes& scopes);

// The claims about a person that userinfo tells; the server decides which.
Task<json::object> userinfo_claims(Provider& provider, Server server, AccessToken token);

// The grant that an access token belongs to, as its jti tells ("AT.<random>.<grant>"); empty when it has none.
std::string grant_of_jti(std::string_view jti);

// Whom an access token of either shape was given to.
std::string client_of(const json::object& access_claims);
oauth::Scopes scopes_of(const json::object& access_claims);

enum class TokenUse { access, id };
// Signature, issuer, audience and kind of a token of this server, under any address of the org. `ignored` expiry is for
// logout hints and revocation. Fault::unauthenticated.
Task<json::object> verify_own(Provider& provider, Server server, TokenUse use, std::string token, jose::Expect::Expiry expiry);

}  // namespace gatehouse::idp
