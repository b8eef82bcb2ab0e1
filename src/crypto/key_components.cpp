// Keys as numbers, for JWK.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "crypto/evp.h"
#include "crypto/key_state.h"
#include "crypto/keys.h"

namespace gatehouse::crypto {
namespace {

using Number = Owned<BIGNUM, BN_clear_free>;

// Collects parameters and the numbers they point to.
class Parts {
 public:
  Parts() : builder_(OSSL_PARAM_BLD_new()) {}
  void number(const char* name, std::string_view bytes) {
    numbers_.emplace_back(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
    ok_ = ok_ && numbers_.back() && OSSL_PARAM_BLD_push_BN(builder_.get(), name, numbers_.back().get()) == 1;
  }
  // The builder remembers pointers, so the texts stay here (a deque does not move them).
  void text(const char* name, std::string_view value) {
    const auto& kept = texts_.emplace_back(value);
    ok_ = ok_ && OSSL_PARAM_BLD_push_utf8_string(builder_.get(), name, kept.data(), kept.size()) == 1;
  }
  void octets(const char* name, std::string value) {
    const Secret& kept = secrets_.emplace_back(std::move(value));
    ok_ = ok_ && OSSL_PARAM_BLD_push_octet_string(builder_.get(), name, kept.reveal().data(), kept.reveal().size()) == 1;
  }
  // nullptr when OpenSSL finds the parts wrong.
  EVP_PKEY* build(const char* kind, int selection) {
    Owned<OSSL_PARAM, OSSL_PARAM_free> params(ok_ ? OSSL_PARAM_BLD_to_param(builder_.get()) : nullptr);
    Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
    if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) return nullptr;
    return key;
  }

 private:
  Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder_;
  std::vector<Number> numbers_;
  std::deque<std::string> texts_;
  std::deque<Secret> secrets_;
  bool ok_ = true;
};

constexpr std::size_t kNumberMax = kRsaBitsMax / 8;

bool is_number(std::string_view bytes) { return !bytes.empty() && bytes.size() <= kNumberMax && bytes.front() != '\0'; }

bool is_montgomery_or_edwards(KeyType type) { return type == KeyType::ed25519 || type == KeyType::x25519; }

// What holds for both halves: lengths and spelling, so that one key has one set of components.
Result<void> check_parts(const PublicComponents& parts) {
  if (parts.type == KeyType::rsa) {
    if (!is_number(parts.n) || !is_number(parts.e))
      return failure(Fault::invalid, "key: modulus and exponent must be numbers without leading zeros, of at most 8192 bits");
    return {};
  }
  const bool has_y = !is_montgomery_or_edwards(parts.type);
  if (parts.x.size() != field_size(parts.type) || parts.y.size() != (has_y ? field_size(parts.type) : 0))
    return failure(Fault::invalid, "key: a coordinate has the wrong length for its curve");
  return {};
}

Parts public_parts(const PublicComponents& from) {
  Parts parts;
  if (from.type == KeyType::rsa) {
    parts.number(OSSL_PKEY_PARAM_RSA_N, from.n);
    parts.number(OSSL_PKEY_PARAM_RSA_E, from.e);
  } else if (is_montgomery_or_edwards(from.type)) {
    parts.octets(OSSL_PKEY_PARAM_PUB_KEY, from.x);
  } else {
    parts.text(OSSL_PKEY_PARAM_GROUP_NAME, name_of(from.type));
    parts.octets(OSSL_PKEY_PARAM_PUB_KEY, "\x04" + from.x + from.y);  // SEC 1 §2.3.3, uncompressed
  }
  return parts;
}

const char* kind_of(KeyType type) {
  switch (type) {
    case KeyType::rsa: return "RSA";
    case KeyType::ed25519: return "ED25519";
    case KeyType::x25519: return "X25519";
    case KeyType::p256:
    case KeyType::p384:
    case KeyType::p521: return "EC";
  }
  std::unreachable();
}

// RFC 7518 §6.3.2: all five or none.
Result<void> add_factors(Parts& parts, const PrivateComponents& from) {
  const std::array<std::pair<const char*, const Secret*>, 5> factors{
      {{OSSL_PKEY_PARAM_RSA_FACTOR1, &from.p}, {OSSL_PKEY_PARAM_RSA_FACTOR2, &from.q},
       {OSSL_PKEY_PARAM_RSA_EXPONENT1, &from.dp}, {OSSL_PKEY_PARAM_RSA_EXPONENT2, &from.dq},
       {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &from.qi}}};
  std::size_t present = 0;
  for (const auto& [name, value] : factors) present += value->empty() ? 0 : 1;
  if (present != 0 && present != factors.size()) return failure(Fault::invalid, "key: p, q, dp, dq and qi come together or not at all");
  for (const auto& [name, value] : factors) {
    if (value->empty()) continue;
    if (!is_number(value->reveal())) return failure(Fault::invalid, "key: a factor has a leading zero or is too long");
    parts.number(name, value->reveal());
  }
  return {};
}

std::string number_of(const EVP_PKEY* key, const char* name, std::size_t width) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  const Number number(raw);
  std::string bytes(width == 0 ? static_cast<std::size_t>(BN_num_bytes(number.get())) : width, '\0');
  if (BN_bn2binpad(number.get(), bytes_of(bytes), static_cast<int>(bytes.size())) < 0) return {};
  return bytes;
}

std::string octets_of(const EVP_PKEY* key, const char* name) {
  std::string bytes(32, '\0');
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, name, bytes_of(bytes), bytes.size(), &size) != 1 || size != bytes.size()) return {};
  return bytes;
}

}  // namespace

