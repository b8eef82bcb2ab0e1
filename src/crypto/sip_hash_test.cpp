// Against OpenSSL's SipHash, for every length that fills words differently and every way to cut a text.
#include "crypto/sip_hash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>
#include <memory>
#include <string>

namespace gatehouse::crypto {
namespace {

SipHash::Value by_openssl(SipHash::Key key, std::string_view text) {
  std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr), EVP_MAC_free);
  std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context(EVP_MAC_CTX_new(mac.get()), EVP_MAC_CTX_free);
  std::size_t size = 16;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_end()};
  SipHash::Value value;
  EXPECT_EQ(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(&key), sizeof key, params), 1);
  EXPECT_EQ(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size()), 1);
  EXPECT_EQ(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(&value), &size, sizeof value), 1);
  return value;
}

TEST(SipHash, agrees_with_openssl) {
  const SipHash::Key key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string text;
  for (int length = 0; length < 70; ++length) {
    EXPECT_EQ(SipHash(key).add(text).finish(), by_openssl(key, text)) << length;
    for (std::size_t cut = 0; cut <= text.size(); cut += 3)
      EXPECT_EQ(SipHash(key).add(text.substr(0, cut)).add(text.substr(cut)).finish(), by_openssl(key, text)) << length << " cut at " << cut;
    text += static_cast<char>(length);
  }
}

TEST(SipHash, another_key_is_another_hash) {
  EXPECT_FALSE(SipHash({1, 2}).add("text").finish() == SipHash({1, 3}).add("text").finish());
  EXPECT_FALSE(SipHash({1, 2}).add("text").finish() == SipHash({0, 2}).add("text").finish());
}

}  // namespace
}  // namespace gatehouse::crypto
