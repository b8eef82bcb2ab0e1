// An issuer for tests, in process: discovery, keys, authorization answers, token endpoint with PKCE, userinfo. Signs for
// real, counts what it is asked, can be down, can rotate its keys, can deactivate its user. Never part of the program.
#pragma once

#include <map>
#include <set>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "jose/jwt.h"
#include "net/client.h"
#include "net/form.h"

namespace gatehouse::oauth::client {

class FakeIssuer final : public net::HttpClient {
 public:
  explicit FakeIssuer(const Clock& clock, std::string issuer = "https://id.example.com/oauth2/default")
      : clock_(clock), issuer_(std::move(issuer)) {
    rotate();
    metadata["issuer"] = issuer_;
    metadata["authorization_endpoint"] = issuer_ + "/v1/authorize";
    metadata["token_endpoint"] = issuer_ + "/v1/token";
    metadata["userinfo_endpoint"] = issuer_ + "/v1/userinfo";
    metadata["end_session_endpoint"] = issuer_ + "/v1/logout";
    metadata["jwks_uri"] = issuer_ + "/v1/keys";
    metadata["introspection_endpoint"] = issuer_ + "/v1/introspect";
    user["sub"] = "00u1";
    user["preferred_username"] = "ada@example.com";
    user["email"] = "ada@example.com";
    user["groups"] = json::array{"Everyone", "Engineers"};
  }

  const std::string& issuer() const { return issuer_; }
  void rotate(bool keep_old = false) {
    auto key = jose::Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "k" + std::to_string(++rotations_)).value();
    if (!keep_old) published_.clear();
    published_.push_back(key);
    signing_ = std::move(key);
  }
  const jose::Jwk& key() const { return *signing_; }

  json::object access_claims() const {
    json::object claims;
    claims["iss"] = issuer_;
    claims["aud"] = "api://default";
    claims["sub"] = "ada@example.com";
    claims["cid"] = "0oa1";
    claims["uid"] = "00u1";
    claims["jti"] = "AT." + std::to_string(++serial_);
    claims["iat"] = to_seconds(clock_.now());
    claims["exp"] = to_seconds(clock_.now()) + 3600;
    claims["scp"] = json::array{"orders:read", "openid"};
    return claims;
  }
  std::string sign(const json::object& claims, std::string_view typ = "") const { return jose::sign_jwt(*signing_, claims, typ).value(); }
  std::string access_token() const { return sign(access_claims()); }

  // What the browser would bring back after the user signed in at `authorization_url`: the callback's query.
  std::string sign_in(const std::string& authorization_url) {
    const auto form = net::Form::parse(net::Url::parse(authorization_url).value().query).value();
    const auto code = "code" + std::to_string(++serial_);
    codes_[code] = form;
    net::Form answer;
    answer.add("code", code);
    answer.add("state", form.get("state").value_or(""));
    return answer.encode();
  }

  Task<net::Answer> send(net::Outbound request) override {
    const auto path = request.url.str().substr(issuer_.size());
    ++asked[path];
    last_headers = request.headers;
    if (down) co_return failure(Fault::upstream, issuer_ + " is down");
    if (path == "/.well-known/openid-configuration") co_return answer(200, to_text(metadata));
    if (garbage) co_return answer(garbage_status, *garbage);
    if (path == "/v1/introspect") co_return introspect(net::Form::parse(request.body).value());
    if (path == "/v1/keys") co_return answer(200, to_text(jose::KeySet::of(published_).value().public_json()));
    if (path == "/v1/token") co_return token(net::Form::parse(request.body).value());
    if (path == "/v1/userinfo") co_return userinfo(request);
    co_return answer(404, "{}");
  }

  json::object metadata, user;
  json::object id_overrides;              // put over the claims of the next ID tokens
  std::map<std::string, json::object> introspected;   // by token; others are not active
  std::string last_introspection;                     // the Authorization header that came with it is in last_headers
  std::optional<std::string> garbage;                 // answered to everything
  int garbage_status = 200;
  bool down = false, active = true, gives_refresh = false;
  std::int64_t access_lifetime = 3600;
  std::map<std::string, int> asked;
  std::vector<std::pair<std::string, std::string>> last_headers;

 private:
  static net::Answer answer(int status, std::string body) {
    net::Answer out;
    out.status = status;
    out.body = std::move(body);
    return out;
  }
  static net::Answer refused(const char* word) { return answer(400, std::string(R"({"error":")") + word + "\"}"); }

  net::Answer token(const net::Form& form) {
    std::string nonce;
    if (form.get("grant_type") == "authorization_code") {
      const auto found = codes_.find(form.get("code").value_or(""));
      if (found == codes_.end()) return refused("invalid_grant");
      const auto asked_for = found->second;
      codes_.erase(found);
      const auto challenge = base64url_encode(crypto::sha256(form.get("code_verifier").value_or("")));
      if (asked_for.get("code_challenge") != challenge || asked_for.get("code_challenge_method") != "S256") return refused("invalid_grant");
      if (asked_for.get("redirect_uri") != form.get("redirect_uri")) return refused("invalid_grant");
      nonce = asked_for.get("nonce").value_or("");
    } else if (!active || refresh_.erase(form.get("refresh_token").value_or("")) == 0) {
      return refused("invalid_grant");
    }
    json::object body;
    const auto access = "opaque-access-" + std::to_string(++serial_);
    accepted_[access] = clock_.now() + Seconds(access_lifetime);
    body["access_token"] = access;
    body["token_type"] = "Bearer";
    body["expires_in"] = access_lifetime;
    if (gives_refresh) {
      const auto refresh = "refresh-" + std::to_string(++serial_);
      refresh_.insert(refresh);
      body["refresh_token"] = refresh;
    }
    auto claims = user;
    claims["iss"] = issuer_;
    claims["aud"] = "wiki";
    claims["iat"] = to_seconds(clock_.now());
    claims["exp"] = to_seconds(clock_.now()) + 3600;
    claims["nonce"] = nonce;
    claims["at_hash"] = base64url_encode(std::string_view(crypto::sha256(access)).substr(0, 16));
    for (const auto& member : id_overrides) {
      if (member.value().is_null()) claims.erase(member.key());
      else claims[member.key()] = member.value();
    }
    body["id_token"] = sign(claims);
    return answer(200, to_text(body));
  }

  net::Answer introspect(const net::Form& form) {
    last_introspection = form.get("token").value_or("");
    const auto found = introspected.find(last_introspection);
    return answer(200, found == introspected.end() ? R"({"active":false})" : to_text(found->second));
  }

  net::Answer userinfo(const net::Outbound& request) {
    for (const auto& [name, value] : request.headers) {
      if (name != "Authorization") continue;
      const auto found = accepted_.find(value.substr(7));
      if (active && found != accepted_.end() && clock_.now() < found->second) return answer(200, to_text(user));
    }
    return answer(401, "{}");
  }

  const Clock& clock_;
  std::string issuer_;
  int rotations_ = 0;
  mutable int serial_ = 0;
  std::optional<jose::Jwk> signing_;
  std::vector<jose::Jwk> published_;
  std::map<std::string, net::Form> codes_;
  std::map<std::string, Timestamp> accepted_;
  std::set<std::string> refresh_;
};

}  // namespace gatehouse::oauth::client
