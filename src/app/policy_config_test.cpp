// How gatehouse.yaml writes policies down, and how mistakes in them are told.
#include "app/policy_config.h"

#include <gtest/gtest.h>

#include "app/config.h"
#include "core/json.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kTop = R"(
data: d
listeners: [{port: 1}]
zones: {office: [10.0.0.0/8, "2001:db8::/32"]}
policies:
  - name: staff
    rules:
      - {name: nights, deny: {groups: [Contractors], time: {days: [mon, fri], from: "20:00", until: "06:00", zone: Europe/Berlin}}}
      - name: admins
        allow:
          groups: [Admins]
          zones: [office]
          methods: [GET, POST]
          paths: [/admin, "/users/*/keys"]
          hosts: ["*.example.com"]
          acr: [phr]
          amr: [mfa]
          max_age: 5m
          email_domains: [example.com]
          scopes: [read]
          claims: {department: [IT, Ops]}
          claim: {name: level, at_least: 3}
          expr: "claims.cost == 'low'"
          any: [{claims: {a: [b]}}, {not: {claim: {name: banned, exists: true}}}]
      - {name: readers, allow: {everybody: true}, shadow: true}
gateway:
  hosts:
    - host: a.example
      routes:
)";

Result<Config> config(std::string_view routes) { return parse_config(std::string(kTop) + std::string(routes), "g.yaml"); }
policy::RulesPtr rules_of(std::string_view route) {
  auto parsed = config("        - {upstream: 'http://127.0.0.1:1', open: true, " + std::string(route) + "}\n");
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? parsed->gateway.at(0).routes.at(0).policy.rules : nullptr;
}
std::string fault_of(std::string_view route) {
  auto parsed = config("        - {upstream: 'http://127.0.0.1:1', open: true, " + std::string(route) + "}\n");
  return parsed ? "" : parsed.error().message();
}

TEST(PolicyConfig, every_key_is_read) {
  const auto rules = rules_of("policy: staff");
  ASSERT_NE(rules, nullptr);
  ASSERT_EQ(rules->all().size(), 3u);
  EXPECT_EQ(rules->all()[0].effect, policy::Effect::deny);
  EXPECT_TRUE(rules->all()[1].when.asks_for_proof());
  EXPECT_EQ(rules->all()[2].stand, policy::Stand::shadow);
  for (const auto* part : {"groups is one of: Admins", "zones: office", "GET, POST", "/users/*/keys", "*.example.com", "acr is one of: phr", "amr has all of: mfa",
                           "at most 300 s", "example.com", "scopes have all of: read", "department is one of: IT, Ops", "level is at least 3", "claims.cost", "not banned exists"})
    EXPECT_TRUE(rules->all()[1].when.text().contains(part)) << part << " in " << rules->all()[1].when.text();
}

TEST(PolicyConfig, require_comes_before_the_policy) {
  const auto both = rules_of("policy: staff, require: {groups: [Admins]}");
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(both->all()[0].name, "require");
  EXPECT_EQ(both->all().size(), 4u);
  const auto alone = rules_of("require: {groups: [Admins]}");
  const auto admin = parse_json(R"({"groups":["Admins"]})").value(), guest = parse_json(R"({"groups":["Guests"]})").value();
  EXPECT_TRUE(alone->decide({.claims = admin.if_object()}).allowed());
  EXPECT_FALSE(alone->decide({.claims = guest.if_object()}).allowed());
}

TEST(PolicyConfig, rules_may_stand_on_the_spot_and_beside_a_shadow_policy) {
  EXPECT_NE(rules_of("policy: [{allow: {methods: [GET]}}], shadow_policy: [{allow: {methods: [HEAD]}}]"), nullptr);
  EXPECT_EQ(rules_of("methods: [GET]"), nullptr);
}

TEST(PolicyConfig, mistakes_are_told_with_what_to_do) {
  EXPECT_TRUE(fault_of("policy: stuff").contains("did you mean 'staff'?"));
  for (const auto& [words, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"policy: []", "at least one rule"},
           {"policy: [{allow: {}}]", "everybody: true"},
           {"policy: [{name: x}]", "neither allow nor deny"},
           {"policy: [{allow: {everybody: true}, deny: {everybody: true}}]", "allows and denies at once"},
           {"policy: [{deny: {everybody: true}}]", "nobody would ever pass"},
           {"policy: [{allow: {everybody: false}}]", "cannot be false"},
           {"policy: [{allow: {zones: [offcie]}}]", "there is no zone 'offcie'"},
           {"policy: [{allow: {metods: [GET]}}]", "did you mean 'methods'?"},
           {"policy: [{allow: {methods: [get]}}]", "capitals"},
           {"policy: [{allow: {paths: [admin]}}]", "begin with '/'"},
           {"policy: [{allow: {groups: []}}]", "lists no value"},
           {"policy: [{allow: {max_age: 5}}]", "max_age"},
           {"policy: [{allow: {time: {from: '8:00', until: '18:00'}}}]", "08:30"},
           {"policy: [{allow: {time: {days: [mondya]}}}]", "not a day"},
           {"policy: [{allow: {time: {zone: Europe/Berln}}}]", "not a time zone"},
           {"policy: [{allow: {claim: {name: email, ends: '@corp.com'}}}]", "email_domains"},
           {"policy: [{allow: {claim: {name: level}}}]", "compared with nothing"},
           {"policy: [{allow: {expr: 'claims.'}}]", "expr"},
           {"policy: [{allow: {not: {not: {not: {not: {not: {not: {not: {not: {everybody: true}}}}}}}}}}]", "deep"},
           {"policy: staff, shadow_policy: [{allow: {everybody: true}}]", "keep one of the two"},
       })
    EXPECT_TRUE(fault_of(words).contains(expected)) << words << "\n" << fault_of(words);
}

}  // namespace
}  // namespace gatehouse::app
