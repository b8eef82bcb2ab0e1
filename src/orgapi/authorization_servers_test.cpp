// Authorization servers over the management API: shapes, error codes, and that what GET gives can be PUT.
#include "orgapi/authorization_servers.h"
#include "idp/servers_test.h"

namespace gatehouse::orgapi {
namespace {

using idp::Fields;
using idp::Got;
using idp::Visitor;

class ServerApiSpec : public idp::ServersTest, public okta::AccessTokenCheck {
 protected:
  void SetUp() override {
    ServersTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto admin = given_user("admin@example.com");
    ASSERT_TRUE(run(admins->grant(admin.id, cause)));
    token = std::string(run(tokens->create("tests", admin.id, cause)).value().reveal());
    org_api.emplace(Org{org, "Acme", clock.now(), *users, *groups, *apps, *tokens, *admins, *log, clock, *random});
    server_api.emplace(ServerApi{*org_api, *provider});
    checks.emplace(*tokens, *users);
    style.emplace(okta::StyleNeeds{*checks, *this, clock, *random}, okta::StyleOptions());
    serve_authorization_servers(router, *server_api, *style);
  }
  Task<net::Principal> check(Secret secret, const net::Request&) override {
    std::string text(secret.reveal());
    co_return co_await provider->principal_of(std::move(text));
  }

