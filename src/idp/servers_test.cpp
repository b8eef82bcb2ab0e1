// Custom servers as an aggregate: what is stored, remembered, migrated and deleted.
#include "idp/servers_test.h"
#include "idp/server_edits.h"

namespace gatehouse::idp {
namespace {

class ServersSpec : public ServersTest {
 protected:
  std::int64_t rows_of(std::string_view table, std::string_view column, const std::string& id) {
    const auto sql = "select count(*) from " + std::string(table) + " where " + std::string(column) + " = $1";
    return read(store::Statement(sql, {id})).value().front().number(0);
  }
  // Rows of all tables of this room that name the server.
  std::map<std::string, std::int64_t> rows_of_server(const std::string& id) {
    std::map<std::string, std::int64_t> counts;
    for (const auto* table : {"authorization_server_scopes", "authorization_server_claims",
                              "authorization_server_policies", "authorization_server_rules", "grants", "consents"})
      counts[table] = rows_of(table, "server_id", id);
    counts["authorization_servers"] = rows_of("authorization_servers", "id", id);
    return counts;
  }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, ServersSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ServersSpec, a_server_of_an_early_program_keeps_giving_what_it_gave) {
  store::Unit unit;
  unit.emplace_back(
      "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated) values ($1, "
      "'early', 'Early',"
      " 'api://early', 'ES256', 1, $2, $2)",
      std::vector<store::Param>{org, clock.now()});
  unit.emplace_back(
      "insert into authorization_server_scopes (org_id, server_id, name, description, by_default) values ($1, 'early', "
      "'a', '', 1)",
      std::vector<store::Param>{org});
  ASSERT_TRUE(write(std::move(unit)));
  const auto server = run(servers().find("early")).value();
  ASSERT_EQ(server.terms->policies.size(), 1U);
  EXPECT_EQ(server.terms->policies[0].name, "Default Policy");
  EXPECT_EQ(server.terms->policies[0].rules.at(0).name, "Default Policy Rule");
  EXPECT_TRUE(server.terms->scope("a")->by_default);
  EXPECT_TRUE(server.terms->scope("a")->id.starts_with("scp"));
  EXPECT_EQ(service_token(given_service(), server, "a").status(), 200);
  // It stays without policies if that is what an administrator wants.
  edited("early", [&](const Server& now) { return remove_policy(at(), now, now.terms->policies[0].id); });
  ASSERT_TRUE(run(servers().ensure_default()));
  EXPECT_TRUE(run(servers().look("early")).value().terms->policies.empty());
}

TEST_P(ServersSpec, seeds_bring_scopes_and_leave_the_rest_alone) {
  const Server wanted{"shop", "Shop", "api://shop", jose::Alg::ES256, true};
  ASSERT_TRUE(run(servers().put(wanted, {{"a", "A", true}, {"b", "B", false}})));
  edited("shop", [&](const Server& now) { return switch_server(at(), now, false); });
  edited("shop", [&](const Server& now) {
    auto scope = *now.terms->scope("a");
    scope.consent = Consent::required;
    return change_scope(at(), now, scope);
  });
  const auto before = run(servers().look("shop")).value();
  ASSERT_TRUE(run(servers().put(wanted, {{"a", "A", true}, {"b", "B", false}})));
  EXPECT_EQ(run(servers().look("shop")).value().terms->version, before.terms->version);  // nothing was written
  ASSERT_TRUE(run(servers().put(wanted, {{"a", "other", true}})));
  const auto after = run(servers().look("shop")).value();
  EXPECT_FALSE(after.active);
  EXPECT_EQ(after.terms->scope("a")->description, "other");
  EXPECT_EQ(after.terms->scope("a")->consent, Consent::required);
  EXPECT_EQ(after.terms->scope("a")->id, before.terms->scope("a")->id);
  EXPECT_EQ(after.terms->scope("b"), nullptr);
  EXPECT_NE(after.terms->scope("openid"), nullptr);
}

TEST_P(ServersSpec, a_busy_server_is_one_question_a_second_and_its_terms_are_read_once) {
  const auto server = given_open_server();
  auto first = run(servers().find(server.id)).value();
  const auto before = database().stats().reads;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(run(servers().find(server.id)));
  EXPECT_EQ(database().stats().reads, before);
  clock.advance(Seconds(2));
  EXPECT_EQ(run(servers().find(server.id)).value().terms, first.terms);  // the very same object
  EXPECT_EQ(database().stats().reads, before + 1);
  given_scope(server.id, "more");
  EXPECT_NE(run(servers().find(server.id)).value().terms, first.terms);
  EXPECT_EQ(first.terms->scope("more"), nullptr);  // who holds the old one is not disturbed
}

TEST_P(ServersSpec, a_token_of_a_service_asks_nothing_new_of_the_store) {
  const auto client = given_service();
  const auto server = given_open_server();
  ASSERT_EQ(service_token(client, server).status(), 200);
  while (!provider->events().idle()) std::this_thread::yield();
  const auto before = database().stats().reads;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(service_token(client, server).status(), 200);
  EXPECT_EQ(database().stats().reads, before);
}

TEST_P(ServersSpec, everybody_who_writes_at_once_gets_through) {
  const auto server = given_open_server();
  std::atomic<int> next = 0;
  EXPECT_EQ(at_once(12,
                    [&] {
                      const ServerScope scope{"s" + std::to_string(next++), "", false, new_id(*random, "scp")};
                      const auto add = [&](const Server& now) { return add_scope(at(), now, scope); };
                      return run(servers().edit(server.id, add, cause)).has_value();
                    }),
            12);
  const auto after = run(servers().look(server.id)).value();
  EXPECT_EQ(std::ranges::count_if(after.terms->scopes, [](const auto& scope) { return scope.name.starts_with("s"); }),
            12);
  EXPECT_EQ(after.terms->version, server.terms->version + 12);
}

TEST_P(ServersSpec, a_priority_that_is_taken_moves_others_back_and_gaps_stay) {
  const auto server = given_server();
  const auto order = [&] {
    std::string text;
    for (const auto& each : run(servers().look(server.id)).value().terms->policies)
      text += each.name + std::to_string(each.priority) + " ";
    return text;
  };
  given_policy(server.id, "a", {"x"}, 1);
  given_policy(server.id, "c", {"x"}, 3);
  given_policy(server.id, "b", {"x"}, 2);
  given_policy(server.id, "z", {"x"});
  EXPECT_EQ(order(), "a1 b2 c3 z4 ");
  given_policy(server.id, "f", {"x"}, 9);
  auto first = given_policy(server.id, "n", {"x"}, 1);
  EXPECT_EQ(order(), "n1 a2 b3 c4 z5 f9 ");
  first.priority = 5;
  edited(server.id, [&](const Server& now) { return change_policy(at(), now, first); });
  EXPECT_EQ(order(), "a2 b3 c4 n5 z6 f9 ");
}

TEST_P(ServersSpec, the_issuer_is_the_main_address_or_the_one_that_was_called) {
  const auto server = given_open_server();
  const auto service = given_service();
  const auto issuers = [&] {
    Visitor alias(router, "127.0.0.1:8080");
    const auto got = alias.post(at_server(server) + "/v1/token", {{"grant_type", "client_credentials"}, {"scope", "orders.read"}},
                                authorization(service));
    EXPECT_EQ(got.status(), 200) << got.body();
    EXPECT_TRUE(is_active(service, got.text("access_token"), at_server(server)));
    const auto metadata = alias.get(at_server(server) + "/.well-known/openid-configuration");
    EXPECT_EQ(metadata.text("issuer"), find_string(claims(got.text("access_token")), "iss"));
    return metadata.text("issuer");
  };
  EXPECT_EQ(issuers(), "http://127.0.0.1:8080/oauth2/" + server.id);
  auto fixed = server;
  fixed.issuer_mode = IssuerMode::org_url;
  edited(server.id, [&](const Server& now) { return change_server(at(), now, fixed); });
  EXPECT_EQ(issuers(), std::string(kBase) + "/oauth2/" + server.id);
}

TEST_P(ServersSpec, deleting_a_server_leaves_nothing) {
  const auto web = given_client("Web");
  const auto kept = given_open_server("Kept"), gone = given_open_server("Gone");
  const std::string scopes = "openid offline_access orders.read";
  for (const auto& server : {kept, gone})
    for (int i = 0; i < 3; ++i) given_tokens(web, {{"scope", scopes}, {"prompt", "consent"}}, at_server(server));
  for (const auto& server : {kept, gone})
    edited(server.id, [&](const Server& now) {
      return add_claim(at(), now,
                       Claim{new_id(*random, "ocl"), "tier", ClaimKind::resource, ClaimValue::expression, "'gold'"});
    });
  for (const auto& [table, count] : rows_of_server(gone.id)) EXPECT_GT(count, 0) << table;
  const auto before = rows_of_server(kept.id);
  EXPECT_EQ(run(servers().remove(std::string(kDefaultServer), cause)).error().fault(), Fault::denied);
  ASSERT_TRUE(run(servers().remove(gone.id, cause)));
  for (const auto& [table, count] : rows_of_server(gone.id)) EXPECT_EQ(count, 0) << table;
  EXPECT_EQ(rows_of_server(kept.id), before);
  EXPECT_EQ(run(servers().look(gone.id)).error().fault(), Fault::missing);
  EXPECT_EQ(service_token(given_service(), gone).status(), 404);
  EXPECT_TRUE(was_told("oauth2.as.deleted"));
}

TEST_P(ServersSpec, lists_are_paged_by_id_and_searched_by_the_beginning_of_name_or_audience) {
  for (int i = 0; i < 7; ++i) given_server("Shop " + std::to_string(i), "api://shop" + std::to_string(i));
  directory::Page page{"", 3};
  std::vector<std::string> seen;
  for (auto servers_here = run(servers().list(page, "")).value(); !servers_here.empty();
       servers_here = run(servers().list(page, "")).value()) {
    EXPECT_LE(servers_here.size(), 3U);
    for (const auto& each : servers_here) seen.push_back(each.id);
    page.after = seen.back();
  }
  EXPECT_EQ(seen.size(), 8U);  // and "default"
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  const auto found = [&](std::string query) {
    return run(servers().list(directory::Page(), std::move(query))).value().size();
  };
  EXPECT_EQ(found("shop"), 7U);
  EXPECT_EQ(found("SHOP 3"), 1U);
  EXPECT_EQ(found("api://shop4"), 1U);
  EXPECT_EQ(found("hop"), 0U);
  EXPECT_EQ(found("%"), 0U);
}

TEST_P(ServersSpec, what_cannot_be_is_refused_by_name) {
  const auto server = given_open_server();
  const auto refused = [&](auto edit) {
    auto done = run(servers().edit(server.id, edit, cause));
    return done ? std::string("accepted") : done.error().message();
  };
  const auto rule_with = [&](auto change) {
    auto bad = everything("Bad");
    bad.id = "0prbad";
    change(bad);
    return refused([&](const Server& now) { return add_rule(at(), now, open_policy.id, bad); });
  };
  using std::chrono::minutes;
  EXPECT_TRUE(
      rule_with([](auto& r) { r.access_life = minutes(4); }).starts_with("actions.token.accessTokenLifetimeMinutes"));
  EXPECT_TRUE(rule_with([](auto& r) {
                r.access_life = minutes(1441);
              }).starts_with("actions.token.accessTokenLifetimeMinutes"));
  EXPECT_TRUE(
      rule_with([](auto& r) { r.refresh_idle = minutes(9); }).starts_with("actions.token.refreshTokenWindowMinutes"));
  EXPECT_TRUE(rule_with([](auto& r) {
                r.refresh_life = minutes(59);
              }).starts_with("actions.token.refreshTokenLifetimeMinutes"));
  EXPECT_TRUE(rule_with([](auto& r) { r.grant_types = {"refresh_token"}; }).starts_with("conditions.grantTypes.include"));
  EXPECT_TRUE(rule_with([](auto& r) { r.scopes = {"nobody.knows"}; }).starts_with("conditions.scopes.include"));
  EXPECT_TRUE(rule_with([](auto& r) {
                r.users.assign(kConditionMax + 1, "x");
              }).starts_with("conditions.people.users.include"));
  EXPECT_TRUE(rule_with([](auto& r) { r.name = "Any"; }).starts_with("name: An object with this field"));
  const auto scope_with = [&](ServerScope scope) {
    return refused([&](const Server& now) { return add_scope(at(), now, scope); });
  };
  for (const auto* name : {"", "two words", "quote\"", "okta.users.read", "openid", "orders.read"})
    EXPECT_TRUE(scope_with({name, ""}).starts_with("name: ")) << name;
  const auto claim_with = [&](ClaimKind kind, std::string name, std::vector<std::string> scopes = {}) {
    Claim claim{"oclbad", std::move(name), kind, ClaimValue::expression, "'x'"};
    claim.scopes = std::move(scopes);
    return refused([&](const Server& now) { return add_claim(at(), now, claim); });
  };
  for (const auto* name : {"iss", "aud", "exp", "cid", "scp", "sub", "cnf", "has space", ""})
    EXPECT_TRUE(claim_with(ClaimKind::resource, name).starts_with("name: ")) << name;
  for (const auto* name : {"sub", "nonce", "at_hash", "amr", "email"})
    EXPECT_TRUE(claim_with(ClaimKind::identity, name).starts_with("name: ")) << name;
  EXPECT_TRUE(claim_with(ClaimKind::resource, "fine", {"nobody.knows"}).starts_with("conditions.scopes"));
}

TEST_P(ServersSpec, every_change_is_told_and_no_change_is_silent) {
  const auto server = given_open_server();
  const auto count = told().size();
  const auto same = run(servers().look(server.id)).value();
  edited(server.id,
         [&](const Server& now) { return change_rule(at(), now, open_policy.id, now.terms->policies[0].rules[0]); });
  edited(server.id, [&](const Server& now) { return change_policy(at(), now, now.terms->policies[0]); });
  edited(server.id, [&](const Server& now) { return change_scope(at(), now, *now.terms->scope("orders.read")); });
  edited(server.id, [&](const Server& now) { return change_server(at(), now, now); });
  edited(server.id, [&](const Server& now) { return switch_server(at(), now, true); });
  EXPECT_EQ(told().size(), count);
  EXPECT_EQ(run(servers().look(server.id)).value().terms, same.terms);
  edited(server.id, [&](const Server& now) { return switch_policy(at(), now, open_policy.id, false); });
  const auto last = last_event();
  EXPECT_EQ(find_string(last, "eventType"), "policy.lifecycle.deactivate");
  EXPECT_EQ(find_string(*find(last, "actor"), "id"), "00uadmin");
  for (const auto* type : {"oauth2.as.created", "oauth2.scope.created", "policy.lifecycle.create", "policy.rule.add"})
    EXPECT_TRUE(was_told(type)) << type;
}

}  // namespace
}  // namespace gatehouse::idp
