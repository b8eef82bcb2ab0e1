// Access policies: which token a custom server gives to whom, and what is refused in the middle of a flow.
#include "idp/access.h"
#include "idp/servers_test.h"

namespace gatehouse::idp {
namespace {

Server with_rules(std::vector<AccessRule> rules, std::vector<std::string> clients = {std::string(kAllClients)}) {
  auto terms = std::make_shared<Terms>();
  for (const auto* name : {"openid", "orders.read", "orders.write"}) terms->scopes.push_back({name, "", true});
  AccessPolicy policy{"00p1", "P", ""};
  policy.clients = std::move(clients);
  policy.rules = std::move(rules);
  terms->policies.push_back(std::move(policy));
  Server server{"aus1", "Orders", "api://orders", jose::Alg::ES256, true};
  server.terms = std::move(terms);
  return server;
}
AccessRule rule_for(std::vector<std::string> grants, std::vector<std::string> scopes) {
  AccessRule rule{"0pr1", "R"};
  rule.groups = {std::string(kEverybody)};
  rule.grant_types = std::move(grants);
  rule.scopes = std::move(scopes);
  return rule;
}
AccessAsk asks(std::vector<std::string> scopes, std::string grant = "authorization_code",
               std::optional<Asker> person = Asker{"ada", {"eng"}}) {
  return {"client", std::move(grant), oauth::Scopes::of(scopes), AccessAsk::Scopes::as_asked, std::move(person)};
}
std::string verdict(const Server& server, const AccessAsk& ask) {
  const auto access = decide(server, ask);
  return access ? access->rule_id() : access.error().code();
}

TEST(Access, nothing_fits_nothing_is_given) {
  EXPECT_EQ(verdict(with_rules({}), asks({"orders.read"})), "access_denied");
  EXPECT_EQ(decide(with_rules({}), asks({"orders.read"})).error().message(), kNoPolicyFits);
  auto none = with_rules({});
  none.terms = std::make_shared<Terms>();
  EXPECT_EQ(verdict(none, asks({"openid"})), "access_denied");
}

TEST(Access, policies_are_for_clients_and_rules_for_grants_and_scopes) {
  const auto rule = rule_for({"authorization_code"}, {"orders.read"});
  EXPECT_EQ(verdict(with_rules({rule}), asks({"orders.read"})), "0pr1");
  EXPECT_EQ(verdict(with_rules({rule}, {"client", "other"}), asks({"orders.read"})), "0pr1");
  EXPECT_EQ(verdict(with_rules({rule}, {"other"}), asks({"orders.read"})), "access_denied");
  EXPECT_EQ(verdict(with_rules({rule}), asks({"orders.read"}, "password")), "access_denied");
  EXPECT_EQ(verdict(with_rules({rule}), asks({"orders.read", "orders.write"})), "access_denied");
  EXPECT_EQ(verdict(with_rules({rule}), asks({"orders.read", "nobody.knows"})), "invalid_scope");
  EXPECT_EQ(verdict(with_rules({rule_for({}, {"*"})}), asks({"orders.read"})), "access_denied");
  EXPECT_EQ(verdict(with_rules({rule_for({"authorization_code"}, {})}), asks({"orders.read"})), "access_denied");
}

TEST(Access, people_are_named_by_id_or_group_and_who_is_kept_out_stays_out) {
  auto rule = rule_for({"authorization_code", "client_credentials"}, {"*"});
  const auto fits = [&](std::vector<std::string> users, std::vector<std::string> groups,
                        std::vector<std::string> users_not = {}, std::vector<std::string> groups_not = {},
                        std::optional<Asker> person = Asker{"ada", {"eng", "all"}}) {
    rule.users = std::move(users);
    rule.groups = std::move(groups);
    rule.users_not = std::move(users_not);
    rule.groups_not = std::move(groups_not);
    const std::string grant = person ? "authorization_code" : "client_credentials";
    return verdict(with_rules({rule}), asks({"orders.read"}, grant, std::move(person))) == "0pr1";
  };
  EXPECT_TRUE(fits({"ada"}, {}));
  EXPECT_TRUE(fits({}, {"eng"}));
  EXPECT_TRUE(fits({"bob"}, {"EVERYONE"}));
  EXPECT_FALSE(fits({"bob"}, {"sales"}));
  EXPECT_FALSE(fits({}, {}));
  EXPECT_FALSE(fits({}, {"EVERYONE"}, {"ada"}));
  EXPECT_FALSE(fits({"ada"}, {}, {}, {"all"}));
  EXPECT_TRUE(fits({}, {"EVERYONE"}, {}, {}, std::nullopt));
  EXPECT_TRUE(fits({}, {}, {}, {}, std::nullopt));
  EXPECT_FALSE(fits({"ada"}, {}, {}, {}, std::nullopt));
  EXPECT_FALSE(fits({}, {"eng"}, {}, {}, std::nullopt));
}

TEST(Access, the_first_active_rule_that_fits_decides_and_the_trace_says_why_others_did_not) {
  auto off = rule_for({"authorization_code"}, {"*"}), narrow = off, wide = off;
  off.id = "off";
  off.active = false;
  narrow.id = "narrow";
  narrow.scopes = {"openid"};
  narrow.access_life = std::chrono::minutes(5);
  wide.id = "wide";
  const auto server = with_rules({off, narrow, wide});
  EXPECT_EQ(decide(server, asks({"openid"}))->access_life(), Seconds(300));
  AccessTrace trace;
  EXPECT_EQ(decide(server, asks({"orders.read"}), &trace)->rule_id(), "wide");
  ASSERT_EQ(trace.steps.size(), 2U);
  EXPECT_EQ(trace.steps[0].why, "the rule is not active");
  EXPECT_EQ(trace.steps[1].why, "the rule does not allow these scopes");
}

TEST(Access, default_scopes_are_cut_to_what_a_rule_allows) {
  const auto server = with_rules({rule_for({"authorization_code"}, {"orders.read", "orders.write"})});
  auto ask = asks(server.terms->default_scopes().words());
  EXPECT_EQ(verdict(server, ask), "access_denied");
  ask.how = AccessAsk::Scopes::by_default;
  EXPECT_EQ(decide(server, ask)->scopes().text(), "orders.read orders.write");
}

class AccessSpec : public ServersTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, AccessSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(AccessSpec, a_new_server_gives_nothing_before_a_rule_says_so) {
  const auto client = given_service();
  const auto server = given_server();
  given_scope(server.id, "orders.read");
  const auto refused = service_token(client, server);
  EXPECT_EQ(refused.status(), 400);
  EXPECT_EQ(refused.text("error"), "access_denied");
  EXPECT_EQ(refused.text("error_description"), kNoPolicyFits);
  const auto policy_id = given_policy(server.id, "All").id;
  EXPECT_EQ(service_token(client, server).text("error"), "access_denied");
  auto five = everything("Services");
  five.access_life = std::chrono::minutes(5);
  given_rule(server.id, policy_id, five);
  const auto got = service_token(client, server);
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(find_int(got.json(), "expires_in"), 300);
  const auto access = claims(got.text("access_token"));
  EXPECT_EQ(*find_int(access, "exp") - *find_int(access, "iat"), 300);
  EXPECT_EQ(find_string(access, "aud"), "api://orders");
  EXPECT_EQ(service_token(client, server, "unknown").text("error"), "invalid_scope");
  EXPECT_TRUE(was_told("app.oauth2.as.token.grant"));
}

TEST_P(AccessSpec, what_is_switched_off_counts_in_the_middle_of_every_flow) {
  const auto web = given_client("Web");
  const auto service = given_service();
  const auto server = given_open_server();
  const auto here = at_server(server);
  const auto switch_to = [&](std::string_view what, bool on) {
    edited(server.id, [&](const Server& now) {
      if (what == "rule") return switch_rule(at(), now, open_policy.id, open_rule.id, on);
      if (what == "policy") return switch_policy(at(), now, open_policy.id, on);
      return switch_server(at(), now, on);
    });
  };
  for (const std::string what : {"rule", "policy", "server"}) {
    const Fields scopes{{"scope", "openid offline_access orders.read"}};
    const auto code = given_code(web, scopes, here);
    const auto tokens = given_tokens(web, scopes, here);
    switch_to(what, false);
    const auto denied = what == "server" ? "invalid_request" : "access_denied";
    const auto says = [&](const Got& got) {
      return what == "server" ? got.status() == 404 : got.text("error") == denied;
    };
    EXPECT_TRUE(says(redeem(web, code, {}, here))) << what;
    EXPECT_TRUE(says(refresh(web, tokens.text("refresh_token"), {}, here))) << what;
    EXPECT_TRUE(says(service_token(service, server))) << what;
    if (what == "server") EXPECT_EQ(userinfo(tokens.text("access_token"), here).status(), 404);
    Visitor browser(router);
    const auto back = walk(browser, authorize_url(web, scopes, here));
    if (what == "server") EXPECT_EQ(back.status(), 404);
    else EXPECT_EQ(parameter(back.location(), "error"), "access_denied") << back.body();
    switch_to(what, true);
    EXPECT_EQ(redeem(web, code, {}, here).status(), 200) << what;
    EXPECT_EQ(refresh(web, tokens.text("refresh_token"), {}, here).status(), 200) << what;
  }
}

TEST_P(AccessSpec, a_scope_that_is_gone_is_given_to_nobody_any_more) {
  const auto web = given_client("Web");
  const auto server = given_open_server();
  const auto extra = given_scope(server.id, "extra");
  const Fields scopes{{"scope", "openid offline_access extra"}};
  const auto here = at_server(server);
  const auto code = given_code(web, scopes, here);
  const auto tokens = given_tokens(web, scopes, here);
  edited(server.id, [&](const Server& now) { return remove_scope(at(), now, extra.id); });
  EXPECT_EQ(redeem(web, code, {}, here).text("error"), "invalid_scope");
  EXPECT_EQ(refresh(web, tokens.text("refresh_token"), {}, here).text("error"), "invalid_scope");
  EXPECT_EQ(refresh(web, tokens.text("refresh_token"), {{"scope", "openid"}}, here).status(), 200);
}

TEST_P(AccessSpec, rules_pick_people_and_their_groups_each_time) {
  const auto web = given_client("Web");
  const auto server = given_open_server();
  const auto here = at_server(server);
  const auto engineers = given_group("Engineers");
  auto picky = open_rule;
  picky.groups = {engineers.id.str()};
  edited(server.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, picky); });
  Visitor browser(router);
  EXPECT_EQ(parameter(walk(browser, authorize_url(web, {}, here)).location(), "error"), "access_denied");
  ASSERT_TRUE(run(groups->add_member(engineers.id, ada->id, cause)));
  const auto tokens = given_tokens(web, {}, here);
  ASSERT_TRUE(run(groups->remove_member(engineers.id, ada->id, cause)));
  EXPECT_EQ(refresh(web, tokens.text("refresh_token"), {}, here).text("error"), "access_denied");
}

