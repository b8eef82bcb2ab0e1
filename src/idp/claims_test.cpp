// Claims of custom servers: what stands in which token, what is refused, and what a failing claim does.
#include "idp/claims.h"
#include "idp/preview.h"
#include "idp/servers_test.h"
#include "idp/token_hook.h"

namespace gatehouse::idp {
namespace {

class ClaimsSpec : public ServersTest {
 protected:
  void SetUp() override {
    ServersTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    server = given_open_server();
    web = given_client("Web");
  }
  Claim given_claim(ClaimKind kind, std::string name, ClaimValue type, std::string value,
                    std::vector<std::string> scopes = {}, bool always = true) {
    Claim claim{new_id(*random, "ocl"), std::move(name), kind, type, std::move(value)};
    claim.scopes = std::move(scopes);
    claim.always = always;
    edited(server.id, [&](const Server& now) { return add_claim(at(), now, claim); });
    return claim;
  }
  Claim given_groups_claim(std::string name, GroupFilter filter, std::string value) {
    Claim claim{new_id(*random, "ocl"), std::move(name),  ClaimKind::resource,
                ClaimValue::groups,     std::move(value), filter};
    edited(server.id, [&](const Server& now) { return add_claim(at(), now, claim); });
    return claim;
  }
  std::string refused(ClaimValue type, std::string value, GroupFilter filter = GroupFilter::equals) {
    const Claim claim{"oclbad", "bad", ClaimKind::resource, type, std::move(value), filter};
    const auto edit = [&](const Server& now) { return add_claim(at(), now, claim); };
    auto done = run(servers().edit(server.id, edit, cause));
    return done ? "accepted" : done.error().message();
  }
  Got tokens(std::string scope = "openid profile orders.read") {
    return given_tokens(web, {{"scope", std::move(scope)}}, at_server(server));
  }
  json::value access_of(const Got& got) { return claims(got.text("access_token")); }
  json::value id_of(const Got& got) { return claims(got.text("id_token")); }

