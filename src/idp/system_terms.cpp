#include "idp/system_terms.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"

namespace gatehouse::idp {
namespace {

struct SystemScope {
  std::string_view name, shown, description;
};
constexpr std::array<SystemScope, 6> kScopes = {{
    {"openid", "Know who you are.", "Signals that a request is an OpenID Connect request."},
    {"profile", "View your profile.",
     "The claims of a profile that are filled in: names, language, time zone and the like."},
    {"email", "View your e-mail address.", "The e-mail address, and whether it was verified."},
    {"address", "View your postal address.", "Street, city, state and postal code."},
    {"phone", "View your phone number.", "The phone number."},
    {"offline_access", "Stay signed in to the app.", "A refresh token, with which the app goes on while you are away."},
}};

struct SystemClaim {
  std::string_view name, scope;
  bool always;  // what stands in ID tokens that come with an access token, as at Okta
};
constexpr std::array<SystemClaim, 18> kClaims = {{
    {"address", "address", false},
    {"birthdate", "profile", false},
    {"email", "email", true},
    {"email_verified", "email", false},
    {"family_name", "profile", false},
    {"gender", "profile", false},
    {"given_name", "profile", false},
    {"locale", "profile", false},
    {"middle_name", "profile", false},
    {"name", "profile", true},
    {"nickname", "profile", false},
    {"phone_number", "phone", false},
    {"picture", "profile", false},
    {"preferred_username", "profile", true},
    {"profile", "profile", false},
    {"updated_at", "profile", false},
    {"website", "profile", false},
    {"zoneinfo", "profile", false},
}};
constexpr std::string_view kSubject = "(appuser != null) ? appuser.userName : app.clientId";

// Of things that have no row, and of rows of early programs: the same at every reading, and another one at every
// server.
std::string id_of(std::string_view prefix, std::string_view server_id, std::string_view kind, std::string_view name) {
  const auto digest = crypto::sha256(std::string(server_id) + "/" + std::string(kind) + "/" + std::string(name));
  auto text = base64url_encode(digest);
  std::erase_if(text, [](char c) { return !is_alnum(c); });
  return std::string(prefix) + text.substr(0, 17);
}

template <class Items>
bool has(const Items& items, std::string_view name) {
  return std::ranges::any_of(items, [&](const auto& item) { return item.name == name; });
}

void add_scopes(Terms& terms) {
  for (const auto& each : kScopes) {
    if (has(terms.scopes, each.name)) continue;
    ServerScope scope{std::string(each.name), std::string(each.description), false};
    scope.display_name = each.shown;
    scope.system = true;
    terms.scopes.push_back(std::move(scope));
  }
}

bool has_claim(const Terms& terms, ClaimKind kind, std::string_view name) {
  return std::ranges::any_of(terms.claims,
                             [&](const Claim& claim) { return claim.kind == kind && claim.name == name; });
}

void add_claims(Terms& terms, std::string_view server_id) {
  for (const auto& each : kClaims) {
    if (has_claim(terms, ClaimKind::identity, each.name)) continue;
    Claim claim{id_of("ocl", server_id, "identity", each.name), std::string(each.name), ClaimKind::identity,
                ClaimValue::system};
    claim.scopes = {std::string(each.scope)};
    claim.always = each.always;
    claim.system = true;
    terms.claims.push_back(std::move(claim));
  }
  if (has_claim(terms, ClaimKind::resource, "sub")) return;
  Claim subject{id_of("ocl", server_id, "resource", "sub"), "sub", ClaimKind::resource, ClaimValue::expression,
                std::string(kSubject)};
  subject.system = true;
  terms.claims.push_back(std::move(subject));
}

}  // namespace

Terms complete(Terms stored, std::string_view server_id) {
  add_scopes(stored);
  add_claims(stored, server_id);
  for (auto& scope : stored.scopes)
    if (scope.id.empty()) scope.id = id_of("scp", server_id, "scope", scope.name);
  std::ranges::sort(stored.scopes, {}, &ServerScope::name);
  std::ranges::sort(stored.claims,
                    [](const Claim& a, const Claim& b) { return std::tie(a.name, a.kind) < std::tie(b.name, b.kind); });
  return stored;
}

const ServerScope* Terms::scope(std::string_view name) const {
  const auto found = std::ranges::lower_bound(scopes, name, {}, &ServerScope::name);
  return found != scopes.end() && found->name == name ? &*found : nullptr;
}

oauth::Scopes Terms::default_scopes() const {
  oauth::Scopes found;
  for (const auto& each : scopes)
    if (each.by_default) found.add(each.name);
  return found;
}

bool is_unchanged_subject(const Claim& claim) { return claim.system && claim.name == "sub" && claim.value == kSubject; }

bool is_oidc_scope(std::string_view scope) {
  return scope == "groups" || std::ranges::find(kScopes, scope, &SystemScope::name) != kScopes.end();
}

}  // namespace gatehouse::idp
