// Okta's Dynamic Client Registration.
#include "orgapi/orgapi_test.h"

namespace gatehouse::orgapi {
namespace {

class ClientsSpec : public OrgApiTest {};

constexpr const char* kClients = "/oauth2/v1/clients";
constexpr const char* kWeb =
    R"({"client_name":"Example OAuth 2.0 client","client_uri":"https://www.example.com","application_type":"web",
  "redirect_uris":["https://www.example.com/oauth2/redirectUri"],"post_logout_redirect_uris":["https://www.example.com/bye"],
  "response_types":["code"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"client_secret_post",
  "initiate_login_uri":"https://www.example.com/oauth2/login","x_unknown":1})";
// The bot of OpenMetadata: one POST.
constexpr const char* kBot =
    R"({"client_name":"Bot","grant_types":["client_credentials"],"response_types":["token"],"application_type":"service",
  "token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","kid":"1",
  "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}})";

TEST_P(ClientsSpec, a_client_is_an_app_in_other_words) {
  const auto made = post(kClients, kWeb);
  ASSERT_EQ(made.status, 201) << to_text(made.body);
  const auto id = made.text("client_id"), one = std::string(kClients) + "/" + id;
  EXPECT_EQ(made.text("client_secret").size(), 64U);
  EXPECT_EQ(made.at("/client_secret_expires_at"), "0");
  EXPECT_EQ(made.at("/client_id_issued_at"), std::to_string(to_seconds(clock.now())));
  EXPECT_EQ(made.text("client_uri"), "https://www.example.com");
  EXPECT_FALSE(made.body.as_object().contains("x_unknown")) << "RFC 7591 §2: ignored";
  EXPECT_FALSE(made.body.as_object().contains("consent_method"));
  EXPECT_EQ(get(one).text("client_name"), "Example OAuth 2.0 client");
  EXPECT_FALSE(get(one).body.as_object().contains("client_secret"));
  EXPECT_EQ(get("/api/v1/apps/" + id).at("/settings/oauthClient/consent_method"), "REQUIRED")
      << "registered by somebody else";

  auto changed = get(one).body;
  changed.as_object()["client_name"] = "Updated";
  EXPECT_EQ(put(one, to_text(changed)).text("client_name"), "Updated");
  changed.as_object()["client_id"] = "0oaother";
  EXPECT_EQ(put(one, to_text(changed)).text("error"), "invalid_client_metadata");
  const auto renewed = post(one + "/lifecycle/newSecret");
  EXPECT_EQ(renewed.status, 200);
  EXPECT_NE(renewed.text("client_secret"), made.text("client_secret"));
  EXPECT_EQ(del(one).status, 204) << "also while it is active";
  EXPECT_EQ(get(one).status, 404);
  EXPECT_EQ(get("/api/v1/apps/" + id).status, 404);
}

TEST_P(ClientsSpec, a_bot_registers_its_key_in_one_call) {
  const auto made = post(kClients, kBot);
  ASSERT_EQ(made.status, 201) << to_text(made.body);
  EXPECT_FALSE(made.body.as_object().contains("client_secret"));
  EXPECT_EQ(made.at("/jwks/keys/0/kid"), "1");
  EXPECT_FALSE(made.value_at("/jwks/keys/0").as_object().contains("status"));
  EXPECT_EQ(post(std::string(kClients) + "/" + made.text("client_id") + "/lifecycle/newSecret").text("error"),
            "invalid_client_metadata");
  // The pair that the key generator printed, pasted whole.
  auto pair = parse_json(kBot).value();
  pair.at_pointer("/jwks/keys/0").as_object()["d"] = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";
  const auto refused = post(kClients, to_text(pair));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.text("error"), "invalid_client_metadata");
  EXPECT_NE(refused.text("error_description").find("private half"), std::string::npos);
  EXPECT_EQ(get(kClients).size(), 1U);
}

TEST_P(ClientsSpec, refusals_are_those_of_rfc_7591) {
  EXPECT_EQ(post(kClients, "{}").text("error"), "invalid_client_metadata");
  EXPECT_EQ(post(kClients, "not JSON").text("error"), "invalid_client_metadata");
  EXPECT_EQ(post(kClients, "[]").status, 400);
  EXPECT_EQ(post(kClients, R"({"client_name":"x","application_type":"web","redirect_uris":["https://x.example/#a"]})")
                .text("error"),
            "invalid_redirect_uri");
  EXPECT_EQ(post(kClients, R"({"client_name":"x","application_type":"web"})").text("error"), "invalid_redirect_uri");
  EXPECT_EQ(post(kClients, R"({"client_name":"x","application_type":"service","token_endpoint_auth_method":"none"})")
                .text("error"),
            "invalid_client_metadata");
  EXPECT_EQ(post(kClients, R"({"client_name":"x","application_type":"toaster"})").text("error"),
            "invalid_client_metadata");
  EXPECT_EQ(get(kClients).size(), 0U);
  EXPECT_EQ(get(std::string(kClients) + "/0oanobody").text("errorCode"), "E0000007");
  EXPECT_EQ(ask(net::Method::post, kClients, kBot, "").text("errorCode"), "E0000005") << "not open to everybody";
  EXPECT_EQ(ask(net::Method::post, kClients, kBot, "Bearer bot okta.clients.read").status, 403);
  EXPECT_EQ(ask(net::Method::post, kClients, kBot, "Bearer bot okta.clients.register").status, 201);
  EXPECT_EQ(ask(net::Method::get, kClients, "", "Bearer bot okta.clients.register").status, 403);
}

TEST_P(ClientsSpec, come_in_pages_and_without_bookmarks) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(post(kClients, kBot).status, 201);
  ASSERT_EQ(post("/api/v1/apps",
                 R"({"label":"News","signOnMode":"BOOKMARK","settings":{"app":{"url":"https://news.example.com"}}})")
                .status,
            200);
  std::size_t seen = 0;
  int pages = 0;
  for (std::string at = std::string(kClients) + "?limit=2"; !at.empty() && pages < 9; ++pages) {
    const auto page = get(at);
    EXPECT_LE(page.size(), 2U);
    seen += page.size();
    at = page.link("next");
  }
  EXPECT_EQ(seen, 5U);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(get(std::string(kClients) + "?q=bo").size(), 5U);
  EXPECT_EQ(get(std::string(kClients) + "?q=nobody").size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::orgapi
