// An authorization request, understood in two stages: before `Target` is known nothing may be sent to the client's
// address and errors are pages; afterwards errors go back to the client (RFC 6749 §4.1.2.1).
#pragma once

#include "idp/access.h"
#include "idp/claims_request.h"
#include "idp/response_mode.h"
#include "oauth/error.h"

namespace gatehouse::idp {

inline constexpr std::size_t kStateMax = 4096, kNonceMax = 1024;

// Where an answer may go: a registered address of an active client.
struct Target {
  directory::App app;
  std::string redirect_uri;
  ResponseMode mode;
  std::string state, issuer = {};   // issuer: of the server that answers (RFC 9207)
  ResponseType type = {.code = true};
};
// Errors are for a page.
Task<Target> find_target(Provider& provider, Server server, std::string base, oauth::Params params);

enum class Prompt { unset, none, login, consent };

struct AuthorizeRequest {
  oauth::Scopes scopes;
  AccessAsk::Scopes how = AccessAsk::Scopes::as_asked;
  std::string nonce, challenge, login_hint, id_token_hint;
  std::string dpop_key = {};   // `dpop_jkt`, of clients whose tokens are bound
  AskedClaims asked = {};      // `claims` and `acr_values`
  std::string only = {};       // the one person who will do, by `sub` in `claims`
  Prompt prompt = Prompt::unset;
  std::optional<Seconds> max_age;
};
// Errors are for the client.
Task<AuthorizeRequest> read_request(Server server, Target target, oauth::Params params);

}  // namespace gatehouse::idp
