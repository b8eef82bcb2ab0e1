#include "idp/provider.h"

#include "idp/clients.h"
#include "idp/logout_store.h"
#include "idp/possession.h"
#include "idp/tokens.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> bad_token(std::string why) { return oauth::refusal(oauth::Code::invalid_token, std::move(why)); }

}  // namespace

Provider::Provider(ProviderNeeds needs, OrgId org)
    : needs_(needs),
      org_(std::move(org)),
      servers_(ServerNeeds{needs_.database, needs_.log, needs_.clock, needs_.random}, org_),
      keys_(KeyNeeds{needs_.database, needs_.clock, needs_.sealer, needs_.crypto}, org_),
      client_keys_(needs_.http, needs_.clock),
      refresh_root_(random_token(needs_.random, 32)),
      nonces_(Secret(random_token(needs_.random, 32)), kOrgNonceLife),
      events_(needs_.database, needs_.log, needs_.out, needs_.background, org_) {}

void Provider::set_nonce_root(Secret root) { nonces_ = oauth::dpop::Nonces(std::move(root), kOrgNonceLife); }

Task<void> Provider::open() {
  GH_CO_DO(co_await servers_.ensure_default());
  co_return co_await keys_.open();
}

void Provider::add_base(std::string origin) {
  if (bases_.empty()) main_base_ = origin;
  bases_.insert(std::move(origin));
}

const std::string& Provider::issuer_base(const Server& server, const std::string& base) const {
  return server.kind() == ServerKind::custom && server.issuer_mode == IssuerMode::org_url && !main_base_.empty() ? main_base_ : base;
}

Result<std::string> Provider::base_of(const net::Request& request) const {
  auto origin = request.origin();
  if (const auto alias = certificate_aliases_.find(origin); alias != certificate_aliases_.end()) return alias->second;
  if (bases_.contains(origin)) return origin;
  return failure(Fault::missing, "There is no authorization server under this address.");
}

Task<void> Provider::refused(const Server& server, std::string action, std::string client_id, Error error, events::Origin origin) {
  events::Event event;
  event.type = (server.kind() == ServerKind::org ? "app.oauth2." : "app.oauth2.as.") + action;
  event.message = "OAuth request refused";
  event.outcome = events::Outcome::failure;
  event.reason = std::string(oauth::name_of(oauth::code_of(error))) + ": " + error.message();
  event.actor = events::Party{client_id.substr(0, kIdLengthMax), "PublicClientApp", "", ""};
  event.origin = std::move(origin);
  needs_.out.info("oauth.refused", {{"action", action}, {"client", event.actor.id}, {"why", event.reason}, {"trail", error.trail()}});
  co_return co_await events_.add(std::move(event));
}

Task<AccessToken> Provider::check_access_token(std::string token, Server server) {
  auto verified = co_await verify_own(*this, server, TokenUse::access, std::move(token), jose::Expect::Expiry::enforced);
  if (!verified && verified.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(verified.error()));
  if (!verified) co_return bad_token(verified.error().message());
  const jose::Claims claims(*std::move(verified));
  const auto jti = claims.text("jti").value_or("");
  const auto grant_id = grant_of_jti(jti);
  GH_CO_TRY(const bool alive, co_await is_token_alive(needs_.database, org_, jti, grant_id));
  if (!alive) co_return bad_token("The token has been revoked.");

  auto app = co_await needs_.apps.find_by_client(client_of(claims.object()));
  if (!app && app.error().fault() != Fault::missing) co_return std::unexpected(std::move(app.error()));
  if (!app || !is_client(*app)) co_return bad_token("The client of this token is not active.");
  AccessToken good{jti, app->client_id, grant_id, scopes_of(claims.object()), {}, *app, claims.object()};
  const auto uid = claims.text("uid");
  if (!uid) co_return good;

  GH_CO_TRY(auto user_id, directory::UserId::parse(*uid));
  auto user = co_await needs_.users.find(user_id);
  if (!user && user.error().fault() != Fault::missing) co_return std::unexpected(std::move(user.error()));
  if (!user || !directory::may_act(user->status)) co_return bad_token("The user of this token is not active.");
  GH_CO_TRY(const bool assigned, co_await needs_.apps.is_assigned(app->id, user_id));
  if (!assigned) co_return bad_token("The user of this token is not assigned to the client.");
  good.user = *std::move(user);
  co_return good;
}

Task<net::Principal> Provider::principal_of(std::string token, Shown shown) {
  GH_CO_TRY(auto server, co_await servers_.find(""));
  GH_CO_TRY(auto good, co_await check_access_token(token, std::move(server)));
  GH_CO_DO(co_await check_possession(*this, SecurityProfile::none, good.claims, std::move(token), std::move(shown)));
  net::Principal who;
  const oauth::Scopes granted = oauth::Scopes::of(good.app.scopes);
  bool may_manage = true;
  if (good.user) {
    who.kind = net::Principal::Kind::user;
    who.id = good.user->id.str();
    who.login = good.user->profile.login;
    GH_CO_TRY(may_manage, co_await needs_.admins.is_admin(good.user->id));
  } else {
    who.kind = net::Principal::Kind::client;
    who.id = good.client_id;
    who.login = good.app.label;
  }
  for (const auto& scope : good.scopes.words()) {
    // What the client was granted may have shrunk since the token was made.
    const bool manages = scope.starts_with("okta.");
    if (!manages || (may_manage && granted.has(scope))) who.scopes.insert(scope);
  }
  co_return who;
}

