// Ten thousand servers: no statement about one of them, or about a page of them, walks over all.
#include "idp/grant_store.h"
#include "idp/servers_test.h"

namespace gatehouse::idp {
namespace {

// Remembers what is asked of the database, and passes it on.
class Listening final : public store::Database {
 public:
  explicit Listening(store::Database& inner) : inner_(inner) {}
  Task<store::Rows> read(store::Statement statement) override {
    heard.push_back(statement);
    return inner_.read(std::move(statement));
  }
  Task<std::vector<store::Done>> write(store::Unit unit) override {
    for (const auto& statement : unit) heard.push_back(statement);
    return inner_.write(std::move(unit));
  }
  std::string_view kind() const override { return inner_.kind(); }
  store::Stats stats() const override { return inner_.stats(); }

  std::vector<store::Statement> heard;

 private:
  store::Database& inner_;
};

class ScaleSpec : public ServersTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, ScaleSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ScaleSpec, every_statement_goes_by_an_index) {
  if (database().kind() != "sqlite") GTEST_SKIP() << "asks SQLite for its plans";
  Listening ears(database());
  Servers here(ServerNeeds{ears, *log, clock, *random}, org);
  ASSERT_TRUE(run(here.ensure_default()));
  Server asked{"", "Orders", "api://orders", jose::Alg::ES256, true};
  const auto server = run(here.create(asked, cause)).value();
  const auto edit = [&](auto decide) { ASSERT_TRUE(run(here.edit(server.id, decide, cause))); };
  ServerScope scope{"a", "", false, "scp1"};
  Claim claim{"ocl1", "tier", ClaimKind::resource, ClaimValue::expression, "'x'"};
  AccessPolicy policy{"00p1", "P", ""};
  policy.clients = {std::string(kAllClients)};
  auto rule = everything("R");
  rule.id = "0pr1";
  edit([&](const Server& now) { return add_scope(at(), now, scope); });
  edit([&](const Server& now) { return add_claim(at(), now, claim); });
  edit([&](const Server& now) { return add_policy(at(), now, policy); });
  edit([&](const Server& now) { return add_rule(at(), now, policy.id, rule); });
  edit([&](const Server& now) { return remove_rule(at(), now, policy.id, rule.id); });
  edit([&](const Server& now) { return remove_policy(at(), now, policy.id); });
  edit([&](const Server& now) { return remove_claim(at(), now, claim.id); });
  edit([&](const Server& now) { return remove_scope(at(), now, scope.id); });
  edit([&](const Server& now) { return switch_server(at(), now, false); });
  for (const auto* query : {"", "ord", "api://"}) ASSERT_TRUE(run(here.list(directory::Page(), query)));
  ASSERT_TRUE(run(here.put(Server{"seed", "Seed", "api://seed", jose::Alg::ES256, true}, {{"s", "", true}})));
  ASSERT_TRUE(run(select_clients(ears, org, server.id, "", 10, clock.now())));
  ASSERT_TRUE(run(select_refreshes(ears, org, server.id, "c", "", 10, clock.now())));
  (void)run(select_refresh_of(ears, org, server.id, "c", "oar1", clock.now()));
  ears.heard.push_back(update_grants_revoked(org, server.id, "c", "", "oar9", "why", clock.now()));
  ASSERT_TRUE(run(here.remove(server.id, cause)));
  ASSERT_GT(ears.heard.size(), 60U);
  for (const auto& statement : ears.heard) {
    if (statement.sql.contains("refresh_tokens")) continue;  // of tables version 1, and empty since
    // As a write: SQLite takes the plan of a write for one.
    store::Unit unit;
    unit.push_back(store::Statement("explain query plan " + statement.sql, statement.params));
    const auto plan = run(database().write(std::move(unit)));
    ASSERT_TRUE(plan) << plan.error().message() << "\n" << statement.sql;
    for (const auto& row : plan->front().rows) {
      const auto& step = row.text(3);
      for (const auto* table : {"authorization_server", "grants", "consents"})
        EXPECT_FALSE(step.starts_with("SCAN " + std::string(table))) << step << "\n" << statement.sql;
    }
  }
}

TEST_P(ScaleSpec, what_is_remembered_is_bounded) {
  store::Unit unit;
  for (int i = 0; i < 5000; ++i)
    unit.emplace_back(
        "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated, version) values "
        "($1, $2, 'n', 'a', 'ES256', 1, 0, 0, 1)",
        std::vector<store::Param>{org, "aus" + std::to_string(i)});
  ASSERT_TRUE(write(std::move(unit)));
  TermsMemory memory;
  std::weak_ptr<const Terms> first;
  for (std::size_t i = 0; i < kRecallMax + 1; ++i) {
    auto terms = std::make_shared<const Terms>();
    if (i == 0) first = terms;
    memory.keep("aus" + std::to_string(i), std::move(terms));
  }
  EXPECT_TRUE(first.expired());
  for (int i = 0; i < 5000; i += 500) EXPECT_TRUE(run(servers().find("aus" + std::to_string(i))));
  EXPECT_EQ(run(servers().list(directory::Page{"", 200}, "")).value().size(), 200U);
}

}  // namespace
}  // namespace gatehouse::idp
