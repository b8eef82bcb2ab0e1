// Addresses and headers on both ways; what the policy saw is what the upstream reads.
#include "gateway/stages/rewrite.h"

#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

struct RewriteTest : StageFixture {
  RequestRewrite rewrite;
  AnswerRewrite answer;
  void start(std::string policy = "public") { open({made(make_answer_stage(answer)), made(make_rewrite_stage(rewrite))}, std::move(policy)); }
  std::string sent(std::string_view path) { return ask("GET " + std::string(path)).status == 200 ? app.targets.back() : "refused"; }
};

TEST_F(RewriteTest, a_prefix_is_stripped_replaced_and_added) {
  rewrite.path = {.strip_prefix = "/api", .pattern = "^/users/([0-9]+)(/.*)?$", .replacement = "/people/\\1\\2", .add_prefix = "/v2"};
  start();
  EXPECT_EQ(sent("/api/users/42/name?x=1"), "/v2/people/42/name?x=1");
  EXPECT_EQ(app.all("x-forwarded-prefix"), std::vector<std::string>{"/api"});
  EXPECT_EQ(sent("/apis/1"), "/v2/apis/1");   // whole segments
  EXPECT_EQ(sent("/api"), "/v2/");
  EXPECT_EQ(sent("/api//a%7Eb"), "/v2/a~b");
}

// Captures take what a client wrote: whatever comes out is canonical, or nothing is forwarded.
TEST_F(RewriteTest, captures_build_no_way_around_the_policy) {
  rewrite.path = {.strip_prefix = {}, .pattern = "^/x(.*)$", .replacement = "/.\\1", .add_prefix = {}};
  start();
  EXPECT_EQ(sent("/x./admin"), "refused");      // "/../admin"
  EXPECT_EQ(sent("/x.%3B/admin"), "refused");   // "/..;/admin" as some read it
  EXPECT_EQ(sent("/xy"), "/.y");
  EXPECT_EQ(sent("/x"), "refused");             // "/."
}

// CVE-2026-42945, CVE-2026-9256: captures of escaped text, many times over, outgrew a buffer.
TEST_F(RewriteTest, captures_are_bounded) {
  rewrite.path = {.strip_prefix = {}, .pattern = "^(.*)$", .replacement = "\\1\\1\\1\\1\\1\\1\\1\\1", .add_prefix = {}};
  start();
  std::string path;
  for (int i = 0; i < 1300; ++i) path += "/%2B";
  EXPECT_EQ(ask("GET " + path).status, 400);
  EXPECT_EQ(sent("/%2B"), "/%2B/%2B/%2B/%2B/%2B/%2B/%2B/%2B");
}

TEST_F(RewriteTest, parameters_are_set_and_removed_in_every_spelling) {
  rewrite.query_set = {{"role", "a b&c"}};
  rewrite.query_remove = {"debug"};
  start();
  EXPECT_EQ(sent("/?x=1&debug=1&%64ebug=2&role=admin&rol%65=root&y"), "/?x=1&y&role=a%20b%26c");
  EXPECT_EQ(sent("/"), "/?role=a%20b%26c");
}

TEST_F(RewriteTest, headers_are_set_removed_and_renamed) {
  rewrite.set = {{"X-Env", "prod"}};
  rewrite.remove = {"X-Drop"};
  rewrite.rename = {{"X-Old", "X-New"}};
  rewrite.host = "inside.example:81";
  start();
  get({"x-env: forged", "X-DROP: 1", "x-old: value", "X-New: forged"});
  EXPECT_EQ(app.all("x-env"), std::vector<std::string>{"prod"});
  EXPECT_TRUE(app.all("x-drop").empty());
  EXPECT_TRUE(app.all("x-old").empty());
  EXPECT_EQ(app.all("x-new"), std::vector<std::string>{"value"});
  EXPECT_EQ(app.all("host"), std::vector<std::string>{"inside.example:81"});
}

// CVE-2021-32813: a Connection header of a client takes away what the proxy adds.
TEST_F(RewriteTest, a_client_cannot_take_away_what_we_set) {
  rewrite.set = {{"X-Env", "prod"}};
  start("named");
  get({"X-Who: ada", "Connection: X-Env, X-Remote-User, X-Forwarded-For"});
  EXPECT_EQ(app.all("x-env"), std::vector<std::string>{"prod"});
  EXPECT_EQ(app.all("x-remote-user"), std::vector<std::string>{"ada"});
  EXPECT_EQ(app.all("x-forwarded-for").size(), 1u);
}

