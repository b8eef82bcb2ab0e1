#include "crypto/key_transport.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "core/bytes.h"

namespace gatehouse::crypto {
namespace {

std::string hex(std::string_view text) { return hex_decode(text).value(); }
Secret secret(std::string_view text) { return Secret(hex(text)); }

TEST(KeyTransport, wraps_as_rfc_3394_does) {
  const struct { std::string_view kek, key, wrapped; } vectors[] = {  // §4.1, §4.3, §4.6
      {"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
      {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff",
       "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
      {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
       "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"}};
  for (const auto& [kek, key, wrapped] : vectors) {
    EXPECT_EQ(hex_encode(wrap_key(secret(kek), secret(key)).value()), wrapped);
    EXPECT_EQ(unwrap_key(secret(kek), hex(wrapped)).value(), secret(key));
  }
}

TEST(KeyTransport, unwraps_nothing_that_was_changed) {
  const Secret kek(std::string(16, 'k')), key(std::string(64, 's'));
  const auto wrapped = wrap_key(kek, key).value();
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    auto changed = wrapped;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_FALSE(unwrap_key(kek, changed)) << bit;
  }
  for (std::size_t size = 0; size < wrapped.size(); ++size) ASSERT_FALSE(unwrap_key(kek, wrapped.substr(0, size)));
  EXPECT_FALSE(unwrap_key(kek, wrapped + std::string(8, '\0')));
  EXPECT_FALSE(unwrap_key(Secret(std::string(24, 'k')), wrapped));
  for (const std::size_t size : {0U, 8U, 17U, 136U}) EXPECT_FALSE(wrap_key(kek, Secret(std::string(size, 's')))) << size;
  EXPECT_FALSE(wrap_key(Secret("short"), key));
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(KeyTransport, oaep_opens_with_its_own_hash_and_key_only) {
  const auto key = PrivateKey::generate(KeySpec::rsa2048).value(), other = PrivateKey::generate(KeySpec::rsa2048).value();
  const Secret cek(std::string(32, 'c'));
  const auto sealed = oaep_encrypt(key.public_key(), Oaep::sha256, cek).value();
  EXPECT_EQ(oaep_decrypt(key, Oaep::sha256, sealed).value(), cek);
  for (const auto& opened : {oaep_decrypt(key, Oaep::sha1, sealed), oaep_decrypt(other, Oaep::sha256, sealed), oaep_decrypt(key, Oaep::sha256, ""),
                             oaep_decrypt(key, Oaep::sha256, sealed.substr(1)), oaep_decrypt(key, Oaep::sha256, '\0' + sealed),
                             oaep_decrypt(key, Oaep::sha256, std::string(256, '\xff'))}) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message(), "key transport: the key cannot be opened");
  }
  EXPECT_FALSE(oaep_encrypt(key.public_key(), Oaep::sha256, Secret(std::string(200, 'c'))));
  const auto ec = PrivateKey::generate(KeySpec::p256).value();
  EXPECT_FALSE(oaep_encrypt(ec.public_key(), Oaep::sha256, cek));
  EXPECT_FALSE(oaep_decrypt(ec, Oaep::sha256, sealed));
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(KeyTransport, both_sides_agree_on_one_secret) {
  for (const auto spec : {KeySpec::p256, KeySpec::p384, KeySpec::p521, KeySpec::x25519}) {
    const auto ada = PrivateKey::generate(spec).value(), bob = PrivateKey::generate(spec).value();
    EXPECT_EQ(agree(ada, bob.public_key()).value(), agree(bob, ada.public_key()).value());
  }
  const auto p256 = PrivateKey::generate(KeySpec::p256).value(), p384 = PrivateKey::generate(KeySpec::p384).value();
  const auto ed = PrivateKey::generate(KeySpec::ed25519).value(), x = PrivateKey::generate(KeySpec::x25519).value();
  EXPECT_FALSE(agree(p256, p384.public_key()));
  EXPECT_FALSE(agree(x, p256.public_key()));
  EXPECT_FALSE(agree(ed, ed.public_key()));
}

PublicComponents x25519_point(std::string_view x) {
  PublicComponents parts;
  parts.type = KeyType::x25519;
  parts.x = hex(x);
  return parts;
}

constexpr std::string_view kAlice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
constexpr std::string_view kBob = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
constexpr std::string_view kAliceSecret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";

// RFC 7748 §6.1.
TEST(KeyTransport, x25519_agrees_with_its_rfc_and_refuses_points_of_small_order) {
  const auto alice = PrivateKey::from_components({x25519_point(kAlice), secret(kAliceSecret), {}, {}, {}, {}, {}});
  ASSERT_TRUE(alice) << alice.error().message();
  const auto bob = PublicKey::from_components(x25519_point(kBob)).value();
  EXPECT_EQ(hex_encode(agree(*alice, bob)->reveal()), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(hex_encode(alice->components().d.reveal()), kAliceSecret);
  for (const std::string_view small : {"0000000000000000000000000000000000000000000000000000000000000000",
                                       "0100000000000000000000000000000000000000000000000000000000000000",
                                       "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"})
    EXPECT_FALSE(agree(*alice, PublicKey::from_components(x25519_point(small)).value())) << small;
}

TEST(KeyTransport, x25519_keys_go_in_and_out_and_sign_nothing) {
  const auto key = PrivateKey::generate(KeySpec::x25519).value();
  EXPECT_EQ(PrivateKey::from_pem(key.pem())->public_key(), key.public_key());
  EXPECT_EQ(PublicKey::from_der(key.public_key().der()).value(), key.public_key());
  EXPECT_EQ(name_of(key.type()), "X25519");
  EXPECT_FALSE(key.sign(SignatureAlgorithm::EdDSA, "x"));
  EXPECT_FALSE(key.public_key().verify(SignatureAlgorithm::EdDSA, "x", std::string(64, 's')));
  auto parts = key.components();
  parts.open = x25519_point(kBob);
  EXPECT_FALSE(PrivateKey::from_components(parts));  // halves of two keys
}

}  // namespace
}  // namespace gatehouse::crypto
