#include "crypto/keys.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <thread>
#include <vector>

#include "core/bytes.h"
#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

using enum SignatureAlgorithm;

// RSA takes its time; one key serves all tests.
const PrivateKey& rsa() {
  static const auto kKey = PrivateKey::generate(KeySpec::rsa2048).value();
  return kKey;
}
PrivateKey made(KeySpec spec) { return spec == KeySpec::rsa2048 ? rsa() : PrivateKey::generate(spec).value(); }

struct Pairing {
  KeySpec spec;
  SignatureAlgorithm alg;
  std::size_t size;
};
constexpr Pairing kPairings[] = {
    {KeySpec::rsa2048, RS256, 256}, {KeySpec::rsa2048, RS384, 256}, {KeySpec::rsa2048, RS512, 256}, {KeySpec::rsa2048, PS256, 256},
    {KeySpec::rsa2048, PS384, 256}, {KeySpec::rsa2048, PS512, 256}, {KeySpec::p256, ES256, 64},     {KeySpec::p384, ES384, 96},
    {KeySpec::p521, ES512, 132},    {KeySpec::ed25519, EdDSA, 64}};

class Signing : public testing::TestWithParam<Pairing> {};

TEST_P(Signing, what_is_signed_verifies_and_any_change_does_not) {
  const auto [spec, alg, size] = GetParam();
  const auto key = made(spec);
  const auto signature = key.sign(alg, "the quick brown fox");
  ASSERT_TRUE(signature) << signature.error().message();
  EXPECT_EQ(signature->size(), size);
  EXPECT_TRUE(key.public_key().verify(alg, "the quick brown fox", *signature));
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fix", *signature));
  for (const std::size_t at : {std::size_t(0), size / 2, size - 1}) {
    auto changed = *signature;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", changed)) << at;
  }
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", *signature + std::string(1, '\0')));
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", std::string(1, '\0') + *signature));
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", signature->substr(1)));
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", ""));
  EXPECT_FALSE(key.public_key().verify(alg, "the quick brown fox", std::string(size, '\0')));
}

// HAProxy ChangeLog: a heap overflow when r||s became DER; apache/apisix#13518: a malformed signature was a 500. For ASan.
TEST_P(Signing, a_signature_of_any_length_and_filling_is_refused) {
  const auto [spec, alg, size] = GetParam();
  const auto key = made(spec).public_key();
  for (const char filling : {'\x00', '\x7f', '\x80', '\xff'}) {
    for (std::size_t length = 0; length <= 600; length += 1 + length / 200)
      EXPECT_FALSE(key.verify(alg, "text", std::string(length, filling))) << length;
    EXPECT_FALSE(key.verify(alg, "text", std::string(size, filling)));
  }
}

TEST_P(Signing, another_key_of_the_kind_does_not_verify) {
  const auto [spec, alg, size] = GetParam();
  const auto signature = made(spec).sign(alg, "text").value();
  EXPECT_FALSE(PrivateKey::generate(spec)->public_key().verify(alg, "text", signature));
}

TEST_P(Signing, only_the_algorithms_of_its_type_fit) {
  const auto [spec, alg, size] = GetParam();
  const auto key = made(spec);
  const auto signature = key.sign(alg, "text").value();
  for (const auto other : {RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA}) {
    if (other != alg) { EXPECT_FALSE(key.public_key().verify(other, "text", signature)) << name_of(other); }
    EXPECT_EQ(key.sign(other, "text").has_value(), fits(other, key.type())) << name_of(other);
  }
}

TEST_P(Signing, a_key_goes_out_and_comes_back_in_every_form) {
  const auto key = made(GetParam().spec);
  const auto& open = key.public_key();
  for (const auto& back : {PublicKey::from_pem(open.pem()), PublicKey::from_der(open.der()), PublicKey::from_components(open.components())}) {
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, open);
  }
  for (const auto& back : {PrivateKey::from_pem(key.pem()), PrivateKey::from_der(key.der()), PrivateKey::from_components(key.components())}) {
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->public_key(), open);
    EXPECT_TRUE(open.verify(GetParam().alg, "x", back->sign(GetParam().alg, "x").value()));
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Signing, testing::ValuesIn(kPairings),
                         [](const auto& test) { return std::string(name_of(test.param.alg)); });

TEST(Keys, tell_their_type_and_size) {
  EXPECT_EQ(rsa().type(), KeyType::rsa);
  EXPECT_EQ(rsa().bits(), 2048);
  const auto p521 = made(KeySpec::p521);
  EXPECT_EQ(p521.type(), KeyType::p521);
  EXPECT_EQ(p521.bits(), 521);
  EXPECT_EQ(signature_algorithm("ES256"), ES256);
  EXPECT_EQ(signature_algorithm("es256"), std::nullopt);
  EXPECT_EQ(signature_algorithm("none"), std::nullopt);
}

