// A provider in front of an empty org, its clients and browsers, for the tests of this room.
#pragma once

#include <atomic>
#include <latch>
#include <thread>

#include "core/bytes.h"
#include "crypto/seal.h"
#include "idp/provider.h"
#include "idp/style.h"
#include "net/server.h"
#include "oauth/pkce.h"
#include "signin/door_test.h"

namespace gatehouse::idp {

using signin::Fields;
using signin::Got;
using signin::Visitor;

inline constexpr const char* kCallback = "https://app.example.com/callback";
inline constexpr const char* kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
inline constexpr const char* kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
inline constexpr const char* kBase = "http://localhost:8080";

struct Client {
  directory::App app;
  std::string secret;
};

// A loop for batches of events. It outlives every database, as those want of the executors of their callers.
inline Executor background() {
  static auto& runtime = *[] {
    auto* made = new net::Runtime(1);
    made->start();
    return made;
  }();
  return runtime.loop(0);
}

class IdpTest : public signin::DoorTest {
 protected:
  void SetUp() override {
    DoorTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto all = secrets::migrations();
    for (auto& migration : idp::migrations()) all.push_back(migration);
    ASSERT_TRUE(run(store::migrate(database(), all)));
    handles = std::make_unique<secrets::Handles>(secrets::HandleNeeds{database(), clock, *random});
    provider = given_provider();
    ASSERT_TRUE(run(provider->open()));
    // ES256 here: making an RSA key for every test would take longer than the tests.
    Server server{std::string(kDefaultServer), "default", std::string(kDefaultAudience), jose::Alg::ES256, true};
    ASSERT_TRUE(run(provider->servers().put(server, {{"orders.read", "Read orders", false}, {"orders.write", "", false}})));
    oauth_style.offer_nonces([this] { return provider->nonces().make(clock.now()); });
    router.add(token_rows(), *provider, oauth_style);
    router.add(page_rows(), *provider, pages);
    ada = std::make_unique<directory::User>(given_user("ada@example.com"));
  }
  void TearDown() override {
    if (provider)
      while (!provider->events().idle()) std::this_thread::yield();
    DoorTest::TearDown();
  }

  std::unique_ptr<Provider> given_provider() {
    ProviderNeeds needs{database(), *log, clock, *random, *users, *groups, *apps, *admins, *door, *transactions, *handles, sealer, crypto_pool,
                        background(), silent_log()};
    auto made = std::make_unique<Provider>(needs, org);
    made->servers().set_org_alg(jose::Alg::ES256);
    made->add_base(kBase);
    made->add_base("http://127.0.0.1:8080");
    return made;
  }
  // Assigned to everybody.
  Client given_client(std::string label, directory::ClientAuth auth = directory::ClientAuth::secret_basic,
                      directory::AppKind kind = directory::AppKind::web, std::vector<std::string> okta_scopes = {}) {
    directory::NewApp asked{.app = {.id = directory::no_app_id(), .label = std::move(label), .kind = kind, .active = true, .client_id = {}, .auth = auth,
                                    .redirect_uris = {kCallback}, .post_logout_redirect_uris = {"https://app.example.com/bye"},
                                    .grant_types = {"authorization_code", "refresh_token", "client_credentials"}, .scopes = std::move(okta_scopes),
                                    .initiate_login_uri = {}, .created = {}, .updated = {}, .more = {}},
                            .client_id = {}, .secret = {}};
    if (auth == directory::ClientAuth::none) asked.app.grant_types.pop_back();
    if (kind == directory::AppKind::service) asked.app.grant_types = {"client_credentials"};
    if (kind == directory::AppKind::service) asked.app.redirect_uris.clear();
    auto made = run(apps->create(std::move(asked), cause));
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    EXPECT_TRUE(run(apps->assign_group(made->app.id, directory::GroupId::parse(everyone).value(), cause)));
    return {made->app, made->secret ? std::string(made->secret->reveal()) : ""};
  }
  Client given_spa() { return given_client("SPA", directory::ClientAuth::none, directory::AppKind::spa); }

