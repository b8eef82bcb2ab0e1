#include "jose/jwk.h"

#include <gtest/gtest.h>

#include "core/bytes.h"

namespace gatehouse::jose {
namespace {

json::value read(std::string_view text) { return parse_json(text).value(); }

// RFC 7517 appendix A.1, and RFC 8037 appendix A.2.
constexpr std::string_view kEc =
    R"("kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM")";
constexpr std::string_view kOkp = R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
constexpr std::string_view kOct = R"("kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")";

std::string with(std::string_view key, std::string_view more) { return "{" + std::string(key) + std::string(more) + "}"; }

TEST(Jwk, thumbprints_agree_with_the_rfcs) {
  // RFC 7638 §3.1.
  const auto rsa = Jwk::parse(read(
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})"));
  ASSERT_TRUE(rsa) << rsa.error().message();
  EXPECT_EQ(rsa->thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  // RFC 8037 appendix A.3.
  EXPECT_EQ(Jwk::parse(read(with(kOkp, "")))->thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(Jwk, goes_out_in_public_without_anything_private) {
  for (const auto spec : {crypto::KeySpec::p256, crypto::KeySpec::p384, crypto::KeySpec::p521, crypto::KeySpec::ed25519, crypto::KeySpec::rsa2048}) {
    const auto key = Jwk::of(crypto::PrivateKey::generate(spec).value()).value();
    const auto open = key.public_json().value();
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "k"}) EXPECT_FALSE(open.contains(name)) << name;
    EXPECT_EQ(open.at("kid").as_string(), key.thumbprint());
    EXPECT_EQ(open.at("use").as_string(), "sig");
    const auto back = Jwk::parse(open).value();
    EXPECT_EQ(*back.public_key(), *key.public_key());
    EXPECT_FALSE(back.can_sign());
    const auto whole = Jwk::parse(key.secret_json());
    ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_TRUE(whole->can_sign());
    const auto signature = whole->sign(key.signing_alg(), "x").value();
    EXPECT_TRUE(back.verify(key.signing_alg(), "x", signature));
  }
}

TEST(Jwk, a_symmetric_key_has_no_public_half) {
  const auto key = Jwk::parse(read(with(kOct, R"(,"alg":"HS256","kid":"s")"))).value();
  EXPECT_EQ(key.public_json().error().fault(), Fault::denied);
  EXPECT_EQ(key.public_key(), nullptr);
  EXPECT_EQ(to_text(KeySet::of({key})->public_json()), R"({"keys":[]})");
  EXPECT_EQ(Jwk::parse(key.secret_json())->thumbprint(), key.thumbprint());
}

TEST(Jwk, its_algorithm_is_its_own) {
  const auto bound = Jwk::parse(read(with(kEc, R"(,"alg":"ES256")"))).value();
  const auto free = Jwk::parse(read(with(kEc, ""))).value();
  for (const auto alg : kAsymmetricAlgs) {
    EXPECT_EQ(bound.fits(alg), alg == Alg::ES256);
    EXPECT_EQ(free.fits(alg), alg == Alg::ES256);
  }
  for (const auto alg : kSymmetricAlgs) EXPECT_FALSE(free.fits(alg)) << name_of(alg);
  const auto rsa = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::rsa2048).value(), "r", Alg::PS256).value();
  EXPECT_TRUE(rsa.fits(Alg::PS256));
  EXPECT_FALSE(rsa.fits(Alg::RS256));
  EXPECT_FALSE(rsa.sign(Alg::RS256, "x"));
}

struct Refused {
  std::string_view key, more, why;
};

TEST(Jwk, what_is_not_for_signing_or_contradicts_itself_is_refused) {
  const Refused cases[] = {
      {kEc, R"(,"use":"enc")", "jwk: its use is not signing"},
      {kEc, R"(,"use":1)", "jwk: use must be a string"},
      {kEc, R"(,"key_ops":["encrypt"])", "jwk: its key_ops have neither sign nor verify"},
      {kEc, R"(,"key_ops":["verify","verify"])", "jwk: key_ops names an operation twice"},
      {kEc, R"(,"key_ops":"verify")", "jwk: key_ops cannot be read"},
      {kEc, R"(,"key_ops":["verify",1])", "jwk: key_ops cannot be read"},
      {kEc, R"(,"alg":"HS256")", "jwk: its alg does not fit its type"},
      {kEc, R"(,"alg":"ES384")", "jwk: its alg does not fit its type"},
      {kEc, R"(,"alg":"none")", "jwk: its alg is not a signature algorithm that is known here"},
      {kEc, R"(,"alg":"ECDH-ES")", "jwk: its alg is not a signature algorithm that is known here"},
      {kEc, R"(,"d":"")", "jwk: d is not base64url"},
      {kEc, R"(,"kid":7)", "jwk: kid must be a string"},
      {kOct, R"(,"alg":"RS256")", "jwk: an oct key is for HS256, HS384 or HS512 only"},
      {kOct, "", "jwk: an oct key must say its alg"},
      {R"("kty":"oct","k":"c2hvcnQ")", R"(,"alg":"HS256")", "jwk: an oct key must be as long as its hash"},
      {R"("kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4=","y":"AA")", "", "jwk: x is not base64url"},
      {R"("kty":"EC","crv":"secp256k1","x":"AA","y":"AA")", "", "jwk: of the curves of EC only P-256, P-384 and P-521 are used here"},
      {R"("kty":"OKP","crv":"X448","x":"AA")", "", "jwk: of the curves of OKP only Ed25519 and X25519 are used here"},
      {R"("kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08")", "", "jwk: an X25519 key signs nothing"},
      {R"("kty":"OKP","crv":"P-256","x":"AA")", "", "jwk: of the curves of OKP only Ed25519 and X25519 are used here"},
      {R"("kty":"RSA","e":"AQAB")", "", "jwk: n is missing"},
      {R"("kty":"AKP")", "", "jwk: its kty is not RSA, EC, OKP or oct"},
  };
  for (const auto& [key, more, why] : cases) {
    const auto parsed = Jwk::parse(read(with(key, more)));
    ASSERT_FALSE(parsed) << why;
    EXPECT_EQ(parsed.error().message(), why);
  }
  EXPECT_FALSE(Jwk::parse(read("[]")));
  EXPECT_FALSE(Jwk::parse(read(with(kEc, R"(,"kid":")" + std::string(kKidMax + 1, 'k') + "\""))));
}

