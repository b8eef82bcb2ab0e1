// For the .cpp files of this room alone: what a key handle points to.
#pragma once

#include <array>
#include <atomic>

#include "crypto/evp.h"

struct evp_pkey_ctx_st;

namespace gatehouse::crypto {

enum class Use { sign, verify };

// Contexts of EVP_PKEY_sign and _verify with algorithm and padding set, made at first use and duplicated for each call:
// setting one up looks names up under locks, which costs more than an Ed25519 or P-256 operation should.
class Contexts {
 public:
  Contexts() = default;
  ~Contexts();
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  // A context of the caller's own, or nullptr when OpenSSL refuses.
  evp_pkey_ctx_st* borrow(evp_pkey_st* key, SignatureAlgorithm alg, Use use) const;

 private:
  static constexpr std::size_t kAlgorithms = 10;
  mutable std::array<std::atomic<evp_pkey_ctx_st*>, 2 * kAlgorithms> made_{};
};

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};

struct PublicKey::State {
  std::unique_ptr<evp_pkey_st, FreeKey> key;
  KeyType type;
  int bits;
  Contexts contexts;
};

}  // namespace gatehouse::crypto
