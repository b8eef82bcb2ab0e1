#include "idp/servers.h"

#include <algorithm>
#include <limits>

#include "core/text.h"
#include "idp/claims.h"
#include "idp/grant_store.h"
#include "idp/server_edits.h"
#include "idp/server_store.h"
#include "idp/system_terms.h"
#include "oauth/scope.h"

namespace gatehouse::idp {
namespace {

constexpr std::string_view kOutrun = "outrun";  // the code of an error: somebody else changed the server meanwhile
constexpr int kDeleteBatch = 500;

Error outrun() {
  return Error(Fault::conflict, "authorization server: changed by somebody else meanwhile")
      .with_code(std::string(kOutrun));
}

Result<void> check(const Server& server) {
  if (server.alg != jose::Alg::RS256 && server.alg != jose::Alg::ES256)
    return failure(Fault::invalid, "authorization server: signing_alg must be RS256 or ES256");
  if (!is_id(server.id) || server.id == "v1") return failure(Fault::invalid, "authorization server: not a usable id");
  if (server.audience.empty()) return failure(Fault::invalid, "authorization server: needs an audience");
  if (server.audience.size() > kAudienceMax || server.description.size() > kServerDescriptionMax)
    return failure(Fault::limited, "authorization server: audience or description is too long");
  return {};
}

// What a seed file says of a server that is there: its own members, and the custom scopes, whose other settings stay.
// One that an administrator has switched off stays off.
Result<Changes> brought_to(const Server& now, const Server& wanted, const std::vector<ServerScope>& scopes,
                           const OrgId& org, Timestamp at) {
  Changes changes;
  Server next = now;
  next.name = wanted.name;
  next.audience = wanted.audience;
  next.alg = wanted.alg;
  const bool same = std::tie(next.name, next.audience, next.alg) == std::tie(now.name, now.audience, now.alg);
  if (!same) changes.unit.push_back(update_server(org, next, at));
  for (const auto& known : now.terms->scopes)
    if (!known.system && std::ranges::find(scopes, known.name, &ServerScope::name) == scopes.end())
      changes.unit.push_back(delete_scope(org, now.id, known.name));
  for (const auto& scope : scopes) {
    const auto* known = now.terms->scope(scope.name);
    auto merged = known != nullptr ? *known : scope;
    merged.description = scope.description;
    merged.by_default = scope.by_default;
    if (known == nullptr || merged != *known) changes.unit.push_back(upsert_scope(org, now.id, merged));
  }
  return changes;
}

}  // namespace

std::shared_ptr<const Terms> TermsMemory::find(const std::string& server_id, std::int64_t version,
                                               Timestamp updated) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(server_id);
  if (found == entries_.end() || found->second->version != version || found->second->updated != updated) return nullptr;
  return found->second;
}

void TermsMemory::keep(const std::string& server_id, std::shared_ptr<const Terms> terms) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kRecallMax) entries_.clear();
  entries_.insert_or_assign(server_id, std::move(terms));
}

Task<void> Servers::write(store::Unit unit) {
  auto done = co_await needs_.database.write(std::move(unit));
  epoch_.turn();
  if (!done) co_return std::unexpected(std::move(done.error()));
  co_return Result<void>();
}

Task<void> Servers::ensure_default() {
  const auto now = needs_.clock.now();
  store::Unit unit;
  unit.push_back(insert_default_server(org_, now));
  for (auto& statement : adopt_servers(org_, now)) unit.push_back(std::move(statement));
  co_return co_await write(std::move(unit));
}

// The row first: when its version is known, the terms need not be read again. A server that a program of before version
// 3 has made meanwhile is adopted.
Task<Server> Servers::read(std::string id) {
  GH_CO_TRY(auto rows, co_await select_server(needs_.database, org_, id));
  if (!rows.empty() && !rows.front().version) {
    GH_CO_DO(co_await write(adopt_servers(org_, needs_.clock.now())));
    GH_CO_TRY(rows, co_await select_server(needs_.database, org_, id));
  }
  if (rows.empty()) co_return failure(Fault::missing, "authorization server: not found");
  auto server = std::move(rows.front().server);
  const auto version = rows.front().version.value_or(0);
  server.terms = terms_.find(id, version, server.updated);
  if (server.terms) co_return server;
  GH_CO_TRY(auto stored, co_await select_terms(needs_.database, org_, id));
  auto terms = complete(std::move(stored), id);
  terms.version = version;
  terms.updated = server.updated;
  terms.made = std::make_shared<const ClaimSet>(terms.claims);
  server.terms = std::make_shared<const Terms>(std::move(terms));
  // Row and terms are several questions: they belong together if the row is still the same afterwards.
  GH_CO_TRY(rows, co_await select_server(needs_.database, org_, id));
  if (rows.empty() || rows.front().version != version || rows.front().server.updated != server.updated)
    co_return std::unexpected(outrun());
  terms_.keep(id, server.terms);
  co_return server;
}

