#include "crypto/hash.h"
#include "idp/grants.h"
#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

class TokenSpec : public IdpTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, TokenSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(TokenSpec, a_code_gives_tokens_in_oktas_shape) {
  const auto client = given_client("Wiki");
  ASSERT_TRUE(run(groups->add_member(given_group("Engineers").id, ada->id, cause)));
  const auto got = given_tokens(client, {{"scope", "openid profile email groups offline_access"}});
  EXPECT_EQ(got.text("token_type"), "Bearer");
  EXPECT_EQ(find_int(got.json(), "expires_in"), 3600);
  EXPECT_EQ(got.header("Cache-Control"), "no-store");
  EXPECT_TRUE(got.text("refresh_token").starts_with("ghr_"));

  const auto access = claims(got.text("access_token"));
  EXPECT_TRUE(find_string(access, "jti")->starts_with("AT."));
  EXPECT_EQ(find_int(access, "ver"), 1);
  EXPECT_EQ(find_string(access, "iss"), std::string(kBase) + "/oauth2/default");
  EXPECT_EQ(find_string(access, "aud"), kDefaultAudience);
  EXPECT_EQ(find_string(access, "cid"), client.app.client_id);
  EXPECT_EQ(find_string(access, "uid"), ada->id.str());
  EXPECT_EQ(find_string(access, "sub"), "ada@example.com");
  EXPECT_EQ(find_strings(access, "scp"), (std::vector<std::string>{"openid", "profile", "email", "groups", "offline_access"}));

  const auto id = claims(got.text("id_token"));
  EXPECT_TRUE(find_string(id, "jti")->starts_with("ID."));
  EXPECT_EQ(find_string(id, "sub"), ada->id.str());
  EXPECT_EQ(find_string(id, "aud"), client.app.client_id);
  EXPECT_EQ(find_string(id, "nonce"), "n-0S6");
  EXPECT_EQ(find_string(id, "preferred_username"), "ada@example.com");
  EXPECT_EQ(find_string(id, "at_hash"), base64url_encode(crypto::sha256(got.text("access_token")).substr(0, 16)));
  EXPECT_EQ(find_strings(id, "amr"), std::vector<std::string>{"pwd"});
  const auto names = find_strings(id, "groups");
  EXPECT_TRUE(std::ranges::find(names, "Engineers") != names.end());
  const auto header = jose::peek_header(got.text("id_token")).value();
  EXPECT_EQ(find_string(header, "alg"), "ES256");
  EXPECT_TRUE(find_string(header, "kid"));
}

TEST_P(TokenSpec, a_code_is_good_once_and_a_second_use_takes_back_what_it_gave) {
  const auto client = given_client("Wiki");
  const auto code = given_code(client);
  const auto first = redeem(client, code);
  ASSERT_EQ(first.status(), 200);
  EXPECT_EQ(userinfo(first.text("access_token")).status(), 200);
  const auto second = redeem(client, code);
  EXPECT_EQ(second.status(), 400);
  EXPECT_EQ(second.text("error"), "invalid_grant");
  EXPECT_EQ(userinfo(first.text("access_token")).status(), 401);
  EXPECT_EQ(refresh(client, first.text("refresh_token")).status(), 400);
  EXPECT_TRUE(was_told("app.oauth2.as.token.detect_reuse"));
}

TEST_P(TokenSpec, of_64_redemptions_at_once_one_wins) {
  const auto client = given_client("Wiki");
  const auto code = given_code(client);
  EXPECT_EQ(at_once(64, [&] { return redeem(client, code).status() == 200; }), 1);
}