TEST_P(AccessSpec, lifetimes_of_refresh_tokens_come_from_the_rule) {
  const auto web = given_client("Web");
  const auto server = given_open_server();
  const auto here = at_server(server);
  auto brief = open_rule;
  brief.access_life = std::chrono::minutes(5);
  brief.refresh_idle = std::chrono::minutes(10);
  brief.refresh_life = std::chrono::minutes(25);
  edited(server.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, brief); });
  const auto idle = given_tokens(web, {}, here).text("refresh_token");
  auto token = given_tokens(web, {}, here).text("refresh_token");
  for (int minute = 8; minute < 25; minute += 8) {
    clock.advance(Seconds(8 * 60));
    const auto got = refresh(web, token, {}, here);
    ASSERT_EQ(got.status(), 200) << minute << got.body();
    token = got.text("refresh_token");
  }
  EXPECT_EQ(refresh(web, idle, {}, here).text("error"), "invalid_grant");
  clock.advance(Seconds(60));
  EXPECT_EQ(refresh(web, token, {}, here).text("error"), "invalid_grant");  // 25 minutes after the sign-in
}

TEST_P(AccessSpec, without_an_end_a_family_lives_as_long_as_it_is_used) {
  const auto web = given_client("Web");
  const auto server = given_open_server();
  const auto here = at_server(server);
  auto token = given_tokens(web, {}, here).text("refresh_token");
  const auto idle = given_tokens(web, {}, here).text("refresh_token");
  for (int day = 0; day < 120; day += 6) {
    clock.advance(std::chrono::hours(6 * 24));
    const auto got = refresh(web, token, {}, here);
    ASSERT_EQ(got.status(), 200) << day << got.body();
    token = got.text("refresh_token");
  }
  EXPECT_EQ(refresh(web, idle, {}, here).text("error"), "invalid_grant");
  // What nobody uses is swept when its time is over, not at the end of days.
  for (const auto& what : sweeps()) ASSERT_TRUE(run(store::sweep(database(), what, clock.now())));
  EXPECT_EQ(read(store::Statement("select count(*) from grants")).value().front().number(0), 1);
  // An end that is set later is for those who sign in later.
  auto brief = open_rule;
  brief.refresh_life = std::chrono::minutes(60);
  edited(server.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, brief); });
  clock.advance(std::chrono::hours(2));
  EXPECT_EQ(refresh(web, token, {}, here).status(), 200);
}

TEST_P(AccessSpec, default_scopes_stand_in_for_none) {
  const auto web = given_client("Web");
  const auto service = given_service();
  const auto server = given_open_server();
  EXPECT_EQ(service_token(service, server, "").text("error"), "invalid_scope");
  given_scope(server.id, "orders.list", true);
  EXPECT_EQ(service_token(service, server, "").text("scope"), "orders.list");
  EXPECT_EQ(given_tokens(web, {{"scope", ""}}, at_server(server)).text("scope"), "orders.list");
}

}  // namespace
}  // namespace gatehouse::idp
