// RP-initiated logout: who may end a session without asking, and where a browser may be sent afterwards.
#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

constexpr const char* kBye = "https://app.example.com/bye";
constexpr const char* kLogout = "/oauth2/default/v1/logout";

class LogoutSpec : public IdpTest {
 protected:
  // A browser that is signed in at a client, with the client's ID token.
  struct SignedIn {
    Visitor browser;
    std::string id_token, session_cookie;
  };
  SignedIn signed_in(const Client& client, std::string login = "ada@example.com") {
    Visitor browser(router);
    const auto tokens = redeem(client, parameter(walk(browser, authorize_url(client), std::move(login)).location(), "code"));
    auto cookie = browser.cookies["sid"];
    return {std::move(browser), tokens.text("id_token"), std::move(cookie)};
  }
  bool is_alive(const SignedIn& who) { return run(sessions->find(Secret(who.session_cookie))).has_value(); }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, LogoutSpec, testing::ValuesIn(store::every_backend()), store::name_of);

std::string modified(std::string token) {
  auto& letter = token.at(token.find('.') + 8);
  letter = letter == 'A' ? 'B' : 'A';
  return token;
}

TEST_P(LogoutSpec, an_id_token_names_the_session_that_it_comes_from) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto tokens = redeem(client, parameter(walk(browser, authorize_url(client)).location(), "code"));
  const auto session = run(sessions->find(Secret(browser.cookies["sid"]))).value();
  EXPECT_EQ(find_string(claims(tokens.text("id_token")), "sid"), session.id);
  const auto again = refresh(client, tokens.text("refresh_token"));
  EXPECT_EQ(find_string(claims(again.text("id_token")), "sid"), session.id);
  // Access tokens have none.
  EXPECT_FALSE(find_string(claims(tokens.text("access_token")), "sid"));

  Visitor other(router);
  const auto elsewhere = redeem(client, parameter(walk(other, authorize_url(client)).location(), "code"));
  EXPECT_NE(find_string(claims(elsewhere.text("id_token")), "sid"), session.id);
}

TEST_P(LogoutSpec, every_case_of_the_certification_ends_where_it_should) {
  enum class End { followed, asked, refused };
  struct Case {
    const char* name;
    std::function<Fields(const Client&, const std::string& hint)> ask;
    End end;
    std::string location = {};
  };
  const std::vector<Case> cases{
      {"everything", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", kBye}, {"state", "s 1&x"}}; }, End::followed,
       std::string(kBye) + "?state=s%201%26x"},
      {"no state", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", kBye}}; }, End::followed, kBye},
      {"with client_id and logout_hint", [](auto& client, auto& hint) {
         return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", kBye}, {"client_id", client.app.client_id}, {"logout_hint", "ada@example.com"}, {"ui_locales", "en"}};
       }, End::followed, kBye},
      {"no post_logout_redirect_uri", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"state", "s1"}}; }, End::followed, "/signed-out"},
      {"only a hint", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}}; }, End::followed, "/signed-out"},
      {"no parameters", [](auto&, auto&) { return Fields{}; }, End::asked},
      {"only state", [](auto&, auto&) { return Fields{{"state", "s1"}}; }, End::asked},
      {"only logout_hint: it proves nothing", [](auto&, auto&) { return Fields{{"logout_hint", "ada@example.com"}}; }, End::asked},
      {"client_id instead of a hint", [](auto& client, auto&) { return Fields{{"client_id", client.app.client_id}, {"post_logout_redirect_uri", kBye}}; }, End::asked},
      {"no hint, no client", [](auto&, auto&) { return Fields{{"post_logout_redirect_uri", kBye}, {"state", "s1"}}; }, End::refused},
      {"bad post_logout_redirect_uri", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", "https://evil.com/"}}; }, End::refused},
      {"extra query", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", std::string(kBye) + "?foo=bar"}}; }, End::refused},
      {"bad hint", [](auto&, auto&) { return Fields{{"id_token_hint", "x.y.z"}, {"post_logout_redirect_uri", kBye}}; }, End::refused},
      {"modified hint", [](auto&, auto& hint) { return Fields{{"id_token_hint", modified(hint)}, {"post_logout_redirect_uri", kBye}}; }, End::refused},
      {"a modified hint with nothing else", [](auto&, auto& hint) { return Fields{{"id_token_hint", modified(hint)}}; }, End::refused},
      {"client_id of another than the hint's", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"client_id", "0oaother"}, {"post_logout_redirect_uri", kBye}}; },
       End::refused},
      {"the same parameter twice", [](auto&, auto& hint) { return Fields{{"id_token_hint", hint}, {"post_logout_redirect_uri", kBye}, {"post_logout_redirect_uri", "https://evil.com/"}}; },
       End::refused},
  };
  const auto client = given_client("Wiki");
  for (const auto& each : cases) {
    for (const bool posted : {false, true}) {
      SCOPED_TRACE(std::string(each.name) + (posted ? " (POST)" : " (GET)"));
      auto who = signed_in(client);
      const auto query = signin::encode(each.ask(client, who.id_token));
      auto at = kLogout + (query.empty() ? "" : "?" + query);
      if (posted) {
        // From the client's site: without our cookie, so that it becomes a GET that has it.
        Visitor foreign(router);
        const auto sent = foreign.post(kLogout, each.ask(client, who.id_token), {{"Origin", "https://app.example.com"}});
        ASSERT_TRUE(sent.status() == 303 && sent.location().starts_with(kLogout)) << sent.status();
        at = sent.location();
      }
      const auto got = who.browser.get(at);
      EXPECT_EQ(is_alive(who), each.end != End::followed);
      EXPECT_EQ(got.location(), each.location);
      if (each.end == End::asked) EXPECT_TRUE(got.status() == 200 && got.body().contains("Sign out?")) << got.status();
      if (each.end == End::refused) EXPECT_EQ(got.status(), 400);
    }
  }
  EXPECT_TRUE(was_told("app.oauth2.as.logout"));
}

