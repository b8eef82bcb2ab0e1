// Pages of other origins, listed and not.
#include "gateway/stages/cors.h"

#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

struct CorsTest : StageFixture {
  CorsConfig cors{.origins = {"https://app.example.com", "https://*.trusted.example"}, .headers = {"X-Token"}, .expose = {"X-Total"}, .credentials = true};
  void start(std::string policy = "public") { open({made(make_cors_stage(cors))}, std::move(policy)); }
  HttpAnswer preflight(const std::string& origin, std::vector<std::string> more = {}) {
    more.push_back("Origin: " + origin);
    more.push_back("Access-Control-Request-Method: PUT");
    return ask("OPTIONS /x", more);
  }
};

TEST_F(CorsTest, a_preflight_is_answered_before_the_policy) {
  start("named");
  const auto answer = preflight("https://app.example.com");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, HEAD, POST");
  EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "X-Token");
  EXPECT_EQ(answer.header("Access-Control-Max-Age"), "600");
  EXPECT_EQ(answer.all("Vary"), (std::vector<std::string>{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}));
  EXPECT_TRUE(app.targets.empty());
}

TEST_F(CorsTest, an_origin_that_is_not_listed_is_never_reflected) {
  start();
  for (const auto* origin : {"https://evil.example", "http://app.example.com", "https://app.example.com.evil.example", "https://app.example.com:8443", "null",
                             "https://trusted.example", "https://eviltrusted.example", "https://evil.example/.trusted.example", "https://APP.example.com",
                             "https://a:1.trusted.example", "https://evil.example#.trusted.example", "https://.trusted.example", "https://a@b.trusted.example"}) {
    const auto answer = get({std::string("Origin: ") + origin});
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "") << origin;
    EXPECT_EQ(answer.header("Vary"), "Origin") << origin;
    EXPECT_EQ(preflight(origin).status, 403) << origin;
    EXPECT_FALSE(preflight(origin).head.contains("Access-Control-Allow")) << origin;
  }
  EXPECT_EQ(get({"Origin: https://app.example.com", "Origin: https://evil.example"}).header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(get({"Origin: https://a.b.trusted.example"}).header("Access-Control-Allow-Origin"), "https://a.b.trusted.example");
}

TEST_F(CorsTest, a_page_can_read_why_it_was_refused) {
  start("named");
  const auto answer = get({"Origin: https://app.example.com"});
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://app.example.com");
}

TEST_F(CorsTest, what_the_upstream_says_is_replaced) {
  app.reply.with("Access-Control-Allow-Origin", "*").with("access-control-allow-credentials", "true").with("Vary", "Accept");
  start();
  const auto other = get({"Origin: https://evil.example"});
  EXPECT_FALSE(to_lower(other.head).contains("access-control"));
  const auto own = get({"Origin: https://app.example.com"});
  EXPECT_EQ(own.all("Access-Control-Allow-Origin"), std::vector<std::string>{"https://app.example.com"});
  EXPECT_EQ(own.header("Access-Control-Expose-Headers"), "X-Total");
  EXPECT_EQ(own.all("Vary"), (std::vector<std::string>{"Accept", "Origin"}));
}

TEST_F(CorsTest, any_origin_gets_no_credentials) {
  cors = CorsConfig();
  cors.origins = {"*"};
  start();
  const auto answer = get({"Origin: https://anybody.example"});
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "");
  cors.credentials = true;
  EXPECT_FALSE(make_cors_stage(cors));
}

TEST_F(CorsTest, a_private_network_is_opened_when_asked_for) {
  start();
  EXPECT_EQ(preflight("https://app.example.com", {"Access-Control-Request-Private-Network: true"}).header("Access-Control-Allow-Private-Network"), "");
  cors.private_network = true;
  house.gateway().swap(Snapshot::build(house.needs(*http), config({made(make_cors_stage(cors))})).value());
  EXPECT_EQ(preflight("https://app.example.com", {"Access-Control-Request-Private-Network: true"}).header("Access-Control-Allow-Private-Network"), "true");
  EXPECT_EQ(preflight("https://app.example.com").header("Access-Control-Allow-Private-Network"), "");
}

TEST(Cors, what_is_no_origin_is_refused) {
  for (const auto* origin : {"app.example.com", "https://app.example.com/", "https://App.example.com", "https://*", "https://*.com", "*.example.com", "null",
                             "https://a.*.example.com", "https://user@app.example.com", "https://*.*.example.com"}) {
    CorsConfig cors;
    cors.origins = {origin};
    EXPECT_FALSE(make_cors_stage(cors)) << origin;
  }
}

}  // namespace
}  // namespace gatehouse::gateway
