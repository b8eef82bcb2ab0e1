// Words of the file become stages; wrong ones are named with their place and what to do.
#include "app/stages.h"

#include <gtest/gtest.h>

#include "app/guard.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kHead = "data: d\nlisteners: [{port: 1}]\ngateway:\n";

Result<Config> read(std::string_view gateway) { return parse_config(std::string(kHead) + std::string(gateway), "g.yaml"); }
Result<Config> with_route(std::string_view keys) {
  return read("  hosts: [{host: a.example, routes: [{open: true, upstream: 'http://127.0.0.1:1', " + std::string(keys) + "}]}]\n");
}
std::string fault_of(std::string_view keys) {
  const auto config = with_route(keys);
  return config ? "" : config.error().message();
}
std::size_t stages_of(const Config& config, std::size_t route = 0) { return config.gateway.at(0).routes.at(route).stages.size(); }

TEST(StagesFile, every_key_is_read) {
  const auto config = with_route(R"(security_headers: true, cors: {origins: ["https://a.example"]}, maintenance: {while: /x},
    request: {body: 10MiB}, limits: [{requests: 5, per: 1m}, {requests: 5, per: 1m, by: [user]}, {in_flight: 3}], compress: true,
    firewall: {mode: detect, paranoia: 2, exclude: [942100, 941000-941999], exclude_tags: [attack-lfi], body_max: 1MiB},
    answer: {headers: {set: {X-A: b}}}, rewrite: {strip_prefix: /api},
    cache: {size: 1MiB, object_max: 64KiB, name: pages, per_subject: true, share_authorised: true, obey_clients: false, tell: false, collapse: 1s,
            heuristic: 1h, stale_while_revalidate: 30s, stale_if_error: 1d, errors: [404, 410], vary: [X-Lang], credentials: [X-Partner]})");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(stages_of(*config), 11u);   // limits are two: before and behind the policy
}

TEST(StagesFile, wrong_values_are_named) {
  const std::pair<const char*, const char*> cases[] = {
      {"limits: [{requests: 5}]", "limits[0].per: is missing"},
      {"limits: [{requests: 0, per: 1m}]", "'0' is not a number from 1"},
      {"limits: [{requests: 5, per: 1m, by: [adress]}]", "did you mean 'address'?"},
      {"limits: [{requests: 5, per: 1m, way: buckt}]", "did you mean 'bucket'?"},
      {"limits: [{requests: 5, per: 1m, way: window, burst: 3}]", "burst: means nothing to a window"},
      {"limits: [{requests: 5, per: 1m, in_flight: 3}]", "exactly one of them"},
      {"limits: [{requests: 1, per: 1d, burst: 1000}]", "30 days"},
      {"limit: [{requests: 5, per: 1m}]", "did you mean 'limits'?"},
      {"cors: {}", "cors.origins: is missing"},
      {"cors: {origins: ['*'], credentials: true}", "any origin with credentials"},
      {"compress: {codings: [brotli]}", "'brotli' is not known"},
      {"compress: {types: [html]}", "not a media type"},
      {"rewrite: {strip_prefix: api}", "not a path in its normal form"},
      {"rewrite: {pattern: '(', replacement: /}", "the pattern cannot be used"},
      {"rewrite: {headers: {set: {Connection: x}}}", "not fit for this"},
      {"answer: {headers: {set: {Content-Length: '1'}}}", "not fit for this"},
      {"answer: {cookies: {same_site: Maybe}}", "Strict, Lax or None"},
      {"redirect: {to: '//evil.example'}", "neither an http or https address"},
      {"redirect: {to: /x, status: 304}", "a status of 301"},
      {"respond: {body: a, file: b}", "stands beside body"},
      {"maintenance: {allow: [10.0.0.0/99]}", "is not a network"},
      {"request: {}", "names no bound"},
      {"cache: {siz: 1MiB}", "did you mean 'size'?"},
      {"cache: {size: 1KiB}", "cache.size: '1KiB'"},
      {"cache: {size: 1MiB, object_max: 512KiB}", "cache.object_max: is more than an eighth of size; lower it, or raise size"},
      {"cache: {errors: [200]}", "cache.errors: '200' is not an error that can be kept; for example `errors: [404, 410]`"},
      {"cache: {errors: [401]}", "'401' is not an error"},
      {"cache: {vary: [a b]}", "'a b' is not the name of a header"},
      {"cache: {collapse: 5}", "cache.collapse: '5'"},
      {"cache: {stale_if_error: soon}", "cache.stale_if_error: 'soon'"},
      {"cache: {per_subjects: true}", "did you mean 'per_subject'?"},
      {"firewall: {rules: [owasp]}", "rules: 'owasp' is neither owasp-crs nor a path"},
      {"firewall: {rules: [owasp-crs, owasp-crs]}", "stands there twice"},
      {"firewall: {rules: [/etc/x.conf], paranoia: 2}", "mean nothing without owasp-crs"},
      {"firewall: {mode: blok}", "did you mean 'block'?"},
      {"firewall: {paranoia: 5}", "'5' is not a number from 1 to 4"},
      {"firewall: {body_max: 1GiB}", "body_max"},
      {"firewall: {exclude: [sqli]}", "'sqli' is not the number of a rule"},
      {"firewall: {exclude: [949000-949999]}", "write `mode: detect`"},
      {"firewall: {exclude_tags: [attack-generic]}", "all rules have 'attack-generic'"},
      {"firewal: true", "did you mean 'firewall'?"},
  };
  for (const auto& [keys, told] : cases) {
    const auto fault = fault_of(keys);
    EXPECT_TRUE(fault.contains(told)) << keys << "\n" << fault;
    EXPECT_TRUE(fault.starts_with("g.yaml:4:")) << fault;
  }
}