TEST(Jwk, key_ops_tell_what_it_may_do) {
  EXPECT_FALSE(Jwk::parse(read(with(kOct, R"(,"alg":"HS256","key_ops":["sign"])")))->can_verify());
  EXPECT_FALSE(Jwk::parse(read(with(kOct, R"(,"alg":"HS256","key_ops":["verify"])")))->can_sign());
}

std::string set_of(std::initializer_list<std::string> keys) {
  std::string text = R"({"keys":[)";
  for (const auto& key : keys) text += (text.ends_with('[') ? "" : ",") + key;
  return text + "]}";
}

TEST(KeySet, finds_keys_by_name) {
  const auto set = KeySet::parse(set_of({with(kEc, R"(,"kid":"a")"), with(kOkp, R"(,"kid":"b")")})).value();
  EXPECT_EQ(set.keys().size(), 2U);
  EXPECT_EQ(set.find("b")->public_key()->type(), crypto::KeyType::ed25519);
  EXPECT_EQ(set.find("c"), nullptr);
  EXPECT_EQ(set.find(""), nullptr);
}

TEST(KeySet, leaves_out_what_it_cannot_use_and_says_so) {
  const auto set = KeySet::parse(set_of({with(kEc, R"(,"kid":"a","use":"enc")"), R"({"kty":"AKP","kid":"b"})",
                                         with(kOkp, R"(,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid":"c")"), with(kOkp, R"(,"kid":"d")")}));
  ASSERT_TRUE(set);
  ASSERT_EQ(set->keys().size(), 1U);
  EXPECT_EQ(set->keys().front().kid(), "d");
  EXPECT_EQ(set->ignored(), (std::vector<std::string>{"key 1: jwk: its use is not signing", "key 2: its kty is not known here",
                                                      "key 3: its private half was published with it"}));
}

TEST(KeySet, a_spoiled_set_is_refused_as_a_whole) {
  const auto ec = with(kEc, R"(,"kid":"a")"), oct = with(kOct, R"(,"kid":"s","alg":"HS256")");
  EXPECT_FALSE(KeySet::parse(set_of({ec, ec})));
  EXPECT_FALSE(KeySet::parse(set_of({ec, oct})));
  EXPECT_FALSE(KeySet::parse(set_of({ec, oct}), KeyKind::symmetric));
  EXPECT_FALSE(KeySet::parse(set_of({oct})));  // whoever reads it could sign
  EXPECT_TRUE(KeySet::parse(set_of({oct}), KeyKind::symmetric));
  EXPECT_TRUE(KeySet::parse(set_of({ec, with(kEc, R"(,"kid":"a","use":"enc")")})));  // one name for two uses is common
  for (const std::string_view bad : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[],"keys":[]})"}) EXPECT_FALSE(KeySet::parse(bad)) << bad;
}

TEST(KeySet, is_limited_in_size_and_count) {
  std::string keys;
  for (std::size_t i = 0; i <= kKeySetKeysMax; ++i) keys += (i == 0 ? "" : ",") + with(kOkp, R"(,"kid":")" + std::to_string(i) + "\"");
  EXPECT_FALSE(KeySet::parse(R"({"keys":[)" + keys + "]}"));
  EXPECT_FALSE(KeySet::parse(set_of({with(kOkp, R"(,"x5u":")" + std::string(kKeySetTextMax, 'x') + "\"")})));
}

}  // namespace
}  // namespace gatehouse::jose
