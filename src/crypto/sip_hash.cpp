#include "crypto/sip_hash.h"

#include <bit>
#include <cstring>
#include <span>
#include <utility>

namespace gatehouse::crypto {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

SipKey SipKey::make(Random& random) {
  SipKey key;
  random.fill(std::as_writable_bytes(std::span(&key, 1)));
  return key;
}

Sip128 siphash128(const SipKey& key, std::string_view bytes) {
  SipHash hash(SipHash::Key{key.k0, key.k1});
  return hash.add(bytes).finish();
}

SipHash::SipHash(Key key)
    : v0_(0x736f6d6570736575 ^ key.low), v1_(0x646f72616e646f6d ^ key.high ^ 0xee), v2_(0x6c7967656e657261 ^ key.low),
      v3_(0x7465646279746573 ^ key.high) {}

void SipHash::round() {
  v0_ += v1_;
  v1_ = std::rotl(v1_, 13) ^ v0_;
  v0_ = std::rotl(v0_, 32);
  v2_ += v3_;
  v3_ = std::rotl(v3_, 16) ^ v2_;
  v0_ += v3_;
  v3_ = std::rotl(v3_, 21) ^ v0_;
  v2_ += v1_;
  v1_ = std::rotl(v1_, 17) ^ v2_;
  v2_ = std::rotl(v2_, 32);
}

void SipHash::take(std::uint64_t word) {
  v3_ ^= word;
  round();
  round();
  v0_ ^= word;
}

SipHash& SipHash::add(std::string_view bytes) {
  std::size_t at = 0;
  for (; at < bytes.size() && length_ % 8 != 0; ++at) {
    tail_ |= std::uint64_t(static_cast<unsigned char>(bytes[at])) << (8 * (length_ % 8));
    if (++length_ % 8 == 0) take(std::exchange(tail_, 0));
  }
  for (; at + 8 <= bytes.size(); at += 8, length_ += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    take(word);
  }
  for (; at < bytes.size(); ++at, ++length_)
    tail_ |= std::uint64_t(static_cast<unsigned char>(bytes[at])) << (8 * (length_ % 8));
  return *this;
}

SipHash::Value SipHash::finish() {
  take(tail_ | (length_ << 56));
  const auto drain = [this] {
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  };
  v2_ ^= 0xee;
  const auto low = drain();
  v1_ ^= 0xdd;
  return {low, drain()};
}

}  // namespace gatehouse::crypto
