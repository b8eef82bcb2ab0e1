// SipHash-2-4 with 128 bits (Aumasson, Bernstein): a short keyed hash for tables whose keys a stranger chooses. Without the
// key nobody can pick texts that fall into one place. Allocates nothing. Not for signatures: hash.h has those.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatehouse::crypto {

class SipHash {
 public:
  struct Key {
    std::uint64_t low = 0, high = 0;
  };
  struct Value {
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const Value&, const Value&) = default;
  };

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

}  // namespace gatehouse::crypto