TEST_P(LogoutSpec, whoever_is_not_signed_in_is_sent_on_without_a_question) {
  const auto client = given_client("Wiki");
  auto who = signed_in(client);
  Visitor nobody(router);
  EXPECT_EQ(nobody.get(std::string(kLogout) + "?" + signin::encode({{"client_id", client.app.client_id}, {"post_logout_redirect_uri", kBye}})).location(), kBye);
  EXPECT_EQ(nobody.get(kLogout).location(), "/signed-out");
  EXPECT_TRUE(is_alive(who));
}

// GHSA-c9rq-mvr5-3w32: a link in a page of somebody else signed people out.
TEST_P(LogoutSpec, somebody_elses_hint_asks_and_a_question_is_answered_by_its_own_browser_only) {
  const auto client = given_client("Wiki");
  given_user("bob@example.com");
  auto ada_there = signed_in(client);
  auto bob = signed_in(client, "bob@example.com");
  const auto asked = bob.browser.get(std::string(kLogout) + "?" + signin::encode({{"id_token_hint", ada_there.id_token}, {"post_logout_redirect_uri", kBye}}));
  EXPECT_TRUE(asked.status() == 200 && asked.body().contains("Sign out?"));
  EXPECT_TRUE(is_alive(bob) && is_alive(ada_there));

  const Fields answer{{"token", signin::hidden(asked, "token")}, {"id_token_hint", ada_there.id_token}, {"post_logout_redirect_uri", kBye}};
  EXPECT_EQ(ada_there.browser.post(kLogout, answer).status(), 403);   // a token of bob's page
  EXPECT_TRUE(is_alive(bob) && is_alive(ada_there));
  EXPECT_EQ(bob.browser.post(kLogout, answer).location(), kBye);
  EXPECT_FALSE(is_alive(bob));
  EXPECT_TRUE(is_alive(ada_there));
}

TEST_P(LogoutSpec, a_client_that_is_switched_off_gets_nobody_back) {
  const auto client = given_client("Wiki");
  auto who = signed_in(client);
  ASSERT_TRUE(run(apps->deactivate(client.app.id, cause)));
  EXPECT_EQ(who.browser.get(std::string(kLogout) + "?" + signin::encode({{"id_token_hint", who.id_token}, {"post_logout_redirect_uri", kBye}})).status(), 400);
  EXPECT_TRUE(is_alive(who));
  EXPECT_EQ(who.browser.get(std::string(kLogout) + "?" + signin::encode({{"id_token_hint", who.id_token}})).location(), "/signed-out");
}

}  // namespace
}  // namespace gatehouse::idp
