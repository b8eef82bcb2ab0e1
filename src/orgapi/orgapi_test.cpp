// Every resource of the API, in Okta's words.
#include "orgapi/orgapi_test.h"

namespace gatehouse::orgapi {
namespace {

class OrgApiSpec : public OrgApiTest {};

TEST_P(OrgApiSpec, a_user_is_created_found_and_changed) {
  const auto made = post("/api/v1/users", person("ada@example.com", std::string(kPassword)));
  ASSERT_EQ(made.status, 200) << made.cause();
  EXPECT_EQ(made.text("status"), "ACTIVE");
  EXPECT_EQ(made.at("/profile/login"), "ada@example.com");
  EXPECT_EQ(made.at("/credentials"), R"({"password":{},"provider":{"type":"OKTA","name":"OKTA"}})");
  EXPECT_EQ(links_of(made.body), (Links{"self", "schema", "type", "suspend", "expirePassword", "changePassword", "deactivate"}));
  EXPECT_EQ(made.at("/_links/suspend/href"), "http://localhost:8080/api/v1/users/" + made.text("id") + "/lifecycle/suspend");

  for (const auto& key : {made.text("id"), std::string("ada@example.com"), std::string("ADA%40example.com")})
    EXPECT_EQ(get("/api/v1/users/" + key).text("id"), made.text("id")) << key;
  const auto changed = post("/api/v1/users/" + made.text("id"), R"({"profile":{"nickName":"Countess"}})");
  EXPECT_EQ(changed.at("/profile/nickName"), "Countess");
  EXPECT_EQ(changed.at("/profile/lastName"), "Lovelace");
  const auto whole = put("/api/v1/users/" + made.text("id"), R"({"profile":{"login":"ada@example.com","email":"ada@example.com"}})");
  EXPECT_FALSE(whole.value_at("/profile").as_object().contains("nickName"));
}

TEST_P(OrgApiSpec, a_user_sent_back_as_it_came_is_accepted) {
  const auto id = given("ada@example.com");
  EXPECT_EQ(put("/api/v1/users/" + id, to_text(get("/api/v1/users/" + id).body)).status, 200);
}

TEST_P(OrgApiSpec, faults_of_a_new_user_are_told_as_okta_does) {
  given("ada@example.com");
  const auto twice = post("/api/v1/users", person("Ada@example.com"));
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(twice.cause(), R"(E0000001 Api validation failed: login [{"errorSummary":"login: An object with this field already exists in the current organization"}])");
  const auto unknown = post("/api/v1/users", R"({"profile":{"login":"x@example.com","email":"x@example.com","shoeSize":"4"}})");
  EXPECT_NE(unknown.cause().find("Property name 'shoeSize' is not defined in profile"), std::string::npos);
  EXPECT_EQ(post("/api/v1/users", "{nonsense").text("errorCode"), "E0000003");
  EXPECT_EQ(post("/api/v1/users?nextLogin=changePassword", person("y@example.com")).text("errorCode"), "E0000124");
  EXPECT_EQ(post("/api/v1/users?nextLogin=changePassword&activate=false", person("y@example.com", std::string(kPassword))).text("errorCode"), "E0000125");
  EXPECT_EQ(post("/api/v1/users", person("z@example.com", R"(,"credentials":{"password":{"hash":{}}})")).status, 400);
  EXPECT_EQ(post("/api/v1/users", person("z@example.com", R"(,"groupIds":["00gnone"])")).status, 404);
  EXPECT_EQ(get("/api/v1/users/z@example.com").status, 404) << "nobody is created half";
}

TEST_P(OrgApiSpec, what_is_not_there_is_named) {
  const auto missing = get("/api/v1/users/nobody");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.text("errorSummary"), "Not found: Resource not found: nobody (User)");
  EXPECT_EQ(get("/api/v1/groups/x").text("errorSummary"), "Not found: Resource not found: x (UserGroup)");
  EXPECT_EQ(get("/api/v1/apps/x").text("errorSummary"), "Not found: Resource not found: x (AppInstance)");
  EXPECT_EQ(get("/api/v1/nothing").status, 404);
  const auto wrong = ask(net::Method::patch, "/api/v1/users");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.text("errorCode"), "E0000022");
}

