// Signing and verifying with keys.
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <utility>

#include "crypto/evp.h"
#include "crypto/key_state.h"
#include "crypto/keys.h"

namespace gatehouse::crypto {
namespace {

struct Named {
  SignatureAlgorithm alg;
  std::string_view name;
};
constexpr std::array kNames{
    Named{SignatureAlgorithm::RS256, "RS256"}, Named{SignatureAlgorithm::RS384, "RS384"}, Named{SignatureAlgorithm::RS512, "RS512"},
    Named{SignatureAlgorithm::PS256, "PS256"}, Named{SignatureAlgorithm::PS384, "PS384"}, Named{SignatureAlgorithm::PS512, "PS512"},
    Named{SignatureAlgorithm::ES256, "ES256"}, Named{SignatureAlgorithm::ES384, "ES384"}, Named{SignatureAlgorithm::ES512, "ES512"},
    Named{SignatureAlgorithm::EdDSA, "EdDSA"}};

bool is_pkcs1(SignatureAlgorithm alg) { return alg <= SignatureAlgorithm::RS512; }
bool is_pss(SignatureAlgorithm alg) { return alg >= SignatureAlgorithm::PS256 && alg <= SignatureAlgorithm::PS512; }
bool is_ecdsa(SignatureAlgorithm alg) { return alg >= SignatureAlgorithm::ES256 && alg <= SignatureAlgorithm::ES512; }

using Context = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using EcSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

EVP_PKEY_CTX* make_context(EVP_PKEY* key, SignatureAlgorithm alg, Use use) {
  Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!context) return nullptr;
  const int begun = use == Use::sign ? EVP_PKEY_sign_init(context.get()) : EVP_PKEY_verify_init(context.get());
  if (begun != 1 || EVP_PKEY_CTX_set_signature_md(context.get(), evp_md(hash_of(alg))) != 1) return nullptr;
  if (is_pkcs1(alg) && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) return nullptr;
  if (is_pss(alg) && (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) != 1 ||
                      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), evp_md(hash_of(alg))) != 1 ||
                      EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) != 1))
    return nullptr;
  return context.release();
}

// RFC 7518 §3.4: r and s, big-endian, each as long as the field.
Result<std::string> der_to_raw(std::string_view der, std::size_t field) {
  const auto* at = bytes_of(der);
  const EcSignature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * field, '\0');
  const int size = static_cast<int>(field);
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), bytes_of(raw), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), bytes_of(raw) + field, size) != size)
    return failure(Fault::internal, "key: OpenSSL made an ECDSA signature that cannot be read");
  return raw;
}

// Empty unless the length is exact. Range of r and s (1 .. n-1) is checked by ECDSA verification itself.
std::string raw_to_der(std::string_view raw, std::size_t field) {
  if (raw.size() != 2 * field) return {};
  const EcSignature signature(ECDSA_SIG_new());
  Owned<BIGNUM, BN_free> r(BN_bin2bn(bytes_of(raw), static_cast<int>(field), nullptr));
  Owned<BIGNUM, BN_free> s(BN_bin2bn(bytes_of(raw) + field, static_cast<int>(field), nullptr));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  std::ignore = r.release();  // the signature owns them now
  std::ignore = s.release();
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &out);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
  OPENSSL_free(out);
  return der;
}

// Ed25519 hashes by itself and in two passes, so it takes the whole text at once.
Result<std::string> sign_ed25519(EVP_PKEY* key, std::string_view data) {
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(data), data.size()) != 1 || size != signature.size())
    return failure(Fault::internal, "key: signing failed");
  return signature;
}

bool verify_ed25519(EVP_PKEY* key, std::string_view data, std::string_view signature) {
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  return context && signature.size() == 64 && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(data), data.size()) == 1;
}

}  // namespace

Contexts::~Contexts() {
  for (auto& made : made_) EVP_PKEY_CTX_free(made.load());
}

