// Who is told that a session has ended, what they are told, and that nothing makes us forget or insist.
#include "idp/backchannel_logout.h"

#include "idp/grants.h"
#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

constexpr const char* kHear = "https://app.example.com/backchannel";

class FakeParty final : public net::HttpClient {
 public:
  Task<net::Answer> send(net::Outbound request) override {
    asked.push_back(request);
    if (refused) co_return failure(Fault::denied, "not a public address");
    if (down) co_return failure(Fault::upstream, "down");
    net::Answer answer;
    answer.status = status;
    co_return answer;
  }
  std::string token() const { return net::Form::parse(asked.back().body).value().get("logout_token").value_or(""); }

  std::vector<net::Outbound> asked;
  int status = 200;
  bool down = false, refused = false;
};

class BackchannelLogoutSpec : public IdpTest {
 protected:
  void SetUp() override {
    IdpTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    provider->needs().http = &party;
    sessions->at_end([this](const std::string& session_id) { return logouts_for(*provider, session_id); });
  }
  Client given_listener(std::string label = "Wiki", std::string uri = kHear) {
    auto client = given_client(std::move(label));
    client.app.backchannel_logout_uri = std::move(uri);
    EXPECT_TRUE(run(apps->update(client.app, cause)));
    return client;
  }
  struct SignedIn {
    std::string session_id, id_token;
  };
  SignedIn signed_in(Visitor& browser, const Client& client, const Fields& changes = {}) {
    const auto tokens = redeem(client, parameter(walk(browser, authorize_url(client, changes)).location(), "code"));
    return {run(sessions->find(Secret(browser.cookies["sid"]))).value().id, tokens.text("id_token")};
  }
  void round() { EXPECT_TRUE(run(send_logout_tokens(*provider))); }
  std::int64_t untold() { return read(store::Statement("select count(*) from logout_tokens")).value().front().number(0); }

