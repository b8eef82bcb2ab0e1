// Coming in, going out, and the checks in between. Signing is signatures.cpp, components are key_components.cpp.
#include "crypto/keys.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>

#include "crypto/evp.h"
#include "crypto/key_state.h"

namespace gatehouse::crypto {
namespace {

using Pkey = std::unique_ptr<EVP_PKEY, FreeKey>;
using Bio = Owned<BIO, BIO_free_all>;
using Number = Owned<BIGNUM, BN_clear_free>;

Number number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return Number(number);
}

// Keys with explicit curve parameters are how CVE-2020-0601 ("CurveBall") worked: only named curves come in.
Result<KeyType> curve_of(const EVP_PKEY* key) {
  int is_explicit = 1;
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
  std::array<char, 64> name{};
  if (is_explicit != 0 || EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1)
    return failure(Fault::invalid, "key: its curve is given by parameters and not by name; make a new key");
  const std::string_view curve(name.data());
  if (curve == "prime256v1" || curve == "P-256") return KeyType::p256;
  if (curve == "secp384r1" || curve == "P-384") return KeyType::p384;
  if (curve == "secp521r1" || curve == "P-521") return KeyType::p521;
  return failure(Fault::invalid, "key: only the curves P-256, P-384, P-521, Ed25519 and X25519 are used here");
}

Result<void> check_rsa(const EVP_PKEY* key) {
  if (EVP_PKEY_get_bits(key) < kRsaBitsMin) return failure(Fault::invalid, "key: RSA keys below 2048 bits are refused");
  if (EVP_PKEY_get_bits(key) > kRsaBitsMax) return failure(Fault::invalid, "key: RSA keys above 8192 bits are refused");
  const auto n = number_of(key, OSSL_PKEY_PARAM_RSA_N), e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  if (!n || !e || !BN_is_odd(n.get())) return failure(Fault::invalid, "key: not an RSA modulus");
  if (!BN_is_odd(e.get()) || BN_num_bits(e.get()) < 2 || BN_num_bits(e.get()) > 64)
    return failure(Fault::invalid, "key: the public exponent must be odd, above 1 and of at most 64 bits");
  std::string modulus(static_cast<std::size_t>(BN_num_bytes(n.get())), '\0');
  BN_bn2bin(n.get(), bytes_of(modulus));
  if (is_roca_modulus(modulus))
    return failure(Fault::invalid, "key: made by a generator whose keys can be factored (CVE-2017-15361); make a new one");
  return {};
}

// OpenSSL would work around wrong factors by itself, slowly; a key that does not add up is not taken in.
bool factors_agree(const EVP_PKEY* key) {
  const auto n = number_of(key, OSSL_PKEY_PARAM_RSA_N), d = number_of(key, OSSL_PKEY_PARAM_RSA_D);
  const auto p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
  const auto dp = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1), dq = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
  const auto qi = number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
  if (!p) return n && d;  // a key without factors is slow but sound
  const Number product(BN_new()), less(BN_new()), rest(BN_new());
  const Owned<BN_CTX, BN_CTX_free> space(BN_CTX_new());
  if (!n || !d || !q || !dp || !dq || !qi || !product || !less || !rest || !space) return false;
  const auto is_exponent = [&](const BIGNUM* exponent, const BIGNUM* factor) {
    return BN_sub(less.get(), factor, BN_value_one()) == 1 && BN_mod(rest.get(), d.get(), less.get(), space.get()) == 1 &&
           BN_cmp(rest.get(), exponent) == 0;
  };
  return BN_mul(product.get(), p.get(), q.get(), space.get()) == 1 && BN_cmp(product.get(), n.get()) == 0 &&
         is_exponent(dp.get(), p.get()) && is_exponent(dq.get(), q.get()) &&
         BN_mod_mul(rest.get(), qi.get(), q.get(), p.get(), space.get()) == 1 && BN_is_one(rest.get());
}

