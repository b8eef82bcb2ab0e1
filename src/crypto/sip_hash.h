// SipHash-2-4 with 128 bits (Aumasson, Bernstein): a short keyed hash for tables whose keys a stranger chooses. Without the
// key nobody can pick texts that fall into one place. Allocates nothing. Not for signatures: hash.h has those.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "core/random.h"

namespace gatehouse::crypto {

struct SipKey {
  std::uint64_t k0 = 0, k1 = 0;
  static SipKey make(Random& random);
};

struct Sip128 {
  std::uint64_t low = 0, high = 0;
  friend bool operator==(const Sip128&, const Sip128&) = default;
  friend auto operator<=>(const Sip128&, const Sip128&) = default;
};

// Of what comes in pieces; siphash128() for one text.
class SipHash {
 public:
  struct Key {
    std::uint64_t low = 0, high = 0;
  };
  using Value = Sip128;

  explicit SipHash(Key key);
  SipHash& add(std::string_view bytes);
  // Of all that was added; nothing can be added afterwards.
  Value finish();

 private:
  void take(std::uint64_t word);
  void round();

  std::uint64_t v0_, v1_, v2_, v3_;
  std::uint64_t tail_ = 0;   // bytes that do not fill a word yet, lowest first
  std::uint64_t length_ = 0;
};

Sip128 siphash128(const SipKey& key, std::string_view bytes);

// For std::unordered_map: the bits are uniform already.
struct Sip128Hash {
  std::size_t operator()(const Sip128& value) const { return static_cast<std::size_t>(value.low); }
};

}  // namespace gatehouse::crypto
