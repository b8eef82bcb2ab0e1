#include "idp/tokens.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "idp/system_terms.h"
#include "idp/token_hook.h"
#include "oauth/error.h"

namespace gatehouse::idp {

const ClaimSet& claims_of(const Server& server) {
  static const ClaimSet own(complete({}, "").claims);   // the org's own server: nobody changes it
  return server.terms ? *server.terms->made : own;
}

namespace {

constexpr const char* kAccessTokenType = "at+jwt";   // RFC 9068 §2.1; tokens in Okta's shape have no type
constexpr std::array kOwnAlgs{jose::Alg::RS256, jose::Alg::ES256};

json::array to_array(const std::vector<std::string>& words) {
  json::array out;
  for (const auto& word : words) out.emplace_back(word);
  return out;
}

// OpenID Connect Core §3.1.3.6: the left half of the hash; both our algorithms hash with SHA-256.
std::string half_hash(std::string_view token) { return base64url_encode(crypto::sha256(token).substr(0, 16)); }

void put_text(json::object& claims, std::string_view name, const std::string& value) {
  if (!value.empty()) claims[name] = value;
}

void put_more(json::object& claims, std::string_view name, const directory::User& user, std::string_view attribute) {
  if (auto value = find_string(user.profile.more, attribute)) put_text(claims, name, *value);
}

// OpenID Connect Core §5.1, as far as a profile has them; which of them are told is a question of scopes.
json::object standard_claims(const directory::User& user) {
  json::object claims;
  const auto& profile = user.profile;
  put_text(claims, "name", std::string(trim(profile.first_name + " " + profile.last_name)));
  put_text(claims, "preferred_username", profile.login);
  put_text(claims, "given_name", profile.first_name);
  put_text(claims, "family_name", profile.last_name);
  put_more(claims, "middle_name", user, "middleName");
  put_more(claims, "nickname", user, "nickName");
  put_more(claims, "profile", user, "profileUrl");
  put_more(claims, "zoneinfo", user, "timezone");
  put_more(claims, "locale", user, "locale");
  claims["updated_at"] = to_seconds(user.updated);
  put_text(claims, "email", profile.email);
  // True only where somebody said so: clients decide who may in by it.
  claims["email_verified"] = find_bool(profile.more, "emailVerified").value_or(false);
  put_more(claims, "phone_number", user, "mobilePhone");
  return claims;
}

json::array group_names(const std::vector<directory::Group>& groups) {
  json::array names;
  for (const auto& group : groups)
    if (names.size() < kGroupsClaimMax) names.emplace_back(group.name);
  return names;
}

// The scope "groups" gives the names of all groups, unless an administrator has said what that claim is.
bool tells_groups(const Server& server, ClaimKind kind, const oauth::Scopes& scopes) {
  return scopes.has("groups") && !claims_of(server).has(kind, "groups");
}

std::string subdomain_of(std::string_view base) {
  const auto host = base.substr(std::min(base.size(), base.find("//") + 2));
  return std::string(host.substr(0, host.find_first_of(".:")));
}

// Everything about a person that goes to `place`.
MadeClaims about_person(const Server& server, Place place, const ClaimSource& source) {
  const auto& set = claims_of(server);
  // The org's own ID tokens tell everything that the scopes open.
  const auto standard_place = server.terms ? place : Place::userinfo;
  auto made = set.make(place, source);
  auto standard = set.standard(standard_place, standard_claims(*source.user), source.scopes);
  for (auto& [name, value] : standard) made.values[name] = std::move(value);
  if (tells_groups(server, ClaimKind::identity, source.scopes)) made.values["groups"] = group_names(source.groups);
  return made;
}

// Asked for by name (OpenID Connect Core §5.5). Whether its scope may be had was asked at the authorization endpoint.
void add_asked(const Server& server, const directory::User& user, const std::vector<std::string>& names, json::object& claims) {
  if (names.empty()) return;
  const auto all = standard_claims(user);
  for (const auto& name : names) {
    const auto* value = all.if_contains(name);
    if (value != nullptr && !claims.contains(name) && claims_of(server).standard_claim(name) != nullptr) claims[name] = *value;
  }
}

std::string sentence_of(const ClaimFault& fault) {
  return "The '" + fault.claim + "' " + (fault.system ? "system" : "custom") + " claim could not be evaluated.";
}

json::object confirmation(const Binding& binding) {
  json::object cnf;
  if (!binding.certificate.empty()) cnf["x5t#S256"] = binding.certificate;
  if (!binding.dpop_key.empty()) cnf["jkt"] = binding.dpop_key;
  return cnf;
}

// RFC 9068 §2.2. `uid` beside them: an administrator may make `sub` something else.
json::object profile_claims(const Mint& ask, const std::string& jti, std::int64_t now) {
  json::object claims;
  claims["iss"] = ask.server.issuer(ask.base);
  claims["exp"] = now + ask.access.access_life().count();
  claims["aud"] = ask.server.audience_for(ask.base);
  claims["sub"] = ask.person ? ask.person->user.id.str() : ask.app.client_id;
  claims["client_id"] = ask.app.client_id;
  claims["iat"] = now;
  claims["jti"] = jti;
  claims["scope"] = ask.scopes.text();
  if (!ask.person) return claims;
  claims["auth_time"] = to_seconds(ask.person->auth_time);
  if (!ask.person->amr.empty()) claims["amr"] = to_array(ask.person->amr);
  claims["uid"] = ask.person->user.id.str();
  return claims;
}

json::object okta_claims(const Mint& ask, const std::string& jti, std::int64_t now) {
  json::object claims;
  claims["ver"] = 1;
  claims["jti"] = jti;
  claims["iss"] = ask.server.issuer(ask.base);
  claims["aud"] = ask.server.audience_for(ask.base);
  claims["iat"] = now;
  claims["exp"] = now + ask.access.access_life().count();
  claims["cid"] = ask.app.client_id;
  if (ask.person) claims["uid"] = ask.person->user.id.str();
  claims["scp"] = to_array(ask.scopes.words());
  if (ask.person) claims["auth_time"] = to_seconds(ask.person->auth_time);
  claims["sub"] = ask.person ? ask.person->user.profile.login : ask.app.client_id;
  return claims;
}

json::object access_claims(const Mint& ask, const std::string& jti, std::int64_t now) {
  auto claims = ask.server.token_format == TokenFormat::rfc9068 ? profile_claims(ask, jti, now) : okta_claims(ask, jti, now);
  if (!ask.asked.acr.empty()) claims["acr"] = ask.asked.acr;   // for those who ask for a step up (RFC 9470)
  if (!ask.bound_to.none()) claims["cnf"] = confirmation(ask.bound_to);
  return claims;
}

json::object id_claims(Provider& provider, const Mint& ask, std::int64_t now) {
  json::object claims;
  claims["sub"] = ask.person->user.id.str();
  claims["ver"] = 1;
  claims["iss"] = ask.server.issuer(ask.base);
  claims["aud"] = ask.app.client_id;
  claims["iat"] = now;
  claims["exp"] = now + kIdLife.count();
  claims["jti"] = "ID." + random_token(provider.needs().random, 32);
  claims["amr"] = to_array(ask.person->amr);
  claims["idp"] = provider.org().str();
  if (!ask.nonce.empty()) claims["nonce"] = ask.nonce;
  claims["auth_time"] = to_seconds(ask.person->auth_time);
  if (!ask.asked.acr.empty()) claims["acr"] = ask.asked.acr;
  // Logout tokens name the session by it, and by it a client finds the local one that ends.
  put_text(claims, "sid", ask.person->session_id);
  return claims;
}

// What is ours is never replaced: reserved names are refused when a claim is saved, and once more here.
void add_claims(json::object& claims, json::object&& more) {
  for (auto& [name, value] : more)
    if (name == "sub" || !claims.contains(name)) claims[name] = std::move(value);
}

}  // namespace

std::string client_of(const json::object& access_claims) {
  auto client = find_string(access_claims, "cid");
  if (!client) client = find_string(access_claims, "client_id");
  return client.value_or("");
}

// A claim named `scope` that an administrator made says nothing in Okta's shape.
oauth::Scopes scopes_of(const json::object& access_claims) {
  if (access_claims.contains("cid")) return oauth::Scopes::of(find_strings(access_claims, "scp"));
  return oauth::Scopes::of(split_words(find_string(access_claims, "scope").value_or("")));
}

std::string grant_of_jti(std::string_view jti) {
  const auto parts = split(jti, '.');
  return parts.size() == 3 ? std::string(parts[2]) : "";
}

Task<Draft> draft_tokens(Provider& provider, const Mint& ask) {
  const auto now = to_seconds(provider.needs().clock.now());
  std::string jti = "AT." + random_token(provider.needs().random, 32);
  if (!ask.grant_id.empty()) jti += "." + ask.grant_id;
  Draft draft{access_claims(ask, jti, now), {}, {}};
  const bool has_id = ask.person && ask.wanted.id && ask.scopes.has("openid");
  const auto id_place = ask.wanted.id_place();
  const auto& set = claims_of(ask.server);
  ClaimSource source{provider.needs().clock, ask.app, ask.scopes, provider.org().str(), provider.org_name(), subdomain_of(ask.base)};
  if (ask.person) {
    source.user = &ask.person->user;
    source.amr = ask.person->amr;
    const bool wanted = set.needs_groups(Place::access_token, ask.scopes) || (has_id && set.needs_groups(id_place, ask.scopes)) ||
                        tells_groups(ask.server, ClaimKind::resource, ask.scopes) || tells_groups(ask.server, ClaimKind::identity, ask.scopes);
    if (wanted) {
      GH_CO_TRY(source.groups, co_await provider.needs().groups.of_user(ask.person->user.id));
    }
  }
  if (ask.wanted.access) {
    auto made = set.make(Place::access_token, source);
    draft.fault = std::move(made.fault);
    add_claims(draft.access, std::move(made.values));
  }
  if (ask.person && tells_groups(ask.server, ClaimKind::resource, ask.scopes)) draft.access["groups"] = group_names(source.groups);
  if (!has_id || draft.fault) co_return draft;
  auto about = about_person(ask.server, id_place, source);
  draft.fault = std::move(about.fault);
  draft.id = id_claims(provider, ask, now);
  for (auto& [name, value] : about.values)
    if (!draft.id->contains(name)) (*draft.id)[name] = std::move(value);
  add_asked(ask.server, ask.person->user, ask.asked.id_token, *draft.id);
  co_return draft;
}

json::object claims_about(const directory::User& user, const std::vector<directory::Group>& groups, const oauth::Scopes& scopes) {
  auto claims = claims_of(Server()).standard(Place::userinfo, standard_claims(user), scopes);
  if (scopes.has("groups")) claims["groups"] = group_names(groups);
  return claims;
}

Task<json::object> userinfo_claims(Provider& provider, Server server, AccessToken token) {
  ClaimSource source{provider.needs().clock, token.app, token.scopes, provider.org().str(), provider.org_name(),
                     subdomain_of(find_string(token.claims, "iss").value_or(""))};
  source.user = &*token.user;
  const auto& set = claims_of(server);
  if (set.needs_groups(Place::userinfo, token.scopes) || tells_groups(server, ClaimKind::identity, token.scopes)) {
    GH_CO_TRY(source.groups, co_await provider.needs().groups.of_user(token.user->id));
  }
  auto made = about_person(server, Place::userinfo, source);
  if (made.fault) co_return oauth::refusal(oauth::Code::access_denied, sentence_of(*made.fault));
  json::object claims;
  claims["sub"] = token.user->id.str();
  for (auto& [name, value] : made.values)
    if (!claims.contains(name)) claims[name] = std::move(value);
  if (token.grant_id.empty()) co_return claims;
  GH_CO_TRY(const auto asked, co_await select_asked_claims(provider.needs().database, provider.org(), token.grant_id));
  add_asked(server, *token.user, asked, claims);
  co_return claims;
}

namespace {

Task<void> tell(Provider& provider, const Mint& ask, ClaimFault fault) {
  auto event = event_of(ask.server, "app.oauth2.as.evaluate.claim", "Claim evaluation for OAuth 2.0 token");
  event.outcome = events::Outcome::failure;
  event.reason = sentence_of(fault);
  event.actor = events::Party{ask.app.client_id, "PublicClientApp", "", ask.app.label};
  if (ask.person) event.targets.push_back(events::Party{ask.person->user.id.str(), "User", ask.person->user.profile.login, ""});
  event.debug["claim"] = fault.claim;
  event.debug["why"] = fault.why.substr(0, events::kTextMax);
  return provider.events().add(std::move(event));
}

std::string type_of(const Server& server) { return server.token_format == TokenFormat::rfc9068 ? kAccessTokenType : ""; }

}  // namespace

Task<oauth::TokenResponse> mint(Provider& provider, Mint ask) {
  GH_CO_TRY(auto draft, co_await draft_tokens(provider, ask));
  if (draft.fault) {
    GH_CO_DO(co_await tell(provider, ask, *draft.fault));
    co_return oauth::refusal(oauth::Code::access_denied, sentence_of(*draft.fault));
  }
  GH_CO_TRY(draft, co_await hooked(provider, ask, std::move(draft)));
  oauth::TokenResponse answer;
  answer.expires_in = Seconds(find_int(draft.access, "exp").value_or(0) - find_int(draft.access, "iat").value_or(0));
  if (ask.wanted.access) {
    GH_CO_TRY(answer.access_token, co_await provider.keys().sign(ask.server.alg, std::move(draft.access), type_of(ask.server)));
  }
  answer.with_proof = !ask.bound_to.dpop_key.empty();
  answer.scope = ask.scopes;
  if (draft.id) {
    if (ask.wanted.access) (*draft.id)["at_hash"] = half_hash(answer.access_token);
    if (!ask.wanted.code.empty()) (*draft.id)["c_hash"] = half_hash(ask.wanted.code);
    GH_CO_TRY(auto id_token, co_await provider.keys().sign(ask.server.alg, *std::move(draft.id)));
    answer.id_token = std::move(id_token);
  }
  co_return answer;
}

namespace {

// The kinds share issuer and keys: what one is must not pass for the other. Both shapes count, whichever the server gives today; a
// token is of one of them and not of both.
bool is_access_token(const jose::Jwt& jwt) {
  if (!jwt.claims.text("jti").value_or("").starts_with("AT.")) return false;
  const bool typed = find_string(jwt.header, "typ") == kAccessTokenType;
  return typed ? jwt.claims.has("client_id") && !jwt.claims.has("cid") : jwt.claims.has("cid") && !jwt.claims.has("client_id");
}

bool is_id_token(const jose::Jwt& jwt) {
  return jwt.claims.text("jti").value_or("").starts_with("ID.") && find_string(jwt.header, "typ") != kAccessTokenType && !jwt.claims.has("cid") &&
         !jwt.claims.has("client_id");
}

}  // namespace

Task<json::object> verify_own(Provider& provider, Server server, TokenUse use, std::string token, jose::Expect::Expiry expiry) {
  const auto bad = [] { return failure(Fault::unauthenticated, "The token is not valid here."); };
  GH_CO_TRY(auto payload, jose::peek_payload(token));
  GH_CO_TRY(auto claimed, jose::Claims::parse(payload));
  const auto base = std::ranges::find_if(provider.bases(), [&](const auto& known) { return server.issuer(known) == claimed.issuer(); });
  if (base == provider.bases().end()) co_return bad();
  jose::Expect expect;
  expect.issuer = server.issuer(*base);
  // An ID token is for a client; which one is the caller's question.
  expect.audiences = {use == TokenUse::access ? server.audience_for(*base) : claimed.text("aud").value_or("")};
  expect.now = provider.needs().clock.now();
  expect.skew = Seconds(0);
  expect.expiry = expiry;
  if (use == TokenUse::access) expect.types = {"", kAccessTokenType};
  GH_CO_TRY(auto header, jose::peek_header(token));
  GH_CO_TRY(auto keys, co_await provider.keys().public_keys(find_string(header, "kid").value_or("")));
  GH_CO_TRY(auto jwt, jose::verify_jwt(token, *keys, kOwnAlgs, expect));
  const bool right = use == TokenUse::access ? is_access_token(jwt) : is_id_token(jwt);
  if (!right) co_return bad();
  co_return jwt.claims.object();
}

}  // namespace gatehouse::idp
