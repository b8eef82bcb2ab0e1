#include "jose/jwt.h"

#include <gtest/gtest.h>

namespace gatehouse::jose {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

class JwtSpec : public testing::Test {
 protected:
  static Expect expect() {
    Expect expected;
    expected.issuer = "https://issuer.example";
    expected.audiences = {"api", "https://api.example"};
    expected.now = from_seconds(kNow);
    return expected;
  }
  static json::object good() {
    return {{"iss", "https://issuer.example"}, {"aud", "api"}, {"sub", "ada"}, {"exp", kNow + 300}, {"iat", kNow - 10}, {"nbf", kNow - 10}};
  }
  static std::optional<Flaw> flaw(const json::object& claims, const Expect& expected = expect()) {
    const auto checked = check_claims(Claims(claims), expected);
    return checked ? std::nullopt : flaw_of(checked.error());
  }
  static std::optional<Flaw> with(std::string_view name, const json::value& value, const Expect& expected = expect()) {
    auto claims = good();
    claims[json::string_view(name.data(), name.size())] = value;
    return flaw(claims, expected);
  }
  static std::optional<Flaw> without(std::string_view name) {
    auto claims = good();
    claims.erase(json::string_view(name.data(), name.size()));
    return flaw(claims);
  }
  // As it would stand in a token: "exp": <text>.
  static std::optional<Flaw> spelled(const std::string& name, const std::string& text) {
    auto claims = good();
    claims.erase(name);
    auto whole = to_text(claims);
    whole.pop_back();
    const auto parsed = Claims::parse(whole + ",\"" + name + "\":" + text + "}");
    if (!parsed) return flaw_of(parsed.error());
    return flaw(parsed->object());
  }
};

TEST_F(JwtSpec, good_claims_are_accepted) {
  EXPECT_EQ(flaw(good()), std::nullopt);
  EXPECT_EQ(without("nbf"), std::nullopt);
  EXPECT_EQ(without("iat"), std::nullopt);
}

TEST_F(JwtSpec, it_must_come_from_the_issuer_for_us) {
  EXPECT_EQ(without("iss"), Flaw::issuer_missing);
  EXPECT_EQ(with("iss", 5), Flaw::issuer_missing);
  for (const char* other : {"", "https://issuer.example/", "HTTPS://issuer.example", "https://issuer.example.evil.example"})
    EXPECT_EQ(with("iss", other), Flaw::wrong_issuer) << other;
  EXPECT_EQ(without("aud"), Flaw::audience_missing);
  EXPECT_EQ(with("aud", "other"), Flaw::wrong_audience);
  EXPECT_EQ(with("aud", ""), Flaw::wrong_audience);
  EXPECT_EQ(with("aud", json::array{}), Flaw::wrong_audience);
  EXPECT_EQ(with("aud", (json::array{"other", "https://api.example"})), std::nullopt);
  EXPECT_EQ(with("aud", (json::array{"api", 5})), Flaw::bad_audience);
  EXPECT_EQ(with("aud", json::object{}), Flaw::bad_audience);
  EXPECT_EQ(with("aud", nullptr), Flaw::bad_audience);
  EXPECT_EQ(without("sub"), Flaw::subject_missing);
  auto any_subject = expect();
  any_subject.subject = Expect::Subject::optional;
  EXPECT_EQ(with("sub", "", any_subject), std::nullopt);
}

TEST_F(JwtSpec, without_expectations_nothing_is_accepted) {
  auto no_issuer = expect();
  no_issuer.issuer.clear();
  EXPECT_EQ(with("iss", "", no_issuer), Flaw::nothing_expected);
  auto no_audience = expect();
  no_audience.audiences.clear();
  EXPECT_EQ(with("aud", json::array{}, no_audience), Flaw::nothing_expected);
  auto no_time = expect();
  no_time.now = Timestamp();
  EXPECT_EQ(flaw({{"iss", "https://issuer.example"}, {"aud", "api"}, {"sub", "ada"}, {"exp", kNow}}, no_time), Flaw::nothing_expected);
  auto empty_audience = expect();
  empty_audience.audiences = {""};
  EXPECT_EQ(with("aud", "", empty_audience), Flaw::wrong_audience);
}

TEST_F(JwtSpec, times_hold_to_the_second_and_the_skew) {
  EXPECT_EQ(without("exp"), Flaw::expiry_missing);
  EXPECT_EQ(with("exp", kNow - 59), std::nullopt);
  EXPECT_EQ(with("exp", kNow - 60), Flaw::expired);
  EXPECT_EQ(with("nbf", kNow + 60), std::nullopt);
  EXPECT_EQ(with("nbf", kNow + 61), Flaw::not_yet_valid);
  EXPECT_EQ(with("iat", kNow + 60), std::nullopt);
  EXPECT_EQ(with("iat", kNow + 61), Flaw::issued_in_future);
  auto hint = expect();
  hint.expiry = Expect::Expiry::ignored;
  EXPECT_EQ(with("exp", kNow - 86400, hint), std::nullopt);
  auto fresh = expect();
  fresh.age_max = Seconds(100);
  EXPECT_EQ(with("iat", kNow - 160, fresh), std::nullopt);
  EXPECT_EQ(with("iat", kNow - 161, fresh), Flaw::too_old);
  auto no_iat = good();
  no_iat.erase("iat");
  EXPECT_EQ(flaw(no_iat, fresh), Flaw::issued_at_missing);
}

TEST_F(JwtSpec, strange_numbers_are_no_times) {
  for (const std::string name : {"exp", "nbf", "iat"})
    for (const std::string text : {"1e300", "-1e300", "1e999", "-1", "-0.5", "9223372036854775807", "9223372036854775808", "18446744073709551615",
                                   "99999999999999999999999999", "253402300800", "\"1700000000\"", "null", "true", "[1700000300]", "{}", "NaN", "Infinity"}) {
      const auto found = spelled(name, text);
      EXPECT_TRUE(found == Flaw::bad_time || found == Flaw::bad_claims) << name << " " << text;
    }
  EXPECT_EQ(spelled("exp", "1700000300.75"), std::nullopt);
  EXPECT_EQ(spelled("exp", "1.7000003e9"), std::nullopt);
  EXPECT_EQ(spelled("exp", "0"), Flaw::expired);
  EXPECT_EQ(spelled("exp", "-0.0"), Flaw::expired);
  EXPECT_EQ(spelled("exp", "1e-300"), Flaw::expired);
  EXPECT_EQ(spelled("exp", "253402300799"), std::nullopt);
  EXPECT_EQ(spelled("nbf", "253402300799"), Flaw::not_yet_valid);
}

TEST_F(JwtSpec, claims_are_read_by_type) {
  const auto claims = Claims::parse(R"({"a":"x","n":5,"b":true,"l":["x","y"],"scope":"openid  email","m":["x",1]})").value();
  EXPECT_EQ(claims.text("a"), "x");
  EXPECT_EQ(claims.text("n"), std::nullopt);
  EXPECT_EQ(claims.yes("b"), true);
  EXPECT_EQ(claims.texts("a"), std::vector<std::string>{"x"});
  EXPECT_EQ(claims.texts("l"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(claims.texts("m"), std::nullopt);
  EXPECT_EQ(claims.scopes(), (std::vector<std::string>{"openid", "email"}));
  EXPECT_EQ(Claims::parse(R"({"scp":["a","b"]})")->scopes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Claims().scopes().empty());
  for (const char* bad : {"", "5", "[]", "\"x\"", "{", R"({"a":1,"a":2})", "{\"a\":\"\xff\"}"}) EXPECT_EQ(flaw_of(Claims::parse(bad).error()), Flaw::bad_claims) << bad;
}

TEST_F(JwtSpec, a_whole_token_is_verified_in_order) {
  const auto key = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value()).value();
  const auto keys = KeySet::of({key}).value();
  const auto verdict = [&](const std::string& token, const Expect& expected) {
    const auto verified = verify_jwt(token, keys, kAsymmetricAlgs, expected);
    return verified ? std::nullopt : flaw_of(verified.error());
  };
  const auto token = sign_jwt(key, good()).value();
  EXPECT_EQ(verify_jwt(token, keys, kAsymmetricAlgs, expect())->claims.subject(), "ada");
  EXPECT_EQ(verdict(sign_jwt(key, good(), "").value(), expect()), std::nullopt);
  EXPECT_EQ(verdict(sign_jwt(key, good(), "application/JWT").value(), expect()), std::nullopt);
  EXPECT_EQ(verdict(sign_jwt(key, good(), "at+jwt").value(), expect()), Flaw::wrong_type);

  auto access = expect();
  access.types = {"at+jwt"};
  EXPECT_EQ(verdict(sign_jwt(key, good(), "AT+JWT").value(), access), std::nullopt);
  EXPECT_EQ(verdict(token, access), Flaw::wrong_type);
  EXPECT_EQ(verdict(sign_jwt(key, good(), "").value(), access), Flaw::wrong_type);
  EXPECT_EQ(verdict(sign(key, {}, "no claims").value(), expect()), Flaw::bad_claims);
  EXPECT_EQ(verdict(token.substr(0, token.size() - 3) + "AAA", expect()), Flaw::bad_signature);
}

}  // namespace
}  // namespace gatehouse::jose