evp_pkey_ctx_st* Contexts::borrow(evp_pkey_st* key, SignatureAlgorithm alg, Use use) const {
  auto& slot = made_[static_cast<std::size_t>(alg) + (use == Use::sign ? kAlgorithms : 0)];
  auto* made = slot.load(std::memory_order_acquire);
  if (made == nullptr) {
    Context fresh(make_context(key, alg, use));
    if (!fresh) return nullptr;
    if (slot.compare_exchange_strong(made, fresh.get(), std::memory_order_acq_rel)) made = fresh.release();
  }
  return EVP_PKEY_CTX_dup(made);
}

std::string_view name_of(SignatureAlgorithm alg) { return kNames[static_cast<std::size_t>(alg)].name; }

std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name) {
  for (const auto& known : kNames)
    if (known.name == name) return known.alg;
  return std::nullopt;
}

bool fits(SignatureAlgorithm alg, KeyType type) {
  switch (type) {
    case KeyType::rsa: return is_pkcs1(alg) || is_pss(alg);
    case KeyType::p256: return alg == SignatureAlgorithm::ES256;
    case KeyType::p384: return alg == SignatureAlgorithm::ES384;
    case KeyType::p521: return alg == SignatureAlgorithm::ES512;
    case KeyType::ed25519: return alg == SignatureAlgorithm::EdDSA;
    case KeyType::x25519: return false;
  }
  std::unreachable();
}

Hash hash_of(SignatureAlgorithm alg) {
  switch (alg) {
    case SignatureAlgorithm::RS256:
    case SignatureAlgorithm::PS256:
    case SignatureAlgorithm::ES256: return Hash::sha256;
    case SignatureAlgorithm::RS384:
    case SignatureAlgorithm::PS384:
    case SignatureAlgorithm::ES384: return Hash::sha384;
    case SignatureAlgorithm::RS512:
    case SignatureAlgorithm::PS512:
    case SignatureAlgorithm::ES512:
    case SignatureAlgorithm::EdDSA: return Hash::sha512;
  }
  std::unreachable();
}

Result<std::string> PrivateKey::sign(SignatureAlgorithm alg, std::string_view data) const {
  if (!fits(alg, type())) return failure(Fault::invalid, "key: this algorithm is not for a key of this type");
  const QuietErrors quiet;
  auto* key = KeyAccess::of(*this);
  if (alg == SignatureAlgorithm::EdDSA) return sign_ed25519(key, data);

  const Context context(public_.state_->contexts.borrow(key, alg, Use::sign));
  const auto hashed = digest(hash_of(alg), data);
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  if (!context || EVP_PKEY_sign(context.get(), bytes_of(signature), &size, bytes_of(std::string_view(hashed)), hashed.size()) != 1)
    return failure(Fault::internal, "key: signing failed");
  signature.resize(size);
  if (is_ecdsa(alg)) return der_to_raw(signature, field_size(type()));
  return signature;
}

bool PublicKey::verify(SignatureAlgorithm alg, std::string_view data, std::string_view signature) const {
  if (!fits(alg, type())) return false;
  const QuietErrors quiet;
  auto* key = state_->key.get();
  if (alg == SignatureAlgorithm::EdDSA) return verify_ed25519(key, data, signature);

  std::string der;
  if (is_ecdsa(alg)) {
    der = raw_to_der(signature, field_size(type()));
    signature = der;
  } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key))) {
    return false;  // OpenSSL would take a shorter one for PSS: one signature has one spelling
  }
  if (signature.empty()) return false;
  const Context context(state_->contexts.borrow(key, alg, Use::verify));
  const auto hashed = digest(hash_of(alg), data);
  return context && EVP_PKEY_verify(context.get(), bytes_of(signature), signature.size(), bytes_of(std::string_view(hashed)),
                                    hashed.size()) == 1;
}

}  // namespace gatehouse::crypto
