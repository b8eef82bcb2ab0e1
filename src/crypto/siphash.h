// SipHash-2-4 with 128 bits (Aumasson, Bernstein): a keyed hash for tables whose keys strangers choose. Who does not know
// the key can neither aim at an entry nor at a bucket. Not a signature and nothing to keep: the key dies with the process.
#pragma once

#include <array>
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

Sip128 siphash128(const SipKey& key, std::string_view bytes);

// For std::unordered_map: the bits are uniform already.
struct Sip128Hash {
  std::size_t operator()(const Sip128& value) const { return static_cast<std::size_t>(value.low); }
};

}  // namespace gatehouse::crypto