  static Fields question(const Client& client, const Fields& changes = {}) {
    Fields all{{"client_id", client.app.client_id}, {"redirect_uri", kCallback}, {"response_type", "code"}, {"scope", "openid profile email offline_access"},
               {"state", "xyz"}, {"nonce", "n-0S6"}, {"code_challenge", kChallenge}, {"code_challenge_method", "S256"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (!value.empty()) all.emplace_back(name, value);
    }
    return all;
  }
  static std::string authorize_url(const Client& client, const Fields& changes = {}, std::string server = "/oauth2/default") {
    return server + "/v1/authorize?" + signin::encode(question(client, changes));
  }
  // Everything a person does, from the client's link to the answer at the client's address.
  Got walk(Visitor& browser, std::string url, std::string login = "ada@example.com") {
    auto got = browser.get(std::move(url));
    for (int i = 0; i < 8 && got.location().starts_with('/'); ++i) {
      const auto at = got.location();
      got = at.starts_with("/signin/") ? browser.get(at) : browser.get(at);
      if (got.status() == 200 && got.body().contains("form-signin")) got = sign_in(browser, at, login);
      if (got.status() == 200 && got.body().contains("form-consent"))
        got = browser.post(at + "/consent", {{"answer", "allow"}, {"token", signin::hidden(got, "token")}});
    }
    return got;
  }
  static std::string parameter(const std::string& location, std::string_view name) {
    const auto at = location.find_first_of("?#");
    if (at == std::string::npos) return "";
    return net::Form::parse(location.substr(at + 1)).value().get(name).value_or("");
  }
  std::string given_code(const Client& client, const Fields& changes = {}, std::string server = "/oauth2/default") {
    Visitor browser(router);
    const auto got = walk(browser, authorize_url(client, changes, std::move(server)));
    EXPECT_TRUE(got.location().starts_with(kCallback)) << got.status() << got.location() << got.body();
    return parameter(got.location(), "code");
  }

  static Fields authorization(const Client& client) {
    if (client.secret.empty()) return {{"Accept", "application/json"}};
    return {{"Authorization", "Basic " + base64_encode(client.app.client_id + ":" + client.secret)}};
  }
  static Fields with_id(const Client& client, Fields fields) {
    if (client.secret.empty()) fields.emplace_back("client_id", client.app.client_id);
    return fields;
  }
  Got call(const Client& client, std::string path, Fields fields) {
    Visitor caller(router);
    return caller.post(std::move(path), with_id(client, std::move(fields)), authorization(client));
  }
  Got redeem(const Client& client, const std::string& code, const Fields& changes = {}, std::string server = "/oauth2/default") {
    Fields all{{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", kCallback}, {"code_verifier", kVerifier}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (!value.empty()) all.emplace_back(name, value);
    }
    return call(client, server + "/v1/token", std::move(all));
  }
  Got refresh(const Client& client, const std::string& token, Fields more = {}, std::string server = "/oauth2/default") {
    Fields all{{"grant_type", "refresh_token"}, {"refresh_token", token}};
    for (auto& field : more) all.push_back(field);
    return call(client, server + "/v1/token", std::move(all));
  }
  Got given_tokens(const Client& client, const Fields& changes = {}, std::string server = "/oauth2/default") {
    auto got = redeem(client, given_code(client, changes, server), {}, server);
    EXPECT_EQ(got.status(), 200) << got.body();
    return got;
  }
  Got userinfo(const std::string& token, std::string server = "/oauth2/default") {
    Visitor caller(router);
    return caller.get(server + "/v1/userinfo", {{"Authorization", "Bearer " + token}});
  }
  bool is_active(const Client& client, const std::string& token, std::string server = "/oauth2/default") {
    const auto got = call(client, server + "/v1/introspect", {{"token", token}});
    EXPECT_EQ(got.status(), 200) << got.body();
    return find_bool(got.json(), "active").value_or(false);
  }
  static json::value claims(const std::string& token) { return parse_json(jose::peek_payload(token).value()).value(); }
  bool was_told(std::string_view type) {
    while (!provider->events().idle()) std::this_thread::yield();
    for (const auto& each : told())
      if (each == type) return true;
    return false;
  }

  std::unique_ptr<secrets::Handles> handles;
  Pool crypto_pool{"crypto", 1, 100};
  std::unique_ptr<Provider> provider;
  OAuthStyle oauth_style;
  std::unique_ptr<directory::User> ada;
};

// `count` threads at once; how many of them said yes.
inline int at_once(int count, const std::function<bool()>& attempt) {
  std::atomic<int> yes = 0;
  std::latch gate(count);   // nobody begins before everybody is there
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&] {
      gate.arrive_and_wait();
      if (attempt()) ++yes;
    });
  for (auto& thread : threads) thread.join();
  return yes;
}

}  // namespace gatehouse::idp