Task<Server> Servers::look(std::string id) {
  for (int attempt = 1;; ++attempt) {
    auto server = co_await read(id);
    if (server || server.error().code() != kOutrun || attempt == kEditTries) co_return server;
  }
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
  GH_CO_TRY(auto server, co_await look(id));
  if (!server.active) co_return failure(Fault::missing, "authorization server: not found");
  known_.keep(std::move(id), server, asked);
  co_return server;
}

Task<std::vector<Server>> Servers::list(directory::Page page, std::string query) {
  page.limit = std::clamp(page.limit, 1, kServerPageMax + 1);
  return select_servers(needs_.database, org_, std::move(page), std::move(query));
}

Task<void> Servers::put(Server server, std::vector<ServerScope> scopes) {
  GH_CO_DO(check(server));
  if (scopes.size() > kServerScopesMax) co_return failure(Fault::limited, "authorization server: too many scopes");
  for (const auto& scope : scopes)
    if (!oauth::is_scope(scope.name) || scope.name.starts_with("okta."))
      co_return failure(Fault::invalid, "authorization server: '" + scope.name + "' cannot be a scope here");
  const auto now = needs_.clock.now();
  GH_CO_TRY(auto rows, co_await select_server(needs_.database, org_, server.id));
  if (rows.empty()) {
    store::Unit unit;
    unit.push_back(insert_server(org_, server, now));
    const auto policy = default_policy(now);
    unit.push_back(upsert_policy(org_, server.id, policy));
    unit.push_back(upsert_rule(org_, server.id, policy.id, policy.rules.front()));
    auto made = co_await write(std::move(unit));
    if (!made && made.error().fault() != Fault::conflict) co_return made;  // conflict: another node was faster
  }
  const auto decide = [this, &server, &scopes, now](const Server& found) {
    return brought_to(found, server, scopes, org_, now);
  };
  auto id = server.id;
  GH_CO_DO(co_await change(std::move(id), decide));
  co_return Result<void>();
}

Task<Server> Servers::create(Server server, directory::Cause cause) {
  server.id = new_id(needs_.random, "aus");
  GH_CO_DO(check(server));
  GH_CO_DO(check_server(server));
  events::Event event = event_of(server, "oauth2.as.created", "Authorization server is created", std::move(cause));
  store::Unit unit;
  unit.push_back(insert_server(org_, server, needs_.clock.now()));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await write(std::move(unit)));
  co_return co_await look(server.id);
}

Task<Server> Servers::edit(std::string id, Decide decide, directory::Cause cause) {
  const auto caused = [&decide, &cause](const Server& now) -> Result<Changes> {
    GH_TRY(auto changes, decide(now));
    for (auto& event : changes.events) {
      event.actor = cause.actor;
      event.origin = cause.origin;
    }
    return changes;
  };
  co_return co_await change(std::move(id), caused);
}

Task<Server> Servers::change(std::string id, Decide decide) {
  for (int attempt = 1;; ++attempt) {
    GH_CO_TRY(auto now, co_await look(id));
    GH_CO_TRY(auto changes, decide(now));
    if (changes.unit.empty()) co_return now;
    store::Unit unit;
    unit.push_back(update_version(org_, id, now.terms->version).expect(1, outrun()));
    for (auto& statement : changes.unit) unit.push_back(std::move(statement));
    for (const auto& event : changes.events) unit.push_back(needs_.log.statement(org_, event));
    auto done = co_await write(std::move(unit));
    if (done) co_return co_await look(id);
    if (done.error().code() != kOutrun || attempt == kEditTries) co_return std::unexpected(std::move(done.error()));
  }
}

// First nobody may come in any more, then what was given goes in small pieces, then the rest in one.
Task<void> Servers::remove(std::string id, directory::Cause cause) {
  if (id == kDefaultServer)
    co_return failure(Fault::denied, "The default authorization server cannot be deleted; deactivate it.");
  const auto close = [this](const Server& now) -> Result<Changes> {
    Changes changes;
    auto closed = now;
    closed.active = false;
    if (now.active) changes.unit.push_back(update_server(org_, closed, needs_.clock.now()));
    return changes;
  };
  GH_CO_TRY(auto server, co_await change(id, close));
  for (std::int64_t gone = 1; gone != 0;) {
    GH_CO_TRY(auto done, co_await needs_.database.write(delete_given(org_, id, kDeleteBatch)));
    gone = 0;
    for (const auto& each : done) gone += each.affected;
  }
  auto event = event_of(server, "oauth2.as.deleted", "Authorization server is deleted", std::move(cause));
  auto unit = delete_given(org_, id, std::numeric_limits<int>::max());  // what came in between
  for (auto& statement : delete_server(org_, id)) unit.push_back(std::move(statement));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await write(std::move(unit)));
  terms_.forget(id);
  co_return Result<void>();
}

void TermsMemory::forget(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(server_id);
}

events::Event event_of(const Server& server, std::string type, std::string message, directory::Cause cause) {
  events::Event event;
  event.type = std::move(type);
  event.message = std::move(message);
  event.actor = std::move(cause.actor);
  event.origin = std::move(cause.origin);
  event.targets.push_back(events::Party{server.id, "AuthorizationServer", server.id, server.name});
  return event;
}

}  // namespace gatehouse::idp
