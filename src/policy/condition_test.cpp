// Every kind of condition as a table, and what each does when it cannot be evaluated.
#include "policy/condition.h"

#include <gtest/gtest.h>

#include "policy/email.h"
#include "policy/path_pattern.h"

namespace gatehouse::policy {
namespace {

constexpr auto yes = Truth::yes, no = Truth::no, unknown = Truth::unknown;

// What a test knows of a request; claims as JSON text, "" for nobody.
struct Asked {
  json::value claims;
  Facts facts;
  explicit Asked(std::string_view text) {
    if (!text.empty()) claims = parse_json(text).value();
    facts = Facts{claims.if_object(), "GET", "app.example.com", "/admin/users", "10.1.2.3", from_iso8601("2026-11-21T09:30:00.000Z").value()};
  }
};

Truth ask(const Result<Condition>& condition, const Asked& asked) {
  EXPECT_TRUE(condition) << condition.error().message();
  Assumption nothing;
  return condition ? condition->holds(asked.facts, nothing) : unknown;
}
Truth ask(const Result<Condition>& condition, std::string_view claims) { return ask(condition, Asked(claims)); }

TEST(Condition, a_claim_is_one_of_its_values) {
  const auto admins = Condition::claim_is("groups", {"Admins", "Owners"});
  EXPECT_EQ(ask(admins, R"({"groups":["Everyone","Owners"]})"), yes);
  EXPECT_EQ(ask(admins, R"({"groups":"Admins"})"), yes);
  EXPECT_EQ(ask(admins, R"({"groups":[]})"), no);
  EXPECT_EQ(ask(admins, R"({"groups":["admins","Admins "]})"), no);
  EXPECT_EQ(ask(admins, R"({"groups":"Admins,Owners"})"), no);
  for (const auto* odd : {"", "{}", R"({"groups":null})", R"({"groups":{"Admins":true}})", R"({"groups":[["Admins"]]})", R"({"groups":[null]})"})
    EXPECT_EQ(ask(admins, odd), unknown) << odd;
  EXPECT_EQ(ask(admins, R"({"groups":[{},"Admins"]})"), yes);
  EXPECT_EQ(ask(Condition::claim_is("n", {"42"}), R"({"n":42})"), yes);
  EXPECT_EQ(ask(Condition::claim_is("email_verified", {"true"}), R"({"email_verified":true})"), yes);
  EXPECT_EQ(ask(Condition::claim_has("groups", {"a", "b"}), R"({"groups":["b","c","a"]})"), yes);
  EXPECT_EQ(ask(Condition::claim_has("groups", {"a", "b"}), R"({"groups":["b"]})"), no);
}

TEST(Condition, a_path_leads_through_objects_and_lists_and_two_readings_are_none) {
  const auto berlin = Condition::claim_is("address.city", {"Berlin"});
  EXPECT_EQ(ask(berlin, R"({"address":{"city":"Berlin"}})"), yes);
  EXPECT_EQ(ask(berlin, R"({"address":[{"city":"Bonn"},{"city":"Berlin"}]})"), yes);
  EXPECT_EQ(ask(berlin, R"({"address.city":"Berlin"})"), yes);
  EXPECT_EQ(ask(berlin, R"({"address":{"city":"Bonn"}})"), no);
  EXPECT_EQ(ask(berlin, R"({"address.city":"Berlin","address":{"city":"Bonn"}})"), unknown);
  EXPECT_EQ(ask(berlin, R"({"address":"Berlin"})"), unknown);
  EXPECT_EQ(ask(berlin, R"({"address":{}})"), unknown);
  EXPECT_EQ(ask(Condition::claim_is("https://a.example/roles", {"x"}), R"({"https://a.example/roles":["x"]})"), yes);
  EXPECT_FALSE(Condition::claim_is("a.b.c.d.e.f.g.h.i", {"x"}));
}

TEST(Condition, beginnings_ends_numbers_and_existence) {
  EXPECT_EQ(ask(Condition::claim_begins("sub", {"svc-"}), R"({"sub":"svc-1"})"), yes);
  EXPECT_EQ(ask(Condition::claim_begins("sub", {"svc-"}), R"({"sub":"a-svc-"})"), no);
  EXPECT_EQ(ask(Condition::claim_begins("sub", {"1"}), R"({"sub":12})"), unknown);
  EXPECT_EQ(ask(Condition::claim_ends("host", {".corp"}), R"({"host":["x","y.corp"]})"), yes);
  EXPECT_EQ(ask(Condition::claim_exists("x"), R"({"x":false})"), yes);
  EXPECT_EQ(ask(Condition::claim_exists("x.y"), R"({"x":{"y":1}})"), yes);
  EXPECT_EQ(ask(Condition::claim_exists("x"), R"({"x":null})"), no);
  EXPECT_EQ(ask(Condition::claim_exists("x"), ""), unknown);
  EXPECT_EQ(ask(Condition::claim_number("level", Compare::at_least, 3), R"({"level":3})"), yes);
  EXPECT_EQ(ask(Condition::claim_number("level", Compare::above, 3), R"({"level":3})"), no);
  EXPECT_EQ(ask(Condition::claim_number("level", Compare::below, 3), R"({"level":2.5})"), yes);
  EXPECT_EQ(ask(Condition::claim_number("level", Compare::at_most, 3), R"({"level":18446744073709551615})"), no);
  EXPECT_EQ(ask(Condition::claim_number("level", Compare::at_least, 3), R"({"level":"9"})"), unknown);
  EXPECT_EQ(ask(Condition::claim_number("exp", Compare::below, 3), R"({"exp":1e300})"), no);
}

TEST(Condition, scopes_are_words_or_a_list_and_not_both) {
  const auto both = Condition::scopes({"orders:read", "orders:write"});
  EXPECT_EQ(ask(both, R"({"scp":["orders:write","x","orders:read"]})"), yes);
  EXPECT_EQ(ask(both, R"({"scope":"orders:read orders:write"})"), yes);
  EXPECT_EQ(ask(both, R"({"scope":"orders:read orders:writer"})"), no);
  EXPECT_EQ(ask(both, R"({"scp":["orders:read orders:write"]})"), no);
  EXPECT_EQ(ask(both, R"({"scp":[],"scope":"orders:read orders:write"})"), unknown);
  EXPECT_EQ(ask(both, "{}"), unknown);
  EXPECT_FALSE(Condition::scopes({"a b"}));
}

// GHSA-c5c4-8r6x-56w3 / CVE-2026-40574: "a@evil.com@corp.com" passed a check of the domain.
TEST(Condition, an_email_address_has_one_domain_or_none) {
  const auto corp = Condition::email_in("email", {"corp.com"});
  EXPECT_EQ(ask(corp, R"({"email":"a@corp.com"})"), yes);
  EXPECT_EQ(ask(corp, R"({"email":"a@CORP.com","email_verified":true})"), yes);
  EXPECT_EQ(ask(corp, R"({"email":"a@evil.com"})"), no);
  EXPECT_EQ(ask(corp, R"({"email":"a@sub.corp.com"})"), no);
  for (const auto* bad : {R"({"email":"a@evil.com@corp.com"})", R"({"email":"a@corp.com@"})", R"({"email":"@corp.com"})", R"({"email":"\"x@corp.com"})",
                          R"({"email":"a b@corp.com"})", R"({"email":"a\r\n@corp.com"})", R"({"email":"a@corp.com\u0000.evil.com"})", R"({"email":"a@corp.com."})",
                          R"({"email":"a@ corp.com"})", R"({"email":"<a@corp.com>"})", R"({"email":["a@corp.com"]})", R"({"email":"a@corp.com","email_verified":false})",
                          R"({"email":"a@corp.com","email_verified":"yes"})", R"({"email":"é@corp.com"})"})
    EXPECT_EQ(ask(corp, bad), unknown) << bad;
  EXPECT_FALSE(Condition::claim_ends("email", {"@corp.com"})) << "the trap itself cannot be configured";
  EXPECT_FALSE(Condition::email_in("email", {"@corp.com"}));
}

TEST(Condition, zones_methods_and_hosts) {
  const Zones zones{{"office", std::make_shared<const Networks>(Networks::parse({"10.0.0.0/8", "2001:db8::/32"}).value())}};
  Asked asked("");
  const auto office = Condition::zones(zones, {"office"});
  EXPECT_EQ(ask(office, asked), yes);
  asked.facts.client = "2001:db8::1";
  EXPECT_EQ(ask(office, asked), yes);
  asked.facts.client = "::ffff:10.0.0.1";
  EXPECT_EQ(ask(office, asked), yes) << "mapped addresses are IPv4";
  asked.facts.client = "192.0.2.1";
  EXPECT_EQ(ask(office, asked), no);
  for (const auto* odd : {"", "10.0.0.1, 10.0.0.2", "10.1", "unknown"}) {
    asked.facts.client = odd;
    EXPECT_EQ(ask(office, asked), unknown) << odd;
  }
  EXPECT_FALSE(Condition::zones(zones, {"offcie"}));
  EXPECT_EQ(ask(Condition::methods({"GET", "HEAD"}), ""), yes);
  EXPECT_EQ(ask(Condition::methods({"POST"}), ""), no);
  EXPECT_FALSE(Condition::methods({"get"}));
  EXPECT_EQ(ask(Condition::hosts({"*.example.com"}), ""), yes);
  EXPECT_EQ(ask(Condition::hosts({"example.com", "*.app.example.com"}), ""), no);
}

struct PathRow {
  const char* advisory;
  const char* pattern;
  const char* path;
  Truth expected;
};

// Whatever way an upstream reads the path, a rule about it does not say yes by mistake, and a deny rule not no.
TEST(Condition, paths_by_whole_segments_in_both_readings) {
  for (const auto& [advisory, pattern, path, expected] : {
           PathRow{"plain", "/admin", "/admin", yes},
           PathRow{"plain", "/admin", "/admin/", yes},
           PathRow{"plain", "/admin", "/admin/users", yes},
           PathRow{"plain", "/admin", "/administrator", no},
           PathRow{"plain", "/", "/anything", yes},
           PathRow{"plain", "/users/*/keys", "/users/7/keys/1", yes},
           PathRow{"plain", "/users/*/keys", "/users/7/8/keys", no},
           PathRow{"plain", "/users/*/keys", "/users//keys", no},
           PathRow{"CVE-2026-73551", "/admin", "/user/..;foo=bar/admin", no},
           PathRow{"CVE-2026-73553", "/admin", "/admin;x=y", unknown},
           PathRow{"CVE-2026-127060", "/admin", "/;a/admin", unknown},
           PathRow{"CVE-2026-32031", "/api/keys", "/API/keys", unknown},
           PathRow{"CVE-2025-71399", "/admin", "//admin", unknown},
           PathRow{"CVE-2025-71399", "/a/*", "/a//b", unknown},
           PathRow{"CVE-2025-54576", "/public", "/private?x=/public", no},
           PathRow{"CVE-2025-46821", "/files/*/open", "/files/**/open", yes},
           PathRow{"CVE-2025-46821", "/files", "/f*", no},
           PathRow{"CVE-2026-73552", "/admin", "/admin/\xff\x80", yes},
           PathRow{"CVE-2026-73552", "/admin", "/\xff" "admin", no},
           PathRow{"GHSA-68wm-pfjf-wqp6", "/", "", unknown},
           PathRow{"CVE-2026-33186", "/svc", "svc/Method", unknown},
       })
    EXPECT_EQ(PathPattern::parse(pattern).value().matches(path), expected) << advisory << " " << path;
  for (const auto* bad : {"", "admin", "/a?b", "/a/../b", "/a//b", "/a;b", "/a#b", "/a*", "/a b", "/a\\b"}) EXPECT_FALSE(PathPattern::parse(bad)) << bad;
}

TEST(Condition, time_windows_on_the_clocks_of_a_place) {
  const auto at = [](std::string_view time, TimeWindow window) {
    Asked asked("");
    asked.facts.now = from_iso8601(time).value();
    return ask(Condition::within(std::move(window)), asked);
  };
  TimeWindow hours{.from = 8 * 60, .until = 18 * 60, .zone = "Europe/Berlin", .since = {}, .before = {}};
  EXPECT_EQ(at("2026-11-20T07:00:00.000Z", hours), yes) << "winter: 8:00 there";
  EXPECT_EQ(at("2026-11-20T06:59:59.999Z", hours), no);
  EXPECT_EQ(at("2026-07-20T06:00:00.000Z", hours), yes) << "summer: 8:00 there";
  EXPECT_EQ(at("2026-11-20T17:00:00.000Z", hours), no);
  TimeWindow night{.days = {false, false, false, false, false, true, false}, .from = 22 * 60, .until = 6 * 60, .zone = "", .since = {}, .before = {}};
  EXPECT_EQ(at("2026-11-20T23:00:00.000Z", night), yes) << "a Friday";
  EXPECT_EQ(at("2026-11-21T05:59:00.000Z", night), yes) << "the night belongs to Friday";
  EXPECT_EQ(at("2026-11-21T23:00:00.000Z", night), no);
  EXPECT_EQ(at("2026-11-20T05:00:00.000Z", night), no);
  TimeWindow once{.since = from_iso8601("2026-01-01T00:00:00.000Z"), .before = from_iso8601("2027-01-01T00:00:00.000Z")};
  EXPECT_EQ(at("2026-06-01T00:00:00.000Z", once), yes);
  EXPECT_EQ(at("2027-01-01T00:00:00.000Z", once), no);
  EXPECT_FALSE(Condition::within({.from = 1, .since = {}, .before = {}}));
  EXPECT_FALSE(Condition::within({.zone = "Mars/Olympus", .since = {}, .before = {}}));
  EXPECT_EQ(parse_minute("08:30").value(), 510);
  for (const auto* bad : {"8:30", "24:01", "08:60", "0830", "-1:00"}) EXPECT_FALSE(parse_minute(bad)) << bad;
}

TEST(Condition, proof_of_identity) {
  const auto strong = Condition::acr({"phr", "phrh"});
  EXPECT_EQ(ask(strong, R"({"acr":"phr"})"), yes);
  EXPECT_EQ(ask(strong, R"({"acr":"pwd"})"), no);
  EXPECT_EQ(ask(strong, R"({"acr":["phr"]})"), unknown);
  EXPECT_EQ(ask(strong, "{}"), unknown);
  EXPECT_EQ(ask(Condition::amr({"mfa", "hwk"}), R"({"amr":["pwd","hwk","mfa"]})"), yes);
  EXPECT_EQ(ask(Condition::amr({"mfa"}), R"({"amr":["pwd"]})"), no);
  const auto fresh = Condition::max_age(Seconds(300));
  const auto now = to_seconds(from_iso8601("2026-11-21T09:30:00.000Z").value());
  const auto signed_in = [&](std::int64_t ago) { return "{\"auth_time\":" + std::to_string(now - ago) + "}"; };
  EXPECT_EQ(ask(fresh, signed_in(300)), yes);
  EXPECT_EQ(ask(fresh, signed_in(301)), no);
  EXPECT_EQ(ask(fresh, signed_in(-60)), yes);
  EXPECT_EQ(ask(fresh, signed_in(-61)), unknown) << "nobody signs in tomorrow";
  EXPECT_EQ(ask(fresh, R"({"auth_time":"1"})"), unknown);
  EXPECT_EQ(ask(fresh, R"({"auth_time":1e300})"), unknown);
  EXPECT_EQ(ask(fresh, R"({"auth_time":-1e300})"), no);
}

TEST(Condition, expressions_over_claims_and_request) {
  EXPECT_EQ(ask(Condition::expression("claims.department == 'IT' && request.method == 'GET'"), R"({"department":"IT"})"), yes);
  EXPECT_EQ(ask(Condition::expression("claims.department == 'IT'"), R"({"department":"HR"})"), no);
  EXPECT_EQ(ask(Condition::expression("claims.department != 'IT'"), ""), unknown) << "nobody is not somebody else";
  EXPECT_EQ(ask(Condition::expression("claims.department"), R"({"department":"IT"})"), unknown) << "not a Boolean";
  EXPECT_FALSE(Condition::expression("claims.department ==")) << "refused when it is read";
  EXPECT_FALSE(Condition::expression("user.login == 'x'"));
}

// The matrix: what cannot be evaluated is not true, and not false either, however it is wrapped.
TEST(Condition, unknown_stays_unknown_under_not_and_never_wins) {
  const auto missing = [] { return Condition::claim_is("department", {"IT"}).value(); };
  const auto sure = [] { return Condition::methods({"GET"}).value(); };
  const auto wrong = [] { return Condition::methods({"PUT"}).value(); };
  EXPECT_EQ(ask(Condition::none(missing()), "{}"), unknown);
  EXPECT_EQ(ask(Condition::none(Condition::none(missing()).value()), "{}"), unknown);
  EXPECT_EQ(ask(Condition::all({missing(), sure()}), "{}"), unknown);
  EXPECT_EQ(ask(Condition::all({missing(), wrong()}), "{}"), no);
  EXPECT_EQ(ask(Condition::any({missing(), wrong()}), "{}"), unknown);
  EXPECT_EQ(ask(Condition::any({missing(), sure()}), "{}"), yes);
  EXPECT_EQ(ask(Condition::none(Condition::any({missing(), wrong()}).value()), "{}"), unknown);
}

TEST(Condition, size_and_depth_have_limits) {
  auto deep = Condition::everybody();
  for (std::size_t i = 1; i < kConditionDepthMax; ++i) deep = Condition::none(deep).value();
  EXPECT_FALSE(Condition::none(deep));
  EXPECT_FALSE(Condition::all({}));
  EXPECT_FALSE(Condition::all(std::vector<Condition>(kConditionsMax, Condition::everybody())));
  EXPECT_FALSE(Condition::claim_is("x", {}));
  EXPECT_FALSE(Condition::claim_is("x", Texts(kValuesMax + 1, "v")));
  EXPECT_FALSE(Condition::claim_is("x", {"\xff"}));
}

}  // namespace
}  // namespace gatehouse::policy
