#include "crypto/sip_hash.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/bytes.h"

namespace gatehouse::crypto {
namespace {

std::string hex_of(std::size_t length) {
  SipKey key;
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += static_cast<char>(i);
  std::memcpy(&key, bytes.data(), 16);
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(i);
  const auto hash = siphash128(key, text);
  std::string out(16, '\0');
  std::memcpy(out.data(), &hash, 16);
  return hex_encode(out);
}

// vectors_sip128 of the authors' reference code (key 00 01 … 0f, text 00 01 … of the length).
TEST(SipHash, agrees_with_its_authors) {
  EXPECT_EQ(hex_of(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(hex_of(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(hex_of(2), "8177228da4a45dc7fca38bdef60affe4");
  EXPECT_EQ(hex_of(8), "3b62a9ba6258f5610f83e264f31497b4");
  EXPECT_EQ(hex_of(63), "5150d1772f50834a503e069a973fbd7c");
}

TEST(SipHash, another_key_gives_another_hash) {
  EXPECT_NE(siphash128({1, 2}, "token"), siphash128({1, 3}, "token"));
  EXPECT_NE(siphash128({1, 2}, "token"), siphash128({1, 2}, "tokeo"));
}

}  // namespace
}  // namespace gatehouse::crypto
