#include "jose/keygen.h"

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "jose/jwe.h"
#include "jose/jwk_x509.h"
#include "jose/jws.h"

namespace gatehouse::jose {
namespace {

class KeyGenerator : public testing::Test {
 protected:
  Result<GeneratedKey> made(KeyOrder order) { return generate_key(order, *random_); }
  std::string fault(KeyOrder order) {
    const auto key = made(std::move(order));
    return key ? "" : key.error().message();
  }
  const std::unique_ptr<Random> random_ = seeded_random(7);
};

json::value read(const Secret& text) { return parse_json(text.reveal()).value(); }

KeyOrder order(std::string type, std::string curve, int bits, KeyUse use, std::string alg) {
  KeyOrder made;
  made.type = std::move(type);
  made.curve = std::move(curve);
  made.bits = bits;
  made.use = use;
  made.alg = std::move(alg);
  return made;
}

TEST_F(KeyGenerator, signing_keys_sign_and_all_forms_are_one_key) {
  const std::pair<KeyOrder, std::string_view> orders[] = {
      {order("RSA", "", 0, KeyUse::sig, ""), "RS256"},          {order("RSA", "", 3072, KeyUse::sig, "PS384"), "PS384"},
      {order("EC", "", 0, KeyUse::sig, ""), "ES256"},           {order("EC", "P-384", 0, KeyUse::sig, ""), "ES384"},
      {order("EC", "P-521", 0, KeyUse::sig, "ES512"), "ES512"}, {order("OKP", "", 0, KeyUse::sig, ""), "EdDSA"}};
  for (const auto& [wanted, alg] : orders) {
    const auto key = made(wanted);
    ASSERT_TRUE(key) << key.error().message();
    EXPECT_EQ(key->alg, alg);
    const auto whole = Jwk::parse(read(key->secret_jwk)).value();
    const auto open = KeySet::parse(json::value(key->public_set)).value();
    EXPECT_EQ(key->kid, whole.thumbprint());
    EXPECT_EQ(key->public_jwk.at("use").as_string(), "sig");
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "k"}) EXPECT_FALSE(key->public_jwk.contains(name)) << name;
    EXPECT_EQ(verify(sign(whole, {}, "x").value(), open, kAsymmetricAlgs)->kid, key->kid);
    EXPECT_EQ(crypto::PrivateKey::from_pem(key->private_pem)->public_key(), *whole.public_key());
    EXPECT_EQ(crypto::PublicKey::from_pem(key->public_pem).value(), *whole.public_key());
    EXPECT_EQ(find(read(key->secret_set), "keys")->get_array().at(0), read(key->secret_jwk));
    EXPECT_TRUE(key->certificate_pem.empty());
  }
}

TEST_F(KeyGenerator, encryption_keys_encrypt) {
  for (const auto& wanted : {order("RSA", "", 2048, KeyUse::enc, ""), order("RSA", "", 0, KeyUse::enc, "RSA-OAEP"), order("EC", "", 0, KeyUse::enc, ""),
                             order("EC", "P-521", 0, KeyUse::enc, "ECDH-ES+A256KW"), order("OKP", "", 0, KeyUse::enc, ""),
                             order("OKP", "X25519", 0, KeyUse::enc, "ECDH-ES+A128KW")}) {
    const auto key = made(wanted);
    ASSERT_TRUE(key) << key.error().message();
    const auto ours = EncryptionKeySet::of({EncryptionKey::parse(read(key->secret_jwk)).value()}).value();
    const auto to = EncryptionKeySet::parse(json::value(key->public_set))->recipient(key_alg_named(key->alg).value()).value();
    EXPECT_EQ(decrypt(encrypt(to, Enc::A256GCM, {}, "x", *random_).value(), ours, kEveryEnc)->kid, key->kid);
    EXPECT_FALSE(Jwk::parse(key->public_jwk)) << "a key for encryption does not sign";
  }
}

TEST_F(KeyGenerator, secrets_have_the_length_that_their_algorithm_needs) {
  const std::pair<KeyOrder, std::size_t> orders[] = {
      {order("oct", "", 0, KeyUse::sig, ""), 32},         {order("oct", "", 0, KeyUse::sig, "HS512"), 64},
      {order("oct", "", 1024, KeyUse::sig, "HS256"), 128}, {order("oct", "", 0, KeyUse::enc, ""), 32},
      {order("oct", "", 0, KeyUse::enc, "A128GCMKW"), 16}, {order("oct", "", 192, KeyUse::enc, "A192KW"), 24},
      {order("oct", "", 0, KeyUse::enc, "dir"), 32},       {order("oct", "", 0, KeyUse::enc, "A256CBC-HS512"), 64}};
  for (const auto& [wanted, size] : orders) {
    const auto key = made(wanted);
    ASSERT_TRUE(key) << key.error().message();
    const auto jwk = read(key->secret_jwk);
    EXPECT_EQ(base64url_decode(*find_string(jwk, "k"))->size(), size);
    EXPECT_EQ(find_string(jwk, "kid"), key->kid);
    EXPECT_TRUE(wanted.use == KeyUse::sig ? Jwk::parse(jwk).has_value() : EncryptionKey::parse(jwk).has_value());
    EXPECT_TRUE(key->public_jwk.empty() && key->public_set.empty() && key->public_pem.empty() && key->private_pem.empty());
  }
}

