#include "signin/door_test.h"

#include <algorithm>

#include "signin/browser.h"

namespace gatehouse::signin {
namespace {

class SessionSpec : public DoorTest {
 protected:
  Sessions::Started given_session(const directory::User& user) {
    return run(sessions->start(user.id, {"pwd"}, {"192.0.2.7", "test", "r"})).value();
  }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, SessionSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(SessionSpec, a_cookie_finds_its_session_until_it_ends) {
  auto ada = given_user("ada@example.com");
  auto started = given_session(ada);
  auto found = run(sessions->find(started.cookie));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->user, ada.id);
  EXPECT_EQ(found->amr, std::vector<std::string>{"pwd"});
  ASSERT_TRUE(run(sessions->end(started.session.id, {})));
  EXPECT_EQ(run(sessions->find(started.cookie)).error().fault(), Fault::unauthenticated);
  EXPECT_TRUE(run(sessions->end(started.session.id, {})));   // ended is ended
}

TEST_P(SessionSpec, neither_the_id_nor_anything_else_is_the_cookie) {
  auto started = given_session(given_user("ada@example.com"));
  for (const std::string& wrong : {std::string(), started.session.id, std::string(started.cookie.reveal()) + "x", "ghs_" + std::string(43, 'A')})
    EXPECT_FALSE(run(sessions->find(Secret(wrong)))) << wrong;
  auto rows = read(store::Statement("select cookie_hash from sessions")).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].text(0).contains(started.cookie.reveal().substr(4)));
}

TEST_P(SessionSpec, use_keeps_it_alive_up_to_the_absolute_end) {
  auto started = given_session(given_user("ada@example.com"));
  for (int i = 0; i < 11; ++i) {
    clock.advance(std::chrono::hours(1));
    EXPECT_TRUE(run(sessions->find(started.cookie))) << i;
  }
  clock.advance(std::chrono::hours(1));
  EXPECT_FALSE(run(sessions->find(started.cookie)));
}

TEST_P(SessionSpec, idle_too_long_is_over) {
  auto started = given_session(given_user("ada@example.com"));
  clock.advance(kSessionIdle);
  EXPECT_FALSE(run(sessions->find(started.cookie)));
}

TEST_P(SessionSpec, last_seen_is_written_at_most_each_minute) {
  auto started = given_session(given_user("ada@example.com"));
  const auto units = [&] { return database().stats().units; };
  const auto before = units();
  clock.advance(Seconds(59));
  (void)run(sessions->find(started.cookie));
  EXPECT_EQ(units(), before);
  clock.advance(Seconds(1));
  (void)run(sessions->find(started.cookie));
  (void)run(sessions->find(started.cookie));
  EXPECT_EQ(units(), before + 1);
}

TEST_P(SessionSpec, a_suspended_user_has_no_session) {
  auto ada = given_user("ada@example.com");
  auto started = given_session(ada);
  ASSERT_TRUE(run(users->suspend(ada.id, cause)));
  EXPECT_FALSE(run(sessions->find(started.cookie)));
  EXPECT_FALSE(run(sessions->find_by_id(started.session.id)));
}

TEST_P(SessionSpec, ending_all_ends_those_of_one_user) {
  auto ada = given_user("ada@example.com"), bob = given_user("bob@example.com");
  auto first = given_session(ada), second = given_session(ada), other = given_session(bob);
  ASSERT_TRUE(run(sessions->end_all(ada.id, {})));
  EXPECT_FALSE(run(sessions->find(first.cookie)));
  EXPECT_FALSE(run(sessions->find(second.cookie)));
  EXPECT_TRUE(run(sessions->find(other.cookie)));
}

class DoorSpec : public DoorTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, DoorSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(DoorSpec, home_asks_who_you_are_and_then_shows_it) {
  auto ada = given_user("ada@example.com");
  auto wiki = given_app("Wiki").app;
  ASSERT_TRUE(run(apps->assign_user(wiki.id, ada.id, cause)));
  Visitor browser(router);
  const auto away = browser.get("/");
  ASSERT_EQ(away.status(), 303);
  const auto done = sign_in(browser, away.location(), "ada@example.com");
  EXPECT_EQ(done.status(), 303) << done.body();
  EXPECT_EQ(done.location(), "/");
  const auto home = browser.get("/");
  EXPECT_EQ(home.status(), 200);
  EXPECT_TRUE(home.body().contains("Ada Lovelace"));
  EXPECT_TRUE(home.body().contains("Wiki"));
}

