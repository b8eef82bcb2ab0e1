// Clients that register and manage themselves.
#include "orgapi/registration.h"

#include "idp/idp_test.h"

namespace gatehouse::orgapi {
namespace {

using idp::Got;
using idp::Visitor;

constexpr const char* kDoor = "/oauth2/default/v1/register";
constexpr const char* kShop =
    R"({"client_name":"Shop","redirect_uris":["https://shop.example.com/cb"],"grant_types":["authorization_code","refresh_token"]})";

class RegistrationSpec : public idp::IdpTest {
 protected:
  void SetUp() override {
    IdpTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service.emplace(Org{org, "Acme", clock.now(), *users, *groups, *apps, *tokens, *admins, *log, clock, *random});
    RegistrationRules rules;
    rules.servers = {"default"};
    rules.initial_access_token = Secret("initial-access-token");
    rules.most = 3;
    rules.per_minute = 1000;
    rules.groups = {"Everyone"};
    open(std::move(rules));
  }
  void open(RegistrationRules rules) {
    okta::RateLimits limits;
    limits.per_window = rules.per_minute;
    desk.reset(new Registration{*service, *provider, std::move(rules), okta::RateLimiter(clock, limits)});
    doors = std::make_unique<net::Router>();
    serve_registration(*doors, *desk, oauth_style);
    doors->add(idp::token_rows(), *provider, oauth_style);
    doors->add(idp::page_rows(), *provider, pages);
    doors->add(signin::door_rows(), *door, pages);
  }
  Got send(net::Method method, std::string at, std::string body = "", std::string bearer = "initial-access-token") {
    idp::Fields headers;
    if (!bearer.empty()) headers.emplace_back("Authorization", "Bearer " + bearer);
    Visitor caller(*doors);
    return caller.send(method, std::move(at), std::move(headers), std::move(body));
  }
  Got sign_up(std::string body = kShop) { return send(net::Method::post, kDoor, std::move(body)); }
  static std::string own_path(const Got& made) { return std::string(kDoor) + "/" + made.text("client_id"); }