TEST_F(KeyGenerator, a_kid_is_a_thumbprint_a_date_or_what_was_said) {
  KeyOrder dated;
  dated.kid = KidPolicy::date;
  dated.now = from_seconds(1'700'000'000);
  EXPECT_EQ(made(dated)->kid, "sig-2023-11-14T22:13:20.000Z");
  dated.use = KeyUse::enc;
  EXPECT_EQ(made(dated)->kid, "enc-2023-11-14T22:13:20.000Z");
  KeyOrder given;
  given.kid = KidPolicy::given;
  EXPECT_EQ(fault(given), "new key: a kid was to be given but is empty");
  given.kid_given = "bot-2026";
  EXPECT_EQ(made(given)->public_jwk.at("kid").as_string(), "bot-2026");
  given.kid_given = std::string(kKidMax + 1, 'k');
  EXPECT_NE(fault(given), "");
  given.kid = KidPolicy::thumbprint;
  EXPECT_EQ(fault(given), "new key: a kid was given but another kind of kid was asked for");
}

TEST_F(KeyGenerator, a_certificate_goes_with_the_key) {
  KeyOrder wanted;
  const auto now = from_seconds(1'700'000'000);
  wanted.certificate = KeyOrder::SelfSigned{"bot.example", {now, now + Seconds(86400)}};
  const auto key = made(wanted).value();
  const auto facts = crypto::read_certificate(key.certificate_pem).value();
  EXPECT_EQ(facts.subject, "CN=bot.example");
  EXPECT_EQ(facts.key, crypto::PublicKey::from_pem(key.public_pem).value());
  const auto der = crypto::certificate_der(key.certificate_pem).value();
  EXPECT_EQ(key.public_jwk.at("x5t#S256").as_string(), base64url_encode(crypto::sha256(der)));
  EXPECT_EQ(key.public_jwk.at("x5c").as_array().at(0).as_string(), base64_encode(der));
  EXPECT_TRUE(Jwk::parse(key.public_jwk) && Jwk::parse(read(key.secret_jwk)));
  wanted.type = "OKP";
  wanted.use = KeyUse::enc;
  EXPECT_EQ(fault(wanted), "new key: an X25519 key cannot sign its own certificate");
  wanted.type = "oct";
  EXPECT_EQ(fault(wanted), "new key: an oct key has no certificate");
}

TEST_F(KeyGenerator, words_that_do_not_fit_are_told) {
  const std::pair<KeyOrder, std::string_view> orders[] = {
      {order("DSA", "", 0, KeyUse::sig, ""), "new key: the type must be RSA, EC, OKP or oct"},
      {order("RSA", "", 1024, KeyUse::sig, ""), "new key: RSA keys have 2048, 3072 or 4096 bits"},
      {order("RSA", "P-256", 0, KeyUse::sig, ""), "new key: a curve is for EC and OKP only; RSA has a size"},
      {order("EC", "", 256, KeyUse::sig, ""), "new key: a size is for RSA and oct only; EC and OKP have a curve"},
      {order("EC", "secp256k1", 0, KeyUse::sig, ""), "new key: EC keys have the curve P-256, P-384 or P-521"},
      {order("OKP", "X25519", 0, KeyUse::sig, ""), "new key: Ed25519 keys are for signatures and X25519 keys for encryption"},
      {order("OKP", "Ed448", 0, KeyUse::sig, ""), "new key: OKP keys have the curve Ed25519 or X25519"},
      {order("EC", "P-256", 0, KeyUse::sig, "ECDH-ES"), "new key: ECDH-ES is not an algorithm for signatures"},
      {order("EC", "P-256", 0, KeyUse::sig, "ES384"), "jwk: its alg does not fit its type"},
      {order("EC", "P-256", 0, KeyUse::sig, "HS256"), "jwk: its alg does not fit its type"},
      {order("RSA", "", 0, KeyUse::enc, "RSA1_5"), "new key: RSA1_5 is refused here; take RSA-OAEP-256 or ECDH-ES"},
      {order("RSA", "", 0, KeyUse::enc, "A256GCM"), "new key: A256GCM is for oct keys"},
      {order("EC", "", 0, KeyUse::enc, "RSA-OAEP"), "jwk: its alg does not fit its type or length"},
      {order("oct", "", 0, KeyUse::sig, "RS256"), "new key: RS256 is not for oct keys"},
      {order("oct", "", 0, KeyUse::enc, "ECDH-ES"), "new key: ECDH-ES is not for oct keys"},
      {order("oct", "P-256", 0, KeyUse::sig, ""), "new key: an oct key has no curve"},
      {order("oct", "", 128, KeyUse::sig, ""), "jwk: an oct key must be as long as its hash"},
      {order("oct", "", 129, KeyUse::sig, ""), "new key: the size of an oct key is a multiple of 8, at most 8192 bits"},
      {order("oct", "", 256, KeyUse::enc, "A128KW"), "jwk: its alg does not fit its type or length"}};
  for (const auto& [wanted, why] : orders) EXPECT_EQ(fault(wanted), why);
}

}  // namespace
}  // namespace gatehouse::jose