TEST_P(OrgApiSpec, who_may_call) {
  EXPECT_EQ(ask(net::Method::get, "/api/v1/users", "", "").text("errorCode"), "E0000005");
  for (const auto* bad : {"SSWS 00wrong", "Basic abc", "SSWS"})
    EXPECT_EQ(ask(net::Method::get, "/api/v1/users", "", bad).text("errorCode"), "E0000011") << bad;
  EXPECT_EQ(ask(net::Method::get, "/api/v1/users", "", "Bearer 0oa1 okta.users.read").status, 200);
  EXPECT_EQ(ask(net::Method::post, "/api/v1/users", "{}", "Bearer 0oa1 okta.users.read").text("errorCode"), "E0000006");
  EXPECT_EQ(ask(net::Method::get, "/api/v1/groups", "", "Bearer 0oa1 okta.users.manage").text("errorCode"), "E0000006");
  EXPECT_EQ(get("/api/v1/users/me").text("id"), admin->id.str());
  ASSERT_TRUE(run(users->suspend(admin->id, cause)));
  EXPECT_EQ(get("/api/v1/users").text("errorCode"), "E0000011");
}

TEST_P(OrgApiSpec, every_row_but_the_open_ones_refuses_strangers) {
  int guarded = 0;
  for (const auto rows : all_rows())
    for (const auto& row : rows) {
      if (row.guard.is_open()) continue;
      ++guarded;
      EXPECT_EQ(row.guard.scope().substr(0, 5), "okta.") << row.path;
      EXPECT_EQ(row.method == net::Method::get, row.guard.scope().ends_with(".read")) << row.path;
      EXPECT_EQ(ask(row.method, std::string(row.path), "", "").status, 403) << row.path;
    }
  EXPECT_GT(guarded, 40);
}

TEST_P(OrgApiSpec, every_answer_has_the_headers_that_clients_count_on) {
  for (const auto& answer : {get("/api/v1/users/me"), get("/api/v1/users/nobody"), ask(net::Method::get, "/api/v1/users", "", "")}) {
    EXPECT_EQ(answer.header("X-Okta-Request-Id"), "req-9");
    EXPECT_EQ(answer.header("X-Rate-Limit-Limit"), "1200");
    EXPECT_NE(answer.header("X-Rate-Limit-Remaining"), "");
    EXPECT_NE(answer.header("X-Rate-Limit-Reset"), "");
    EXPECT_EQ(answer.header("Cache-Control"), "no-cache, no-store");
  }
}

TEST_P(OrgApiSpec, lists_come_in_pages_that_link_on) {
  for (int i = 0; i < 4; ++i) given("user" + std::to_string(i) + "@example.com");
  std::set<std::string> seen;
  int pages = 0;
  for (std::string at = "/api/v1/users?limit=2"; !at.empty(); ++pages) {
    const auto page = get(at);
    ASSERT_EQ(page.status, 200);
    EXPECT_EQ(page.link("self"), at);
    for (const auto& user : page.body.as_array()) {
      EXPECT_TRUE(seen.insert(*find_string(user, "id")).second);
      EXPECT_EQ(links_of(user), Links{"self"});
    }
    at = page.link("next");
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(get("/api/v1/users?limit=0").text("errorCode"), "E0000001");
}

TEST_P(OrgApiSpec, lists_are_narrowed) {
  const auto id = given("ada@example.com");
  EXPECT_EQ(get("/api/v1/users?q=ada").size(), 2U) << "by first name, which the administrator has too";
  EXPECT_EQ(get("/api/v1/users?filter=profile.login%20eq%20%22ada@example.com%22").at("/0/id"), id);
  EXPECT_EQ(get("/api/v1/users?search=profile.email%20sw%20%22ada%22").size(), 1U);
  const auto bad = get("/api/v1/users?filter=shoe%20eq%20%221%22");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.text("errorCode"), "E0000031");
  EXPECT_EQ(get("/api/v1/groups?search=type%20eq%20%22x%22").status, 400) << "a filter is never left out in silence";
}

