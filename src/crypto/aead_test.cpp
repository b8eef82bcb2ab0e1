#include "crypto/aead.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <array>

#include "core/bytes.h"

namespace gatehouse::crypto {
namespace {

constexpr std::array kAll{Aead::A128GCM, Aead::A192GCM, Aead::A256GCM, Aead::A128CBC_HS256, Aead::A192CBC_HS384, Aead::A256CBC_HS512};

std::string counting(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
  return bytes;
}

struct Vector {
  Aead cipher;
  std::string_view begin, tag;  // hex: the first 32 bytes of the text, and the tag
};

// RFC 7518 appendix B.1 to B.3: key, nonce, text and associated data are the same in all three.
TEST(Aead, cbc_with_hmac_agrees_with_rfc_7518) {
  constexpr std::string_view kPlain =
      "A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
  constexpr std::string_view kAssociated = "The second principle of Auguste Kerckhoffs";
  const auto nonce = hex_decode("1af38c2dc2b96ffdd86694092341bc04").value();
  const Vector vectors[] = {
      {Aead::A128CBC_HS256, "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9", "652c3fa36b0a7c5b3219fab3a30bc1c4"},
      {Aead::A192CBC_HS384, "ea65da6b59e61edb419be62d19712ae5d303eeb50052d0dfd6697f77224c8edb", "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7"},
      {Aead::A256CBC_HS512, "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd",
       "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"}};
  for (const auto& [cipher, begin, tag] : vectors) {
    const Secret key(counting(sizes_of(cipher).key));
    const auto made = encipher(cipher, key, nonce, kAssociated, kPlain);
    ASSERT_TRUE(made);
    EXPECT_EQ(hex_encode(made->text.substr(0, 32)), begin);
    EXPECT_EQ(hex_encode(made->tag), tag);
    EXPECT_EQ(decipher(cipher, key, nonce, kAssociated, made->text, made->tag)->reveal(), kPlain);
  }
}

class EveryAead : public testing::TestWithParam<Aead> {
 protected:
  const AeadSizes sizes_ = sizes_of(GetParam());
  const Secret key_{counting(sizes_.key)};
  const std::string nonce_ = counting(sizes_.nonce);

  void expect_forged(std::string_view nonce, std::string_view associated, std::string_view text, std::string_view tag) const {
    const auto opened = decipher(GetParam(), key_, nonce, associated, text, tag);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message(), "encrypted text: changed, or for another key");
  }
};

TEST_P(EveryAead, opens_what_it_sealed_for_every_length) {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U}) {
    const auto plain = std::string(size, 'p');
    const auto made = encipher(GetParam(), key_, nonce_, "header", plain).value();
    EXPECT_EQ(made.tag.size(), sizes_.tag);
    EXPECT_EQ(decipher(GetParam(), key_, nonce_, "header", made.text, made.tag)->reveal(), plain);
  }
}

TEST_P(EveryAead, finds_every_flipped_bit_with_one_sentence) {
  const auto made = encipher(GetParam(), key_, nonce_, "header", "attack at dawn, or later").value();
  const auto flipped = [](std::string text, std::size_t bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    return text;
  };
  for (std::size_t bit = 0; bit < made.text.size() * 8; ++bit) expect_forged(nonce_, "header", flipped(made.text, bit), made.tag);
  for (std::size_t bit = 0; bit < made.tag.size() * 8; ++bit) expect_forged(nonce_, "header", made.text, flipped(made.tag, bit));
  for (std::size_t bit = 0; bit < nonce_.size() * 8; ++bit) expect_forged(flipped(nonce_, bit), "header", made.text, made.tag);
  expect_forged(nonce_, "Header", made.text, made.tag);
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_P(EveryAead, takes_exact_lengths_only) {
  const auto made = encipher(GetParam(), key_, nonce_, "", "text").value();
  for (std::size_t size = 0; size < made.tag.size(); ++size) expect_forged(nonce_, "", made.text, made.tag.substr(0, size));
  expect_forged(nonce_, "", made.text, made.tag + '\0');
  expect_forged(nonce_.substr(1), "", made.text, made.tag);
  expect_forged(nonce_ + '\0', "", made.text, made.tag);
  expect_forged(nonce_, "", made.text.substr(1), made.tag);
  expect_forged(nonce_, "", "", made.tag);
  EXPECT_FALSE(encipher(GetParam(), Secret(counting(sizes_.key - 1)), nonce_, "", "text"));
  EXPECT_FALSE(encipher(GetParam(), key_, nonce_ + "x", "", "text"));
  EXPECT_FALSE(decipher(GetParam(), Secret(counting(sizes_.key + 1)), nonce_, "", made.text, made.tag));
  EXPECT_EQ(encipher(GetParam(), key_, nonce_, "", std::string(kAeadPlainMax + 1, 'x')).error().fault(), Fault::limited);
}

INSTANTIATE_TEST_SUITE_P(Rfc7518, EveryAead, testing::ValuesIn(kAll));

}  // namespace
}  // namespace gatehouse::crypto
