#include "idp/grants.h"

#include "core/bytes.h"
#include "crypto/hash.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::string hash_of(std::string_view token) { return base64url_encode(crypto::sha256(token)); }

constexpr std::size_t base64url_size(std::size_t bytes) { return (bytes * 8 + 5) / 6; }

constexpr std::size_t kGrantIdLength = 20, kFamilyBytes = 16, kOwnBytes = 32;
constexpr std::size_t kOwnAt = kRefreshPrefix.size() + kGrantIdLength + base64url_size(kFamilyBytes);
constexpr std::size_t kEarlyLength = kRefreshPrefix.size() + base64url_size(32);   // before version 2 of the tables: all random

NewRefresh member_of_family(std::string family, const std::string& own) {
  auto family_hash = hash_of(family);
  Secret token(std::move(family) + own);
  auto hash = hash_of(token.reveal());
  return {std::move(token), {std::move(hash), std::move(family_hash)}};
}

std::string prefix_of(const Server& server) { return server.kind() == ServerKind::org ? "app.oauth2." : "app.oauth2.as."; }

}  // namespace

std::span<const Grant* const> grants() {
  static const Grant* const all[] = {
      &authorization_code_grant(),
      &refresh_token_grant(),
      &client_credentials_grant(),
      &password_grant(),
  };
  return all;
}

Task<directory::User> person_for(Provider& provider, directory::App app, directory::UserId user) {
  auto found = co_await provider.needs().users.find(user);
  if (!found && found.error().fault() != Fault::missing) co_return std::unexpected(std::move(found.error()));
  if (!found || !directory::may_act(found->status)) co_return oauth::refusal(oauth::Code::invalid_grant, "The user is not active.");
  GH_CO_TRY(const bool assigned, co_await provider.needs().apps.is_assigned(app.id, user));
  if (!assigned) co_return oauth::refusal(oauth::Code::invalid_grant, "User is not assigned to the client application.");
  co_return found;
}

events::Event granted_event(const Server& server, std::string what, const directory::App& app, const std::optional<directory::User>& user,
                            const oauth::Scopes& scopes, events::Origin origin) {
  events::Event event;
  event.type = prefix_of(server) + what;
  event.message = what == "authorize.code" ? "OAuth2 authorization code granted" : "OAuth2 token granted";
  event.actor = events::Party{app.client_id, "PublicClientApp", "", app.label};
  if (user) event.targets.push_back(events::Party{user->id.str(), "User", user->profile.login, ""});
  event.origin = std::move(origin);
  event.debug["scopes"] = scopes.text();
  return event;
}

store::Unit end_grants_of(Provider& provider, const directory::UserId& user) {
  events::Event event;
  event.type = "app.oauth2.token.revoke";
  event.message = "OAuth2 grants of a user revoked";
  event.actor = events::Party{"system", "SystemPrincipal", "gatehouse", "Gatehouse"};
  event.targets.push_back(events::Party{user.str(), "User", "", ""});
  auto& needs = provider.needs();
  store::Unit unit;
  unit.push_back(update_grants_of_user_revoked(provider.org(), user, "all tokens of the user were revoked", needs.clock.now()));
  unit.push_back(needs.log.statement(provider.org(), event));
  return unit;
}

Task<void> kill_grant(Provider& provider, Server server, std::string grant_id, std::string client_id, Killed why, events::Origin origin) {
  std::string_view reason = "revoked";
  events::Event event;
  event.type = prefix_of(server) + "token.revoke";
  event.message = "OAuth2 grant revoked";
  switch (why) {
    case Killed::by_revocation: break;
    case Killed::by_reuse:
      reason = "a single-use credential was presented again";
      event.type = prefix_of(server) + "token.detect_reuse";
      event.outcome = events::Outcome::failure;
      break;
    case Killed::by_stranger:
      reason = "presented by another client or with a wrong proof";
      event.outcome = events::Outcome::failure;
      break;
  }
  event.reason = std::string(reason);
  event.actor = events::Party{std::move(client_id), "PublicClientApp", "", ""};
  event.targets.push_back(events::Party{grant_id, "grant", "", ""});
  event.origin = std::move(origin);
  auto& needs = provider.needs();
  store::Unit unit;
  unit.push_back(update_grant_revoked(provider.org(), grant_id, reason, needs.clock.now()));
  unit.push_back(needs.log.statement(provider.org(), event));
  GH_CO_DO(co_await needs.database.write(std::move(unit)));
  co_return Result<void>();
}

NewRefresh first_refresh(Random& random, std::string_view grant_id) {
  return member_of_family(std::string(kRefreshPrefix) + std::string(grant_id) + random_token(random, kFamilyBytes), random_token(random, kOwnBytes));
}

NewRefresh next_refresh(Random& random, std::string_view before) {
  return member_of_family(std::string(before.substr(0, kOwnAt)), random_token(random, kOwnBytes));
}

NewRefresh derived_refresh(const Secret& root, std::string_view before) {
  const auto own = crypto::hmac_sha256(root.reveal(), before);
  return member_of_family(std::string(before.substr(0, kOwnAt)), base64url_encode(own));
}

std::optional<RefreshKey> refresh_key(std::string_view token) {
  if (!token.starts_with(kRefreshPrefix)) return std::nullopt;
  if (token.size() == kEarlyLength) return RefreshKey{"", {hash_of(token), ""}};
  if (token.size() != kOwnAt + base64url_size(kOwnBytes)) return std::nullopt;
  const auto grant_id = token.substr(kRefreshPrefix.size(), kGrantIdLength);
  if (!is_id(grant_id)) return std::nullopt;
  return RefreshKey{std::string(grant_id), {hash_of(token), hash_of(token.substr(0, kOwnAt))}};
}

}  // namespace gatehouse::idp
