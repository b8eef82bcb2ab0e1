// Keys and secrets of clients, over the API.
#include "orgapi/orgapi_test.h"

namespace gatehouse::orgapi {
namespace {

class ClientCredentialsApi : public OrgApiTest {};

// The example keys of RFC 7517 appendix A.
constexpr const char* kPublicEc =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"})";
constexpr const char* kPrivateD = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";

std::string service_with(std::string method, std::string settings) {
  return R"({"label":"Bot","signOnMode":"OPENID_CONNECT","credentials":{"oauthClient":{"token_endpoint_auth_method":")" +
         method + R"("}},"settings":{"oauthClient":{"application_type":"service")" +
         (settings.empty() ? "" : "," + settings) + "}}}";
}

TEST_P(ClientCredentialsApi, a_service_registers_its_public_keys) {
  const auto made = post(
      "/api/v1/apps", service_with("private_key_jwt", R"("token_endpoint_auth_signing_alg":"ES256","jwks":{"keys":[)" +
                                                          std::string(kPublicEc) + "]}"));
  ASSERT_EQ(made.status, 200) << made.cause();
  EXPECT_FALSE(made.value_at("/credentials/oauthClient").as_object().contains("client_secret"));
  EXPECT_EQ(made.at("/credentials/oauthClient/token_endpoint_auth_method"), "private_key_jwt");
  EXPECT_EQ(made.at("/settings/oauthClient/token_endpoint_auth_signing_alg"), "ES256");
  EXPECT_EQ(made.at("/settings/oauthClient/jwks/keys/0/kid"), "1");
  const auto key_id = made.at("/settings/oauthClient/jwks/keys/0/id");
  const auto base = "/api/v1/apps/" + made.text("id");
  auto changed = get(base).body;
  changed.as_object()["label"] = "Robot";
  EXPECT_EQ(put(base, to_text(changed)).at("/settings/oauthClient/jwks/keys/0/id"), key_id) << "sent back as it came";

  const auto keys = base + "/credentials/jwks";
  EXPECT_EQ(get(keys).size(), 1U);
  EXPECT_EQ(post(keys, kPublicEc).status, 400) << "its kid is taken";
  auto second = parse_json(kPublicEc).value();
  second.as_object()["kid"] = "2";
  const auto added = post(keys, to_text(second));
  ASSERT_EQ(added.status, 201) << added.cause();
  const auto one = keys + "/" + added.text("id");
  EXPECT_EQ(get(one).text("kid"), "2");
  EXPECT_NE(del(one).cause().find("active key"), std::string::npos);
  EXPECT_EQ(post(one + "/lifecycle/deactivate").text("status"), "INACTIVE");
  EXPECT_EQ(get(one).value_at("/_links").as_object().contains("delete"), true);
  EXPECT_EQ(post(one + "/lifecycle/activate").text("status"), "ACTIVE");
  EXPECT_EQ(post(one + "/lifecycle/deactivate").status, 200);
  EXPECT_EQ(del(one).status, 204);
  EXPECT_EQ(get(one).status, 404);
  EXPECT_EQ(get(keys).size(), 1U);
}

// A key that was sent belongs to others too: it is refused, and nothing of it stays.
TEST_P(ClientCredentialsApi, a_private_key_sent_by_mistake_is_refused_and_never_stored) {
  const auto good =
      post("/api/v1/apps", service_with("private_key_jwt", R"("jwks":{"keys":[)" + std::string(kPublicEc) + "]}"));
  ASSERT_EQ(good.status, 200) << good.cause();
  const auto base = "/api/v1/apps/" + good.text("id");
  for (const auto* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    auto pair = parse_json(kPublicEc).value();
    pair.as_object()["kid"] = "pair";
    pair.as_object()[member] = kPrivateD;
    auto whole = get(base).body;
    whole.at_pointer("/settings/oauthClient/jwks/keys").as_array().push_back(pair);
    for (const auto& refused :
         {post("/api/v1/apps", service_with("private_key_jwt", R"("jwks":{"keys":[)" + to_text(pair) + "]}")),
          put(base, to_text(whole)), post(base + "/credentials/jwks", to_text(pair))}) {
      EXPECT_EQ(refused.status, 400) << member;
      EXPECT_NE(refused.cause().find("private half"), std::string::npos) << refused.cause();
      EXPECT_EQ(refused.cause().find(kPrivateD), std::string::npos);
    }
  }
  const auto secret = post(
      "/api/v1/apps",
      service_with("private_key_jwt", R"("jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"s"}]})"));
  EXPECT_EQ(secret.status, 400);
  for (const auto* sql : {"select settings from apps", "select data from system_log", "select data from handles"}) {
    const auto rows = read(sql);
    if (!rows) continue;
    for (const auto& row : *rows) EXPECT_EQ(row.text(0).find(kPrivateD), std::string::npos);
  }
}