TEST_P(DoorSpec, a_wrong_password_keeps_the_login_and_tells_nothing) {
  given_user("ada@example.com");
  std::string bodies[2];
  int i = 0;
  for (const char* login : {"ada@example.com", "eve@example.com"}) {
    Visitor browser(router);
    const auto refused = sign_in(browser, browser.get("/").location(), login, "wrong");
    EXPECT_EQ(refused.status(), 401);
    EXPECT_TRUE(refused.body().contains(std::string("value=\"") + login + "\""));
    EXPECT_TRUE(refused.body().contains("role=\"alert\""));
    EXPECT_FALSE(browser.cookies.contains("sid"));
    const auto begin = refused.body().find("signin-error");
    bodies[i++] = refused.body().substr(begin, refused.body().find("</div>") - begin);
  }
  EXPECT_EQ(bodies[0], bodies[1]);
}

TEST_P(DoorSpec, after_many_tries_one_has_to_wait) {
  given_user("ada@example.com");
  Visitor browser(router);
  const auto at = browser.get("/").location();
  Got last;
  for (int i = 0; i < directory::kFreeTries + 2; ++i) last = sign_in(browser, at, "ada@example.com", "wrong");
  EXPECT_EQ(last.status(), 429);
  EXPECT_TRUE(last.body().contains("Too many attempts"));
  EXPECT_TRUE(last.body().contains("ada@example.com"));
}

TEST_P(DoorSpec, signing_in_changes_every_id) {
  given_user("ada@example.com");
  given_user("bob@example.com");
  Visitor browser(router);
  browser.cookies["sid"] = "ghs_" + std::string(43, 'A');   // planted (fixation)
  (void)sign_in(browser, browser.get("/").location(), "ada@example.com");
  const auto first = browser.cookies["sid"];
  EXPECT_NE(first, "ghs_" + std::string(43, 'A'));
  NewTransaction again;
  again.password_since = clock.now();
  auto begun = run(transactions->begin(std::move(again))).value();
  const std::string handle(begun.handle.reveal());
  browser.cookies[binding_cookie_name(handle, false)] = std::string(begun.binding.reveal());
  EXPECT_EQ(sign_in(browser, "/signin/" + handle, "bob@example.com").status(), 303);
  EXPECT_NE(browser.cookies["sid"], first);
  EXPECT_FALSE(run(sessions->find(Secret(first))));   // the one before is gone, not only forgotten
}

TEST_P(DoorSpec, a_transaction_opens_only_in_the_browser_that_began_it) {
  given_user("ada@example.com");
  Visitor attacker(router), victim(router);
  const auto at = attacker.get("/").location();
  EXPECT_EQ(victim.get(at).status(), 404);
  const auto page = attacker.get(at);
  const auto posted = victim.post(at, {{"username", "ada@example.com"}, {"password", kPassword}, {"token", hidden(page, "token")}});
  EXPECT_EQ(posted.status(), 404);
  EXPECT_FALSE(victim.cookies.contains("sid"));
  // A binding of another transaction does not help.
  (void)victim.get("/");
  const auto own = victim.cookies.begin()->second;
  victim.cookies[binding_cookie_name(at.substr(8), false)] = own;
  EXPECT_EQ(victim.get(at).status(), 404);
}

TEST_P(DoorSpec, a_form_from_elsewhere_is_refused) {
  given_user("ada@example.com");
  Visitor browser(router);
  const auto at = browser.get("/").location();
  const auto token = hidden(browser.get(at), "token");
  const Fields right{{"username", "ada@example.com"}, {"password", kPassword}, {"token", token}};
  const Fields no_token{{"username", "ada@example.com"}, {"password", kPassword}};
  const Fields bad_token{{"username", "ada@example.com"}, {"password", kPassword}, {"token", "A" + token.substr(1)}};
  EXPECT_EQ(browser.post(at, no_token).status(), 403);
  EXPECT_EQ(browser.post(at, bad_token).status(), 403);
  EXPECT_EQ(browser.post(at, right, {{"Origin", "https://evil.com"}}).status(), 403);
  EXPECT_EQ(browser.post(at, right, {{"Origin", "null"}}).status(), 403);
  EXPECT_EQ(browser.post(at, right, {{"Sec-Fetch-Site", "cross-site"}}).status(), 403);
  EXPECT_EQ(browser.post(at, right, {{"Sec-Fetch-Site", "same-site"}}).status(), 403);
  EXPECT_FALSE(browser.cookies.contains("sid"));
  EXPECT_EQ(browser.post(at, right).status(), 303);
}