TEST_P(OrgApiSpec, a_life_step_by_step) {
  const auto id = given("ada@example.com"), base = "/api/v1/users/" + id;
  EXPECT_EQ(post(base + "/lifecycle/activate").text("errorCode"), "E0000016");
  EXPECT_EQ(post(base + "/lifecycle/unlock").text("errorCode"), "E0000032");
  EXPECT_EQ(post(base + "/lifecycle/unsuspend").status, 400);
  EXPECT_EQ(to_text(post(base + "/lifecycle/suspend").body), "{}");
  EXPECT_EQ(links_of(get(base).body), (Links{"self", "schema", "type", "unsuspend", "deactivate"}));
  EXPECT_EQ(post(base + "/lifecycle/suspend").status, 400);
  EXPECT_EQ(post(base + "/lifecycle/unsuspend").status, 200);
  EXPECT_EQ(post(base + "/lifecycle/expire_password").text("status"), "PASSWORD_EXPIRED");
  const auto temporary = post(base + "/lifecycle/expire_password?tempPassword=true").text("tempPassword");
  EXPECT_EQ(temporary.size(), 16U);
  const auto changed = post(base + "/credentials/change_password",
                            R"({"oldPassword":{"value":")" + temporary + R"("},"newPassword":{"value":"difference-Engine2"}})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(get(base).text("status"), "ACTIVE");
  EXPECT_EQ(post(base + "/credentials/change_password", R"({"oldPassword":{"value":"x"},"newPassword":{"value":"difference-Engine3"}})").text("errorCode"), "E0000014");
  EXPECT_EQ(post(base + "/credentials/change_password", R"({"oldPassword":{"value":"difference-Engine2"},"newPassword":{"value":"short"}})").text("errorCode"), "E0000080");
  EXPECT_EQ(del(base).status, 204);
  EXPECT_EQ(get(base).text("status"), "DEPROVISIONED");
  EXPECT_EQ(links_of(get(base).body), (Links{"self", "schema", "type", "activate", "delete"}));
  EXPECT_EQ(del(base).status, 204);
  EXPECT_EQ(get(base).status, 404);
}

TEST_P(OrgApiSpec, nobody_overwrites_a_change_unseen) {
  const auto base = "/api/v1/users/" + given("ada@example.com");
  const auto etag = get(base).header("ETag");
  ASSERT_NE(etag, "");
  if_match = etag;
  EXPECT_EQ(post(base, R"({"profile":{"title":"first"}})").status, 200);
  const auto late = post(base, R"({"profile":{"title":"second"}})");
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(late.text("errorCode"), "E0000231");
  if_match.clear();
  EXPECT_EQ(get(base).at("/profile/title"), "first");
}

TEST_P(OrgApiSpec, groups_and_their_members) {
  const auto made = post("/api/v1/groups", R"({"profile":{"name":"Engineers","description":"who build"}})");
  ASSERT_EQ(made.status, 200) << made.cause();
  EXPECT_EQ(made.text("type"), "OKTA_GROUP");
  const auto base = "/api/v1/groups/" + made.text("id"), id = given("ada@example.com");
  EXPECT_EQ(post("/api/v1/groups", R"({"profile":{"name":"Engineers"}})").text("errorCode"), "E0000001");
  EXPECT_EQ(put(base, R"({"profile":{"name":"Engineers","description":null}})").at("/profile/description"), "null");
  EXPECT_EQ(put(base + "/users/" + id).status, 204);
  EXPECT_EQ(put(base + "/users/" + id).status, 204);
  EXPECT_EQ(put(base + "/users/nobody").status, 404);
  EXPECT_EQ(get(base + "/users").at("/0/id"), id);
  EXPECT_EQ(get("/api/v1/users/" + id + "/groups").size(), 2U);
  EXPECT_EQ(get("/api/v1/groups?q=eng").size(), 1U);
  EXPECT_EQ(del(base + "/users/" + id).status, 204);
  EXPECT_EQ(get(base + "/users").size(), 0U);
  EXPECT_EQ(del(base).status, 204);
  EXPECT_EQ(get(base).status, 404);
  EXPECT_EQ(del("/api/v1/groups/" + everyone).status, 403);
}

constexpr const char* kWeb = R"({"name":"oidc_client","label":"Wiki","signOnMode":"OPENID_CONNECT",
  "credentials":{"oauthClient":{"token_endpoint_auth_method":"client_secret_post"}},
  "settings":{"oauthClient":{"client_uri":"https://wiki.example.com","redirect_uris":["https://wiki.example.com/cb"],
    "response_types":["code"],"grant_types":["authorization_code","refresh_token"],"application_type":"web"}}})";

