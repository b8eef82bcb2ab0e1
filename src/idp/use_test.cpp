// What happens to tokens after they are given: use, introspection, revocation, logout; and what a server says of itself.
#include "core/text.h"
#include "idp/idp_test.h"
#include "jose/jwt.h"

namespace gatehouse::idp {
namespace {

class UseSpec : public IdpTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, UseSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(UseSpec, userinfo_tells_what_the_scopes_open) {
  const auto client = given_client("Wiki");
  const auto all = userinfo(given_tokens(client).text("access_token"));
  EXPECT_EQ(all.text("sub"), ada->id.str());
  EXPECT_EQ(all.text("email"), "ada@example.com");
  EXPECT_EQ(all.text("given_name"), "Ada");
  const auto little = userinfo(given_tokens(client, {{"scope", "openid"}}).text("access_token"));
  EXPECT_EQ(little.json().as_object().size(), 1U);
  const auto none = userinfo(given_tokens(client, {{"scope", "orders.read"}}).text("access_token"));
  EXPECT_EQ(none.status(), 403);
  EXPECT_TRUE(none.header("WWW-Authenticate").contains("insufficient_scope"));
}

TEST_P(UseSpec, userinfo_takes_a_token_from_header_or_body_but_never_from_the_query) {
  const auto token = given_tokens(given_client("Wiki")).text("access_token");
  Visitor caller(router);
  const std::string at = "/oauth2/default/v1/userinfo";
  const Fields bare{{"Accept", "*/*"}}, header{{"Authorization", "Bearer " + token}};
  EXPECT_EQ(caller.post(at, {{"access_token", token}}, bare).status(), 200);
  EXPECT_EQ(caller.get(at + "?access_token=" + token).status(), 401);
  EXPECT_EQ(caller.post(at, {{"access_token", token}}, header).text("error"), "invalid_request");
  EXPECT_TRUE(caller.get(at).header("WWW-Authenticate").starts_with("Bearer"));
}

TEST_P(UseSpec, a_token_is_good_at_its_own_server_only) {
  const auto client = given_client("Wiki");
  const auto custom = given_tokens(client).text("access_token");
  const auto own = given_tokens(client, {}, "/oauth2").text("access_token");
  EXPECT_EQ(userinfo(custom, "/oauth2").status(), 401);
  EXPECT_EQ(userinfo(own, "/oauth2/default").status(), 401);
  EXPECT_EQ(userinfo(own, "/oauth2").status(), 200);
  EXPECT_FALSE(is_active(client, custom, "/oauth2"));
  EXPECT_FALSE(is_active(client, own, "/oauth2/default"));
  EXPECT_FALSE(run(provider->principal_of(custom)));
  EXPECT_TRUE(run(provider->principal_of(own)));
}

TEST_P(UseSpec, an_id_token_is_no_access_token) {
  const auto tokens = given_tokens(given_client("Wiki"), {}, "/oauth2");
  EXPECT_EQ(userinfo(tokens.text("id_token"), "/oauth2").status(), 401);
  EXPECT_FALSE(run(provider->principal_of(tokens.text("id_token"))));
}

TEST_P(UseSpec, a_changed_or_old_token_is_worth_nothing) {
  const auto token = given_tokens(given_client("Wiki")).text("access_token");
  const auto parts = split(token, '.');
  auto changed = claims(token).as_object();
  changed["uid"] = "00uother";
  const auto forged = std::string(parts[0]) + "." + base64url_encode(to_text(changed)) + "." + std::string(parts[2]);
  const auto none = base64url_encode(R"({"alg":"none"})") + "." + std::string(parts[1]) + ".";
  for (const auto& bad : {forged, none, token + "x", std::string("a.b.c")}) EXPECT_EQ(userinfo(bad).status(), 401);
  clock.advance(kAccessLife);
  EXPECT_EQ(userinfo(token).status(), 401);
}

TEST_P(UseSpec, introspection_tells_the_ones_who_may_know) {
  const auto client = given_client("Wiki"), api = given_client("API", directory::ClientAuth::secret_basic, directory::AppKind::service);
  const auto spa = given_spa();
  const auto tokens = given_tokens(client);
  const auto got = call(api, "/oauth2/default/v1/introspect", {{"token", tokens.text("access_token")}, {"token_type_hint", "access_token"}});
  EXPECT_EQ(find_bool(got.json(), "active"), true);
  EXPECT_EQ(got.text("client_id"), client.app.client_id);
  EXPECT_EQ(got.text("username"), "ada@example.com");
  EXPECT_EQ(got.text("scope"), "openid profile email offline_access");
  EXPECT_TRUE(is_active(client, tokens.text("refresh_token")));
  EXPECT_FALSE(is_active(api, tokens.text("refresh_token")));
  EXPECT_FALSE(is_active(spa, tokens.text("access_token")));
  EXPECT_TRUE(is_active(spa, given_tokens(spa).text("access_token")));
  EXPECT_FALSE(is_active(client, "nonsense"));
  Visitor caller(router);
  EXPECT_EQ(caller.post("/oauth2/default/v1/introspect", {{"token", tokens.text("access_token")}}, {{"Accept", "*/*"}}).status(), 401);
  EXPECT_EQ(call(client, "/oauth2/default/v1/introspect", {}).text("error"), "invalid_request");
}

TEST_P(UseSpec, revocation_reaches_everything_that_hangs_on_it) {
  const auto client = given_client("Wiki"), other = given_client("Other");
  const std::string at = "/oauth2/default/v1/revoke";
  auto tokens = given_tokens(client);
  const auto access = tokens.text("access_token"), refresh_token = tokens.text("refresh_token");
  EXPECT_EQ(call(other, at, {{"token", access}}).status(), 200);
  EXPECT_EQ(call(other, at, {{"token", refresh_token}}).status(), 200);
  EXPECT_TRUE(is_active(client, access));          // what belongs to others stays
  EXPECT_EQ(call(client, at, {{"token", access}}).status(), 200);
  EXPECT_FALSE(is_active(client, access));
  EXPECT_EQ(userinfo(access).status(), 401);
  const auto next = refresh(client, refresh_token);
  ASSERT_EQ(next.status(), 200);
  EXPECT_EQ(call(client, at, {{"token", next.text("refresh_token")}}).status(), 200);
  EXPECT_FALSE(is_active(client, next.text("access_token")));
  EXPECT_EQ(refresh(client, next.text("refresh_token")).text("error"), "invalid_grant");
  EXPECT_EQ(call(client, at, {{"token", "unknown"}}).status(), 200);
  EXPECT_EQ(call(client, at, {}).status(), 400);
  EXPECT_TRUE(was_told("app.oauth2.as.token.revoke"));
}

TEST_P(UseSpec, a_new_provider_on_the_same_store_knows_keys_and_revocations) {
  const auto client = given_client("Wiki");
  const auto kept = given_tokens(client).text("access_token"), revoked = given_tokens(client).text("access_token");
  (void)call(client, "/oauth2/default/v1/revoke", {{"token", revoked}});
  auto again = given_provider();
  ASSERT_TRUE(run(again->open()));
  auto server = run(again->servers().find("default")).value();
  EXPECT_TRUE(run(again->check_access_token(kept, server)));
  EXPECT_FALSE(run(again->check_access_token(revoked, server)));
}

TEST_P(UseSpec, the_management_api_hears_only_what_still_holds) {
  auto client = given_client("Service", directory::ClientAuth::secret_basic, directory::AppKind::service, {"okta.users.read", "okta.groups.read"});
  const auto token = call(client, "/oauth2/v1/token", {{"grant_type", "client_credentials"}, {"scope", "okta.users.read okta.groups.read"}}).text("access_token");
  auto who = run(provider->principal_of(token)).value();
  EXPECT_EQ(who.kind, net::Principal::Kind::client);
  EXPECT_TRUE(who.scopes.contains("okta.users.read"));
  client.app.scopes = {"okta.groups.read"};
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  who = run(provider->principal_of(token)).value();
  EXPECT_FALSE(who.scopes.contains("okta.users.read"));
  EXPECT_TRUE(who.scopes.contains("okta.groups.read"));
  ASSERT_TRUE(run(apps->deactivate(client.app.id, cause)));
  EXPECT_EQ(run(provider->principal_of(token)).error().fault(), Fault::unauthenticated);
}

TEST_P(UseSpec, logout_with_a_hint_ends_the_session_and_goes_to_a_registered_address) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto tokens = redeem(client, parameter(walk(browser, authorize_url(client)).location(), "code"));
  const std::string at = "/oauth2/default/v1/logout?";
  const auto url = [&](std::string uri) {
    return at + signin::encode({{"id_token_hint", tokens.text("id_token")}, {"post_logout_redirect_uri", std::move(uri)}, {"state", "s1"}});
  };
  const auto cookie = browser.cookies["sid"];
  for (const char* evil : {"https://evil.com/", "https://app.example.com/bye/", "https://app.example.com/bye?x=1", "https://app.example.com@evil.com/bye", "//evil.com",
                           "javascript:alert(1)", "/"}) {
    const auto got = browser.get(url(evil));
    EXPECT_EQ(got.status(), 400) << evil;
    EXPECT_EQ(got.location(), "") << evil;
  }
  EXPECT_TRUE(run(sessions->find(Secret(cookie))));
  clock.advance(Seconds(3700));   // an old hint still tells who it was
  const auto got = browser.get(url("https://app.example.com/bye"));
  EXPECT_EQ(got.location(), "https://app.example.com/bye?state=s1");
  EXPECT_FALSE(run(sessions->find(Secret(cookie))));
  EXPECT_EQ(refresh(client, tokens.text("refresh_token")).status(), 200);   // offline_access outlives the session
}

TEST_P(UseSpec, logout_without_a_fitting_hint_asks_first) {
  const auto client = given_client("Wiki");
  const auto hint_of_ada = given_tokens(client).text("id_token");
  given_user("bob@example.com");
  Visitor browser(router);
  (void)walk(browser, authorize_url(client), "bob@example.com");
  const auto cookie = browser.cookies["sid"];
  for (const auto& query : {std::string(), "?id_token_hint=" + hint_of_ada, "?client_id=" + client.app.client_id + "&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye"}) {
    const auto asked = browser.get("/oauth2/default/v1/logout" + query);
    EXPECT_EQ(asked.status(), 200) << query;
    EXPECT_TRUE(asked.body().contains("Sign out?")) << query;
  }
  EXPECT_EQ(browser.get("/oauth2/default/v1/logout?id_token_hint=x.y.z").status(), 400);
  const auto access = given_tokens(client).text("access_token");   // shares issuer and keys, and is no ID token
  EXPECT_EQ(browser.get("/oauth2/default/v1/logout?id_token_hint=" + access).status(), 400);
  EXPECT_EQ(browser.post("/oauth2/default/v1/logout", {{"token", "forged"}}).status(), 403);
  EXPECT_EQ(browser.post("/oauth2/default/v1/logout", {}, {{"Origin", "https://evil.com"}}).status(), 303);   // a client's form: becomes a GET
  EXPECT_TRUE(run(sessions->find(Secret(cookie))));

  const auto asked = browser.get("/oauth2/default/v1/logout?client_id=" + client.app.client_id + "&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye");
  const auto done = browser.post("/oauth2/default/v1/logout", {{"token", signin::hidden(asked, "token")},
                                                               {"client_id", signin::hidden(asked, "client_id")},
                                                               {"post_logout_redirect_uri", signin::hidden(asked, "post_logout_redirect_uri")}});
  EXPECT_EQ(done.location(), "https://app.example.com/bye");
  EXPECT_FALSE(run(sessions->find(Secret(cookie))));
}

TEST_P(UseSpec, discovery_says_what_is_true_under_the_name_that_was_called) {
  for (const char* host : {"localhost:8080", "127.0.0.1:8080"}) {
    Visitor caller(router, host);
    const auto base = "http://" + std::string(host);
    for (const auto& [path, issuer] : std::vector<std::pair<std::string, std::string>>{
             {"/.well-known/openid-configuration", base},
             {"/.well-known/oauth-authorization-server", base},
             {"/oauth2/default/.well-known/openid-configuration", base + "/oauth2/default"},
             {"/oauth2/default/.well-known/oauth-authorization-server", base + "/oauth2/default"},
             {"/.well-known/oauth-authorization-server/oauth2/default", base + "/oauth2/default"}}) {
      const auto got = caller.get(path);
      EXPECT_EQ(got.text("issuer"), issuer) << path;
      EXPECT_TRUE(got.text("token_endpoint").starts_with(base + "/oauth2/")) << path;
      EXPECT_EQ(find_strings(got.json(), "code_challenge_methods_supported"), std::vector<std::string>{"S256"});
    }
  }
}

TEST_P(UseSpec, a_token_made_under_one_name_of_the_org_is_good_under_the_other) {
  const auto token = given_tokens(given_client("Wiki")).text("access_token");
  Visitor caller(router, "127.0.0.1:8080");
  EXPECT_EQ(caller.get("/oauth2/default/v1/userinfo", {{"Authorization", "Bearer " + token}}).status(), 200);
}

TEST_P(UseSpec, the_published_keys_verify_both_algorithms) {
  const auto client = given_client("Wiki");
  const auto es = given_tokens(client).text("id_token");
  Server server = run(provider->servers().find("default")).value();
  server.alg = jose::Alg::RS256;
  ASSERT_TRUE(run(provider->servers().put(server, {})));
  const auto rs = given_tokens(client).text("id_token");
  Visitor caller(router);
  const auto got = caller.get("/oauth2/default/v1/keys");
  EXPECT_FALSE(got.body().contains("\"d\""));
  auto keys = jose::KeySet::parse(got.body()).value();
  EXPECT_EQ(keys.keys().size(), 2U);
  for (const auto& token : {es, rs}) {
    jose::Expect expect;
    expect.issuer = std::string(kBase) + "/oauth2/default";
    expect.audiences = {client.app.client_id};
    expect.now = clock.now();
    EXPECT_TRUE(jose::verify_jwt(token, keys, jose::kAsymmetricAlgs, expect));
  }
  EXPECT_EQ(find_string(jose::peek_header(rs).value(), "alg"), "RS256");
}

TEST_P(UseSpec, private_keys_are_sealed_and_made_once) {
  EXPECT_EQ(at_once(8, [&] { return run(provider->keys().jwks()).has_value(); }), 8);
  const auto rows = read(store::Statement("select alg, sealed from signing_keys order by alg")).value();
  ASSERT_EQ(rows.size(), 2U);
  for (const auto& row : rows) {
    EXPECT_TRUE(row.text(1).starts_with("gs1.k1."));
    EXPECT_FALSE(row.text(1).contains("PRIVATE"));
  }
}

}  // namespace
}  // namespace gatehouse::idp
