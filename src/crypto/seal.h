// Authenticated encryption for values at rest. A sealed value is bound to its context (table, column, row, org), so
// that it cannot be moved to another row and opened there. Knows nothing of where keys come from (secrets) or go.
// Form: "gs1.<key id>.<base64url of nonce || ciphertext || tag>", AES-256-GCM (NIST SP 800-38D), 96-bit random nonce.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"

namespace gatehouse::crypto {

inline constexpr std::size_t kSealKeySize = 32;
inline constexpr std::size_t kSealKeysMax = 16;
inline constexpr std::size_t kSealPlainMax = 1024 * 1024;

struct SealKey {
  std::string id;  // 1..32 of [A-Za-z0-9_-]; tells which key opens a value after a rotation
  Secret bytes;    // kSealKeySize; one key may seal 2^32 values (SP 800-38D §8.3)
};

// Borrows `random` for as long as it lives. Usable from any thread.
class Sealer {
 public:
  // The first key seals; every key opens. Fault::invalid for a wrong size, no key, or one id twice.
  static Result<Sealer> make(std::vector<SealKey> keys, Random& random);

  // `context` must not be empty, e.g. "idp.keys/<org>/<kid>/private". Fault::limited above kSealPlainMax.
  Result<std::string> seal(std::string_view context, std::string_view plain) const;
  // Fault::missing: sealed with a key that is not here. Fault::invalid: changed, or of another context.
  Result<Secret> open(std::string_view context, std::string_view sealed) const;
  // False when it was sealed with an older key and should be sealed again.
  bool is_current(std::string_view sealed) const;

 private:
  Sealer(std::vector<SealKey> keys, Random& random) : keys_(std::move(keys)), random_(&random) {}
  std::vector<SealKey> keys_;
  Random* random_;
};

}  // namespace gatehouse::crypto