Result<void> check_point(EVP_PKEY* key) {
  Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!context || EVP_PKEY_public_check_quick(context.get()) != 1)
    return failure(Fault::invalid, "key: the public point is not on its curve");
  return {};
}

Result<KeyType> check_kind(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA")) {
    GH_DO(check_rsa(key));
    return KeyType::rsa;
  }
  if (EVP_PKEY_is_a(key, "ED25519")) return KeyType::ed25519;
  if (EVP_PKEY_is_a(key, "X25519")) return KeyType::x25519;
  if (!EVP_PKEY_is_a(key, "EC")) return failure(Fault::invalid, "key: only RSA, P-256, P-384, P-521, Ed25519 and X25519 are used here");
  GH_TRY(auto curve, curve_of(key));
  GH_DO(check_point(key));
  return curve;
}

std::optional<SignatureAlgorithm> probe_algorithm(KeyType type) {
  switch (type) {
    case KeyType::rsa: return SignatureAlgorithm::RS256;
    case KeyType::p256: return SignatureAlgorithm::ES256;
    case KeyType::p384: return SignatureAlgorithm::ES384;
    case KeyType::p521: return SignatureAlgorithm::ES512;
    case KeyType::ed25519: return SignatureAlgorithm::EdDSA;
    case KeyType::x25519: return std::nullopt;
  }
  std::unreachable();
}

// An X25519 key cannot show by signing that its halves match: compute the public one anew.
bool x25519_halves_match(const EVP_PKEY* key) {
  std::array<unsigned char, 32> secret{};
  std::size_t size = secret.size();
  if (EVP_PKEY_get_raw_private_key(key, secret.data(), &size) != 1) return false;
  const Pkey again(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, secret.data(), size));
  OPENSSL_cleanse(secret.data(), secret.size());
  return again && EVP_PKEY_eq(again.get(), key) == 1;
}

// An encrypted PEM must not make the program ask on its terminal.
int no_password(char*, int, int, void*) { return -1; }

Bio borrow(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string_view written(const Bio& bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::unexpected<Error> too_long() { return failure(Fault::invalid, "key: longer than any key that is used here"); }

}  // namespace

std::string_view name_of(KeyType type) {
  switch (type) {
    case KeyType::rsa: return "RSA";
    case KeyType::p256: return "P-256";
    case KeyType::p384: return "P-384";
    case KeyType::p521: return "P-521";
    case KeyType::ed25519: return "Ed25519";
    case KeyType::x25519: return "X25519";
  }
  std::unreachable();
}

std::size_t field_size(KeyType type) {
  switch (type) {
    case KeyType::rsa: return 0;
    case KeyType::p256: return 32;
    case KeyType::p384: return 48;
    case KeyType::p521: return 66;
    case KeyType::ed25519:
    case KeyType::x25519: return 32;
  }
  std::unreachable();
}

void FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

evp_pkey_st* KeyAccess::of(const PublicKey& key) { return key.state_->key.get(); }

Result<PublicKey> KeyAccess::adopt_public(evp_pkey_st* raw) {
  Pkey key(raw);
  const QuietErrors quiet;
  GH_TRY(const auto type, check_kind(key.get()));
  auto state = std::make_shared<PublicKey::State>();
  state->type = type;
  state->bits = EVP_PKEY_get_bits(key.get());
  state->key = std::move(key);
  return PublicKey(std::move(state));
}

// One signature shows that both halves belong together.
Result<PrivateKey> KeyAccess::adopt_private(evp_pkey_st* raw) {
  const QuietErrors quiet;
  GH_TRY(auto whole, adopt_public(raw));
  if (whole.type() == KeyType::rsa && !factors_agree(raw))
    return failure(Fault::invalid, "key: its private numbers do not belong together");
  PrivateKey key(std::move(whole));
  constexpr std::string_view kProbe = "gatehouse: do both halves match?";
  const auto signs = [&](SignatureAlgorithm alg) {
    const auto signature = key.sign(alg, kProbe);
    return signature && key.public_key().verify(alg, kProbe, *signature);
  };
  const auto alg = probe_algorithm(key.type());
  if (alg ? !signs(*alg) : !x25519_halves_match(raw))
    return failure(Fault::invalid, "key: the private half does not belong to the public half");
  return key;
}

Result<PublicKey> PublicKey::from_pem(std::string_view text) {
  if (text.size() > kKeyTextMax) return too_long();
  const QuietErrors quiet;
  const auto bio = borrow(text);
  auto* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr) return failure(Fault::invalid, "key: not a PEM public key (\"BEGIN PUBLIC KEY\")");
  return KeyAccess::adopt_public(key);
}