TEST(StagesFile, the_nearer_default_holds_and_false_takes_none) {
  const auto config = read(R"(
  defaults: {compress: true, request: {body: 1KiB}}
  hosts:
    - host: a.example
      defaults: {limits: [{requests: 5, per: 1m}]}
      routes:
        - {path: /, open: true, upstream: 'http://127.0.0.1:1'}
        - {path: /b, open: true, upstream: 'http://127.0.0.1:1', compress: false, limits: false}
        - {path: /c, open: true, upstream: 'http://127.0.0.1:1', cors: {origins: ["https://a.example"]}}
)");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(stages_of(*config, 0), 3u);
  EXPECT_EQ(stages_of(*config, 1), 1u);
  EXPECT_EQ(stages_of(*config, 2), 4u);
}

TEST(StagesFile, a_wrong_default_is_named_once) {
  const auto config = read(R"(
  defaults: {compress: {least: 1XB}, compres: true, respond: {body: x}}
  hosts: [{host: a.example, routes: [{open: true, upstream: 'http://127.0.0.1:1'}, {path: /b, open: true, upstream: 'http://127.0.0.1:1'}]}]
)");
  ASSERT_FALSE(config);
  const auto& told = config.error().message();
  EXPECT_EQ(told.find("1XB"), told.rfind("1XB")) << told;
  EXPECT_TRUE(told.contains("did you mean 'compress'?")) << told;
  EXPECT_TRUE(told.contains("cannot be a default")) << told;
}

TEST(StagesFile, a_route_that_answers_by_itself_needs_no_upstream) {
  EXPECT_TRUE(read("  hosts: [{host: a.example, routes: [{open: true, redirect: {to: /x}}]}]\n"));
  const auto bare = read("  hosts: [{host: a.example, routes: [{open: true, compress: true}]}]\n");
  ASSERT_FALSE(bare);
  EXPECT_TRUE(bare.error().message().contains("upstream: is missing"));
}

TEST(StagesFile, stages_are_made_for_their_route) {
  const auto config = read(R"(
  hosts: [{host: a.example, defaults: {limits: [{requests: 5, per: 1m}]}, routes: [{open: true, upstream: 'http://127.0.0.1:1'}]}]
)");
  ASSERT_TRUE(config) << config.error().message();
  ManualClock clock;
  const auto random = seeded_random(1);
  Pool blocking("blocking", 1, 1);
  const OpenSecret none = [](const secrets::Reference&) -> Result<Secret> { return failure(Fault::missing, "none"); };
  const auto plan = plan_guard(*config, {clock, *random, blocking, silent_log(), none});
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->gateway.routes.at(0).stages.size(), 1u);
}

TEST(SharedFile, names_a_redis) {
  const auto shared = [](std::string_view text) { return parse_config("data: d\nlisteners: [{port: 1}]\nshared: " + std::string(text) + "\n", "g.yaml"); };
  const auto config = shared("{redis: 'redis://10.0.0.1:7000/2', password: 'env:P', timeout: 50ms}");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->shared->redis, "redis://10.0.0.1:7000/2");
  EXPECT_FALSE(shared("{redis: 'redis://user:secret@10.0.0.1'}"));
  EXPECT_FALSE(shared("{password: 'env:P'}"));
  EXPECT_FALSE(shared("{redis: 'redis://a', pasword: 'env:P'}"));
}

}  // namespace
}  // namespace gatehouse::app