Result<PublicKey> PublicKey::from_components(const PublicComponents& from) {
  const QuietErrors quiet;
  GH_DO(check_parts(from));
  auto* key = public_parts(from).build(kind_of(from.type), EVP_PKEY_PUBLIC_KEY);
  if (key == nullptr) return failure(Fault::invalid, "key: its numbers make no key (is the point on its curve?)");
  return KeyAccess::adopt_public(key);
}

Result<PrivateKey> PrivateKey::from_components(const PrivateComponents& from) {
  const QuietErrors quiet;
  GH_DO(check_parts(from.open));
  const auto type = from.open.type;
  const auto d = from.d.reveal();
  if (type == KeyType::rsa ? !is_number(d) : d.size() != field_size(type))
    return failure(Fault::invalid, "key: the private number has the wrong length");

  auto parts = public_parts(from.open);
  if (type == KeyType::rsa) {
    parts.number(OSSL_PKEY_PARAM_RSA_D, d);
    GH_DO(add_factors(parts, from));
  } else if (is_montgomery_or_edwards(type)) {
    parts.octets(OSSL_PKEY_PARAM_PRIV_KEY, std::string(d));
  } else {
    parts.number(OSSL_PKEY_PARAM_PRIV_KEY, d);
  }
  auto* raw = parts.build(kind_of(type), EVP_PKEY_KEYPAIR);
  if (raw == nullptr) return failure(Fault::invalid, "key: its numbers make no key");
  GH_TRY(auto key, KeyAccess::adopt_private(raw));
  // For these curves OpenSSL computes the public half from the private one and forgets what it was told.
  if (is_montgomery_or_edwards(type) && key.public_key().components().x != from.open.x)
    return failure(Fault::invalid, "key: the private half does not belong to the public half");
  return key;
}

PublicComponents PublicKey::components() const {
  PublicComponents parts;
  parts.type = type();
  const auto* key = state_->key.get();
  if (parts.type == KeyType::rsa) {
    parts.n = number_of(key, OSSL_PKEY_PARAM_RSA_N, 0);
    parts.e = number_of(key, OSSL_PKEY_PARAM_RSA_E, 0);
  } else if (is_montgomery_or_edwards(parts.type)) {
    parts.x = octets_of(key, OSSL_PKEY_PARAM_PUB_KEY);
  } else {
    parts.x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, field_size(parts.type));
    parts.y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, field_size(parts.type));
  }
  return parts;
}

PrivateComponents PrivateKey::components() const {
  const QuietErrors quiet;  // factors may be absent
  PrivateComponents parts;
  parts.open = public_.components();
  const auto* key = KeyAccess::of(*this);
  if (type() == KeyType::rsa) {
    parts.d = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_D, 0));
    parts.p = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1, 0));
    parts.q = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2, 0));
    parts.dp = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0));
    parts.dq = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0));
    parts.qi = Secret(number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0));
  } else if (is_montgomery_or_edwards(type())) {
    parts.d = Secret(octets_of(key, OSSL_PKEY_PARAM_PRIV_KEY));
  } else {
    parts.d = Secret(number_of(key, OSSL_PKEY_PARAM_PRIV_KEY, field_size(type())));
  }
  return parts;
}

}  // namespace gatehouse::crypto
