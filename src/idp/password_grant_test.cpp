// The resource owner's password: only where an application is registered for it, counted like every other guess.
#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

class PasswordGrantSpec : public IdpTest {
 protected:
  Client given_old_client(std::vector<std::string> grants = {"password", "refresh_token"}) {
    auto client = given_client("Old");
    client.app.grant_types = std::move(grants);
    client.app.version = 0;
    client.app = run(apps->update(client.app, cause)).value();
    return client;
  }
  Got ask(const Client& client, const Fields& changes = {}, std::string server = "/oauth2/default") {
    Fields all{{"grant_type", "password"}, {"username", "ada@example.com"}, {"password", signin::kPassword}, {"scope", "openid profile offline_access"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (!value.empty()) all.emplace_back(name, value);
    }
    return call(client, server + "/v1/token", std::move(all));
  }
};

TEST_P(PasswordGrantSpec, gives_the_tokens_of_the_person) {
  const auto client = given_old_client();
  const auto got = ask(client);
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(find_string(claims(got.text("access_token")), "uid"), ada->id.str());
  EXPECT_EQ(find_strings(claims(got.text("id_token")), "amr"), std::vector<std::string>{"pwd"});
  EXPECT_EQ(refresh(client, got.text("refresh_token")).status(), 200);
  EXPECT_EQ(ask(given_old_client({"password"})).text("refresh_token"), "");
}

TEST_P(PasswordGrantSpec, every_wrong_answer_has_the_same_words) {
  const auto client = given_old_client();
  const auto wrong = ask(client, {{"password", "not-the-password"}});
  EXPECT_EQ(wrong.status(), 400);
  EXPECT_EQ(wrong.text("error"), "invalid_grant");
  EXPECT_EQ(ask(client, {{"username", "nobody@example.com"}}).body(), wrong.body());
  ASSERT_TRUE(run(apps->unassign_group(client.app.id, directory::GroupId::parse(everyone).value(), cause)));
  EXPECT_EQ(ask(client).body(), wrong.body());
  ASSERT_TRUE(run(users->suspend(ada->id, cause)));
  EXPECT_EQ(ask(client).body(), wrong.body());
  EXPECT_TRUE(was_told("app.oauth2.as.token.grant"));
}

TEST_P(PasswordGrantSpec, what_may_not_be_asked_for) {
  const auto client = given_old_client();
  EXPECT_EQ(ask(given_client("Wiki")).text("error"), "unauthorized_client");
  EXPECT_EQ(ask(client, {{"username", ""}}).text("error"), "invalid_request");
  EXPECT_EQ(ask(client, {{"password", ""}}).text("error"), "invalid_request");
  EXPECT_EQ(ask(client, {{"scope", ""}}).text("error"), "invalid_scope");
  EXPECT_EQ(ask(client, {{"scope", "openid nonsense"}}).text("error"), "invalid_scope");
  EXPECT_EQ(ask(client, {{"scope", "openid okta.users.manage"}}, "/oauth2").text("error"), "invalid_scope");
  auto asking = given_old_client();
  asking.app.consent_required = true;
  asking.app.version = 0;
  ASSERT_TRUE(run(apps->update(asking.app, cause)));
  EXPECT_EQ(ask(asking).text("error"), "consent_required");
}

TEST_P(PasswordGrantSpec, a_password_in_the_address_is_refused_unread) {
  const auto client = given_old_client();
  const Fields fields{{"grant_type", "password"}, {"username", "ada@example.com"}, {"password", signin::kPassword}, {"scope", "openid"}};
  Visitor caller(router);
  const auto got = caller.send(net::Method::post, "/oauth2/default/v1/token?" + signin::encode(fields), authorization(client), "");
  EXPECT_EQ(got.text("error"), "invalid_request") << got.body();
}

// CVE-2025-64102 (Zitadel): guesses at one of the ways in were not counted. Here a run of them makes even the right one wait, and the
// counter is that of the sign-in page.
TEST_P(PasswordGrantSpec, guesses_are_counted_with_those_of_the_sign_in_page) {
  const auto client = given_old_client();
  int refused_at_once = 0;
  for (int i = 0; i < 30; ++i)
    if (ask(client, {{"password", "guess-" + std::to_string(i)}}).status() == 429) ++refused_at_once;
  EXPECT_GT(refused_at_once, 0);
  EXPECT_EQ(ask(client).status(), 429);
  Visitor browser(router);
  const auto got = walk(browser, authorize_url(given_client("Wiki")));
  EXPECT_FALSE(got.location().starts_with(kCallback)) << "the sign-in page knows of the guesses";
  clock.advance(std::chrono::hours(24));
  EXPECT_EQ(ask(client).status(), 200);
}

// As many at once as one after the other: each is counted before it is made.
TEST_P(PasswordGrantSpec, guessing_at_once_is_no_faster) {
  const auto client = given_old_client();
  const auto judged = [&](const std::string& login) {
    return at_once(64, [&] { return ask(client, {{"username", login}, {"password", "a-guess"}}).text("error") == "invalid_grant"; });
  };
  const int known = judged("ada@example.com");
  EXPECT_GT(known, 0);
  EXPECT_LT(known, 10);
  EXPECT_EQ(judged("nobody@example.com"), known) << "and nobody learns who exists";
  EXPECT_EQ(ask(client).status(), 429);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, PasswordGrantSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::idp