TEST(Keys, of_different_types_are_different_and_leave_no_error_behind) {
  EXPECT_FALSE(made(KeySpec::p256).public_key() == made(KeySpec::p384).public_key());
  EXPECT_FALSE(rsa().public_key() == made(KeySpec::ed25519).public_key());
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(Keys, a_public_export_holds_nothing_private) {
  const auto key = made(KeySpec::ed25519);
  const auto d = key.components().d;
  EXPECT_EQ(key.public_key().der().find(d.reveal()), std::string::npos);
  EXPECT_NE(key.der().reveal().find(d.reveal()), std::string_view::npos);
}

TEST(Keys, small_rsa_keys_and_silly_exponents_are_refused) {
  PublicComponents parts = rsa().public_key().components();
  auto half = parts;
  half.n = half.n.substr(0, 128);
  half.n.back() = static_cast<char>(half.n.back() | 1);
  EXPECT_EQ(PublicKey::from_components(half).error().message(), "key: RSA keys below 2048 bits are refused");
  for (const std::string& e : {std::string("\x01"), std::string("\x02"), std::string("\x01\x00\x00", 3), std::string(9, '\xff')}) {
    auto odd = parts;
    odd.e = e;
    EXPECT_FALSE(PublicKey::from_components(odd)) << hex_encode(e);
  }
  auto even = parts;
  even.n.back() = static_cast<char>(even.n.back() & 0xfe);
  EXPECT_FALSE(PublicKey::from_components(even));
  auto padded = parts;
  padded.n.insert(0, 1, '\0');
  EXPECT_FALSE(PublicKey::from_components(padded));
  auto huge = parts;
  huge.n = std::string(2048, '\xff');
  EXPECT_FALSE(PublicKey::from_components(huge));
}

TEST(Keys, points_off_the_curve_and_wrong_lengths_are_refused) {
  const auto parts = made(KeySpec::p256).public_key().components();
  auto off = parts;
  off.y.back() = static_cast<char>(off.y.back() ^ 1);
  EXPECT_FALSE(PublicKey::from_components(off));
  auto short_x = parts;
  short_x.x.erase(0, 1);
  EXPECT_FALSE(PublicKey::from_components(short_x));
  auto other_curve = parts;
  other_curve.type = KeyType::p384;
  EXPECT_FALSE(PublicKey::from_components(other_curve));
  auto zero = parts;
  zero.x = zero.y = std::string(32, '\0');
  EXPECT_FALSE(PublicKey::from_components(zero));
}

TEST(Keys, halves_that_do_not_match_are_refused) {
  for (const auto spec : {KeySpec::p256, KeySpec::ed25519}) {
    auto parts = made(spec).components();
    parts.d = made(spec).components().d;
    EXPECT_FALSE(PrivateKey::from_components(parts)) << static_cast<int>(spec);
  }
  auto parts = rsa().components();
  std::string dp(parts.dp.reveal());
  dp.back() = static_cast<char>(dp.back() ^ 2);
  parts.dp = Secret(dp);
  EXPECT_FALSE(PrivateKey::from_components(parts));
  parts = rsa().components();
  parts.qi = Secret();
  EXPECT_FALSE(PrivateKey::from_components(parts));
}

TEST(Keys, what_is_no_key_is_refused_with_words_and_leaves_no_error_behind) {
  for (const std::string text : {"", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}) {
    EXPECT_EQ(PublicKey::from_pem(text).error().fault(), Fault::invalid);
    EXPECT_EQ(PublicKey::from_der(text).error().fault(), Fault::invalid);
    EXPECT_EQ(PrivateKey::from_pem(Secret(text)).error().fault(), Fault::invalid);
    EXPECT_EQ(PrivateKey::from_der(Secret(text)).error().fault(), Fault::invalid);
  }
  EXPECT_FALSE(PublicKey::from_pem(std::string(kKeyTextMax + 1, 'x')));
  EXPECT_FALSE(PublicKey::from_der(rsa().public_key().der() + "x"));
  EXPECT_FALSE(rsa().public_key().verify(RS256, "x", std::string(256, '\x7f')));
  EXPECT_EQ(ERR_peek_error(), 0UL);  // net's TLS would take it for its own
}

// secp256k1, a curve of another trade (generated with `openssl ecparam -name secp256k1 -genkey | openssl ec -pubout`).
TEST(Keys, other_curves_are_refused) {
  constexpr std::string_view kPem =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEavCoqqaVK/2q/o+Y/4PMCVF+3wZlvH2J\n"
      "AJy9/lbWlC/mnqR+tdQZtuRvBiO97DKUYIKVxuVIl+qNuHeyDwTNAA==\n"
      "-----END PUBLIC KEY-----\n";
  EXPECT_EQ(PublicKey::from_pem(kPem).error().message(), "key: only the curves P-256, P-384, P-521, Ed25519 and X25519 are used here");
}

TEST(Keys, an_encrypted_pem_is_refused_without_asking_on_the_terminal) {
  constexpr std::string_view kPem =
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n"
      "AAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE KEY-----\n";
  EXPECT_EQ(PrivateKey::from_pem(Secret(std::string(kPem))).error().fault(), Fault::invalid);
}

TEST(Keys, sound_moduli_are_not_taken_for_roca) {
  EXPECT_FALSE(is_roca_modulus(rsa().public_key().components().n));
  EXPECT_TRUE(is_roca_modulus(std::string("\x01\x00\x01", 3)));  // 65537 itself is a power of 65537 everywhere
}

TEST(Keys, one_key_serves_many_threads) {
  const auto key = made(KeySpec::p256);
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, copy = key] {
      for (int k = 0; k < 50; ++k) {
        const auto signature = copy.sign(ES256, "text");
        good += signature && key.public_key().verify(ES256, "text", *signature) ? 1 : 0;
      }
    });
  threads.clear();
  EXPECT_EQ(good, 400);
}

}  // namespace
}  // namespace gatehouse::crypto