  Got ask(net::Method method, std::string path, std::string body = "") {
    Visitor caller(router);
    return caller.send(method, kRoot + std::move(path), {{"Authorization", "SSWS " + token}}, std::move(body));
  }
  Got get(std::string path) { return ask(net::Method::get, std::move(path)); }
  Got post(std::string path, std::string body = "") { return ask(net::Method::post, std::move(path), std::move(body)); }
  Got put(std::string path, std::string body) { return ask(net::Method::put, std::move(path), std::move(body)); }
  Got del(std::string path) { return ask(net::Method::delete_, std::move(path)); }
  std::string made(std::string path, std::string body) {
    const auto got = post(std::move(path), std::move(body));
    EXPECT_EQ(got.status(), 201) << got.body();
    return got.text("id");
  }
  std::string given_api_server() {
    return "/" + made("", R"({"name":"Orders","description":"d","audiences":["api://orders"]})");
  }
  static std::string member(const Got& got, std::string_view pointer) {
    const auto body = got.json();
    boost::system::error_code none;
    const auto* found = body.find_pointer(pointer, none);
    return found == nullptr ? "absent" : found->is_string() ? std::string(found->get_string()) : to_text(*found);
  }
  std::string why(const Got& got) { return got.text("errorCode") + " " + member(got, "/errorCauses/0/errorSummary"); }

  const std::string kRoot = "/api/v1/authorizationServers";
  std::string token;
  std::optional<Org> org_api;
  std::optional<ServerApi> server_api;
  std::optional<DirectoryTokens> checks;
  std::optional<okta::ApiStyle> style;
};
INSTANTIATE_TEST_SUITE_P(Everywhere, ServerApiSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ServerApiSpec, a_server_has_oktas_shape) {
  const auto got =
      post("", R"({"name":"Orders","description":"d","audiences":["api://orders"],"issuerMode":"ORG_URL"})");
  ASSERT_EQ(got.status(), 201) << got.body();
  const auto id = got.text("id");
  EXPECT_TRUE(id.starts_with("aus"));
  EXPECT_EQ(id.size(), 20U);
  const auto url = "http://localhost:8080" + kRoot + "/" + id;
  EXPECT_EQ(member(got, "/audiences"), R"(["api://orders"])");
  EXPECT_EQ(member(got, "/issuer"), "http://localhost:8080/oauth2/" + id);
  EXPECT_EQ(member(got, "/accessTokenFormat"), "OKTA");
  EXPECT_EQ(member(got, "/issuerMode"), "ORG_URL");
  EXPECT_EQ(member(got, "/status"), "ACTIVE");
  EXPECT_EQ(member(got, "/default"), "false");
  EXPECT_EQ(member(got, "/credentials/signing/rotationMode"), "AUTO");
  EXPECT_NE(member(got, "/credentials/signing/kid"), "absent");
  EXPECT_EQ(member(got, "/_links/self"), R"({"href":")" + url + R"(","hints":{"allow":["GET","DELETE","PUT"]}})");
  EXPECT_EQ(member(got, "/_links/metadata/1/name"), "openid-configuration");
  for (const auto* name : {"rotateKey", "keys", "claims", "policies", "scopes", "deactivate"})
    EXPECT_TRUE(member(got, "/_links/" + std::string(name) + "/href").starts_with(url)) << name;
  EXPECT_EQ(member(get("/default"), "/default"), "true");
}

TEST_P(ServerApiSpec, the_format_of_access_tokens_is_ours_and_stays_when_clients_of_okta_write) {
  const auto server = "/" + made("", R"({"name":"Orders","description":"d","audiences":["api://orders"],"accessTokenFormat":"RFC9068"})");
  EXPECT_EQ(member(get(server), "/accessTokenFormat"), "RFC9068");
  EXPECT_EQ(member(put(server, R"({"name":"Orders","description":"e","audiences":["api://orders"]})"), "/accessTokenFormat"), "RFC9068");
  EXPECT_EQ(member(put(server, R"({"name":"Orders","description":"e","audiences":["api://orders"],"accessTokenFormat":"OKTA"})"), "/accessTokenFormat"), "OKTA");
  EXPECT_EQ(post("", R"({"name":"x","description":"d","audiences":["a"],"accessTokenFormat":"JWT"})").status(), 400);
  EXPECT_EQ(member(get(server), "/securityProfile"), "NONE");
  EXPECT_EQ(member(put(server, R"({"name":"Orders","description":"e","audiences":["api://orders"],"securityProfile":"FAPI2_SECURITY"})"), "/securityProfile"),
            "FAPI2_SECURITY");
  EXPECT_EQ(member(put(server, R"({"name":"Orders","description":"f","audiences":["api://orders"]})"), "/securityProfile"), "FAPI2_SECURITY");
}

TEST_P(ServerApiSpec, what_get_gives_can_be_put_and_changes_nothing) {
  const auto server = given_api_server();
  const auto policy =
      server + "/policies/" +
      made(
          server + "/policies",
          R"({"type":"OAUTH_AUTHORIZATION_POLICY","name":"P","description":"p","conditions":{"clients":{"include":["ALL_CLIENTS"]}}})");
  const auto rule =
      policy + "/rules/" +
      made(policy + "/rules",
           R"({"type":"RESOURCE_ACCESS","name":"R","conditions":{"people":{"groups":{"include":["EVERYONE"]}},
      "grantTypes":{"include":["client_credentials"]},"scopes":{"include":["*"]}},"actions":{"token":{"accessTokenLifetimeMinutes":30}}})");
  const auto scope = server + "/scopes/" +
                     made(server + "/scopes",
                          R"({"name":"car:drive","description":"Drive","consent":"REQUIRED","displayName":"Saml"})");
  const auto claim =
      server + "/claims/" +
      made(
          server + "/claims",
          R"({"name":"Support","valueType":"GROUPS","group_filter_type":"CONTAINS","value":"Support","claimType":"IDENTITY",
      "conditions":{"scopes":["profile"]},"alwaysIncludeInToken":true})");
  const auto subject = [&] {
    for (const auto& each : get(server + "/claims").json().as_array())
      if (find_string(each, "name") == "sub") return server + "/claims/" + *find_string(each, "id");
    return std::string();
  }();
  const auto openid = [&] {
    for (const auto& each : get(server + "/scopes").json().as_array())
      if (find_string(each, "name") == "openid") return server + "/scopes/" + *find_string(each, "id");
    return std::string();
  }();
  const auto count = told().size();
  clock.advance(Seconds(60));
  for (const auto& path : {server, policy, rule, scope, claim, subject, openid, std::string("/default")}) {
    const auto before = get(path);
    ASSERT_EQ(before.status(), 200) << path;
    const auto after = put(path, before.body());
    EXPECT_EQ(after.status(), 200) << after.body();
    EXPECT_EQ(after.body(), before.body());
  }
  EXPECT_EQ(told().size(), count);
}

TEST_P(ServerApiSpec, policies_and_rules_have_oktas_shape_and_order) {
  const auto server = given_api_server();
  const auto first = post(
      server + "/policies",
      R"({"type":"OAUTH_AUTHORIZATION_POLICY","name":"A","description":"a","priority":1,"conditions":{"clients":{"include":["ALL_CLIENTS"]}}})");
  EXPECT_EQ(member(first, "/priority"), "1");
  EXPECT_EQ(member(first, "/system"), "false");
  EXPECT_EQ(member(first, "/conditions"), R"({"clients":{"include":["ALL_CLIENTS"]}})");
  EXPECT_TRUE(member(first, "/_links/deactivate/href").ends_with("/lifecycle/deactivate"));
  made(server + "/policies", R"({"name":"B","priority":1,"conditions":{"clients":{"include":["0oa1"]}}})");
  const auto listed = get(server + "/policies");
  EXPECT_EQ(member(listed, "/0/name") + member(listed, "/1/name") + member(listed, "/1/priority"), "BA2");
  const auto policy = server + "/policies/" + first.text("id");
  EXPECT_EQ(post(policy + "/lifecycle/deactivate").status(), 204);
  EXPECT_EQ(member(get(policy), "/status"), "INACTIVE");
  EXPECT_TRUE(member(get(policy), "/_links/activate/href").ends_with("/lifecycle/activate"));
  const auto rule = post(
      policy + "/rules",
      R"({"name":"R","type":"RESOURCE_ACCESS","conditions":{"people":{"groups":{"include":["00g1"]},"users":{}},"grantTypes":{"include":["implicit"]},"scopes":{}},
      "actions":{"token":{"accessTokenLifetimeMinutes":60,"refreshTokenLifetimeMinutes":0,"refreshTokenWindowMinutes":10080}}})");
  ASSERT_EQ(rule.status(), 201) << rule.body();
  EXPECT_EQ(member(rule, "/conditions/people/groups/include"), R"(["00g1"])");
  EXPECT_EQ(member(rule, "/conditions/scopes/include"), "[]");
  EXPECT_EQ(member(rule, "/actions/token"),
            R"({"accessTokenLifetimeMinutes":60,"refreshTokenLifetimeMinutes":0,"refreshTokenWindowMinutes":10080})");
  EXPECT_EQ(del(policy + "/rules/" + rule.text("id")).status(), 204);
  EXPECT_EQ(del(policy).status(), 204);
  EXPECT_EQ(get(policy + "/rules").status(), 404);
}

TEST_P(ServerApiSpec, faults_are_told_as_okta_does) {
  const auto server = given_api_server();
  EXPECT_EQ(get("/ausnowhere").text("errorSummary"), "Not found: Resource not found: ausnowhere (AuthorizationServer)");
  EXPECT_EQ(get(server + "/scopes/scpnone").text("errorSummary"),
            "Not found: Resource not found: scpnone (AuthorizationServerScope)");
  EXPECT_EQ(put(server + "/claims/oclnone", R"({"name":"x","value":"'x'"})").status(), 404);
  EXPECT_EQ(del(server + "/policies/00pnone").status(), 404);
  EXPECT_EQ(
      post(server + "/policies/00pnone/rules", R"({"name":"R","conditions":{"grantTypes":{"include":["implicit"]}}})")
          .status(),
      404);
  const std::pair<std::string, std::string> table[] = {
      {post("", R"({"audiences":["a"]})").body(), "name: is required"},
      {post("", R"({"name":"x"})").body(), "audiences: is required"},
      {post("", R"({"name":"x","audiences":[]})").body(), "audiences: must have exactly one entry"},
      {post("", R"({"name":"x","audiences":["a"],"issuerMode":"CUSTOM_URL"})").body(),
       "issuerMode: CUSTOM_URL needs a custom domain, and this org has none"},
      {post(server + "/scopes", R"({"name":"openid"})").body(),
       "name: An object with this field already exists in the current organization"},
      {post(server + "/scopes", R"({"name":"x","consent":"MAYBE"})").body(),
       "consent: must be one of: IMPLICIT, REQUIRED, FLEXIBLE"},
      {post(server + "/claims", R"({"name":"x","value":"user.email +","valueType":"EXPRESSION"})").body(),
       "value: line 1, column"},
      {post(server + "/claims", R"({"name":"iss","value":"'x'","valueType":"EXPRESSION"})").body(),
       "name: 'iss' is reserved"},
      {post(server + "/policies", R"({"name":"x","conditions":{}})").body(),
       "include: must name clients, or ALL_CLIENTS"},
  };
  for (const auto& [body, cause] : table) {
    const auto error = parse_json(body).value();
    EXPECT_EQ(find_string(error, "errorCode"), "E0000001") << body;
    EXPECT_TRUE(find_string(error.at("errorCauses").at(0), "errorSummary")->starts_with(cause)) << body;
  }
  EXPECT_EQ(del("/default").status(), 403);
  Visitor stranger(router);
  EXPECT_EQ(stranger.get(kRoot).status(), 403);  // E0000005
}

TEST_P(ServerApiSpec, a_client_with_the_scope_may_read_and_no_more) {
  const auto client = given_client("Reader", directory::ClientAuth::secret_basic, directory::AppKind::service,
                                   {"okta.authorizationServers.read"});
  const auto bearer = call(client, "/oauth2/v1/token",
                           {{"grant_type", "client_credentials"}, {"scope", "okta.authorizationServers.read"}})
                          .text("access_token");
  Visitor caller(router);
  const Fields headers{{"Authorization", "Bearer " + bearer}};
  EXPECT_EQ(caller.get(kRoot, headers).status(), 200);
  EXPECT_EQ(caller.send(net::Method::post, kRoot, headers, R"({"name":"x","audiences":["a"]})").status(), 403);
}

TEST_P(ServerApiSpec, system_scopes_and_claims_are_listed_and_stay) {
  const auto server = given_api_server();
  std::set<std::string> scopes, claims_here;
  for (const auto& each : get(server + "/scopes").json().as_array()) scopes.insert(*find_string(each, "name"));
  EXPECT_EQ(scopes, (std::set<std::string>{"openid", "profile", "email", "address", "phone", "offline_access"}));
  for (const auto& each : get(server + "/claims").json().as_array()) {
    claims_here.insert(*find_string(each, "name"));
    EXPECT_EQ(del(server + "/claims/" + *find_string(each, "id")).status(), 403);
  }
  EXPECT_EQ(claims_here.size(), 19U);
  EXPECT_TRUE(claims_here.contains("sub") && claims_here.contains("zoneinfo"));
}

TEST_P(ServerApiSpec, lists_have_pages_and_are_searched) {
  for (int i = 0; i < 5; ++i) made("", R"({"name":"Shop )" + std::to_string(i) + R"(","audiences":["api://s"]})");
  std::size_t seen = 0;
  std::string path = "?limit=2";
  for (int pages = 0; !path.empty() && pages < 9; ++pages) {
    const auto got = get(path);
    seen += got.json().as_array().size();
    path.clear();
    for (const auto& [name, value] : got.reply.headers)
      if (name == "Link" && value.ends_with("rel=\"next\""))
        path = value.substr(value.find('?'), value.find('>') - value.find('?'));
  }
  EXPECT_EQ(seen, 6U);
  EXPECT_EQ(get("?q=shop%203").json().as_array().size(), 1U);
  EXPECT_EQ(get("?limit=0").status(), 400);
}

TEST_P(ServerApiSpec, who_holds_tokens_is_listed_and_can_be_taken_back) {
  const auto server = given_open_server();
  const auto web = given_client("Web"), other = given_client("Other");
  const auto here = at_server(server);
  const Fields scopes{{"scope", "openid offline_access orders.read"}};
  const auto first = given_tokens(web, scopes, here), second = given_tokens(web, scopes, here),
             theirs = given_tokens(other, scopes, here);
  const auto clients = get("/" + server.id + "/clients");
  EXPECT_EQ(clients.json().as_array().size(), 2U);
  const auto path = "/" + server.id + "/clients/" + web.app.client_id + "/tokens";
  const auto listed = get(path + "?expand=scope");
  ASSERT_EQ(listed.json().as_array().size(), 2U) << listed.body();
  EXPECT_EQ(member(listed, "/0/status"), "ACTIVE");
  EXPECT_EQ(member(listed, "/0/userId"), ada->id.str());
  EXPECT_EQ(member(listed, "/0/scopes"), R"(["openid","offline_access","orders.read"])");
  EXPECT_EQ(member(listed, "/0/_embedded/scopes/0/name"), "openid");
  const auto one = member(listed, "/0/id");
  EXPECT_EQ(get(path + "/" + one).status(), 200);
  EXPECT_EQ(get("/default/clients/" + web.app.client_id + "/tokens/" + one).status(), 404);
  EXPECT_EQ(del(path + "/" + one).status(), 204);
  EXPECT_EQ(get(path + "/" + one).status(), 404);
  EXPECT_EQ(get(path).json().as_array().size(), 1U);
  EXPECT_EQ(del(path).status(), 204);
  for (const auto& tokens_of : {first, second})
    EXPECT_EQ(refresh(web, tokens_of.text("refresh_token"), {}, here).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(other, theirs.text("refresh_token"), {}, here).status(), 200);
  EXPECT_EQ(get("/" + server.id + "/clients").json().as_array().size(), 1U);
}

TEST_P(ServerApiSpec, rotating_keys_keeps_the_old_one_published) {
  const auto server = given_open_server();
  const auto service = given_service();
  const auto before = service_token(service, server).text("access_token");
  const auto rotated = post("/" + server.id + "/credentials/lifecycle/keyRotate", R"({"use":"sig"})");
  ASSERT_EQ(rotated.status(), 200) << rotated.body();
  EXPECT_EQ(member(rotated, "/0/status") + member(rotated, "/1/status"), "ACTIVEEXPIRED");
  const auto after = service_token(service, server).text("access_token");
  const auto kid = [](const std::string& jwt) {
    return find_string(jose::peek_header(jwt).value(), "kid").value_or("");
  };
  EXPECT_EQ(kid(after), member(rotated, "/0/kid"));
  EXPECT_EQ(kid(before), member(rotated, "/1/kid"));
  for (const auto& jwt : {before, after}) EXPECT_TRUE(is_active(service, jwt, at_server(server)));
  clock.advance(std::chrono::hours(26));
  const auto again = post("/" + server.id + "/credentials/lifecycle/keyRotate", R"({"use":"sig"})");
  EXPECT_EQ(again.json().as_array().size(), 2U);  // the first is gone
  EXPECT_EQ(post("/" + server.id + "/credentials/lifecycle/keyRotate", R"({"use":"enc"})").status(), 400);
  EXPECT_EQ(get("/" + server.id + "/credentials/keys/" + member(again, "/0/kid")).status(), 200);
  for (int i = 0; i < 8; ++i) (void)post("/" + server.id + "/credentials/lifecycle/keyRotate", R"({"use":"sig"})");
  EXPECT_EQ(post("/" + server.id + "/credentials/lifecycle/keyRotate", R"({"use":"sig"})").status(), 429);
  EXPECT_TRUE(was_told("app.oauth2.as.key.rollover"));
}

TEST_P(ServerApiSpec, a_preview_tells_which_rule_decides) {
  const auto server = given_open_server();
  const auto web = given_client("Web");
  const auto preview = [&](std::string body) {
    Visitor caller(router);
    return caller.send(net::Method::post, "/gatehouse/v1/authorizationServers/" + server.id + "/preview",
                       {{"Authorization", "SSWS " + token}}, std::move(body));
  };
  const auto start = R"({"clientId":")" + web.app.client_id + R"(","grantType":)";
  const auto good =
      preview(start + R"("authorization_code","userId":"ada@example.com","scopes":["openid","orders.read"]})");
  ASSERT_EQ(good.status(), 200) << good.body();
  EXPECT_EQ(member(good, "/allowed"), "true");
  EXPECT_EQ(member(good, "/decidedBy/rule/name"), "Any");
  EXPECT_EQ(member(good, "/accessToken/sub"), "ada@example.com");
  EXPECT_EQ(member(good, "/idToken/sub"), ada->id.str());
  const auto bad = preview(start + R"("refresh_token","userId":"ada@example.com","scopes":["openid"]})");
  EXPECT_EQ(member(bad, "/allowed"), "false");
  EXPECT_EQ(member(bad, "/refusal/error"), "access_denied");
  EXPECT_EQ(member(bad, "/passedOver/0/why"), "the rule is not for this grant type");
  EXPECT_EQ(why(preview(R"({"clientId":"nobody","grantType":"client_credentials"})")),
            "E0000001 clientId: there is no such client");
  EXPECT_EQ(why(preview(start + R"("authorization_code","userId":"nobody"})")),
            "E0000001 userId: there is no such user");
}

}  // namespace
}  // namespace gatehouse::orgapi
