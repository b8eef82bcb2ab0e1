// The two shapes of access tokens, and answers about them that are signed (RFC 9068, RFC 9701).
#include "idp/servers_test.h"
#include "idp/tokens.h"

namespace gatehouse::idp {
namespace {

constexpr const char* kSigned = "application/token-introspection+jwt";

class TokenFormatSpec : public ServersTest {
 protected:
  Server shaped(const Server& server, TokenFormat format) {
    return edited(server.id, [&](const Server& now) {
      auto wanted = now;
      wanted.token_format = format;
      return change_server(at(), now, wanted);
    });
  }
  Server given_plain_server() { return shaped(given_open_server(), TokenFormat::rfc9068); }
  Got given_at(const Client& client, const Server& server) { return given_tokens(client, {{"scope", "openid orders.read"}}, at_server(server)); }
  static std::string type_of(const std::string& token) { return find_string(jose::peek_header(token).value(), "typ").value_or(""); }
  Got ask_about(const Client& client, const std::string& token, const std::string& accept, const std::string& server) {
    Visitor caller(router);
    auto headers = authorization(client);
    std::erase_if(headers, [](const auto& each) { return each.first == "Accept"; });
    headers.emplace_back("Accept", accept);
    return caller.post(server + "/v1/introspect", with_id(client, {{"token", token}}), std::move(headers));
  }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, TokenFormatSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(TokenFormatSpec, rfc_9068_has_its_type_and_its_claims_and_none_of_oktas) {
  const auto server = given_plain_server();
  const auto client = given_client("Wiki");
  const auto got = given_at(client, server);
  const auto token = got.text("access_token");
  EXPECT_EQ(type_of(token), "at+jwt");
  const auto said = claims(token);
  EXPECT_EQ(find_string(said, "iss"), std::string(kBase) + at_server(server));
  EXPECT_EQ(find_string(said, "aud"), "api://orders");
  EXPECT_EQ(find_string(said, "client_id"), client.app.client_id);
  EXPECT_EQ(find_string(said, "scope"), "openid orders.read");
  EXPECT_EQ(find_string(said, "sub"), ada->id.str());
  EXPECT_EQ(find_string(said, "sub"), find_string(claims(got.text("id_token")), "sub"));
  EXPECT_EQ(find_strings(said, "amr"), std::vector<std::string>{"pwd"});
  for (const auto* name : {"exp", "iat", "auth_time"}) EXPECT_TRUE(find_int(said, name)) << name;
  for (const auto* name : {"cid", "scp", "ver"}) EXPECT_EQ(find(said, name), nullptr) << name;
  const auto own = claims(service_token(given_service(), server).text("access_token"));
  EXPECT_EQ(find_string(own, "sub"), find_string(own, "client_id"));
  EXPECT_EQ(find(own, "uid"), nullptr);
}

TEST_P(TokenFormatSpec, both_shapes_are_good_whichever_the_server_gives_today) {
  const auto server = given_plain_server();
  const auto client = given_client("Wiki");
  const auto plain = given_at(client, server).text("access_token");
  shaped(server, TokenFormat::okta);
  const auto okta = given_at(client, server).text("access_token");
  EXPECT_EQ(type_of(okta), "");
  for (const auto& token : {plain, okta}) {
    EXPECT_EQ(userinfo(token, at_server(server)).status(), 200);
    const auto seen = call(client, at_server(server) + "/v1/introspect", {{"token", token}});
    EXPECT_EQ(seen.text("scope"), "openid orders.read");
    EXPECT_EQ(seen.text("client_id"), client.app.client_id);
    EXPECT_EQ(seen.text("username"), "ada@example.com");
    EXPECT_TRUE(find_int(seen.json(), "auth_time"));
    EXPECT_EQ(call(given_client("Other"), at_server(server) + "/v1/revoke", {{"token", token}}).status(), 200);
    EXPECT_TRUE(is_active(client, token, at_server(server))) << "another client revokes nothing";
    EXPECT_EQ(call(client, at_server(server) + "/v1/revoke", {{"token", token}}).status(), 200);
    EXPECT_FALSE(is_active(client, token, at_server(server)));
  }
}

// What one kind of token is must not pass for another, signed with the same key.
TEST_P(TokenFormatSpec, no_kind_passes_for_another) {
  const auto server = given_plain_server();
  const auto client = given_client("Wiki");
  const auto got = given_at(client, server);
  EXPECT_EQ(userinfo(got.text("id_token"), at_server(server)).status(), 401);
  EXPECT_FALSE(run(verify_own(*provider, server, TokenUse::id, got.text("access_token"), jose::Expect::Expiry::enforced)));
  const auto said = claims(got.text("access_token")).as_object();
  const auto id = claims(got.text("id_token")).as_object();
  const auto sign = [&](json::object object, std::string typ) { return run(provider->keys().sign(jose::Alg::ES256, std::move(object), std::move(typ))).value(); };
  ASSERT_EQ(userinfo(sign(said, "at+jwt"), at_server(server)).status(), 200);
  EXPECT_EQ(userinfo(sign(said, ""), at_server(server)).status(), 401) << "the claims of one shape, the type of the other";
  EXPECT_EQ(userinfo(sign(said, "JWT"), at_server(server)).status(), 401);
  EXPECT_EQ(userinfo(sign(said, "token-introspection+jwt"), at_server(server)).status(), 401);
  auto both = said;
  both["cid"] = client.app.client_id;
  for (const auto* typ : {"", "at+jwt"}) EXPECT_EQ(userinfo(sign(both, typ), at_server(server)).status(), 401) << typ;
  EXPECT_FALSE(run(verify_own(*provider, server, TokenUse::id, sign(id, "at+jwt"), jose::Expect::Expiry::enforced)));
}

TEST_P(TokenFormatSpec, an_answer_about_a_token_can_be_signed) {
  const auto client = given_client("Wiki"), api = given_client("API");
  const auto token = given_tokens(client).text("access_token");
  const auto got = ask_about(api, token, std::string("text/html, ") + kSigned + ";q=0.9", "/oauth2/default");
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(got.header("Content-Type"), kSigned);
  EXPECT_EQ(type_of(got.body()), "token-introspection+jwt");
  const auto said = claims(got.body());
  EXPECT_EQ(find_string(said, "iss"), std::string(kBase) + "/oauth2/default");
  EXPECT_EQ(find_string(said, "aud"), api.app.client_id);
  EXPECT_EQ(find_int(said, "iat"), to_seconds(clock.now()));
  EXPECT_EQ(find(said, "sub"), nullptr);
  EXPECT_EQ(find(said, "exp"), nullptr);
  const auto& about = *find(said, "token_introspection");
  EXPECT_EQ(find_bool(about, "active"), true);
  EXPECT_EQ(find_string(about, "client_id"), client.app.client_id);
  EXPECT_EQ(userinfo(got.body()).status(), 401) << "it is no token";
  const auto none = claims(ask_about(api, "nonsense", kSigned, "/oauth2/default").body());
  EXPECT_EQ(to_text(*find(none, "token_introspection")), R"({"active":false})");
  EXPECT_EQ(ask_about(api, token, "application/json", "/oauth2/default").header("Content-Type"), "application/json");
  EXPECT_EQ(ask_about(given_spa(), token, kSigned, "/oauth2/default").status(), 401) << "only for who can prove who that is";
}

}  // namespace
}  // namespace gatehouse::idp