TEST_F(RewriteTest, identity_headers_cannot_be_rewritten_in_any_spelling) {
  for (const auto* name : {"X-Remote-User", "x_remote_user", "X.Remote-User", "X-Forwarded-For", "X-Original-URL"}) {
    RequestRewrite set, remove, rename;
    set.set = {{name, "root"}};
    remove.remove = {name};
    rename.rename = {{"X-Other", name}};
    for (const auto& one : {set, remove, rename}) {
      const auto built = Snapshot::build(house.needs(*http), config({made(make_rewrite_stage(one))}, "named"), {{"named", std::make_shared<NamingPolicy>()}});
      ASSERT_FALSE(built) << name;
      EXPECT_TRUE(built.error().message().contains(name));
    }
  }
}

// CVE-2026-31908: control characters in a header value end the line it stands on.
TEST_F(RewriteTest, what_would_break_a_message_is_refused) {
  for (const auto* name : {"Connection", "Transfer-Encoding", "content-length", "TE", "Upgrade", "bad name", ""}) {
    RequestRewrite request;
    request.set = {{name, "x"}};
    EXPECT_FALSE(make_rewrite_stage(request)) << name;
    AnswerRewrite back;
    back.set = {{name, "x"}};
    EXPECT_FALSE(make_answer_stage(back)) << name;
  }
  for (const auto& value : {std::string("a\r\nX: 1"), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7f"), std::string("\xc2\x85")}) {
    RequestRewrite request;
    request.set = {{"X-A", value}};
    EXPECT_FALSE(make_rewrite_stage(request));
    AnswerRewrite back;
    back.set = {{"X-A", value}};
    EXPECT_FALSE(make_answer_stage(back));
    EXPECT_FALSE(make_security_stage({.hsts = value, .csp = {}, .permissions = {}}));
  }
  for (const auto* replacement : {"/\\7", "/\\x", "/\\", "/a?b", "/a#b"}) {
    RequestRewrite request;
    request.path = {.strip_prefix = {}, .pattern = "(a)", .replacement = replacement, .add_prefix = {}};
    EXPECT_FALSE(make_rewrite_stage(request)) << replacement;
  }
}

TEST_F(RewriteTest, answers_lead_back_to_us) {
  answer.origins = {"http://10.0.0.5:8080"};
  answer.path_prefix = "/api";
  answer.set = {{"X-Served-By", "gatehouse"}};
  answer.remove = {"X-Powered-By"};
  answer.cookies = {.domain = "", .path = "/api", .same_site = "Lax", .secure = true, .http_only = true};
  start();
  app.reply = net::Reply::redirect("http://10.0.0.5:8080/login?x=1", 302);
  app.reply.with("X-Powered-By", "secret").with("X-Served-By", "app").with("Set-Cookie", "a=b; domain=inside.example; PATH=/; Expires=never; samesite=None");
  const auto moved = get();
  EXPECT_EQ(moved.header("Location"), "http://app.test/api/login?x=1");
  EXPECT_EQ(moved.header("X-Powered-By"), "");
  EXPECT_EQ(moved.all("X-Served-By"), std::vector<std::string>{"gatehouse"});
  EXPECT_EQ(moved.header("Set-Cookie"), "a=b; Expires=never; Path=/api; SameSite=Lax; Secure; HttpOnly");
  for (const auto& [said, told] : std::vector<std::pair<std::string, std::string>>{
           {"/login", "/api/login"}, {"http://10.0.0.5:8080", "http://app.test/api"}, {"http://10.0.0.5:8080.evil.example/", "http://10.0.0.5:8080.evil.example/"},
           {"http://10.0.0.5:8080@evil.example/", "http://10.0.0.5:8080@evil.example/"}, {"https://elsewhere.example/", "https://elsewhere.example/"},
           {"//elsewhere.example/", "//elsewhere.example/"}, {"login", "login"}}) {
    app.reply = net::Reply::redirect(said, 302);
    EXPECT_EQ(get().header("Location"), told) << said;
  }
}

TEST_F(RewriteTest, security_headers_stand_on_every_answer) {
  open({made(make_security_stage({.csp = "default-src 'self'", .permissions = {}}))}, "named");
  app.reply.with("X-Frame-Options", "SAMEORIGIN").with("X-Content-Type-Options", "sniff");
  const auto page = get({"X-Who: ada"});
  EXPECT_EQ(page.header("X-Frame-Options"), "SAMEORIGIN");
  EXPECT_EQ(page.all("X-Content-Type-Options"), std::vector<std::string>{"nosniff"});
  EXPECT_EQ(page.header("Strict-Transport-Security"), "");   // over TLS only
  const auto refused = get();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("Content-Security-Policy"), "default-src 'self'");
}

}  // namespace
}  // namespace gatehouse::gateway