TEST_P(DoorSpec, a_browser_leaves_a_form_by_a_page_of_its_own) {
  given_user("ada@example.com");
  Visitor browser(router);
  const auto at = browser.get("/").location();
  const auto token = hidden(browser.get(at), "token");
  const auto got = browser.post(at, {{"username", "ada@example.com"}, {"password", kPassword}, {"token", token}},
                                {{"Origin", "http://localhost:8080"}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Mode", "navigate"}});
  EXPECT_EQ(got.status(), 200);
  EXPECT_TRUE(got.body().contains("<meta http-equiv=\"refresh\" content=\"0;url=/\">"));
  EXPECT_TRUE(got.body().contains("href=\"/\""));
  EXPECT_TRUE(browser.cookies.contains("sid"));
}

TEST_P(DoorSpec, tabs_opened_at_once_all_finish) {
  given_user("ada@example.com");
  Visitor browser(router);
  const auto one = browser.get("/").location(), two = browser.get("/login/login.htm?fromURI=%2Fapp%2FUserHome").location();
  EXPECT_EQ(sign_in(browser, two, "ada@example.com").location(), "/app/UserHome");
  EXPECT_EQ(sign_in(browser, one, "ada@example.com").location(), "/");
}

TEST_P(DoorSpec, a_browser_holds_a_bounded_number_of_sign_ins) {
  Visitor browser(router);
  for (int i = 0; i < 40; ++i) (void)browser.get("/");
  EXPECT_LE(browser.cookies.size(), kBindingCookiesMax);
}

TEST_P(DoorSpec, a_finished_or_old_transaction_is_over) {
  given_user("ada@example.com");
  Visitor browser(router);
  const auto at = browser.get("/").location(), later = browser.get("/").location();
  (void)sign_in(browser, at, "ada@example.com");
  EXPECT_EQ(browser.get(at).status(), 404);
  clock.advance(kTransactionLife);
  EXPECT_EQ(browser.get(later).status(), 404);
  EXPECT_EQ(browser.get("/signin/nonsense").status(), 404);
}

TEST_P(DoorSpec, from_uri_leads_nowhere_else) {
  Visitor browser(router);
  for (const char* evil : {"https%3A%2F%2Fevil.com", "%2F%2Fevil.com", "%2F%5Cevil.com", "javascript%3Aalert(1)", "%2Fa%0D%0AX%3A1"})
    EXPECT_EQ(browser.get("/login/login.htm?fromURI=" + std::string(evil)).status(), 400) << evil;
}

TEST_P(DoorSpec, signing_out_needs_our_own_form) {
  given_user("ada@example.com");
  Visitor browser(router);
  (void)sign_in(browser, browser.get("/").location(), "ada@example.com");
  const auto cookie = browser.cookies["sid"];
  EXPECT_EQ(browser.post("/signout", {}).status(), 403);
  EXPECT_TRUE(run(sessions->find(Secret(cookie))));
  const auto asked = browser.get("/login/signout");
  EXPECT_TRUE(asked.body().contains("Sign out?"));
  EXPECT_EQ(browser.post("/signout", {{"token", hidden(asked, "token")}}).location(), "/signed-out");
  EXPECT_FALSE(run(sessions->find(Secret(cookie))));
  EXPECT_FALSE(browser.cookies.contains("sid"));
  EXPECT_EQ(browser.get("/signed-out").status(), 200);
}

TEST_P(DoorSpec, refusals_are_in_the_log) {
  Visitor attacker(router), victim(router);
  (void)victim.get(attacker.get("/").location());
  const auto types = told();
  EXPECT_TRUE(std::ranges::find(types, "user.authentication.sign_in_refused") != types.end());
}

}  // namespace
}  // namespace gatehouse::signin