  FakeParty party;
};
INSTANTIATE_TEST_SUITE_P(Everywhere, BackchannelLogoutSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(BackchannelLogoutSpec, every_client_of_the_session_is_told_once_what_the_specification_says) {
  const auto wiki = given_listener(), shop = given_listener("Shop", "https://shop.example.com/out?tenant=1");
  const auto silent = given_client("Silent");
  const auto stranger = given_listener("Stranger", "https://stranger.example.com/out");
  Visitor browser(router), elsewhere(router);
  const auto there = signed_in(browser, wiki);
  (void)signed_in(browser, wiki);                                 // twice in one session: told once
  (void)signed_in(browser, shop, {{"scope", "openid"}});          // without offline_access, too
  (void)signed_in(browser, silent);
  (void)signed_in(elsewhere, stranger);                           // another session of the same person

  clock.advance(Seconds(90));
  ASSERT_TRUE(run(sessions->end(there.session_id, {})));
  EXPECT_TRUE(party.asked.empty());                               // nobody who signs out waits for clients
  round();
  ASSERT_EQ(party.asked.size(), 2U);
  std::set<std::string> addresses, audiences;
  for (const auto& asked : party.asked) {
    EXPECT_EQ(asked.method, net::Method::post);
    addresses.insert(asked.url.str());
    const auto token = net::Form::parse(asked.body).value().get("logout_token").value_or("");
    EXPECT_EQ(find_string(jose::peek_header(token).value(), "typ"), "logout+jwt");
    const auto told = claims(token);
    audiences.insert(find_string(told, "aud").value_or(""));
    EXPECT_EQ(find_string(told, "iss"), find_string(claims(there.id_token), "iss"));
    EXPECT_EQ(find_string(told, "sid"), find_string(claims(there.id_token), "sid"));
    EXPECT_EQ(find_string(told, "sub"), find_string(claims(there.id_token), "sub"));
    EXPECT_EQ(find(told, "nonce"), nullptr);
    EXPECT_NE(find(*find(told, "events"), "http://schemas.openid.net/event/backchannel-logout"), nullptr);
    EXPECT_EQ(find_int(told, "exp").value_or(0) - find_int(told, "iat").value_or(0), 120);
    EXPECT_EQ(find_int(told, "iat"), to_seconds(clock.now()));
  }
  EXPECT_EQ(audiences, (std::set<std::string>{wiki.app.client_id, shop.app.client_id}));
  EXPECT_TRUE(addresses.contains(kHear));
  round();
  EXPECT_EQ(party.asked.size(), 2U);
  EXPECT_EQ(untold(), 0);
  EXPECT_TRUE(was_told("app.oauth2.as.backchannel_logout"));
}

TEST_P(BackchannelLogoutSpec, however_a_session_ends_its_clients_are_told) {
  const auto wiki = given_listener();
  const std::vector<std::function<void(Visitor&, const SignedIn&)>> ways{
      [&](Visitor& browser, const SignedIn& who) { EXPECT_EQ(browser.get("/oauth2/default/v1/logout?id_token_hint=" + who.id_token).location(), "/signed-out"); },
      [&](Visitor&, const SignedIn& who) { EXPECT_TRUE(run(sessions->end(who.session_id, {}))); },
      [&](Visitor&, const SignedIn&) { EXPECT_TRUE(run(sessions->end_all(ada->id, {}))); },
  };
  for (const auto& end : ways) {
    Visitor browser(router);
    const auto who = signed_in(browser, wiki);
    party.asked.clear();
    end(browser, who);
    round();
    ASSERT_EQ(party.asked.size(), 1U);
    EXPECT_EQ(find_string(claims(party.token()), "sid"), who.session_id);
  }
}

TEST_P(BackchannelLogoutSpec, a_client_that_is_away_is_asked_again_a_few_times_and_no_more) {
  const auto wiki = given_listener();
  Visitor browser(router);
  const auto who = signed_in(browser, wiki);
  ASSERT_TRUE(run(sessions->end(who.session_id, {})));
  party.down = true;
  round();
  round();
  EXPECT_EQ(party.asked.size(), 1U);                              // not before its time
  std::set<std::string> ids{find_string(claims(party.token()), "jti").value_or("")};
  for (int i = 0; i < 10; ++i) {
    clock.advance(Seconds(700));
    round();
    ids.insert(find_string(claims(party.token()), "jti").value_or(""));
  }
  EXPECT_EQ(party.asked.size(), static_cast<std::size_t>(kLogoutAttempts));
  EXPECT_EQ(ids.size(), party.asked.size());                      // each with a token that is new and not expired
  EXPECT_EQ(untold(), 0);

  (void)signed_in(browser, wiki);
  ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
  party.asked.clear();
  party.down = false;
  party.status = 503;
  round();
  EXPECT_EQ(untold(), 1);
  party.status = 204;
  clock.advance(Seconds(11));
  round();
  EXPECT_EQ(party.asked.size(), 2U);
  EXPECT_EQ(untold(), 0);
}

TEST_P(BackchannelLogoutSpec, sessions_may_end_with_all_tokens_of_the_person_and_of_nobody_else) {
  const auto wiki = given_listener();
  given_user("bob@example.com");
  Visitor browser(router), of_bob(router);
  const auto tokens_of = [&](Visitor& who, std::string login) {
    return redeem(wiki, parameter(walk(who, authorize_url(wiki), std::move(login)).location(), "code"));
  };
  const auto first = tokens_of(browser, "ada@example.com");
  const auto bobs = tokens_of(of_bob, "bob@example.com");
  ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
  EXPECT_EQ(userinfo(first.text("access_token")).status(), 200);
  const auto second = tokens_of(browser, "ada@example.com");
  party.asked.clear();
  ASSERT_TRUE(run(sessions->end_all(ada->id, {}, end_grants_of(*provider, ada->id))));
  for (const auto* tokens : {&first, &second}) {                  // of a session that had ended before, too
    EXPECT_EQ(userinfo(tokens->text("access_token")).status(), 401);
    EXPECT_EQ(refresh(wiki, tokens->text("refresh_token")).text("error"), "invalid_grant");
  }
  EXPECT_EQ(userinfo(bobs.text("access_token")).status(), 200);
  EXPECT_EQ(refresh(wiki, bobs.text("refresh_token")).status(), 200);
  round();
  EXPECT_EQ(party.asked.size(), 2U);                              // both sessions; what is revoked was given all the same
}

TEST_P(BackchannelLogoutSpec, a_refusal_is_the_last_word) {
  const auto wiki = given_listener();
  for (const bool by_rules : {false, true}) {
    Visitor browser(router);
    (void)signed_in(browser, wiki);
    ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
    party.asked.clear();
    party.status = 400;
    party.refused = by_rules;                                     // an address inside (SSRF) is not tried twice
    round();
    EXPECT_EQ(party.asked.size(), 1U);
    EXPECT_EQ(untold(), 0);
  }
}

TEST_P(BackchannelLogoutSpec, what_is_to_be_told_outlives_the_program) {
  const auto wiki = given_listener();
  Visitor browser(router);
  (void)signed_in(browser, wiki);
  ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
  auto again = given_provider();
  ASSERT_TRUE(run(again->open()));
  again->needs().http = &party;
  ASSERT_TRUE(run(send_logout_tokens(*again)));
  EXPECT_EQ(party.asked.size(), 1U);
  round();
  EXPECT_EQ(party.asked.size(), 1U);
}

TEST_P(BackchannelLogoutSpec, a_client_that_is_switched_off_is_told_nothing) {
  const auto wiki = given_listener();
  Visitor browser(router);
  (void)signed_in(browser, wiki);
  ASSERT_TRUE(run(apps->deactivate(wiki.app.id, cause)));
  ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
  round();
  EXPECT_TRUE(party.asked.empty());
  EXPECT_EQ(untold(), 0);
}

TEST_P(BackchannelLogoutSpec, a_logout_token_is_no_id_token_and_no_access_token) {
  const auto wiki = given_listener();
  Visitor browser(router);
  (void)signed_in(browser, wiki);
  ASSERT_TRUE(run(sessions->end_all(ada->id, {})));
  round();
  EXPECT_EQ(browser.get("/oauth2/default/v1/logout?id_token_hint=" + party.token()).status(), 400);
  EXPECT_EQ(userinfo(party.token()).status(), 401);
  EXPECT_FALSE(is_active(wiki, party.token()));
}

}  // namespace
}  // namespace gatehouse::idp
