// Routes that answer by themselves, and bounds of requests.
#include "gateway/stages/answers.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "gateway/stages/bounds.h"
#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

struct AnswersTest : StageFixture {};

TEST_F(AnswersTest, a_fixed_answer_is_for_those_whom_the_policy_admits) {
  auto without = config({made(make_fixed_stage({.status = 410, .content_type = "text/html", .body = "gone", .headers = {{"X-A", "b"}}}))}, "named");
  without.routes[0].upstream.clear();
  open_all(without);
  EXPECT_EQ(get().status, 401);
  const auto answer = get({"X-Who: ada"});
  EXPECT_EQ(answer.status, 410);
  EXPECT_EQ(answer.body, "gone");
  EXPECT_EQ(answer.header("Content-Type"), "text/html");
  EXPECT_EQ(answer.header("X-A"), "b");
  EXPECT_FALSE(make_fixed_stage({.status = 200, .body = {}, .headers = {{"X-A", "a\r\nb"}}}));
  EXPECT_FALSE(make_fixed_stage({.status = 200, .body = std::string(kFixedBodyMax + 1, 'x'), .headers = {}}));
}

TEST_F(AnswersTest, a_redirect_leads_nowhere_else) {
  open({made(make_redirect_stage({.to = "/new", .keep_rest = true, .keep_query = true}))}, "public", "/old");
  EXPECT_EQ(ask("GET /old/a/b?x=1").header("Location"), "/new/a/b?x=1");
  EXPECT_EQ(ask("GET /old").header("Location"), "/new");
  EXPECT_EQ(ask("GET /old//evil.example").header("Location"), "/new/evil.example");
  house.gateway().swap(Snapshot::build(house.needs(*http), config({made(make_redirect_stage({.to = "/", .status = 302, .keep_rest = true}))})).value());
  for (const auto* path : {"//evil.example/", "///evil.example", "/%2Fevil.example", "/\\evil.example", "/.//evil.example"}) {
    const auto answer = ask(std::string("GET ") + path);
    EXPECT_TRUE(answer.status == 400 || answer.header("Location") == "/evil.example/" || answer.header("Location") == "/evil.example") << path << answer.head;
  }
  for (const auto* to : {"//evil.example", "javascript:alert(1)", "evil.example", "", "/a/../b", "https://a.example/#x", "https://u:p@a.example/"})
    EXPECT_FALSE(make_redirect_stage({.to = to})) << to;
  EXPECT_FALSE(make_redirect_stage({.to = "/a", .status = 200}));
}

TEST_F(AnswersTest, maintenance_goes_with_its_file) {
  const auto file = std::filesystem::temp_directory_path() / ("gatehouse-maintenance-" + std::to_string(::getpid()));
  std::filesystem::remove(file);
  const auto closed = made(make_maintenance_stage({.file = file, .retry_after = Seconds(60), .page = {.body = "back soon", .headers = {}}, .allow = {}}, house.clock, blocking));
  open({closed}, "named");
  EXPECT_EQ(get().status, 401);
  std::ofstream(file) << "x";
  EXPECT_EQ(get().status, 401);   // it looked a moment ago
  house.clock.advance(kMaintenanceLook);
  HttpAnswer answer;
  do answer = get();   // somebody else looks meanwhile
  while (answer.status != 503);
  EXPECT_EQ(answer.body, "back soon");
  EXPECT_EQ(answer.header("Retry-After"), "60");
  std::filesystem::remove(file);
  house.clock.advance(kMaintenanceLook);
  while (get().status != 401) {}
}

TEST_F(AnswersTest, some_are_let_in_during_maintenance) {
  open({made(make_maintenance_stage({.always = true, .file = {}, .page = {}, .allow = {"127.0.0.0/8"}}, house.clock, blocking))});
  EXPECT_EQ(get().status, 200);
  house.gateway().swap(Snapshot::build(house.needs(*http), config({made(make_maintenance_stage({.always = true, .file = {}, .page = {}, .allow = {"10.0.0.0/8"}}, house.clock, blocking))})).value());
  EXPECT_EQ(get().status, 503);
  EXPECT_FALSE(make_maintenance_stage({.always = true, .file = {}, .page = {}, .allow = {"10.0.0.0/99"}}, house.clock, blocking));
}

TEST_F(AnswersTest, bodies_are_bounded_however_they_come) {
  open({made(make_bounds_stage({.body = 10, .fields = 5, .path = 20, .query = 8}))});
  EXPECT_EQ(ask("POST /", {}, "0123456789").status, 200);
  EXPECT_EQ(ask("POST /", {}, "0123456789a").status, 413);
  const auto chunked = [&](const std::string& chunks) {
    RawClient client(house.port());
    client.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
    return client.read().status;
  };
  EXPECT_EQ(chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), 200);
  EXPECT_EQ(chunked("5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n"), 413);
  EXPECT_EQ(ask("GET /" + std::string(20, 'x')).status, 414);
  EXPECT_EQ(ask("GET /?" + std::string(9, 'x')).status, 414);
  EXPECT_EQ(ask("GET /", {"a: 1", "b: 1", "c: 1", "d: 1"}).status, 200);
  EXPECT_EQ(ask("GET /", {"a: 1", "b: 1", "c: 1", "d: 1", "e: 1"}).status, 431);
}

}  // namespace
}  // namespace gatehouse::gateway
