// Keys that clients publish: fetched once, kept, asked for again within reason.
#include "idp/client_keys.h"
#include "idp/client_auth_test.h"

namespace gatehouse::idp {
namespace {

constexpr const char* kAddress = "https://bot.example.com/keys";

// Somebody's server with a key set.
class FakePublisher final : public net::HttpClient {
 public:
  Task<net::Answer> send(net::Outbound request) override {
    ++asked;
    asked_for = request.url.str();
    answer_max = request.answer_max;
    if (down) co_return failure(Fault::upstream, "down");
    net::Answer answer;
    answer.status = status;
    answer.body = text;
    co_return answer;
  }
  void publish(const std::vector<Jwk>& keys) {
    json::array list;
    for (const auto& key : keys) list.push_back(key.public_json().value());
    text = to_text(json::object{{"keys", std::move(list)}});
  }

  std::atomic<int> asked = 0;
  std::string asked_for, text;
  std::size_t answer_max = 0;
  int status = 200;
  bool down = false;
};

class ClientKeysSpec : public ClientAuthTest {
 protected:
  void SetUp() override {
    ClientAuthTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    publisher.publish({key});
    ProviderNeeds needs = provider->needs();
    needs.http = &publisher;
    reaching = std::make_unique<Provider>(needs, org);
    reaching->servers().set_org_alg(Alg::ES256);
    reaching->add_base(kBase);
    ASSERT_TRUE(run(reaching->open()));
    roads.add(token_rows(), *reaching, oauth_style);
    client = std::make_unique<Client>(
        given_service(ClientAuth::private_key_jwt, [](auto& app) { app.jwks_uri = kAddress; }));
  }
  void TearDown() override {
    if (reaching)
      while (!reaching->events().idle()) std::this_thread::yield();
    ClientAuthTest::TearDown();
  }
  Got come(const Jwk& with_key) {
    Visitor caller(roads);
    Fields fields = with(jose::sign_jwt(with_key, assertion_claims(*client)).value(),
                         {{"grant_type", "client_credentials"}, {"scope", "orders.read"}});
    return caller.post("/oauth2/default/v1/token", fields, {{"Accept", "application/json"}});
  }

  FakePublisher publisher;
  std::unique_ptr<Provider> reaching;
  net::Router roads;
  std::unique_ptr<Client> client;
};

TEST_P(ClientKeysSpec, are_fetched_once_and_kept) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(come(key).status(), 200);
  EXPECT_EQ(publisher.asked, 1);
  EXPECT_EQ(publisher.asked_for, kAddress);
  EXPECT_EQ(publisher.answer_max, kPublishedKeysMax);
  clock.advance(kPublishedKeyTimes.fresh);
  EXPECT_EQ(come(key).status(), 200);
  EXPECT_EQ(publisher.asked, 2);
}

TEST_P(ClientKeysSpec, a_new_key_is_asked_for_and_strangers_cannot_make_us_ask_much) {
  const auto next = pair_of(crypto::KeySpec::p256, "k2");
  ASSERT_EQ(come(key).status(), 200);
  clock.advance(kPublishedKeyTimes.retry);
  publisher.publish({key, next});
  EXPECT_EQ(come(next).status(), 200);
  EXPECT_EQ(publisher.asked, 2);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(come(pair_of(crypto::KeySpec::p256, "nobody" + std::to_string(i))).text("error"), "invalid_client");
  EXPECT_EQ(publisher.asked, 2) << "at most once per `retry`";
  clock.advance(kPublishedKeyTimes.retry);
  EXPECT_EQ(come(pair_of(crypto::KeySpec::p256, "nobody")).text("error"), "invalid_client");
  EXPECT_EQ(publisher.asked, 3);
}

TEST_P(ClientKeysSpec, an_outage_over_there_locks_nobody_out_at_once) {
  ASSERT_EQ(come(key).status(), 200);
  publisher.down = true;
  clock.advance(kPublishedKeyTimes.fresh + Seconds(60));
  EXPECT_EQ(come(key).status(), 200);
  clock.advance(kPublishedKeyTimes.outage_grace);
  const auto late = come(key);
  EXPECT_EQ(late.text("error"), "invalid_client");
  EXPECT_EQ(late.body().find("bot.example.com"), std::string::npos)
      << "whoever knows the client_id may ask: no addresses";
  publisher.down = false;
  clock.advance(kPublishedKeyTimes.retry);
  EXPECT_EQ(come(key).status(), 200);
}

TEST_P(ClientKeysSpec, what_cannot_be_used_opens_nothing) {
  auto pair = key.secret_json();
  for (const auto& bad :
       {std::string("not JSON"), std::string("{}"), std::string(R"({"keys":[]})"), std::string(R"({"keys":5})"),
        to_text(json::object{{"keys", json::array({json::value(pair)})}}),
        std::string(R"({"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"k1"}]})")}) {
    publisher.text = bad;
    clock.advance(kPublishedKeyTimes.fresh + kPublishedKeyTimes.outage_grace);
    EXPECT_EQ(come(key).text("error"), "invalid_client") << bad.substr(0, 60);
  }
  publisher.publish({key});
  publisher.status = 302;
  clock.advance(kPublishedKeyTimes.retry);
  EXPECT_EQ(come(key).text("error"), "invalid_client") << "nobody follows redirects";
}

TEST_P(ClientKeysSpec, many_at_once_ask_once) {
  EXPECT_EQ(at_once(16, [&] { return come(key).status() == 200; }), 16);
  EXPECT_EQ(publisher.asked, 1);
}

TEST_P(ClientKeysSpec, without_a_way_out_nothing_is_fetched) {
  EXPECT_EQ(ask(with(assertion(*client))).text("error"), "invalid_client");
  EXPECT_EQ(publisher.asked, 0);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientKeysSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST(ClientKeyReading, keeps_public_members_only) {
  const auto pair = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "k1").value();
  json::object sent = pair.public_json().value();
  sent["status"] = "INACTIVE";
  sent["_links"] = json::object{{"x", "y"}};
  sent["x5u"] = "https://evil.example/";
  const auto key = read_client_key(sent).value();
  EXPECT_FALSE(key.active);
  const auto kept = parse_json(key.jwk).value();
  EXPECT_EQ(kept.as_object().size(), pair.public_json().value().size());
  EXPECT_FALSE(kept.as_object().contains("x5u"));
  const auto refused = read_client_key(pair.secret_json());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("private half ('d')"), std::string::npos);
  EXPECT_EQ(refused.error().message().find(*find_string(pair.secret_json(), "d")), std::string::npos);
  sent["use"] = "enc";
  sent.erase("alg");
  EXPECT_TRUE(read_client_key(sent)) << "for encrypting to the client: kept, and never verifies";
}

}  // namespace
}  // namespace gatehouse::idp