TEST_P(TokenSpec, a_code_is_for_its_client_address_verifier_and_server) {
  const auto client = given_client("Wiki"), other = given_client("Other");
  const std::tuple<const Client*, Fields, std::string> table[] = {
      {&other, {}, "/oauth2/default"},
      {&client, {{"redirect_uri", "https://app.example.com/other"}}, "/oauth2/default"},
      {&client, {{"redirect_uri", ""}}, "/oauth2/default"},
      {&client, {{"code_verifier", "wrong-verifier-wrong-verifier-wrong-verifier-wrong"}}, "/oauth2/default"},
      {&client, {{"code_verifier", kChallenge}}, "/oauth2/default"},
      {&client, {{"code_verifier", ""}}, "/oauth2/default"},
      {&client, {}, "/oauth2"},
  };
  for (const auto& [who, changes, server] : table) {
    const auto code = given_code(client);
    const auto refused = redeem(*who, code, changes, server);
    EXPECT_EQ(refused.status(), 400);
    EXPECT_EQ(refused.text("error"), "invalid_grant");
    EXPECT_EQ(redeem(client, code).status(), 400);   // it is spent: nobody tries twice
  }
}

TEST_P(TokenSpec, a_verifier_without_a_challenge_is_a_downgrade) {
  auto client = given_client("Old");
  client.app.pkce_required = false;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  const Fields none{{"code_challenge", ""}, {"code_challenge_method", ""}};
  EXPECT_EQ(redeem(client, given_code(client, none)).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(client, given_code(client, none), {{"code_verifier", ""}}).status(), 200);
}

TEST_P(TokenSpec, a_code_is_short_lived) {
  const auto client = given_client("Wiki");
  const auto code = given_code(client);
  clock.advance(kCode.ttl);
  EXPECT_EQ(redeem(client, code).text("error"), "invalid_grant");
}

TEST_P(TokenSpec, no_handle_passes_for_another_kind) {
  const auto client = given_client("Wiki");
  const auto code = given_code(client);
  const auto tokens = given_tokens(client);
  const std::string kinds[] = {code, tokens.text("refresh_token"), tokens.text("access_token"), tokens.text("id_token"), "ghr_" + code.substr(4), "ght_" + code.substr(4), "x"};
  for (const auto& each : kinds) {
    if (each != tokens.text("refresh_token")) EXPECT_EQ(refresh(client, each).text("error"), "invalid_grant") << each.substr(0, 4);
    if (each != tokens.text("access_token")) EXPECT_EQ(userinfo(each).status(), 401) << each.substr(0, 4);
  }
  EXPECT_EQ(redeem(client, tokens.text("refresh_token")).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(client, "ghc_" + tokens.text("refresh_token").substr(4)).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(client, tokens.text("refresh_token")).status(), 200);
}

TEST_P(TokenSpec, a_refresh_token_is_replaced_and_reuse_kills_the_family) {
  const auto client = given_spa();
  const auto first = given_tokens(client);
  clock.advance(Seconds(60));
  const auto second = refresh(client, first.text("refresh_token"));
  ASSERT_EQ(second.status(), 200) << second.body();
  EXPECT_NE(second.text("refresh_token"), first.text("refresh_token"));
  EXPECT_EQ(find_int(claims(second.text("id_token")), "auth_time"), find_int(claims(first.text("id_token")), "auth_time"));
  EXPECT_EQ(find_string(claims(second.text("id_token")), "sub"), ada->id.str());
  EXPECT_EQ(refresh(client, first.text("refresh_token")).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(client, second.text("refresh_token")).text("error"), "invalid_grant");
  EXPECT_EQ(userinfo(second.text("access_token")).status(), 401);
  EXPECT_TRUE(was_told("app.oauth2.as.token.detect_reuse"));
}

TEST_P(TokenSpec, of_64_refreshes_at_once_one_wins) {
  const auto client = given_client("Wiki");
  const auto token = given_tokens(client).text("refresh_token");
  EXPECT_EQ(at_once(64, [&] { return refresh(client, token).status() == 200; }), 1);
}

