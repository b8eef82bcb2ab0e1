#include "orgapi/org.h"

#include "orgapi/calls.h"

namespace gatehouse::orgapi {
namespace {

Task<json::value> get_org(Org& org, const net::Call& call) {
  const auto base = call.request.origin() + "/api/v1/org";
  json::object answer = {{"id", org.id.str()},
                         {"subdomain", call.request.host.substr(0, call.request.host.find('.'))},
                         {"companyName", org.name},
                         {"status", "ACTIVE"},
                         {"website", nullptr},
                         {"phoneNumber", nullptr},
                         {"endUserSupportHelpURL", nullptr},
                         {"supportPhoneNumber", nullptr},
                         {"address1", nullptr},
                         {"address2", nullptr},
                         {"city", nullptr},
                         {"state", nullptr},
                         {"country", nullptr},
                         {"postalCode", nullptr},
                         {"created", to_iso8601(org.created)},
                         {"lastUpdated", to_iso8601(org.created)},
                         {"expiresAt", nullptr},
                         {"_links", {{"self", {{"href", base}}}}}};
  co_return answer;
}

Task<json::value> get_organization(Org& org, const net::Call& call) {
  json::object answer = {{"id", org.id.str()},
                         {"pipeline", "v1"},
                         {"settings", {{"analyticsCollectionEnabled", false}, {"bugReportingEnabled", false}, {"omEnabled", false}}},
                         {"_links", {{"organization", {{"href", call.request.origin()}}}}}};
  co_return answer;
}

constexpr net::Endpoint<Org> kRows[] = {
    net::on<get_org>(net::Method::get, "/api/v1/org", "okta.orgs.read"),
    net::on<get_organization>(net::Method::get, "/.well-known/okta-organization",
                              net::everyone("clients ask which kind of org this is before they sign in")),
};

}  // namespace

Rows org_rows() { return kRows; }

std::vector<Rows> all_rows() {
  return {user_rows(),      user_life_rows(), group_rows(), app_rows(), app_assignment_rows(),
          app_grant_rows(), app_credential_rows(), client_rows(), log_rows(), org_rows(), token_rows()};
}

void serve(net::Router& router, Org& org, net::Style& style) {
  for (const auto rows : all_rows()) router.add(rows, org, style);
}

Task<net::Principal> DirectoryTokens::check(Secret secret) {
  GH_CO_TRY(auto token, co_await tokens_.check(std::move(secret)));
  GH_CO_TRY(auto owner, co_await users_.find(token.owner));
  net::Principal who{net::Principal::Kind::api_token, owner.id.str(), owner.profile.login, {"*"}};
  co_return who;
}

}  // namespace gatehouse::orgapi
