// Assertions that are good, and everything about one that can be wrong.
#include "oauth/client_assertion.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "oauth/error.h"
#include "oauth/params.h"

namespace gatehouse::oauth {
namespace {

using jose::Alg;
using jose::Jwk;

constexpr const char* kEndpoint = "https://org.example/oauth2/v1/token";
constexpr std::array kPs{Alg::PS256};

Jwk key_of(crypto::KeySpec spec, std::string kid, std::optional<Alg> alg = {}) {
  return Jwk::of(crypto::PrivateKey::generate(spec).value(), std::move(kid), alg).value();
}
Jwk open_half(const Jwk& key) { return Jwk::of(*key.public_key(), key.kid(), key.alg()).value(); }

struct Assertions : testing::Test {
  ManualClock clock;
  Jwk ec = key_of(crypto::KeySpec::p256, "ec"), other_ec = key_of(crypto::KeySpec::p256, "other");
  static const crypto::PrivateKey& rsa_pair() {
    static const auto pair = crypto::PrivateKey::generate(crypto::KeySpec::rsa2048).value();
    return pair;
  }
  static Jwk rsa() { return Jwk::of(rsa_pair(), "rsa").value(); }
  jose::KeySet keys = jose::KeySet::of({open_half(ec), open_half(rsa())}).value();
  AssertionRules rules{.client_id = "bot",
                       .audiences = {kEndpoint, "https://org.example"},
                       .algs = jose::kAsymmetricAlgs,
                       .now = clock.now()};