  std::optional<Org> service;
  std::unique_ptr<Registration> desk;
  std::unique_ptr<net::Router> doors;
};

TEST_P(RegistrationSpec, a_client_registers_reads_changes_and_removes_itself) {
  const auto made = sign_up();
  ASSERT_EQ(made.status(), 201) << made.body();
  EXPECT_EQ(made.text("token_endpoint_auth_method"), "client_secret_basic") << "RFC 7591 §2";
  EXPECT_EQ(made.text("registration_client_uri"), std::string(idp::kBase) + own_path(made));
  const auto token = made.text("registration_access_token");
  ASSERT_TRUE(token.starts_with("ghm_"));
  const auto read = send(net::Method::get, own_path(made), "", token);
  ASSERT_EQ(read.status(), 200) << read.body();
  EXPECT_EQ(read.text("registration_access_token"), token);
  EXPECT_FALSE(read.json().as_object().contains("client_secret"));
  EXPECT_TRUE(run(apps->find_by_client(made.text("client_id")))->consent_required) << "nobody vouches for it";

  auto changed = read.json();
  changed.as_object()["client_name"] = "Shop 2";
  EXPECT_EQ(send(net::Method::put, own_path(made), to_text(changed), token).text("client_name"), "Shop 2");
  changed.as_object()["client_id"] = "0oaother";
  EXPECT_EQ(send(net::Method::put, own_path(made), to_text(changed), token).text("error"), "invalid_client_metadata");
  EXPECT_EQ(send(net::Method::delete_, own_path(made), "", token).status(), 204);
  EXPECT_EQ(send(net::Method::get, own_path(made), "", token).status(), 401)
      << "RFC 7592 §2.1: as if it had never been";
  EXPECT_EQ(run(apps->find_by_client(made.text("client_id"))).error().fault(), Fault::missing);
}

// RFC 7592 §2.2 replaces everything, and a member that is left out is off: what protects a client must not go that way.
TEST_P(RegistrationSpec, a_client_cannot_take_off_what_protects_it) {
  const auto made = sign_up();
  auto app = run(apps->find_by_client(made.text("client_id"))).value();
  app.require_pushed = app.dpop_bound = app.certificate_bound = app.pkce_required = true;
  ASSERT_TRUE(run(apps->update(app, cause)));
  auto wish = parse_json(kShop).value();
  wish.as_object()["client_id"] = made.text("client_id");
  for (const bool said : {false, true}) {
    if (said)
      for (const auto* name : {"require_pushed_authorization_requests", "dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"})
        wish.as_object()[name] = false;
    const auto got = send(net::Method::put, own_path(made), to_text(wish), made.text("registration_access_token"));
    ASSERT_EQ(got.status(), 200) << got.body();
    const auto now = run(apps->find_by_client(made.text("client_id"))).value();
    EXPECT_TRUE(now.require_pushed && now.dpop_bound && now.certificate_bound && now.pkce_required);
    EXPECT_EQ(find_bool(got.json(), "require_pushed_authorization_requests"), true) << "it is told what is registered";
  }
}

TEST_P(RegistrationSpec, it_can_be_used_at_once_by_whom_the_rules_name) {
  const auto made = sign_up();
  const auto app = run(apps->find_by_client(made.text("client_id"))).value();
  EXPECT_TRUE(run(apps->is_assigned(app.id, ada->id)).value());
  const auto about = send(net::Method::get, "/oauth2/default/.well-known/openid-configuration").json();
  EXPECT_EQ(find_string(about, "registration_endpoint"), std::string(idp::kBase) + "/oauth2/v1/clients");
  provider->open_registration({"default"});
  const auto opened = send(net::Method::get, "/oauth2/default/.well-known/openid-configuration").json();
  EXPECT_EQ(find_string(opened, "registration_endpoint"), std::string(idp::kBase) + kDoor);
}

TEST_P(RegistrationSpec, one_token_opens_one_client) {
  const auto shop = sign_up(), other = sign_up();
  const auto theirs = other.text("registration_access_token");
  for (const auto method : {net::Method::get, net::Method::put, net::Method::delete_}) {
    const auto body = method == net::Method::put ? std::string(kShop) : std::string();
    EXPECT_EQ(send(method, own_path(shop), body, theirs).status(), 401);
    EXPECT_EQ(send(method, own_path(shop), body, "").status(), 401);
    EXPECT_EQ(send(method, own_path(shop), body, "initial-access-token").status(), 401);
    EXPECT_EQ(send(method, own_path(shop), body, shop.text("client_secret")).status(), 401);
    EXPECT_EQ(send(method, std::string(kDoor) + "/0oanobody", body, theirs).status(), 401);
  }
  EXPECT_EQ(send(net::Method::post, kDoor, kShop, shop.text("registration_access_token")).status(), 401);
  ASSERT_TRUE(run(apps->deactivate(run(apps->find_by_client(shop.text("client_id")))->id, cause)));
  EXPECT_EQ(send(net::Method::get, own_path(shop), "", shop.text("registration_access_token")).status(), 401)
      << "disabled";
  // What an administrator made has no such token.
  const auto wiki = given_client("Wiki");
  EXPECT_EQ(send(net::Method::get, std::string(kDoor) + "/" + wiki.app.client_id, "", wiki.secret).status(), 401);
}

TEST_P(RegistrationSpec, nobody_gives_himself_what_administrators_give) {
  const auto refused = [&](std::string more, std::string_view error = "invalid_client_metadata") {
    const auto got = sign_up(R"({"client_name":"x",)" + more + "}");
    EXPECT_EQ(got.status(), 400) << more;
    EXPECT_EQ(got.text("error"), error) << more << got.body();
  };
  const std::string redirect = R"("redirect_uris":["https://x.example/cb"])";
  refused(R"("application_type":"service","grant_types":["client_credentials"])");
  refused(redirect + R"(,"grant_types":["authorization_code","client_credentials"])");
  refused(redirect + R"(,"grant_types":["authorization_code","password"])");
  refused(R"("redirect_uris":["http://x.example/cb"])", "invalid_redirect_uri");
  refused(R"x("redirect_uris":["javascript:alert(1)"])x", "invalid_redirect_uri");
  refused(R"x("application_type":"native","redirect_uris":["javascript:alert(1)"])x", "invalid_redirect_uri");
  refused(R"("application_type":"native","redirect_uris":["data:text/html,x"])", "invalid_redirect_uri");
  refused(R"("application_type":"native","redirect_uris":["http://localhost.evil.example/cb"])",
          "invalid_redirect_uri");
  refused(R"("redirect_uris":[])", "invalid_redirect_uri");
  refused(redirect + R"x(,"logo_uri":"javascript:alert(1)")x");
  refused(redirect + R"(,"post_logout_redirect_uris":["http://x.example/"])");
  refused(redirect + R"(,"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://localhost:3000/keys")");
  const auto trusted = sign_up(R"({"client_name":"x","consent_method":"TRUSTED",)" + redirect + "}");
  ASSERT_EQ(trusted.status(), 201);
  EXPECT_TRUE(run(apps->find_by_client(trusted.text("client_id")))->consent_required);
  auto rules = desk->rules;
  rules.most = 100;
  open(std::move(rules));
  for (const auto* fine : {"http://127.0.0.1:3000/cb", "http://[::1]/cb", "com.example.app:/cb"})
    EXPECT_EQ(
        sign_up(std::string(R"({"client_name":"x","application_type":"native","redirect_uris":[")") + fine + "\"]}")
            .status(),
        201)
        << fine;
}

TEST_P(RegistrationSpec, doors_are_closed_unless_opened_and_have_limits) {
  EXPECT_EQ(send(net::Method::post, kDoor, kShop, "").status(), 401);
  EXPECT_EQ(send(net::Method::post, kDoor, kShop, "initial-access-tokem").status(), 401);
  EXPECT_EQ(send(net::Method::post, "/oauth2/v1/register", kShop).status(), 404) << "the org's own server is not open";
  EXPECT_EQ(send(net::Method::post, "/oauth2/other/v1/register", kShop).status(), 404);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sign_up().status(), 201);
  EXPECT_EQ(sign_up().status(), 429) << "three at a time";

  RegistrationRules rules;
  rules.servers = {"default"};
  rules.per_minute = 2;
  open(std::move(rules));
  EXPECT_EQ(send(net::Method::post, kDoor, "{}", "").status(), 400) << "open to anybody";
  EXPECT_EQ(send(net::Method::post, kDoor, "{}", "").status(), 400);
  EXPECT_EQ(send(net::Method::post, kDoor, "{}", "").status(), 429);
  open(RegistrationRules());
  EXPECT_EQ(send(net::Method::post, kDoor, kShop).status(), 404);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, RegistrationSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::orgapi