TEST_P(OrgApiSpec, an_oidc_app_shows_its_secret_once) {
  const auto made = post("/api/v1/apps", kWeb);
  ASSERT_EQ(made.status, 200) << made.cause();
  EXPECT_EQ(made.text("status"), "ACTIVE");
  EXPECT_EQ(made.at("/credentials/oauthClient/client_id"), made.text("id"));
  EXPECT_EQ(made.at("/credentials/oauthClient/client_secret").size(), 64U);
  EXPECT_EQ(made.at("/settings/oauthClient/client_uri"), "https://wiki.example.com");
  const auto base = "/api/v1/apps/" + made.text("id");
  const auto seen = get(base);
  EXPECT_FALSE(seen.value_at("/credentials/oauthClient").as_object().contains("client_secret"));
  auto changed = seen.body;
  changed.as_object()["label"] = "Wiki 2";
  const auto updated = put(base, to_text(changed));
  EXPECT_EQ(updated.status, 200) << to_text(updated.body);
  EXPECT_EQ(updated.text("label"), "Wiki 2");
  EXPECT_EQ(updated.at("/settings/oauthClient"), seen.at("/settings/oauthClient"));

  EXPECT_EQ(del(base).text("errorCode"), "E0000056");
  EXPECT_EQ(post(base + "/lifecycle/deactivate").status, 200);
  EXPECT_EQ(get(base).text("status"), "INACTIVE");
  EXPECT_EQ(get("/api/v1/apps?filter=status%20eq%20%22INACTIVE%22").size(), 1U);
  EXPECT_EQ(post(base + "/lifecycle/activate").status, 200);
  EXPECT_EQ(post(base + "/lifecycle/deactivate").status, 200);
  EXPECT_EQ(del(base).status, 204);
  EXPECT_EQ(get(base).status, 404);
}

TEST_P(OrgApiSpec, apps_that_cannot_be_served_are_refused_in_words) {
  const auto saml = post("/api/v1/apps", R"({"label":"x","signOnMode":"SAML_2_0"})");
  EXPECT_NE(saml.cause().find("'SAML_2_0' is not supported"), std::string::npos);
  const auto keys = post("/api/v1/apps", R"({"label":"x","signOnMode":"OPENID_CONNECT","settings":{"oauthClient":{"application_type":"service"}},
    "credentials":{"oauthClient":{"token_endpoint_auth_method":"private_key_jwt"}}})");
  EXPECT_NE(keys.cause().find("needs the client's public keys"), std::string::npos);
  const auto method = post("/api/v1/apps", R"({"label":"x","signOnMode":"OPENID_CONNECT","settings":{"oauthClient":{"application_type":"service"}},
    "credentials":{"oauthClient":{"token_endpoint_auth_method":"client_secret_saml"}}})");
  EXPECT_NE(method.cause().find("'client_secret_saml' is not supported"), std::string::npos);
  const auto nowhere = post("/api/v1/apps", R"({"label":"x","signOnMode":"OPENID_CONNECT","settings":{"oauthClient":{"application_type":"web"}}})");
  EXPECT_NE(nowhere.cause().find("redirect_uris"), std::string::npos);
  EXPECT_EQ(get("/api/v1/apps").size(), 0U);
}