Result<PublicKey> PublicKey::from_der(std::string_view bytes) {
  if (bytes.size() > kKeyTextMax) return too_long();
  const QuietErrors quiet;
  const auto* at = bytes_of(bytes);
  Pkey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes.size())));
  if (!key || at != bytes_of(bytes) + bytes.size()) return failure(Fault::invalid, "key: not a DER public key");
  return KeyAccess::adopt_public(key.release());
}

KeyType PublicKey::type() const { return state_->type; }
int PublicKey::bits() const { return state_->bits; }

std::string PublicKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), state_->key.get()) != 1) throw std::bad_alloc();
  return std::string(written(bio));
}

std::string PublicKey::der() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (i2d_PUBKEY_bio(bio.get(), state_->key.get()) != 1) throw std::bad_alloc();
  return std::string(written(bio));
}

bool operator==(const PublicKey& a, const PublicKey& b) {
  const QuietErrors quiet;  // comparing different types is an error to OpenSSL
  return EVP_PKEY_eq(a.state_->key.get(), b.state_->key.get()) == 1;
}

Result<PrivateKey> PrivateKey::generate(KeySpec spec) {
  const QuietErrors quiet;
  EVP_PKEY* key = nullptr;
  switch (spec) {
    case KeySpec::rsa2048: key = EVP_RSA_gen(2048U); break;
    case KeySpec::rsa3072: key = EVP_RSA_gen(3072U); break;
    case KeySpec::rsa4096: key = EVP_RSA_gen(4096U); break;
    case KeySpec::p256: key = EVP_EC_gen("P-256"); break;
    case KeySpec::p384: key = EVP_EC_gen("P-384"); break;
    case KeySpec::p521: key = EVP_EC_gen("P-521"); break;
    case KeySpec::ed25519: key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"); break;
    case KeySpec::x25519: key = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"); break;
  }
  if (key == nullptr) return failure(Fault::internal, "key: OpenSSL could not generate one");
  return KeyAccess::adopt_private(key);
}

Result<PrivateKey> PrivateKey::from_pem(const Secret& text) {
  if (text.reveal().size() > kKeyTextMax) return too_long();
  const QuietErrors quiet;
  const auto bio = borrow(text.reveal());
  auto* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr)
    return failure(Fault::invalid, "key: not a PEM private key without password (\"BEGIN PRIVATE KEY\")");
  return KeyAccess::adopt_private(key);
}

Result<PrivateKey> PrivateKey::from_der(const Secret& bytes) {
  if (bytes.reveal().size() > kKeyTextMax) return too_long();
  const QuietErrors quiet;
  const auto* at = bytes_of(bytes.reveal());
  const auto* end = at + bytes.reveal().size();
  Pkey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.reveal().size())));
  if (!key || at != end) return failure(Fault::invalid, "key: not a DER private key");
  return KeyAccess::adopt_private(key.release());
}

// Secure-memory BIOs wipe what they held.
Secret PrivateKey::pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), KeyAccess::of(*this), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw std::bad_alloc();
  return Secret(std::string(written(bio)));
}

Secret PrivateKey::der() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (i2d_PKCS8PrivateKey_bio(bio.get(), KeyAccess::of(*this), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw std::bad_alloc();
  return Secret(std::string(written(bio)));
}

}  // namespace gatehouse::crypto
