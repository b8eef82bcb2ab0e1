#include <gtest/gtest.h>

#include "core/spawn.h"
#include "okta/error.h"
#include "okta/paging.h"
#include "okta/style.h"

namespace gatehouse::okta {
namespace {

json::value body_of(const net::Reply& reply) { return parse_json(reply.body).value(); }

class Words : public testing::Test {
 protected:
  net::Reply said(const Error& error) { return answer(error, false, *random); }
  std::unique_ptr<Random> random = seeded_random(3);
};

TEST_F(Words, a_fault_of_validation_names_the_field_and_every_cause) {
  const auto reply = said(Error(Fault::invalid, "profile.login: is required; profile.email: must be a string"));
  EXPECT_EQ(reply.status, 400);
  const auto body = body_of(reply);
  EXPECT_EQ(find_string(body, "errorCode"), "E0000001");
  EXPECT_EQ(find_string(body, "errorLink"), "E0000001");
  EXPECT_EQ(find_string(body, "errorSummary"), "Api validation failed: login");
  EXPECT_EQ(find_string(body, "errorId")->substr(0, 3), "oae");
  EXPECT_EQ(to_text(*find(body, "errorCauses")), R"([{"errorSummary":"login: is required"},{"errorSummary":"email: must be a string"}])");
}

TEST_F(Words, each_fault_has_okta_s_status) {
  const std::pair<Error, std::pair<int, const char*>> table[] = {
      {Error(Fault::invalid, "not JSON: syntax error at byte 3"), {400, "E0000003"}},
      {Error(Fault::unauthenticated, "x"), {401, "E0000011"}},
      {Error(Fault::denied, "x"), {403, "E0000006"}},
      {Error(Fault::missing, "user: not found"), {404, "E0000007"}},
      {Error(Fault::conflict, "login: An object with this field already exists in the current organization"), {400, "E0000001"}},
      {Error(Fault::conflict, "app: changed"), {409, "E0000195"}},
      {Error(Fault::upstream, "x"), {503, "E0000181"}},
      {Error(Fault::missing, "not found: /api/v1/nothing"), {404, "E0000008"}},
      {Error(Fault::missing, "this method is not allowed here"), {405, "E0000022"}},
      {Error(Fault::limited, "x"), {429, "E0000047"}},
      {Error(Fault::internal, "x"), {500, "E0000009"}},
      {error("E0000056", "The application must be deactivated before deletion."), {403, "E0000056"}},
  };
  for (const auto& [error, expected] : table) {
    const auto reply = said(error);
    EXPECT_EQ(reply.status, expected.first) << expected.second;
    EXPECT_EQ(find_string(body_of(reply), "errorCode"), expected.second);
  }
  EXPECT_EQ(answer(Error(Fault::unauthenticated, "x"), true, *random).status, 403) << "no proof at all is E0000005";
}

TEST_F(Words, what_is_missing_is_named) {
  EXPECT_EQ(find_string(body_of(said(not_found("00u1", "User"))), "errorSummary"), "Not found: Resource not found: 00u1 (User)");
}

TEST_F(Words, what_happened_inside_is_not_told) {
  const auto reply = said(Error(Fault::internal, "table users: column x"));
  EXPECT_EQ(reply.body.find("column"), std::string::npos);
}

TEST(Paging, one_link_line_per_relation_self_first_on_the_called_host) {
  net::Request request;
  request.authority = "localhost:8080";
  request.path = "/api/v1/users";
  request.query = "limit=2&after=00u1&q=%22a";
  request.has_query = true;
  const auto reply = list_reply(request, {}, "00u2/+");
  std::vector<std::string> links;
  for (const auto& [name, value] : reply.headers)
    if (name == "Link") links.push_back(value);
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(links[0], "<http://localhost:8080/api/v1/users?limit=2&after=00u1&q=%22a>; rel=\"self\"");
  EXPECT_EQ(links[1], "<http://localhost:8080/api/v1/users?after=00u2%2F%2B&limit=2&q=%22a>; rel=\"next\"");
  EXPECT_EQ(reply.body, "[]");
}

TEST(Paging, the_last_page_has_no_next_and_quotes_cannot_leave_the_link) {
  net::Request request;
  request.authority = "localhost";
  request.path = "/api/v1/users";
  request.query = "q=\">x";
  request.has_query = true;
  const auto reply = list_reply(request, {}, std::nullopt);
  EXPECT_EQ(std::ranges::count(reply.headers, "Link", &std::pair<std::string, std::string>::first), 1);
  EXPECT_NE(reply.headers.back().second.find("q=%22%3Ex>"), std::string::npos);
}

TEST(RateLimit, counts_per_caller_and_family_and_begins_anew_each_minute) {
  ManualClock clock;
  RateLimiter limiter(clock, {.per_window = 2, .per_family = {{"/api/v1/logs", 1}}});
  EXPECT_TRUE(limiter.count("a", "/api/v1/users"));
  EXPECT_EQ(limiter.look("a", "/api/v1/users").remaining, 1);
  EXPECT_TRUE(limiter.count("a", "/api/v1/users"));
  EXPECT_EQ(limiter.count("a", "/api/v1/users").error().fault(), Fault::limited);
  EXPECT_EQ(limiter.look("a", "/api/v1/users").remaining, 0);
  EXPECT_TRUE(limiter.count("b", "/api/v1/users"));
  EXPECT_TRUE(limiter.count("a", "/api/v1/logs"));
  EXPECT_FALSE(limiter.count("a", "/api/v1/logs"));
  const auto reset = limiter.look("a", "/api/v1/users").reset;
  EXPECT_GT(reset, clock.now());
  EXPECT_LE(reset - clock.now(), kRateWindow);
  clock.advance(kRateWindow);
  EXPECT_TRUE(limiter.count("a", "/api/v1/users"));
}

TEST(RateLimit, memory_is_bounded) {
  ManualClock clock;
  RateLimiter limiter(clock, {.per_window = 1, .per_family = {}});
  for (std::size_t i = 0; i < kCallersMax; ++i) EXPECT_TRUE(limiter.count(std::to_string(i), "/api/v1/users"));
  EXPECT_TRUE(limiter.count("one more", "/api/v1/users"));
  EXPECT_FALSE(limiter.count("and another", "/api/v1/users")) << "they share one count";
}

TEST(RateLimit, families) {
  EXPECT_EQ(family_of("/api/v1/users/00u1/groups"), "/api/v1/users");
  EXPECT_EQ(family_of("/api/v1/users"), "/api/v1/users");
  EXPECT_EQ(family_of("/.well-known/okta-organization"), "");
}

class Doors : public ApiTokenCheck, public AccessTokenCheck {
 public:
  Task<net::Principal> check(Secret token) override {
    if (token.reveal() != "00good") co_return failure(Fault::unauthenticated, "Invalid token provided");
    net::Principal who{net::Principal::Kind::api_token, "00uadmin", "admin@example.com", {"*"}};
    co_return who;
  }
  Task<net::Principal> check(Secret token, const net::Request&) override {
    if (token.reveal() != "jwt") co_return failure(Fault::unauthenticated, "Invalid token provided");
    net::Principal who{net::Principal::Kind::client, "0oa1", "", {"okta.users.manage", "openid", "*"}};
    co_return who;
  }
};

class StyleSpec : public testing::Test {
 protected:
  net::Request request(std::string_view authorization) {
    net::Request made;
    made.path = "/api/v1/users";
    made.id = "req-1";
    made.client.ip = "192.0.2.1";
    if (!authorization.empty()) made.fields.add({"Authorization", authorization, net::Header::authorization});
    return made;
  }
  Result<net::Principal> who(std::string_view authorization) {
    const auto asked = request(authorization);
    return run(style.authenticate(asked));
  }
  static std::string header(const net::Reply& reply, std::string_view name) {
    std::string found;
    for (const auto& [key, value] : reply.headers)
      if (key == name) found += (found.empty() ? "" : "|") + value;
    return found;
  }

  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(3);
  Doors doors;
  ApiStyle style{{doors, doors, clock, *random}, {.limits = {.per_window = 2, .per_family = {}}, .cors_origins = {"https://app.example.com"}}};
};

TEST_F(StyleSpec, knows_who_calls) {
  EXPECT_EQ(who("")->kind, net::Principal::Kind::nobody);
  EXPECT_EQ(who("SSWS 00good")->id, "00uadmin");
  EXPECT_EQ(who("ssws 00good")->id, "00uadmin");
  for (const auto* bad : {"SSWS 00bad", "Bearer undefined", "Bearer", "Basic eDp5", "SSWS jwt", "Bearer 00good"})
    EXPECT_EQ(who(bad).error().fault(), Fault::unauthenticated) << bad;
}

TEST_F(StyleSpec, only_okta_scopes_count_and_manage_includes_read) {
  const auto client = who("Bearer jwt").value();
  EXPECT_EQ(client.scopes, (std::set<std::string, std::less<>>{"okta.users.manage", "okta.users.read"}));
}

TEST_F(StyleSpec, every_answer_tells_its_limits_once) {
  const auto asked = request("SSWS 00good");
  const auto caller = who("SSWS 00good").value();
  ASSERT_TRUE(style.admit(asked, caller));
  ASSERT_TRUE(style.admit(asked, caller));
  const auto over = style.admit(asked, caller);
  ASSERT_FALSE(over);
  auto reply = style.shape(over.error(), asked);
  style.decorate(reply, asked, caller);
  style.decorate(reply, asked, caller);
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(header(reply, "X-Rate-Limit-Limit"), "2");
  EXPECT_EQ(header(reply, "X-Rate-Limit-Remaining"), "0");
  EXPECT_GT(std::stoll(header(reply, "X-Rate-Limit-Reset")), to_seconds(clock.now()));
  EXPECT_EQ(header(reply, "X-Okta-Request-Id"), "req-1");
  EXPECT_EQ(header(reply, "Cache-Control"), "no-cache, no-store");
  EXPECT_EQ(header(reply, "Access-Control-Allow-Origin"), "");
}

TEST_F(StyleSpec, only_known_origins_may_read_answers) {
  auto asked = request("");
  asked.fields.add({"Origin", "https://evil.example.com", net::Header::origin});
  auto reply = net::Reply::empty();
  style.decorate(reply, asked, {});
  EXPECT_EQ(header(reply, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(header(reply, "Vary"), "Origin");

  auto good = request("");
  good.fields.add({"Origin", "https://app.example.com", net::Header::origin});
  reply = net::Reply::empty();
  style.decorate(reply, good, {});
  EXPECT_EQ(header(reply, "Access-Control-Allow-Origin"), "https://app.example.com");
}

}  // namespace
}  // namespace gatehouse::okta
