// Who may use the management API: administrators, and the tokens that act for them.
#include "core/bytes.h"
#include "crypto/hash.h"
#include "directory/apps.h"
#include "directory/happened.h"
#include "directory/right_store.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

constexpr std::string_view kTokenPrefix = "00";  // as Okta's tokens begin
constexpr std::size_t kTokenLength = 43;         // characters of [A-Za-z0-9] after it; 256 bits
constexpr std::size_t kTokenNameMax = 255;       // bytes

// The type is hashed too: a handle of another kind never fits here.
std::string hash_of(const Secret& token) {
  std::string typed = "api_token:";
  typed += token.reveal();
  return base64url_encode(crypto::sha256(typed));
}

Error bad_token() { return {Fault::unauthenticated, "Invalid token provided"}; }

events::Party party_of(const ApiToken& token) { return {token.id, "Token", token.name, token.name}; }

Task<User> known(store::Database& database, OrgId org, UserId id) {
  GH_CO_TRY(auto found, co_await select_user(database, std::move(org), std::move(id)));
  if (!found) co_return failure(Fault::missing, "user: not found");
  co_return std::move(found->user);
}

}  // namespace

Task<Secret> ApiTokens::create(std::string name, UserId owner, Cause cause) {
  if (name.empty() || name.size() > kTokenNameMax) co_return failure(Fault::invalid, "name: must be 1 to 255 bytes");
  GH_CO_TRY(auto user, co_await known(needs_.database, org_, owner));
  Secret secret(std::string(kTokenPrefix) + random_text(needs_.random, kTokenLength));
  const auto now = needs_.clock.now();
  const ApiToken token{.id = new_id(needs_.random, "00T"), .name = std::move(name), .owner = std::move(owner),
                       .created = now, .expires = now + kApiTokenLife, .updated = now};
  auto event = happened("system.api_token.create", "Create API token", cause, user);
  event.targets.insert(event.targets.begin(), party_of(token));
  store::Unit unit;
  unit.push_back(insert_token(org_, token, hash_of(secret)));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return secret;
}

Task<ApiToken> ApiTokens::check(Secret secret) {
  GH_CO_TRY(auto found, co_await select_token(needs_.database, org_, hash_of(secret)));
  const auto now = needs_.clock.now();
  if (!found || (found->token.expires && *found->token.expires <= now)) co_return std::unexpected(bad_token());
  if (!may_act(found->owner_status) || !found->owner_is_admin) co_return std::unexpected(bad_token());

  auto token = std::move(found->token);
  if (now - token.updated >= kApiTokenTouch) {  // a use prolongs its life; written down seldom, for it is on every call's way
    token.updated = now;
    token.expires = now + kApiTokenLife;
    store::Unit unit;
    unit.push_back(touch_token(org_, token.id, now, *token.expires));
    GH_CO_DO(co_await needs_.write(std::move(unit)));
  }
  co_return token;
}

Task<std::vector<ApiToken>> ApiTokens::list() {
  co_return co_await select_tokens(needs_.database, org_, needs_.clock.now());
}

Task<ApiToken> ApiTokens::find(std::string id) {
  GH_CO_TRY(auto found, co_await select_token_by_id(needs_.database, org_, std::move(id)));
  if (!found) co_return failure(Fault::missing, "token: not found");
  co_return *std::move(found);
}

Task<void> ApiTokens::revoke(std::string id, Cause cause) {
  GH_CO_TRY(auto token, co_await find(std::move(id)));
  auto event = happened("system.api_token.revoke", "Revoke API token", cause);
  event.targets.push_back(party_of(token));
  store::Unit unit;
  unit.push_back(delete_token(org_, token.id, Error(Fault::missing, "token: not found")));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Admins::grant(UserId id, Cause cause) {
  GH_CO_TRY(auto user, co_await known(needs_.database, org_, id));
  GH_CO_TRY(const bool already, co_await is_admin(id));
  if (already) co_return Result<void>();
  auto event = happened("user.account.privilege.grant", "Grant user privilege", cause, user);
  event.debug["privilegeGranted"] = "Super administrator";
  store::Unit unit;
  unit.push_back(insert_admin(org_, id, needs_.clock.now()));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<bool> Admins::is_admin(UserId user) {
  co_return co_await select_is_admin(needs_.database, org_, std::move(user));
}

}  // namespace gatehouse::directory