  Server server;
  Client web{.app = {.id = directory::no_app_id(),
                     .label = {},
                     .kind = {},
                     .client_id = {},
                     .redirect_uris = {},
                     .post_logout_redirect_uris = {},
                     .grant_types = {},
                     .scopes = {},
                     .initiate_login_uri = {},
                     .created = {},
                     .updated = {},
                     .more = {}},
             .secret = {}};
};
INSTANTIATE_TEST_SUITE_P(Everywhere, ClaimsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ClaimsSpec, expressions_see_the_user_the_app_the_org_and_the_scopes) {
  provider->set_org_name("Acme");
  given_claim(ClaimKind::resource, "mail", ClaimValue::expression, "user.email");
  given_claim(ClaimKind::resource, "account", ClaimValue::expression, "appuser.userName");
  given_claim(ClaimKind::resource, "client", ClaimValue::expression, "app.clientId");
  given_claim(ClaimKind::resource, "org", ClaimValue::expression, "org.name + '/' + org.subDomain");
  given_claim(ClaimKind::resource, "scope", ClaimValue::expression,
              "String.replace(Arrays.toCsvString(access.scope), ',', ' ')");
  given_claim(ClaimKind::resource, "how", ClaimValue::expression, "session.amr");
  given_claim(ClaimKind::resource, "lone", ClaimValue::expression, "cool");  // a word that names nothing has no value
  given_claim(ClaimKind::resource, "nothing", ClaimValue::expression, "user.department");
  given_claim(ClaimKind::resource, "teams", ClaimValue::expression, "Groups.startsWith('OKTA', 'Eng', 10)");
  ASSERT_TRUE(run(groups->add_member(given_group("Engineers").id, ada->id, cause)));
  const auto got = tokens();
  const auto access = access_of(got);
  EXPECT_EQ(find_string(access, "mail"), "ada@example.com");
  EXPECT_EQ(find_string(access, "account"), "ada@example.com");
  EXPECT_EQ(find_string(access, "client"), web.app.client_id);
  EXPECT_EQ(find_string(access, "org"), "Acme/localhost");
  EXPECT_EQ(find_string(access, "scope"), "openid profile orders.read");
  EXPECT_EQ(find_strings(access, "how"), std::vector<std::string>{"pwd"});
  EXPECT_EQ(find_strings(access, "teams"), std::vector<std::string>{"Engineers"});
  EXPECT_EQ(find(access, "nothing"), nullptr);
  EXPECT_EQ(find(access, "lone"), nullptr);
  EXPECT_EQ(find(id_of(got), "mail"), nullptr);
}

TEST_P(ClaimsSpec, a_claim_named_scope_gives_no_rights) {
  given_claim(ClaimKind::resource, "scope", ClaimValue::expression, "'openid orders.write okta.users.manage'");
  const auto got = tokens("orders.read");
  EXPECT_EQ(find_string(access_of(got), "scope"), "openid orders.write okta.users.manage");
  EXPECT_EQ(userinfo(got.text("access_token"), at_server(server)).status(), 403);
  const auto seen = call(web, at_server(server) + "/v1/introspect", {{"token", got.text("access_token")}});
  EXPECT_EQ(seen.text("scope"), "orders.read");
}

TEST_P(ClaimsSpec, groups_claims_hold_the_names_that_the_filter_fits) {
  for (const auto* name : {"Engineers", "Engine room", "Sales"})
    ASSERT_TRUE(run(groups->add_member(given_group(name).id, ada->id, cause)));
  given_groups_claim("starts", GroupFilter::starts_with, "Engine");
  given_groups_claim("equal", GroupFilter::equals, "Sales");
  given_groups_claim("contain", GroupFilter::contains, "gine");
  given_groups_claim("regex", GroupFilter::regex, "E.*s|Sal.s");
  given_groups_claim("none", GroupFilter::equals, "sales");
  const auto access = access_of(tokens());
  const auto names = [&](const char* claim) {
    auto found = find_strings(access, claim);
    std::ranges::sort(found);
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("starts"), (Names{"Engine room", "Engineers"}));
  EXPECT_EQ(names("equal"), (Names{"Sales"}));
  EXPECT_EQ(names("contain"), (Names{"Engine room", "Engineers"}));
  EXPECT_EQ(names("regex"), (Names{"Engineers", "Sales"}));
  EXPECT_EQ(find(access, "none"), nullptr);
}

TEST_P(ClaimsSpec, more_than_a_hundred_groups_are_no_token) {
  given_groups_claim("all", GroupFilter::regex, ".*");
  for (int i = 0; i < 99; ++i)
    ASSERT_TRUE(run(groups->add_member(given_group("G" + std::to_string(i)).id, ada->id, cause)));
  EXPECT_EQ(find_strings(access_of(tokens()), "all").size(), 100U);  // and Everyone
  ASSERT_TRUE(run(groups->add_member(given_group("one more").id, ada->id, cause)));
  const auto got = redeem(web, given_code(web, {{"scope", "openid"}}, at_server(server)), {}, at_server(server));
  EXPECT_EQ(got.text("error"), "access_denied");
  EXPECT_EQ(got.text("error_description"), "The 'all' custom claim could not be evaluated.");
}

TEST_P(ClaimsSpec, scopes_open_claims) {
  given_claim(ClaimKind::resource, "tier", ClaimValue::expression, "'gold'", {"orders.read"});
  given_claim(ClaimKind::identity, "locker", ClaimValue::expression, "'12'", {"profile"});
  const auto with = tokens("openid profile orders.read"), without = tokens("openid");
  EXPECT_EQ(find_string(access_of(with), "tier"), "gold");
  EXPECT_EQ(find_string(id_of(with), "locker"), "12");
  EXPECT_EQ(find(access_of(without), "tier"), nullptr);
  EXPECT_EQ(find(id_of(without), "locker"), nullptr);
}

TEST_P(ClaimsSpec, an_id_token_beside_an_access_token_holds_what_is_always_included_and_userinfo_the_rest) {
  given_claim(ClaimKind::identity, "badge", ClaimValue::expression, "'b'", {}, true);
  given_claim(ClaimKind::identity, "desk", ClaimValue::expression, "'d'", {}, false);
  const auto got = tokens();
  const auto id = id_of(got);
  EXPECT_EQ(find_string(id, "badge"), "b");
  EXPECT_EQ(find(id, "desk"), nullptr);
  EXPECT_EQ(find_string(id, "name"), "Ada Lovelace");
  EXPECT_EQ(find(id, "given_name"), nullptr);  // Okta's thin ID token
  const auto told_there = userinfo(got.text("access_token"), at_server(server));
  for (const auto* name : {"badge", "desk", "name", "given_name"}) EXPECT_NE(told_there.text(name), "") << name;
  // An administrator may make it fatter, or switch a system claim off.
  const auto by_name = [&](std::string_view name) {
    for (const auto& claim : run(servers().look(server.id)).value().terms->claims)
      if (claim.name == name && claim.kind == ClaimKind::identity) return claim;
    throw std::logic_error("no such claim");
  };
  auto given = by_name("given_name"), family = by_name("family_name");
  given.always = true;
  family.active = false;
  for (const auto& claim : {given, family})
    edited(server.id, [&](const Server& now) { return change_claim(at(), now, claim); });
  const auto again = tokens();
  EXPECT_EQ(find_string(id_of(again), "given_name"), "Ada");
  EXPECT_EQ(userinfo(again.text("access_token"), at_server(server)).text("family_name"), "");
}

TEST_P(ClaimsSpec, the_subject_can_be_another_but_never_nobody) {
  const auto subject = [&] {
    for (const auto& claim : run(servers().look(server.id)).value().terms->claims)
      if (claim.name == "sub") return claim;
    throw std::logic_error("no subject");
  }();
  EXPECT_TRUE(subject.system);
  auto changed = subject;
  changed.value = "user.id";
  edited(server.id, [&](const Server& now) { return change_claim(at(), now, changed); });
  const auto got = tokens();
  EXPECT_EQ(find_string(access_of(got), "sub"), ada->id.str());
  EXPECT_EQ(userinfo(got.text("access_token"), at_server(server)).status(), 200);
  const auto refused_for_services = service_token(given_service(), server);
  EXPECT_EQ(refused_for_services.text("error_description"), "The 'sub' system claim could not be evaluated.");
  const auto edit = [&](const Server& now) { return remove_claim(at(), now, subject.id); };
  EXPECT_EQ(run(servers().edit(server.id, edit, cause)).error().fault(), Fault::denied);
}

TEST_P(ClaimsSpec, what_cannot_be_compiled_is_refused_with_its_place) {
  EXPECT_EQ(refused(ClaimValue::expression, "user.email"), "accepted");
  EXPECT_TRUE(refused(ClaimValue::expression, "user.email + )").starts_with("value: line 1, column 14:"))
      << refused(ClaimValue::expression, "user.email + )");
  EXPECT_TRUE(refused(ClaimValue::expression, "usr.email").starts_with("value: line 1, column 1:"));
  EXPECT_TRUE(refused(ClaimValue::expression, "zendesk.firstName").contains("not known here"));
  EXPECT_TRUE(refused(ClaimValue::expression, "").starts_with("value: "));
  EXPECT_TRUE(refused(ClaimValue::expression, std::string(kClaimValueMax + 1, 'x')).starts_with("value: "));
  EXPECT_TRUE(refused(ClaimValue::groups, "(unclosed", GroupFilter::regex).starts_with("value: "));
  EXPECT_TRUE(refused(ClaimValue::system, "").starts_with("valueType: "));
}

TEST_P(ClaimsSpec, a_claim_that_fails_is_no_token_and_says_so_in_the_log) {
  given_claim(ClaimKind::resource, "bad", ClaimValue::expression, "Convert.toInt(user.email)", {"orders.read"});
  given_claim(ClaimKind::resource, "greedy", ClaimValue::expression,
              "'" + std::string(900, 'x') + "'.replace('x', user.login + user.login)", {"openid"});
  const auto service = given_service();
  EXPECT_EQ(service_token(service, server).status(), 200);  // null of nobody is null
  const auto code = given_code(web, {{"scope", "orders.read"}}, at_server(server));
  const auto got = redeem(web, code, {}, at_server(server));
  EXPECT_EQ(got.status(), 400);
  EXPECT_EQ(got.text("error"), "access_denied");
  EXPECT_EQ(got.text("error_description"), "The 'bad' custom claim could not be evaluated.");
  EXPECT_TRUE(was_told("app.oauth2.as.evaluate.claim"));
  const auto big = redeem(web, given_code(web, {{"scope", "openid"}}, at_server(server)), {}, at_server(server));
  EXPECT_EQ(big.text("error_description"),
            "The 'greedy' custom claim could not be evaluated.");  // more than a token may hold
}

TEST_P(ClaimsSpec, our_own_claims_are_never_replaced) {
  store::Unit unit;  // as no API would let anybody
  for (const auto* name : {"iss", "aud", "uid", "scp", "exp"}) {
    const Claim claim{new_id(*random, "ocl"), name, ClaimKind::resource, ClaimValue::expression, "'evil'"};
    unit.push_back(upsert_claim(org, server.id, claim));
  }
  ASSERT_TRUE(write(std::move(unit)));
  given_scope(server.id, "turn.the.version");
  const auto access = access_of(tokens());
  for (const auto* name : {"iss", "aud", "uid"}) EXPECT_NE(find_string(access, name), "evil") << name;
  EXPECT_TRUE(find_int(access, "exp"));
}

// --- inline hook ---

class RecordingHook final : public TokenHook {
 public:
  bool knows(std::string_view hook) const override { return hook == "cal1"; }
  Task<std::vector<TokenPatch>> transform(TokenHookCall call) override {
    seen_mail = find_string(call.draft.access, "mail").value_or("");
    ++calls;
    if (fails) co_return failure(Fault::upstream, "no answer");
    co_return patches;
  }
  Failure on_failure(std::string_view) const override { return failure_mode; }