// The race above depends on luck; this is what it rests on.
TEST_P(TokenSpec, a_refresh_token_is_spent_by_a_compare_and_set) {
  const auto client = given_client("Wiki");
  const auto row_of = [&](const Got& got) { return run(select_refresh(database(), org, refresh_key(got.text("refresh_token")).value())).value(); };
  const auto first = row_of(given_tokens(client)), second = row_of(given_tokens(client));
  const RefreshLife life{clock.now(), first.expires};
  const auto rows = [&](const RefreshRow& old, std::string_view next, Timestamp now) {
    return write(update_refresh(org, old, next, life, now)).value()[0].affected;
  };
  EXPECT_EQ(rows(first, "next", clock.now()), 1);
  EXPECT_EQ(rows(first, "next", clock.now()), 0);
  EXPECT_EQ(rows(second, "next", second.expires), 0);
  ASSERT_TRUE(write(update_grant_revoked(org, second.grant.id, "test", clock.now())));
  EXPECT_EQ(rows(second, "next", clock.now()), 0);
  EXPECT_EQ(rows(second, second.hash, clock.now()), 0);
}

// The id of a grant is in every access token: it must not be enough to end a family.
TEST_P(TokenSpec, a_guess_at_a_family_is_refused_and_harms_nobody) {
  const auto client = given_client("Wiki");
  const auto tokens = given_tokens(client);
  const auto good = tokens.text("refresh_token");
  const auto grant_id = grant_of_jti(*find_string(claims(tokens.text("access_token")), "jti"));
  const auto offline = given_tokens(client, {{"scope", "openid"}});
  const auto without = grant_of_jti(*find_string(claims(offline.text("access_token")), "jti"));
  ASSERT_EQ(offline.text("refresh_token"), "");
  auto other_family = good;
  other_family[30] = other_family[30] == 'A' ? 'B' : 'A';
  for (const auto& guess : {"ghr_" + grant_id + std::string(22 + 43, 'A'), "ghr_" + without + good.substr(24), other_family, good + "A",
                            good.substr(0, good.size() - 1), "ghr_" + std::string(20, '\'') + good.substr(24)}) {
    EXPECT_EQ(refresh(client, guess).text("error"), "invalid_grant") << guess;
    EXPECT_FALSE(is_active(client, guess)) << guess;
  }
  EXPECT_FALSE(was_told("app.oauth2.as.token.detect_reuse"));
  EXPECT_EQ(refresh(client, good).status(), 200);
}

TEST_P(TokenSpec, only_hashes_of_a_refresh_token_are_stored) {
  const auto client = given_client("Wiki");
  const auto token = refresh(client, given_tokens(client).text("refresh_token")).text("refresh_token");
  const auto row = read("select refresh_hash, refresh_family from grants").value().front();
  EXPECT_EQ(row.text(0), base64url_encode(crypto::sha256(token)));
  EXPECT_EQ(row.text(1).find(token.substr(24, 22)), std::string::npos);
}

