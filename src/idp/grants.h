// The seam for grants: a new one is a file in grants/ and a line in grants.cpp.
#pragma once

#include "idp/binding.h"
#include "idp/grant_store.h"
#include "idp/tokens.h"

namespace gatehouse::idp {

struct TokenCall {
  Server server;
  std::string base;
  directory::App app;            // authenticated, active, and registered for this grant
  oauth::Params params;
  events::Origin origin;
  Binding bound_to = {};         // of the tokens that it gets
  bool from_address = false;     // the parameters came in the query, with an empty body
};

class Grant {
 public:
  virtual ~Grant() = default;
  virtual std::string_view type() const = 0;   // "authorization_code"
  virtual Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const = 0;
};

std::span<const Grant* const> grants();
const Grant& authorization_code_grant();
const Grant& refresh_token_grant();
const Grant& client_credentials_grant();
const Grant& password_grant();

// Shared by the grants that speak for a person.
// The person if they may act and are assigned to the client; Code::invalid_grant otherwise.
Task<directory::User> person_for(Provider& provider, directory::App app, directory::UserId user);
events::Event granted_event(const Server& server, std::string what, const directory::App& app, const std::optional<directory::User>& user,
                            const oauth::Scopes& scopes, events::Origin origin);
// Kills a family and says why in the log, in one unit. `reuse`: something single-use came a second time.
enum class Killed { by_reuse, by_stranger, by_revocation };
Task<void> kill_grant(Provider& provider, Server server, std::string grant_id, std::string client_id, Killed why, events::Origin origin);

// Everything that clients were given for this person, at every server, and its line in the log.
store::Unit end_grants_of(Provider& provider, const directory::UserId& user);

// "ghr_" <grant> <family> <own>: where to look, what the tokens of the family share, and what only this one has. The id of
// a grant is no secret; the other two are random.
inline constexpr std::string_view kRefreshPrefix = "ghr_";
struct NewRefresh {
  Secret token;
  RefreshHash hash;
};
NewRefresh first_refresh(Random& random, std::string_view grant_id);
NewRefresh next_refresh(Random& random, std::string_view before);   // `before` has a grant in its key
// The same successor each time: made from `before` and a key of ours, so that a retry can be given it again although only hashes are
// kept. Decision 016.
NewRefresh derived_refresh(const Secret& root, std::string_view before);
// What to look for; nullopt when it cannot be a refresh token.
std::optional<RefreshKey> refresh_key(std::string_view token);

}  // namespace gatehouse::idp