  std::vector<TokenPatch> patches;
  bool fails = false;
  Failure failure_mode = Failure::go_on;
  std::string seen_mail;
  int calls = 0;
};

class HookSpec : public ClaimsSpec {
 protected:
  void SetUp() override {
    ClaimsSpec::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    provider->set_token_hook(hook);
    auto hooked_rule = open_rule;
    hooked_rule.hook = "cal1";
    edited(server.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, hooked_rule); });
    given_claim(ClaimKind::resource, "mail", ClaimValue::expression, "user.email");
  }
  using Token = TokenPatch::Token;
  using Op = TokenPatch::Op;
  RecordingHook hook;
};
INSTANTIATE_TEST_SUITE_P(Everywhere, HookSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(HookSpec, it_sees_the_claims_and_changes_them_before_anything_is_signed) {
  hook.patches = {{Token::access, Op::add, "patient", "4711"},
                  {Token::access, Op::replace, "mail", "hidden"},
                  {Token::id, Op::add, "ward", json::array{"a", "b"}},
                  {Token::access, Op::lifetime, "", {}, Seconds(600)}};
  const auto got = tokens();
  EXPECT_EQ(hook.seen_mail, "ada@example.com");
  EXPECT_EQ(hook.calls, 1);
  const auto access = access_of(got);
  EXPECT_EQ(find_string(access, "patient"), "4711");
  EXPECT_EQ(find_string(access, "mail"), "hidden");
  EXPECT_EQ(find_strings(id_of(got), "ward"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(find_int(got.json(), "expires_in"), 600);
  EXPECT_EQ(*find_int(access, "exp") - *find_int(access, "iat"), 600);
  EXPECT_EQ(userinfo(got.text("access_token"), at_server(server)).status(), 200);  // it is signed as it is
}

TEST_P(HookSpec, what_it_must_not_do_undoes_everything_it_did) {
  const std::vector<TokenPatch> forbidden = {
      {Token::access, Op::replace, "iss", "https://evil"},
      {Token::access, Op::add, "uid", "00uevil"},
      {Token::access, Op::replace, "scp", "x"},
      {Token::access, Op::remove, "cid", {}},
      {Token::access, Op::remove, "sub", {}},
      {Token::access, Op::add, "mail", "twice"},
      {Token::access, Op::replace, "absent", 1},
      {Token::access, Op::lifetime, "", {}, Seconds(60)},
      {Token::access, Op::lifetime, "", {}, Seconds(90000)},
      {Token::id, Op::replace, "sub", "00uevil"},
      {Token::id, Op::lifetime, "", {}, Seconds(600)},
      {Token::access, Op::add, "big", json::value(std::string(kClaimBytesMax + 1, 'x'))}};
  for (const auto& patch : forbidden) {
    hook.patches = {{Token::access, Op::add, "good", true}, patch};
    hook.failure_mode = TokenHook::Failure::go_on;
    const auto access = access_of(tokens());
    EXPECT_EQ(find(access, "good"), nullptr) << patch.claim;
    EXPECT_EQ(find_string(access, "uid"), ada->id.str()) << patch.claim;
  }
  hook.patches.assign(kHookPatchesMax + 1, {Token::access, Op::replace, "mail", "x"});
  EXPECT_EQ(find_string(access_of(tokens()), "mail"), "ada@example.com");
  EXPECT_TRUE(was_told("inline_hook.executed"));
}

TEST_P(HookSpec, when_it_fails_its_own_word_decides) {
  hook.fails = true;
  EXPECT_EQ(find_string(access_of(tokens()), "mail"), "ada@example.com");
  hook.failure_mode = TokenHook::Failure::refuse;
  EXPECT_EQ(service_token(given_service(), server).text("error"), "access_denied");
  auto gone = open_rule;
  gone.hook = "cal2";  // nobody knows it: closed, whatever others would say
  edited(server.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, gone); });
  hook.failure_mode = TokenHook::Failure::go_on;
  EXPECT_EQ(service_token(given_service("Other"), server).text("error"), "access_denied");
}

// --- preview ---

TEST_P(ClaimsSpec, a_preview_says_what_would_be_and_writes_nothing) {
  given_claim(ClaimKind::resource, "mail", ClaimValue::expression, "user.email");
  const auto current = run(servers().look(server.id)).value();
  while (!provider->events().idle()) std::this_thread::yield();
  const auto units = database().stats().units;
  const auto seen_for = [&](std::optional<std::string> user, std::string grant, std::vector<std::string> scopes) {
    PreviewAsk ask{web.app.client_id, std::move(grant), std::move(user), std::move(scopes), kBase};
    return run(preview(*provider, current, std::move(ask))).value();
  };
  const auto seen = seen_for("ada@example.com", "authorization_code", {"openid", "orders.read"});
  EXPECT_EQ(seen.access->rule_id(), open_rule.id);
  EXPECT_EQ(find_string(seen.draft->access, "mail"), "ada@example.com");
  EXPECT_EQ(find_string(*seen.draft->id, "sub"), ada->id.str());
  const auto denied = seen_for("ada@example.com", "refresh_token", {"orders.read"});
  EXPECT_EQ(denied.refusal->error, "access_denied");
  ASSERT_EQ(denied.trace.steps.size(), 1U);
  EXPECT_EQ(denied.trace.steps[0].why, "the rule is not for this grant type");
  EXPECT_EQ(seen_for({}, "authorization_code", {"orders.read"}).refusal->error, "invalid_request");
  EXPECT_EQ(seen_for("ada@example.com", "client_credentials", {"orders.read"}).refusal->error, "invalid_request");
  EXPECT_EQ(seen_for({}, "client_credentials", {"unknown"}).refusal->error, "invalid_scope");
  EXPECT_EQ(seen_for({}, "client_credentials", {}).refusal->error, "invalid_scope");
  EXPECT_EQ(seen_for("ada@example.com", "password", {"orders.read"}).refusal->error, "unauthorized_client");
  EXPECT_EQ(database().stats().units, units);
  EXPECT_TRUE(provider->events().idle());
}

}  // namespace
}  // namespace gatehouse::idp