TEST_P(ClientCredentialsApi, keys_that_cannot_work_are_refused_in_words) {
  const auto refused = [&](std::string settings, std::string method = "private_key_jwt") {
    return post("/api/v1/apps", service_with(method, settings)).cause();
  };
  EXPECT_NE(refused(R"("jwks":{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})").find("cannot be used"),
            std::string::npos);
  EXPECT_NE(refused(R"("jwks":"x")").find("jwks"), std::string::npos);
  EXPECT_NE(refused(R"("jwks":{"keys":[5]})").find("not a JSON object"), std::string::npos);
  EXPECT_NE(refused(R"("jwks":{"keys":[]})").find("needs the client's public keys"), std::string::npos);
  EXPECT_NE(refused(R"("jwks_uri":"http://bot.example.com/keys")").find("https"), std::string::npos);
  EXPECT_NE(refused(R"("token_endpoint_auth_signing_alg":"none","jwks_uri":"https://bot.example.com/keys")")
                .find("does not go with"),
            std::string::npos);
  EXPECT_NE(refused(R"("tls_client_auth_subject_dn":"CN=a","tls_client_auth_san_dns":"b")", "tls_client_auth")
                .find("exactly one"),
            std::string::npos);
  EXPECT_EQ(get("/api/v1/apps").size(), 0U);
  const auto tls = post(
      "/api/v1/apps",
      service_with("tls_client_auth",
                   R"("tls_client_auth_san_uri":"spiffe://bots/1","tls_client_certificate_bound_access_tokens":true)"));
  ASSERT_EQ(tls.status, 200) << tls.cause();
  EXPECT_EQ(tls.at("/settings/oauthClient/tls_client_auth_san_uri"), "spiffe://bots/1");
  EXPECT_EQ(tls.at("/settings/oauthClient/tls_client_certificate_bound_access_tokens"), "true");
}

TEST_P(ClientCredentialsApi, two_secrets_of_one_client) {
  const auto made = post("/api/v1/apps", service_with("client_secret_basic", ""));
  const auto secrets = "/api/v1/apps/" + made.text("id") + "/credentials/secrets";
  ASSERT_EQ(get(secrets).size(), 1U);
  EXPECT_FALSE(get(secrets).body.as_array().at(0).as_object().contains("client_secret"))
      << "shown once, when it was made";
  const auto added = post(secrets);
  ASSERT_EQ(added.status, 201) << added.cause();
  EXPECT_EQ(added.text("client_secret").size(), 64U);
  EXPECT_EQ(added.text("id").substr(0, 3), "ocs");
  EXPECT_EQ(post(secrets).status, 400) << "two are enough";
  const auto first = secrets + "/" + get(secrets).at("/0/id");
  EXPECT_EQ(get(first).text("status"), "ACTIVE");
  EXPECT_EQ(del(first).status, 400);
  EXPECT_EQ(post(first + "/lifecycle/deactivate").text("status"), "INACTIVE");
  EXPECT_EQ(post(secrets + "/" + added.text("id") + "/lifecycle/deactivate").status, 400) << "the only active one";
  EXPECT_EQ(del(first).status, 204);
  EXPECT_EQ(get(first).status, 404);
  EXPECT_EQ(post(secrets, R"({"client_secret":"short"})").status, 400);
  EXPECT_EQ(post(secrets, R"({"client_secret":"a-secret-of-our-own","status":"INACTIVE"})").text("status"), "INACTIVE");
  EXPECT_EQ(ask(net::Method::get, secrets, "", "Bearer bot okta.users.read").status, 403);
  EXPECT_EQ(post("/api/v1/apps/0oanobody/credentials/secrets").status, 404);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientCredentialsApi, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::orgapi
