// The only file that knows the tables `authorization_servers` and `authorization_server_scopes`.
#include <algorithm>

#include "idp/servers.h"

namespace gatehouse::idp {

Task<void> Servers::ensure_default() {
  store::Unit unit;
  unit.emplace_back(
      "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated) values ($1, $2, $3, $4, $5, 1, $6, $6)"
      " on conflict (org_id, id) do nothing",
      std::vector<store::Param>{org_, kDefaultServer, kDefaultServer, kDefaultAudience, "RS256", clock_.now()});
  GH_CO_DO(co_await database_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Servers::put(Server server, std::vector<ServerScope> scopes) {
  if (server.alg != jose::Alg::RS256 && server.alg != jose::Alg::ES256)
    co_return failure(Fault::invalid, "authorization server: signing_alg must be RS256 or ES256");
  if (!is_id(server.id) || server.id == "v1") co_return failure(Fault::invalid, "authorization server: not a usable id");
  if (server.audience.empty()) co_return failure(Fault::invalid, "authorization server: needs an audience");
  if (scopes.size() > kServerScopesMax) co_return failure(Fault::limited, "authorization server: too many scopes");
  store::Unit unit;
  unit.emplace_back(
      "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated) values ($1, $2, $3, $4, $5, $6, $7, $7)"
      " on conflict (org_id, id) do update set name = excluded.name, audience = excluded.audience, alg = excluded.alg,"
      " active = excluded.active, updated = excluded.updated",
      std::vector<store::Param>{org_, server.id, server.name, server.audience, jose::name_of(server.alg), server.active, clock_.now()});
  unit.emplace_back("delete from authorization_server_scopes where org_id = $1 and server_id = $2", std::vector<store::Param>{org_, server.id});
  for (const auto& scope : scopes) {
    if (!oauth::is_scope(scope.name) || scope.name.starts_with("okta."))
      co_return failure(Fault::invalid, "authorization server: '" + scope.name + "' cannot be a scope here");
    unit.emplace_back("insert into authorization_server_scopes (org_id, server_id, name, description, by_default) values ($1, $2, $3, $4, $5)",
                      std::vector<store::Param>{org_, server.id, scope.name, scope.description, scope.by_default});
  }
  auto done = co_await database_.write(std::move(unit));
  epoch_.turn();
  if (!done) co_return std::unexpected(std::move(done.error()));
  co_return Result<void>();
}

Task<Server> Servers::find(std::string id) {
  if (id.empty()) {
    Server own;
    own.name = "org";
    own.alg = org_alg_;
    co_return own;
  }
  if (auto known = known_.find(id)) co_return *std::move(known);
  const auto asked = known_.ask();
  store::Statement select("select id, name, audience, alg, active from authorization_servers where org_id = $1 and id = $2", {org_, id});
  GH_CO_TRY(auto rows, co_await database_.read(std::move(select)));
  if (rows.empty() || !rows.front().yes(4)) co_return failure(Fault::missing, "authorization server: not found");
  const auto& row = rows.front();
  Server server{row.text(0), row.text(1), row.text(2), jose::alg_named(row.text(3)).value_or(jose::Alg::RS256), true};
  known_.keep(std::move(id), server, asked);
  co_return server;
}

Task<std::vector<ServerScope>> Servers::scopes(std::string server_id) {
  if (auto known = known_scopes_.find(server_id)) co_return *std::move(known);
  const auto asked = known_scopes_.ask();
  store::Statement select(
      "select name, description, by_default from authorization_server_scopes where org_id = $1 and server_id = $2 order by name",
      {org_, server_id});
  GH_CO_TRY(auto rows, co_await database_.read(std::move(select)));
  std::vector<ServerScope> scopes;
  for (const auto& row : rows) scopes.push_back(ServerScope{row.text(0), row.text(1), row.yes(2)});
  known_scopes_.keep(std::move(server_id), scopes, asked);
  co_return scopes;
}

bool is_oidc_scope(std::string_view scope) {
  constexpr std::string_view kNames[] = {"openid", "profile", "email", "address", "phone", "groups", "offline_access"};
  return std::ranges::find(kNames, scope) != std::end(kNames);
}

}  // namespace gatehouse::idp
