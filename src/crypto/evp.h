// For the .cpp files of this room alone: ownership of OpenSSL's objects, without its headers.
#pragma once

#include <memory>

#include "core/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

struct evp_pkey_st;
struct evp_md_st;
struct bignum_st;

namespace gatehouse::crypto {

// Owned<EVP_PKEY, EVP_PKEY_free>
template <auto kFree>
struct Freeing {
  template <class T>
  void operator()(T* object) const { kFree(object); }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Freeing<kFree>>;

// Takes back what a failed call left in the thread's error queue: SSL_get_error() would take it for its own.
class QuietErrors {
 public:
  QuietErrors();
  ~QuietErrors();
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

// Fetched once: OpenSSL 3 looks a name up under a lock, which costs more than hashing a short text.
const evp_md_st* evp_md(Hash hash);
Hash hash_of(SignatureAlgorithm alg);  // not for EdDSA

inline const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
inline unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// The door between keys and the files that need OpenSSL's view of them.
struct KeyAccess {
  static evp_pkey_st* of(const PublicKey& key);
  static evp_pkey_st* of(const PrivateKey& key) { return of(key.public_key()); }
  // Take ownership and check: kind, size, curve; for private keys also that both halves belong together.
  static Result<PublicKey> adopt_public(evp_pkey_st* key);
  static Result<PrivateKey> adopt_private(evp_pkey_st* key);
};

// True for moduli made by the generator of CVE-2017-15361 ("ROCA"), whose factors can be found. Big-endian bytes.
bool is_roca_modulus(std::string_view modulus);

// Length of r, s, x, y and d in bytes; 0 for RSA.
std::size_t field_size(KeyType type);

}  // namespace gatehouse::crypto
