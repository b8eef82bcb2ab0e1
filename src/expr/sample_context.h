// For tests and the fuzz target: the user, the groups and the time of the examples in Okta's documentation.
#pragma once

#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "expr/expression.h"

namespace gatehouse::expr {

inline constexpr std::string_view kSampleRoots = R"({
  "user": {"id": "00u1", "status": "ACTIVE", "created": "2015-07-30T23:58:32.000Z", "lastUpdated": null, "profile": {
    "firstName": "John", "lastName": "Doe", "email": "john.doe@okta.com", "login": "john.doe@okta.com",
    "strArray": ["one", "two"], "intArray": [1, 2, 3], "arrayAttribute": [10, 20, 30], "stringDouble": "1.1",
    "country": "United States", "countryAlpha2": "US", "countryAlpha3": "USA", "isContractor": false, "city": "San Francisco",
    "salary": 1000001, "title": "Lead Engineer", "department": "California-North-Sales", "primaryPhone": "(415) 555-0100",
    "middleInitial": "", "honorificPrefix": "", "groupCode": 123, "half": 0.5, "big": 18446744073709551615,
    "favoriteColors": ["blue", "red"], "hasBadge": true, "status": "SPOOFED", "address": {"zip": "94107"}}},
  "winston": {"firstName": "Winston", "lastName": "Churchill", "email": "winston.churchill@gmail.com"},
  "source": {"firstName": "Alexander", "lastName": "AlexANDER", "middleInitial": "Q", "honorificPrefix": "Dr.", "courtesyTitle": ""},
  "appuser": {"firstName": "Jo", "entitlements": {"role": "admin"}},
  "idpuser": {"subjectAltNameEmail": "jd@example.com", "subjectCn": "a rather long name 0123456789abcdefghij"},
  "app": {"id": "0oa1", "clientId": "0oa1", "profile": {"label": "My app", "groupallowlist": ["00gjitX9HqABSoqTB0g3", "00gak46y5hydV6NdM0g4"]}},
  "org": {"name": "Acme", "subDomain": "acme"},
  "session": {"amr": ["mfa", "pwd", "kba"], "id": "102"},
  "access": {"scope": ["openid", "profile"]},
  "security": {"risk": {"level": "HIGH"}, "behaviors": ["New IP", "New Device"]},
  "device": {"profile": {"platform": "MACOS", "osVersion": "14.10.0", "registered": true}, "provider": {"wsc": {"fireWall": "GOOD"}}},
  "event": {"target": [{"type": "UserGroup", "displayName": "Sales"}, {"type": "User", "displayName": "Ada"}]},
  "zendesk": {"firstName": "Zoe"}
})";

class SampleContext final : public Context {
 public:
  const Clock& clock() const override { return clock_; }
  const json::value* root(std::string_view name) const override { return find(roots_, name); }
  std::span<const Group> groups() const override { return groups_; }
  const json::value* linked_user(std::string_view primary) const override {
    return primary == "manager" ? &manager_ : nullptr;
  }
  const json::value* manager(std::string_view source) const override {
    return source == "active_directory" ? &manager_ : nullptr;
  }
  const json::value* manager_app_user(std::string_view, std::string_view app) const override {
    return app == "google" ? &flat_ : nullptr;
  }
  const json::value* assistant(std::string_view) const override { return &manager_; }
  const json::value* assistant_app_user(std::string_view, std::string_view) const override { return &flat_; }
  std::vector<const json::value*> directory_users(Directory which) const override {
    return which == Directory::workday ? std::vector<const json::value*>{&flat_}
                                       : std::vector<const json::value*>{&flat_, &flat_};
  }

 private:
  json::value roots_ = parse_json(kSampleRoots).value();
  json::value manager_ = parse_json(R"({"id":"00u2","profile":{"firstName":"Bill","lastName":"Gates"}})").value();
  json::value flat_ = parse_json(R"({"firstName":"Bill","employeeID":"123456","managerUpn":"bob@okta.com"})").value();
  json::value document_ =
      parse_json(R"({"id":"00gak46y5hydV6NdM0g4","type":"BUILT_IN","created":"2015-01-01T00:00:00.000Z",
    "objectClass":["okta:user_group"],"profile":{"name":"Everyone","description":"All users"}})")
          .value();
  std::vector<Group> groups_ = {
      {"00gak46y5hydV6NdM0g4", "Everyone", "BUILT_IN", "0oazmqPIbHiVJBG4C0g3", "", &document_},
      {"00g1emaKYZTWRYYRRTSK", "West Coast Users", "OKTA_GROUP", "0a81509410bdf807f680", "", nullptr},
      {"00garwpuyxHaWOkdV0g4", "West Coast Admins", "OKTA_GROUP", "0a03d062d3918fd34742", "", nullptr},
      {"00gjitX9HqABSoqTB0g3", "Engineering Users", "APP_GROUP", "0aae4be2456eb62f7c3d", "active_directory", nullptr},
      {"00gnftmgQxC2L19j6I9c", "Engineering Users", "APP_GROUP", "0a61c8dacb58b3c0716e", "google", nullptr}};
  ManualClock clock_{Timestamp(Millis(1'438'363'117'979))};  // 2015-07-31T17:18:37.979Z
};

// Everything of the sample, so that one vocabulary serves a whole table.
inline Vocabulary sample_vocabulary() {
  auto made = Vocabulary::claims();
  for (const auto* root : {"winston", "source", "idpuser", "device", "security", "event", "zendesk"})
    made = std::move(made).with_root(root);
  return std::move(made).with_bare_attributes_of("source");
}

}  // namespace gatehouse::expr