  std::int64_t now() const { return to_seconds(clock.now()); }
  json::object claims() const {
    return {{"iss", "bot"}, {"sub", "bot"}, {"aud", kEndpoint}, {"exp", now() + 300}, {"iat", now()}, {"jti", "j1"}};
  }
  std::string signed_by(const Jwk& key, const json::object& claims, std::string_view typ = "JWT") const {
    return jose::sign_jwt(key, claims, typ).value();
  }
  std::string with(const std::function<void(json::object&)>& change) const {
    auto changed = claims();
    change(changed);
    return signed_by(ec, changed);
  }
  // Empty when it is good; always invalid_client otherwise.
  std::string verdict(const std::string& assertion) const {
    const auto checked = check_client_assertion(assertion, keys, rules);
    if (checked) return "";
    EXPECT_EQ(code_of(checked.error()), Code::invalid_client);
    return checked.error().message();
  }
};

TEST_F(Assertions, good_ones) {
  const auto checked = check_client_assertion(signed_by(ec, claims()), keys, rules).value();
  EXPECT_EQ(checked.jti, "j1");
  EXPECT_EQ(to_seconds(checked.until), now() + 360);
  EXPECT_EQ(verdict(signed_by(rsa(), claims())), "");
  EXPECT_EQ(verdict(signed_by(ec, claims(), "")), "");
  EXPECT_EQ(verdict(signed_by(ec, claims(), "client-authentication+jwt")), "");
  EXPECT_EQ(verdict(with([](auto& c) { c["aud"] = "https://org.example"; })), "");
  EXPECT_EQ(verdict(with([](auto& c) { c["aud"] = json::array{kEndpoint}; })), "");
  EXPECT_EQ(verdict(with([](auto& c) { c["aud"] = json::array{kEndpoint, "https://org.example/"}; })), "")
      << "both names are ours";
  EXPECT_EQ(verdict(with([](auto& c) { c["aud"] = "https://org.example:443//oauth2/v1/token"; })), "")
      << "the Go SDK joins base and path so";
  EXPECT_EQ(verdict(with([this](auto& c) { c["exp"] = now() + 3600; })), "") << "the Go SDK: an hour exactly";
  EXPECT_EQ(verdict(with([this](auto& c) { c["exp"] = now() + 3660; })), "") << "with a fast clock";
  EXPECT_EQ(verdict(with([this](auto& c) { c["iat"] = now() + 60, c["nbf"] = now() + 60; })), "");
  EXPECT_EQ(verdict(with([this](auto& c) { c["exp"] = now() - 59; })), "");
  EXPECT_EQ(verdict(with([](auto& c) { c.erase("iat"); })), "");
  EXPECT_EQ(check_client_assertion(with([](auto& c) { c.erase("jti"); }), keys, rules).value().jti, "");
}

TEST_F(Assertions, what_is_wrong_is_refused_and_told) {
  struct Case {
    const char* told;
    std::string assertion;
  };
  const Case cases[] = {
      {"iss and sub", with([](auto& c) { c["iss"] = "other"; })},
      {"iss and sub", with([](auto& c) { c["sub"] = "other"; })},
      {"iss and sub", with([](auto& c) { c.erase("iss"); })},
      {"iss and sub", with([](auto& c) { c.erase("sub"); })},
      {"(aud)", with([](auto& c) { c.erase("aud"); })},
      {"(aud)", with([](auto& c) { c["aud"] = 5; })},
      {"(aud)", with([](auto& c) { c["aud"] = json::array{}; })},
      {"(aud)", with([](auto& c) { c["aud"] = json::array{kEndpoint, 5}; })},
      {"(aud)", with([](auto& c) { c["aud"] = "https://other.example/oauth2/v1/token"; })},
      {"(aud)", with([](auto& c) { c["aud"] = "https://org.example/oauth2/default/v1/token"; })},
      {"(aud)", with([](auto& c) { c["aud"] = "https://org.example/oauth2/v1/token?x=1"; })},
      {"(aud)", with([](auto& c) { c["aud"] = "http://org.example/oauth2/v1/token"; })},
      {"(aud)", with([](auto& c) { c["aud"] = "https://org.example.evil/oauth2/v1/token"; })},
      {"(aud)", with([](auto& c) {
         c["aud"] = json::array{kEndpoint, "https://evil.example"};
       })},  // could be brought here by that one
      {"(aud)", with([](auto& c) { c["aud"] = json::array(9, json::value(kEndpoint)); })},
      {"does not say when it expires", with([](auto& c) { c.erase("exp"); })},
      {"is not a number", with([](auto& c) { c["exp"] = "tomorrow"; })},
      {"has expired", with([this](auto& c) { c["exp"] = now() - 60; })},
      {"more than an hour", with([this](auto& c) { c["exp"] = now() + 3661; })},
      {"not valid yet", with([this](auto& c) { c["nbf"] = now() + 61; })},
      {"in the future", with([this](auto& c) { c["iat"] = now() + 61; })},
      {"(jti)", with([](auto& c) { c["jti"] = ""; })},
      {"(jti)", with([](auto& c) { c["jti"] = 7; })},
      {"(jti)", with([](auto& c) { c["jti"] = std::string(257, 'j'); })},
      {"of another kind", signed_by(ec, claims(), "at+jwt")},
      {"of another kind", signed_by(ec, claims(), "dpop+jwt")},
      {"No key", signed_by(other_ec, claims())},
      {"signature", signed_by(key_of(crypto::KeySpec::p256, "ec"), claims())},
      {"three parts", "abc"},
      {"three parts", ""},
      {"larger", std::string(jose::kTokenMax + 1, 'a')},
  };
  for (const auto& [told, assertion] : cases)
    EXPECT_NE(verdict(assertion).find(told), std::string::npos) << told << ": " << verdict(assertion);
}

TEST_F(Assertions, the_algorithm_is_the_keys_and_the_registrations) {
  // RFC 8725 §2.1: a public key taken for an HMAC secret, and no signature at all.
  const auto pem = rsa_pair().public_key().pem();
  const auto head =
      base64url_encode(R"({"alg":"HS256","kid":"rsa","typ":"JWT"})") + "." + base64url_encode(to_text(claims()));
  EXPECT_NE(verdict(head + "." + base64url_encode(crypto::hmac_sha256(pem, head))).find("not allowed"),
            std::string::npos);
  const auto bare = base64url_encode(R"({"alg":"none"})") + "." + base64url_encode(to_text(claims()));
  EXPECT_NE(verdict(bare + ".e30").find("not signed"), std::string::npos);
  EXPECT_NE(verdict(bare + ".").find("three parts"), std::string::npos);
  // The kid of the EC key with the algorithm of the RSA key.
  const auto crossed = Jwk::of(rsa_pair(), "ec").value();
  EXPECT_NE(verdict(signed_by(crossed, claims())).find("No key"), std::string::npos);

  rules.algs = kPs;
  EXPECT_NE(verdict(signed_by(rsa(), claims())).find("not allowed"), std::string::npos);
  const auto ps = Jwk::of(rsa_pair(), "ps", Alg::PS256).value();
  keys = jose::KeySet::of({open_half(ps)}).value();
  EXPECT_EQ(verdict(signed_by(ps, claims())), "");
}

TEST_F(Assertions, by_a_shared_secret) {
  const Secret secret(std::string(64, 's'));
  rules.algs = jose::kSymmetricAlgs;
  std::vector<Jwk> all;
  for (const auto alg : jose::kSymmetricAlgs) all.push_back(Jwk::of(secret, "", alg).value());
  keys = jose::KeySet::of(all).value();
  for (const auto& key : all) EXPECT_EQ(verdict(signed_by(key, claims())), "") << jose::name_of(*key.alg());
  EXPECT_NE(
      verdict(signed_by(Jwk::of(Secret(std::string(64, 't')), "", Alg::HS256).value(), claims())).find("signature"),
      std::string::npos);
  EXPECT_NE(verdict(signed_by(ec, claims())).find("not allowed"), std::string::npos);
  const auto bare = base64url_encode(R"({"alg":"none"})") + "." + base64url_encode(to_text(claims())) + ".e30";
  EXPECT_NE(verdict(bare).find("not signed"), std::string::npos);
}

TEST_F(Assertions, credentials_come_in_one_way) {
  const auto assertion = signed_by(ec, claims());
  const auto read = [&](std::vector<std::pair<std::string, std::string>> fields, std::string_view authorization = "") {
    net::Form form;
    form.add("client_assertion", assertion);
    for (auto& [name, value] : fields) form.add(name, value);
    return read_credentials(authorization, Params::of(std::move(form)).value());
  };
  const std::pair<std::string, std::string> type{"client_assertion_type", std::string(kAssertionType)};
  const auto good = read({type}).value();
  EXPECT_EQ(good.how, Presented::assertion);
  EXPECT_EQ(good.client_id, "bot");
  EXPECT_TRUE(read({type, {"client_id", "bot"}}));
  EXPECT_EQ(code_of(read({type, {"client_id", "other"}}).error()), Code::invalid_client);
  EXPECT_EQ(code_of(read({type, {"client_secret", "s"}}).error()), Code::invalid_request);
  EXPECT_EQ(code_of(read({type}, "Basic " + base64_encode("bot:secret")).error()), Code::invalid_request);
  EXPECT_EQ(code_of(read({type}, "Basic " + base64_encode("bot")).error()), Code::invalid_request);
  EXPECT_EQ(code_of(read({}).error()), Code::invalid_client) << "the type is missing";
  EXPECT_EQ(
      code_of(read({{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}}).error()),
      Code::invalid_client);
  EXPECT_EQ(code_of(read({{"client_assertion_type", std::string(kAssertionType) + " "}}).error()),
            Code::invalid_client);
  net::Form alone;
  alone.add(type.first, type.second);
  EXPECT_EQ(code_of(read_credentials("", Params::of(std::move(alone)).value()).error()), Code::invalid_request);
}

TEST(CanonicalAudience, table) {
  EXPECT_EQ(canonical_audience("https://org.example:443//oauth2//v1/token"), "https://org.example/oauth2/v1/token");
  EXPECT_EQ(canonical_audience("https://org.example/"), "https://org.example");
  EXPECT_EQ(canonical_audience("https://ORG.example:8443/oauth2/v1/token"), "https://org.example:8443/oauth2/v1/token");
  EXPECT_EQ(canonical_audience("https://org.example/oauth2/v1/token/"), "https://org.example/oauth2/v1/token/")
      << "another path";
  EXPECT_EQ(canonical_audience("api://default"), "api://default");
  EXPECT_EQ(canonical_audience("https://user@org.example/"), "https://user@org.example/");
}

}  // namespace
}  // namespace gatehouse::oauth
