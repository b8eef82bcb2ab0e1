#include "gateway/routes.h"

#include <gtest/gtest.h>

namespace gatehouse::gateway {
namespace {

using Why = Routes::Found::Why;

struct RouteTable : testing::Test {
  Routes routes;
  std::shared_ptr<Policy> everybody = public_policy();

  Result<void> add(std::string host, std::string path) {
    Route route;
    route.host = std::move(host);
    route.path = std::move(path);
    route.policy = everybody;
    return routes.add(std::move(route));
  }
  std::string found(std::string_view host, std::string_view path) {
    const auto result = routes.find(host, path);
    switch (result.why) {
      case Why::found: return result.route->host + result.route->path;
      case Why::ambiguous: return "ambiguous";
      case Why::no_rule: return "no rule";
      case Why::unknown_host: return "unknown host";
    }
    return {};
  }
};

TEST_F(RouteTable, the_longest_prefix_of_whole_segments_wins) {
  for (const auto* path : {"/", "/a", "/a/b", "/a/b/c/d"}) ASSERT_TRUE(add("app", path));
  ASSERT_TRUE(add("other", "/only/"));
  for (const auto& [path, expected] : std::vector<std::pair<std::string, std::string>>{
           {"/", "app/"}, {"/a", "app/a"}, {"/a/", "app/a"}, {"/ab", "app/"}, {"/a/x", "app/a"}, {"/a/b", "app/a/b"}, {"/a/bc", "app/a"},
           {"/a/b/c", "app/a/b"}, {"/a/b/c/d/e/f", "app/a/b/c/d"}, {"/b/a", "app/"}, {"/a%20", "app/"}})
    EXPECT_EQ(found("app", path), expected) << path;
  EXPECT_EQ(found("other", "/only"), "other/only/");
  EXPECT_EQ(found("other", "/only/x"), "other/only/");
  EXPECT_EQ(found("other", "/"), "no rule");
  EXPECT_EQ(found("other", "/onlyx"), "no rule");
  EXPECT_EQ(found("nobody", "/"), "unknown host");
}

// CVE-2026-73551, CVE-2026-73553, CVE-2026-127060 (path parameters), CVE-2025-71399 (`//`), CVE-2026-32031 (case): an upstream
// that reads the path otherwise would serve what another rule guards.
TEST_F(RouteTable, a_path_that_two_servers_read_as_two_routes_is_ambiguous) {
  ASSERT_TRUE(add("app", "/"));
  ASSERT_TRUE(add("app", "/Admin/panel"));
  ASSERT_TRUE(add("app", "/public"));
  for (const auto* path : {"/admin/panel", "/ADMIN/PANEL", "/Admin;x=y/panel", "/Admin/panel;x", "//Admin/panel", "/Admin//panel", "/;/Admin/panel",
                           "/Admin/;/panel", "/public;/x", "/PUBLIC", "/admin/Panel/deep"})
    EXPECT_EQ(found("app", path), "ambiguous") << path;
  for (const auto& [path, expected] : std::vector<std::pair<std::string, std::string>>{
           {"/Admin/panel", "app/Admin/panel"}, {"/public/A;b//c", "app/public"}, {"/Wiki;x", "app/"}, {"/Admin", "app/"}})
    EXPECT_EQ(found("app", path), expected) << path;
}

TEST_F(RouteTable, no_reading_of_an_uncovered_path_is_covered) {
  ASSERT_TRUE(add("app", "/api"));
  EXPECT_EQ(found("app", "/API/x"), "ambiguous");
  EXPECT_EQ(found("app", "/api;v=1/x"), "ambiguous");
  EXPECT_EQ(found("app", "/apix"), "no rule");
}

// CVE-2025-46821: odd but legal bytes mean themselves.
TEST_F(RouteTable, odd_bytes_are_no_patterns) {
  ASSERT_TRUE(add("app", "/a*b"));
  EXPECT_EQ(found("app", "/a*b/c"), "app/a*b");
  EXPECT_EQ(found("app", "/axxb"), "no rule");
  EXPECT_EQ(found("app", "/*"), "no rule");
}

TEST_F(RouteTable, very_long_paths_cost_as_much_as_the_deepest_rule) {
  ASSERT_TRUE(add("app", "/a/b"));
  std::string path = "/a/b";
  for (int i = 0; i < 4000; ++i) path += "/x";
  EXPECT_EQ(found("app", path), "app/a/b");
}

TEST_F(RouteTable, rules_that_cannot_be_meant_are_refused) {
  ASSERT_TRUE(add("app", "/a"));
  for (const auto* path : {"/a", "/a/", "/A", "", "a", "/x/../y", "/x//y", "/x;y", "/x?y", "/%41", "/.gatehouse/x", "/.gatehouse"}) EXPECT_FALSE(add("app", path)) << path;
  for (const auto* host : {"", "App", "app:80", "a b", "app/", "user@app"}) EXPECT_FALSE(add(host, "/z")) << host;
}

}  // namespace
}  // namespace gatehouse::gateway