TEST_P(OrgApiSpec, assignments) {
  const auto app = post("/api/v1/apps", R"({"name":"bookmark","label":"News","signOnMode":"BOOKMARK","settings":{"app":{"url":"https://news.example.com"}}})");
  ASSERT_EQ(app.status, 200) << app.cause();
  EXPECT_FALSE(app.value_at("/credentials").as_object().contains("oauthClient"));
  const auto base = "/api/v1/apps/" + app.text("id"), id = given("ada@example.com");
  EXPECT_EQ(get(base + "/users/" + id).status, 404);
  const auto assigned = post(base + "/users", R"({"id":")" + id + R"(","scope":"USER","credentials":{"userName":"ada"}})");
  ASSERT_EQ(assigned.status, 200) << assigned.cause();
  EXPECT_EQ(assigned.text("id"), id);
  EXPECT_EQ(get(base + "/users/" + id).text("scope"), "USER");
  EXPECT_EQ(get(base + "/users").size(), 1U);
  EXPECT_EQ(get("/api/v1/users/" + id + "/appLinks").at("/0/linkUrl"), "https://news.example.com");
  EXPECT_EQ(get("/api/v1/apps?filter=user.id%20eq%20%22" + id + "%22").size(), 1U);
  EXPECT_EQ(del(base + "/users/" + id).status, 204);
  EXPECT_EQ(get("/api/v1/users/" + id + "/appLinks").size(), 0U);

  EXPECT_EQ(put(base + "/groups/" + everyone, "{}").text("id"), everyone);
  EXPECT_EQ(get(base + "/groups/" + everyone).text("id"), everyone);
  EXPECT_EQ(get(base + "/groups").size(), 1U);
  EXPECT_EQ(get("/api/v1/groups/" + everyone + "/apps").size(), 1U);
  EXPECT_EQ(get("/api/v1/users/" + id + "/appLinks").size(), 1U);
  EXPECT_EQ(del(base + "/groups/" + everyone).status, 204);
  EXPECT_EQ(get(base + "/groups/" + everyone).status, 404);
}

TEST_P(OrgApiSpec, scopes_are_granted_to_clients_and_taken_back) {
  const auto base = "/api/v1/apps/" + post("/api/v1/apps", kWeb).text("id");
  const auto grant = R"({"scopeId":"okta.users.read","issuer":"http://localhost:8080"})";
  const auto granted = post(base + "/grants", grant);
  EXPECT_EQ(granted.status, 200) << granted.cause();
  EXPECT_EQ(post(base + "/grants", grant).text("id"), granted.text("id"));
  EXPECT_EQ(get(base + "/grants").size(), 1U);
  EXPECT_EQ(get(base + "/grants/" + granted.text("id")).text("scopeId"), "okta.users.read");
  EXPECT_EQ(run(apps->find(directory::AppId::parse(base.substr(13)).value()))->scopes, std::vector<std::string>{"okta.users.read"});
  EXPECT_EQ(put(base, kWeb).status, 200);
  EXPECT_EQ(get(base + "/grants").size(), 1U) << "changing the application takes no scope away";
  EXPECT_EQ(post(base + "/grants", R"({"scopeId":"openid","issuer":"http://localhost:8080"})").status, 400);
  EXPECT_EQ(post(base + "/grants", R"({"scopeId":"okta.users.read","issuer":"https://other.example.com"})").status, 400);
  EXPECT_EQ(del(base + "/grants/" + granted.text("id")).status, 204);
  EXPECT_EQ(del(base + "/grants/" + granted.text("id")).status, 404);
  EXPECT_EQ(get(base + "/grants").size(), 0U);
}

TEST_P(OrgApiSpec, sessions_are_seen_and_ended) {
  const auto ada = given_user("ada@example.com");
  const events::Origin browser{"192.0.2.7", "browser", "req-1"};
  const std::vector<std::string> pwd = {"pwd"};
  const auto first = run(sessions->start(ada.id, pwd, browser)).value().session;
  const auto second = run(sessions->start(ada.id, pwd, browser)).value().session;
  const auto base = "/api/v1/sessions/";
  const auto seen = get(base + first.id);
  EXPECT_EQ(seen.text("login"), "ada@example.com") << to_text(seen.body);
  EXPECT_EQ(seen.at("/amr"), R"(["pwd"])");
  EXPECT_EQ(del(base + first.id).status, 204);
  EXPECT_EQ(get(base + first.id).status, 404);
  EXPECT_EQ(get(base + second.id).status, 200);
  EXPECT_EQ(del("/api/v1/users/" + ada.id.str() + "/sessions").status, 204);
  EXPECT_EQ(get(base + second.id).status, 404);
  EXPECT_TRUE(tokens_ended.empty());   // tokens outlive sessions, unless somebody says otherwise
  EXPECT_EQ(del("/api/v1/users/" + ada.id.str() + "/sessions?oauthTokens=true").status, 204);
  EXPECT_EQ(tokens_ended, std::vector<std::string>{ada.id.str()});
  EXPECT_EQ(del("/api/v1/users/00unobody/sessions?oauthTokens=true").status, 404);
  EXPECT_EQ(tokens_ended.size(), 1U);
  EXPECT_EQ(ask(net::Method::get, base + second.id, "", "").status, 403);
}

TEST_P(OrgApiSpec, polling_the_log_goes_on_where_it_stopped) {
  given("ada@example.com");
  auto page = get("/api/v1/logs?limit=1000");
  EXPECT_GT(page.size(), 2U);
  page = get(page.link("next"));
  EXPECT_EQ(page.size(), 0U);
  ASSERT_NE(page.link("next"), "") << "a poll has no end";
  given("bob@example.com");
  page = get(page.link("next"));
  EXPECT_EQ(page.at("/0/eventType"), "user.lifecycle.create");
  EXPECT_EQ(page.at("/0/actor/id"), admin->id.str());
  EXPECT_EQ(page.at("/0/client/ipAddress"), "192.0.2.1");
  EXPECT_EQ(page.at("/0/transaction/id"), "req-9");
  EXPECT_EQ(get("/api/v1/logs?filter=eventType%20eq%20%22user.lifecycle.create%22&until=2100-01-01T00:00:00.000Z").size(), 3U);
  EXPECT_EQ(get("/api/v1/logs?until=2100-01-01T00:00:00.000Z").link("next"), "");
  EXPECT_EQ(get("/api/v1/logs?sortOrder=DESCENDING&limit=1").at("/0/eventType"), "user.lifecycle.activate");
  EXPECT_EQ(get("/api/v1/logs?after=x").text("errorCode"), "E0000031");
  EXPECT_EQ(get("/api/v1/logs?since=yesterday").text("errorCode"), "E0000001");
  EXPECT_EQ(get("/api/v1/logs?filter=severity%20eq%20%22WARN%22").text("errorCode"), "E0000053");
}

TEST_P(OrgApiSpec, the_org_tells_its_name_and_kind) {
  EXPECT_EQ(get("/api/v1/org").text("companyName"), "Acme");
  const auto open = ask(net::Method::get, "/.well-known/okta-organization", "", "");
  EXPECT_EQ(open.status, 200);
  EXPECT_EQ(open.text("pipeline"), "v1");
  EXPECT_EQ(open.at("/_links/organization/href"), "http://localhost:8080");
}

TEST_P(OrgApiSpec, api_tokens_are_listed_and_revoked_but_never_shown) {
  const auto list = get("/api/v1/api-tokens");
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(to_text(list.body).find(token), std::string::npos);
  EXPECT_EQ(get("/api/v1/api-tokens/" + list.at("/0/id")).text("name"), "tests");
  EXPECT_EQ(get("/api/v1/api-tokens/00Tnone").status, 404);
  EXPECT_EQ(del("/api/v1/api-tokens/current").status, 204);
  EXPECT_EQ(get("/api/v1/api-tokens").status, 401);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, OrgApiSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::orgapi
