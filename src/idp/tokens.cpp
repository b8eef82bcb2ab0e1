#include "idp/tokens.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"

namespace gatehouse::idp {
namespace {

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

Task<json::array> group_names(Provider& provider, directory::UserId user) {
  GH_CO_TRY(auto groups, co_await provider.needs().groups.of_user(user));
  json::array names;
  for (const auto& group : groups)
    if (names.size() < kGroupsClaimMax) names.emplace_back(group.name);
  co_return names;
}

json::object access_claims(const Mint& ask, const std::string& jti, std::int64_t now) {
  json::object claims;
  claims["ver"] = 1;
  claims["jti"] = jti;
  claims["iss"] = ask.server.issuer(ask.base);
  claims["aud"] = ask.server.audience_for(ask.base);
  claims["iat"] = now;
  claims["exp"] = now + kAccessLife.count();
  claims["cid"] = ask.app.client_id;
  if (ask.person) claims["uid"] = ask.person->user.id.str();
  claims["scp"] = to_array(ask.scopes.words());
  if (ask.person) claims["auth_time"] = to_seconds(ask.person->auth_time);
  claims["sub"] = ask.person ? ask.person->user.profile.login : ask.app.client_id;
  return claims;
}

json::object id_claims(Provider& provider, const Mint& ask, std::string_view access_token, std::int64_t now) {
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
  claims["at_hash"] = half_hash(access_token);
  return claims;
}

}  // namespace

std::string grant_of_jti(std::string_view jti) {
  const auto parts = split(jti, '.');
  return parts.size() == 3 ? std::string(parts[2]) : "";
}

Task<json::object> claims_about(Provider& provider, directory::User user, oauth::Scopes scopes) {
  json::object claims;
  const auto& profile = user.profile;
  if (scopes.has("profile")) {
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
  }
  if (scopes.has("email")) {
    put_text(claims, "email", profile.email);
    // True only where somebody said so: clients decide who may in by it.
    claims["email_verified"] = find_bool(profile.more, "emailVerified").value_or(false);
  }
  if (scopes.has("phone")) put_more(claims, "phone_number", user, "mobilePhone");
  if (scopes.has("groups")) {
    GH_CO_TRY(auto names, co_await group_names(provider, user.id));
    claims["groups"] = std::move(names);
  }
  co_return claims;
}

Task<oauth::TokenResponse> mint(Provider& provider, Mint ask) {
  const auto now = to_seconds(provider.needs().clock.now());
  std::string jti = "AT." + random_token(provider.needs().random, 32);
  if (!ask.grant_id.empty()) jti += "." + ask.grant_id;
  auto claims = access_claims(ask, jti, now);
  if (ask.person && ask.scopes.has("groups")) {
    GH_CO_TRY(auto names, co_await group_names(provider, ask.person->user.id));
    claims["groups"] = std::move(names);
  }
  oauth::TokenResponse answer;
  GH_CO_TRY(answer.access_token, co_await provider.keys().sign(ask.server.alg, std::move(claims)));
  answer.expires_in = kAccessLife;
  answer.scope = ask.scopes;
  if (ask.person && ask.scopes.has("openid")) {
    auto id = id_claims(provider, ask, answer.access_token, now);
    GH_CO_TRY(auto about, co_await claims_about(provider, ask.person->user, ask.scopes));
    for (auto& [name, value] : about) id[name] = std::move(value);
    GH_CO_TRY(auto id_token, co_await provider.keys().sign(ask.server.alg, std::move(id)));
    answer.id_token = std::move(id_token);
  }
  co_return answer;
}

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
  GH_CO_TRY(auto header, jose::peek_header(token));
  GH_CO_TRY(auto keys, co_await provider.keys().public_keys(find_string(header, "kid").value_or("")));
  GH_CO_TRY(auto jwt, jose::verify_jwt(token, *keys, kOwnAlgs, expect));
  // The two kinds share issuer and keys: what one is must not pass for the other.
  const auto jti = jwt.claims.text("jti").value_or("");
  const bool right = use == TokenUse::access ? jti.starts_with("AT.") && jwt.claims.has("cid") : jti.starts_with("ID.") && !jwt.claims.has("cid");
  if (!right) co_return bad();
  co_return jwt.claims.object();
}

}  // namespace gatehouse::idp