// Tokens that a program of before version 2 gave out, or still gives out beside this one.
class EarlyTokenSpec : public TokenSpec {
 protected:
  std::string given_early(const Client& client) {
    const auto tokens = given_tokens(client);
    const auto grant_id = grant_of_jti(*find_string(claims(tokens.text("access_token")), "jti"));
    const std::string early = "ghr_" + random_token(*random, 32);
    store::Unit unit;
    unit.emplace_back("update grants set refresh_hash = null, refresh_family = null, refresh_created = null, refresh_expires = null where id = $1",
                      std::vector<store::Param>{grant_id});
    unit.emplace_back("insert into refresh_tokens (org_id, hash, grant_id, created, expires) values ($1, $2, $3, $4, $5)",
                      std::vector<store::Param>{org, base64url_encode(crypto::sha256(early)), grant_id, clock.now(), clock.now() + kRefreshIdle});
    EXPECT_TRUE(write(std::move(unit)));
    return early;
  }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, EarlyTokenSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(EarlyTokenSpec, it_is_exchanged_for_one_of_today_and_its_reuse_kills_the_family) {
  const auto client = given_client("Wiki");
  const auto early = given_early(client);
  EXPECT_TRUE(is_active(client, early));
  const auto second = refresh(client, early);
  ASSERT_EQ(second.status(), 200) << second.body();
  EXPECT_FALSE(is_active(client, early));
  const auto third = refresh(client, second.text("refresh_token"));
  ASSERT_EQ(third.status(), 200) << third.body();
  EXPECT_EQ(refresh(client, early).text("error"), "invalid_grant");
  EXPECT_TRUE(was_told("app.oauth2.as.token.detect_reuse"));
  EXPECT_EQ(refresh(client, third.text("refresh_token")).text("error"), "invalid_grant");
}

TEST_P(EarlyTokenSpec, of_64_refreshes_at_once_one_wins) {
  const auto client = given_client("Wiki");
  const auto early = given_early(client);
  EXPECT_EQ(at_once(64, [&] { return refresh(client, early).status() == 200; }), 1);
}

TEST_P(EarlyTokenSpec, it_ages_can_be_static_and_can_be_revoked) {
  auto web = given_client("Web");
  web.app.rotate_refresh = false;
  ASSERT_TRUE(run(apps->update(web.app, cause)));
  const auto kept = given_early(web), idle = given_early(web), revoked = given_early(web);
  clock.advance(kRefreshIdle - Seconds(1));
  EXPECT_EQ(refresh(web, kept).text("refresh_token"), kept);
  EXPECT_EQ(call(web, "/oauth2/default/v1/revoke", {{"token", revoked}}).status(), 200);
  EXPECT_EQ(refresh(web, revoked).text("error"), "invalid_grant");
  clock.advance(Seconds(1));
  EXPECT_EQ(refresh(web, idle).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(web, kept).text("refresh_token"), kept);
}

TEST_P(TokenSpec, a_refresh_is_one_write) {
  const auto client = given_client("Wiki");
  const auto token = given_tokens(client).text("refresh_token");
  while (!provider->events().idle()) std::this_thread::yield();
  const auto before = database().stats().units;
  ASSERT_EQ(refresh(client, token).status(), 200);
  EXPECT_EQ(database().stats().units, before + 1);
}

TEST_P(TokenSpec, a_static_refresh_token_stays_but_not_for_public_clients) {
  auto web = given_client("Web"), spa = given_spa();
  web.app.rotate_refresh = spa.app.rotate_refresh = false;
  ASSERT_TRUE(run(apps->update(web.app, cause)));
  ASSERT_TRUE(run(apps->update(spa.app, cause)));
  const auto kept = given_tokens(web).text("refresh_token"), changed = given_tokens(spa).text("refresh_token");
  EXPECT_EQ(refresh(web, kept).text("refresh_token"), kept);
  EXPECT_EQ(refresh(web, kept).status(), 200);
  EXPECT_NE(refresh(spa, changed).text("refresh_token"), changed);
}

TEST_P(TokenSpec, a_refresh_token_is_for_its_client_and_server) {
  const auto client = given_client("Wiki"), other = given_client("Other");
  for (int i = 0; i < 2; ++i) {
    const auto token = given_tokens(client).text("refresh_token");
    const auto refused = i == 0 ? refresh(other, token) : refresh(client, token, {}, "/oauth2");
    EXPECT_EQ(refused.text("error"), "invalid_grant");
    EXPECT_EQ(refresh(client, token).text("error"), "invalid_grant");   // it has been seen elsewhere: dead
  }
}

TEST_P(TokenSpec, scopes_only_shrink) {
  const auto client = given_client("Wiki");
  const auto first = given_tokens(client);
  const auto less = refresh(client, first.text("refresh_token"), {{"scope", "openid email"}});
  EXPECT_EQ(less.text("scope"), "openid email");
  const auto more = refresh(client, less.text("refresh_token"), {{"scope", "openid orders.write"}});
  EXPECT_EQ(more.text("error"), "invalid_scope");
  EXPECT_EQ(refresh(client, less.text("refresh_token")).text("scope"), "openid profile email offline_access");
}

TEST_P(TokenSpec, refresh_tokens_age) {
  const auto client = given_client("Wiki");
  auto token = given_tokens(client).text("refresh_token");
  for (int day = 0; day < 90; day += 6) {
    const auto got = refresh(client, token);
    ASSERT_EQ(got.status(), 200) << day;
    token = got.text("refresh_token");
    clock.advance(std::chrono::hours(6 * 24));
  }
  EXPECT_EQ(refresh(client, token).text("error"), "invalid_grant");   // the family is 90 days old
  const auto idle = given_tokens(client).text("refresh_token");
  clock.advance(kRefreshIdle);
  EXPECT_EQ(refresh(client, idle).text("error"), "invalid_grant");
}

TEST_P(TokenSpec, who_was_disabled_gets_nothing_more) {
  const auto client = given_client("Wiki");
  const auto code = given_code(client);
  auto tokens = given_tokens(client);
  const auto expect_nothing = [&](const char* what) {
    EXPECT_EQ(userinfo(tokens.text("access_token")).status(), 401) << what;
    const auto got = refresh(client, tokens.text("refresh_token"));
    EXPECT_TRUE(got.text("error") == "invalid_grant" || got.text("error") == "invalid_client") << what << got.body();
  };
  ASSERT_TRUE(run(users->suspend(ada->id, cause)));
  expect_nothing("suspended user");
  EXPECT_FALSE(is_active(client, tokens.text("access_token")));
  EXPECT_FALSE(is_active(client, tokens.text("refresh_token")));
  EXPECT_EQ(redeem(client, code).text("error"), "invalid_grant");
  ASSERT_TRUE(run(users->unsuspend(ada->id, cause)));
  EXPECT_EQ(userinfo(tokens.text("access_token")).status(), 200);

  const auto group = directory::GroupId::parse(everyone).value();
  ASSERT_TRUE(run(apps->unassign_group(client.app.id, group, cause)));
  expect_nothing("not assigned");
  EXPECT_FALSE(is_active(client, tokens.text("access_token")));
  ASSERT_TRUE(run(apps->assign_group(client.app.id, group, cause)));
  ASSERT_TRUE(run(apps->deactivate(client.app.id, cause)));
  expect_nothing("disabled client");
  EXPECT_EQ(refresh(client, tokens.text("refresh_token")).status(), 401);
  ASSERT_TRUE(run(apps->activate(client.app.id, cause)));
  EXPECT_EQ(refresh(client, tokens.text("refresh_token")).status(), 200);
}

TEST_P(TokenSpec, a_client_proves_who_it_is) {
  const auto client = given_client("Service", directory::ClientAuth::secret_basic, directory::AppKind::service);
  const auto spa = given_spa();
  const Fields ask{{"grant_type", "client_credentials"}, {"scope", "orders.read"}};
  Visitor caller(router);
  const std::string at = "/oauth2/default/v1/token";
  const auto basic = [](const std::string& text) { return Fields{{"Authorization", "Basic " + base64_encode(text)}}; };
  const Fields bare{{"Accept", "*/*"}};

  EXPECT_EQ(call(client, at, ask).status(), 200);
  auto posted = ask;
  posted.emplace_back("client_id", client.app.client_id);
  posted.emplace_back("client_secret", client.secret);
  EXPECT_EQ(caller.post(at, posted, bare).status(), 200);

  const auto wrong = caller.post(at, ask, basic(client.app.client_id + ":wrong"));
  EXPECT_EQ(wrong.status(), 401);
  EXPECT_EQ(wrong.text("error"), "invalid_client");
  EXPECT_TRUE(wrong.header("WWW-Authenticate").starts_with("Basic"));
  EXPECT_EQ(caller.post(at, ask, basic(client.app.client_id)).status(), 401);         // a confidential client without its secret
  EXPECT_EQ(caller.post(at, ask, basic(client.app.client_id + ":")).status(), 401);
  EXPECT_EQ(caller.post(at, ask, basic("nobody:x")).status(), 401);
  EXPECT_EQ(caller.post(at, ask, bare).status(), 401);
  EXPECT_EQ(caller.post(at, ask, basic(spa.app.client_id + ":secret")).status(), 401);  // a public one with a secret
  EXPECT_EQ(caller.post(at, posted, basic(client.app.client_id + ":" + client.secret)).text("error"), "invalid_request");
  EXPECT_EQ(caller.post(at, ask, basic(spa.app.client_id)).text("error"), "unauthorized_client");
  EXPECT_TRUE(was_told("app.oauth2.as.token.grant"));
}

TEST_P(TokenSpec, parameters_may_come_in_the_query_when_the_body_is_empty) {
  const auto client = given_client("Bot", directory::ClientAuth::secret_post, directory::AppKind::service);
  Visitor caller(router);
  const Fields ask{{"grant_type", "client_credentials"}, {"scope", "orders.read"}, {"client_id", client.app.client_id}};
  EXPECT_EQ(caller.send(net::Method::post, "/oauth2/default/v1/token?" + signin::encode(ask), authorization(client), "").status(), 200);
}

TEST_P(TokenSpec, what_is_asked_wrongly_is_refused) {
  const auto client = given_client("Wiki"), spa = given_spa();
  const std::string at = "/oauth2/default/v1/token";
  EXPECT_EQ(call(client, at, {{"grant_type", "urn:example:magic"}}).text("error"), "unsupported_grant_type");
  EXPECT_EQ(call(client, at, {{"grant_type", "password"}, {"username", "a"}}).text("error"), "unauthorized_client");
  EXPECT_EQ(call(client, at, {{"scope", "a"}}).text("error"), "invalid_request");
  EXPECT_EQ(call(client, at, {{"grant_type", "client_credentials"}, {"grant_type", "client_credentials"}}).text("error"), "invalid_request");
  EXPECT_EQ(call(client, at, {{"grant_type", "authorization_code"}}).text("error"), "invalid_request");
  EXPECT_EQ(call(spa, at, {{"grant_type", "client_credentials"}}).text("error"), "unauthorized_client");
  EXPECT_EQ(call(client, "/oauth2/nowhere/v1/token", {{"grant_type", "client_credentials"}}).status(), 404);
  Visitor caller(router, "evil.example:8080");
  EXPECT_EQ(caller.post(at, {{"grant_type", "client_credentials"}, {"scope", "orders.read"}}, authorization(client)).status(), 404);
}

TEST_P(TokenSpec, a_service_gets_what_the_server_knows_or_the_org_granted) {
  const auto client = given_client("Service", directory::ClientAuth::secret_basic, directory::AppKind::service, {"okta.users.read"});
  const auto ask = [&](std::string server, std::string scope) {
    return call(client, server + "/v1/token", {{"grant_type", "client_credentials"}, {"scope", scope}});
  };
  const auto got = ask("/oauth2/default", "orders.read");
  const auto access = claims(got.text("access_token"));
  EXPECT_EQ(find_string(access, "sub"), client.app.client_id);
  EXPECT_FALSE(find_string(access, "uid"));
  EXPECT_EQ(got.json().as_object().count("refresh_token") + got.json().as_object().count("id_token"), 0U);
  for (const char* scope : {"openid", "offline_access", "okta.users.read", "unknown", ""})
    EXPECT_EQ(ask("/oauth2/default", scope).text("error"), "invalid_scope") << scope;
  EXPECT_EQ(find_string(claims(ask("/oauth2", "okta.users.read").text("access_token")), "aud"), kBase);
  for (const char* scope : {"okta.users.manage", "okta.users.read okta.groups.read", "orders.read"})
    EXPECT_EQ(ask("/oauth2", scope).text("error"), "invalid_scope") << scope;
  EXPECT_TRUE(was_told("app.oauth2.token.grant.access_token"));
}

TEST_P(TokenSpec, browsers_of_single_page_apps_may_ask) {
  const auto spa = given_spa();
  Visitor caller(router);
  const auto asked = caller.send(net::Method::options, "/oauth2/default/v1/token", {{"Origin", "https://spa.example"}, {"Access-Control-Request-Method", "POST"}}, "");
  EXPECT_EQ(asked.status(), 204);
  EXPECT_EQ(asked.header("Access-Control-Allow-Origin"), "https://spa.example");
  EXPECT_TRUE(asked.header("Access-Control-Allow-Headers").contains("authorization"));
}

}  // namespace
}  // namespace gatehouse::idp