std::vector<store::Migration> migrations() {
  return {store::Migration{
      "idp",
      1,
      {"create table authorization_servers (org_id text not null, id text not null, name text not null, audience text not null,"
       " alg text not null, active bigint not null, created bigint not null, updated bigint not null, primary key (org_id, id))",
       "create table authorization_server_scopes (org_id text not null, server_id text not null, name text not null,"
       " description text not null, by_default bigint not null, primary key (org_id, server_id, name))",
       "create table signing_keys (org_id text not null, alg text not null, generation bigint not null, kid text not null,"
       " sealed text not null, created bigint not null, primary key (org_id, alg, generation))",
       "create table grants (org_id text not null, id text not null, server_id text not null, client_id text not null,"
       " user_id text not null, session_id text not null, scopes text not null, auth_time bigint not null, amr text not null,"
       " created bigint not null, expires bigint not null, revoked_at bigint, revoked_why text, primary key (org_id, id))",
       "create index grants_by_user on grants (org_id, user_id)",
       "create index grants_by_expiry on grants (expires)",
       "create table refresh_tokens (org_id text not null, hash text not null, grant_id text not null, created bigint not null,"
       " expires bigint not null, spent_at bigint, primary key (org_id, hash))",
       "create index refresh_tokens_by_expiry on refresh_tokens (expires)",
       "create table revoked_tokens (org_id text not null, jti text not null, expires bigint not null, primary key (org_id, jti))",
       "create index revoked_tokens_by_expiry on revoked_tokens (expires)",
       "create table consents (org_id text not null, user_id text not null, client_id text not null, server_id text not null,"
       " scopes text not null, updated bigint not null, primary key (org_id, user_id, client_id, server_id))"}},
          store::Migration{
              "idp",
              2,
              {"alter table grants add column refresh_hash text", "alter table grants add column refresh_family text",
               "alter table grants add column refresh_created bigint", "alter table grants add column refresh_expires bigint"}},
          store::Migration{
              "idp",
              3,
              // Null in rows of before: a server without a version is one that version 3 has not seen (Servers::read).
              {"alter table authorization_servers add column description text", "alter table authorization_servers add column issuer_mode text",
               "alter table authorization_servers add column rotation text", "alter table authorization_servers add column name_key text",
               "alter table authorization_servers add column version bigint",
               "create index authorization_servers_by_name on authorization_servers (org_id, name_key)",
               "create index authorization_servers_by_audience on authorization_servers (org_id, audience)",
               "create index authorization_servers_unseen on authorization_servers (org_id) where version is null",
               "alter table authorization_server_scopes add column id text", "alter table authorization_server_scopes add column display_name text",
               "alter table authorization_server_scopes add column consent bigint",
               "alter table authorization_server_scopes add column published bigint",
               "alter table authorization_server_scopes add column optional bigint", "alter table authorization_server_scopes add column system bigint",
               "create table authorization_server_claims (org_id text not null, server_id text not null, id text not null, name text not null,"
               " kind bigint not null, type bigint not null, value text not null, group_filter bigint not null, scopes text not null,"
               " always_in bigint not null, active bigint not null, system bigint not null, primary key (org_id, server_id, id))",
               "create table authorization_server_policies (org_id text not null, server_id text not null, id text not null, name text not null,"
               " description text not null, priority bigint not null, active bigint not null, system bigint not null, clients text not null,"
               " created bigint not null, updated bigint not null, primary key (org_id, server_id, id))",
               "create table authorization_server_rules (org_id text not null, server_id text not null, id text not null, policy_id text not null,"
               " name text not null, priority bigint not null, active bigint not null, system bigint not null, users_in text not null,"
               " users_not text not null, groups_in text not null, groups_not text not null, grant_types text not null, scopes text not null,"
               " access_minutes bigint not null, refresh_minutes bigint not null, idle_minutes bigint not null, hook text not null,"
               " created bigint not null, updated bigint not null, primary key (org_id, server_id, id))",
               "alter table grants add column grant_type text", "alter table grants add column slides bigint",
               "create index grants_by_server on grants (org_id, server_id, client_id, id)",
               "create index consents_by_server on consents (org_id, server_id)"}},
          // Null where a grant is not bound to a key.
          store::Migration{"idp", 4, {"alter table grants add column dpop_key text"}},
          store::Migration{"idp", 5, {"alter table grants add column asked_claims text"}},
          // Null is Okta's.
          store::Migration{"idp", 6, {"alter table authorization_servers add column token_format text"}},
          // Null is none.
          store::Migration{"idp", 7, {"alter table authorization_servers add column profile text"}},
          logout_tables(8)};
}

std::vector<store::Sweep> sweeps() {
  return {store::Sweep{"grants", "expires", {"org_id", "id"}},
          store::Sweep{"refresh_tokens", "expires", {"org_id", "hash"}},
          store::Sweep{"revoked_tokens", "expires", {"org_id", "jti"}},
          logout_sweep()};
}

}  // namespace gatehouse::idp
