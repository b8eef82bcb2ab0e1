#include "jose/keygen.h"

#include <array>
#include <span>

#include "jose/encryption_key.h"
#include "jose/jwk.h"
#include "jose/jwk_members.h"
#include "jose/jwk_x509.h"

namespace gatehouse::jose {
namespace {

using crypto::KeySpec;

struct Offer {
  std::string_view type, curve;
  int bits;
  KeySpec spec;
  std::string_view sig, enc;  // the usual algorithm; empty: not for this use
};

// The first of a type is its default.
constexpr std::array kOffers{Offer{"RSA", "", 2048, KeySpec::rsa2048, "RS256", "RSA-OAEP-256"},
                             Offer{"RSA", "", 3072, KeySpec::rsa3072, "RS256", "RSA-OAEP-256"},
                             Offer{"RSA", "", 4096, KeySpec::rsa4096, "RS256", "RSA-OAEP-256"},
                             Offer{"EC", "P-256", 0, KeySpec::p256, "ES256", "ECDH-ES"},
                             Offer{"EC", "P-384", 0, KeySpec::p384, "ES384", "ECDH-ES"},
                             Offer{"EC", "P-521", 0, KeySpec::p521, "ES512", "ECDH-ES"},
                             Offer{"OKP", "Ed25519", 0, KeySpec::ed25519, "EdDSA", ""},
                             Offer{"OKP", "X25519", 0, KeySpec::x25519, "", "ECDH-ES"}};

std::unexpected<Error> refused(std::string why, std::source_location at = std::source_location::current()) {
  return failure(Fault::invalid, "new key: " + std::move(why), at);
}

std::string_view usual(const Offer& offer, KeyUse use) { return use == KeyUse::sig ? offer.sig : offer.enc; }

Result<Offer> offer_for(const KeyOrder& order) {
  if (order.type != "RSA" && order.bits != 0) return refused("a size is for RSA and oct only; EC and OKP have a curve");
  if (order.type == "RSA" && !order.curve.empty()) return refused("a curve is for EC and OKP only; RSA has a size");
  for (const auto& offer : kOffers) {
    if (offer.type != order.type) continue;
    const bool asked = order.curve.empty() && order.bits == 0 ? !usual(offer, order.use).empty() : offer.curve == order.curve && offer.bits == order.bits;
    if (!asked) continue;
    if (usual(offer, order.use).empty()) return refused("Ed25519 keys are for signatures and X25519 keys for encryption");
    return offer;
  }
  if (order.type == "RSA") return refused("RSA keys have 2048, 3072 or 4096 bits");
  if (order.type == "EC") return refused("EC keys have the curve P-256, P-384 or P-521");
  if (order.type == "OKP") return refused("OKP keys have the curve Ed25519 or X25519");
  return refused("the type must be RSA, EC, OKP or oct");
}

Result<std::string> chosen_kid(const KeyOrder& order) {
  if (order.kid == KidPolicy::given && order.kid_given.empty()) return refused("a kid was to be given but is empty");
  if (order.kid != KidPolicy::given && !order.kid_given.empty()) return refused("a kid was given but another kind of kid was asked for");
  if (order.kid == KidPolicy::given) return order.kid_given;
  if (order.kid == KidPolicy::thumbprint) return std::string();  // known only when the key is
  return (order.use == KeyUse::sig ? "sig-" : "enc-") + to_iso8601(order.now);
}

Result<Alg> signature_alg(std::string_view name) {
  const auto alg = alg_named(name);
  if (!alg) return refused(std::string(name) + " is not an algorithm for signatures");
  return *alg;
}

struct EncryptionAlg {
  KeyAlg alg;
  std::optional<Enc> enc;
};

Result<EncryptionAlg> encryption_alg(std::string_view name) {
  if (is_refused_key_alg(name)) return refused(std::string(name) + " is refused here; take RSA-OAEP-256 or ECDH-ES");
  if (const auto enc = enc_named(name)) return EncryptionAlg{KeyAlg::dir, enc};
  const auto alg = key_alg_named(name);
  if (!alg) return refused(std::string(name) + " is not an algorithm for encryption");
  return EncryptionAlg{*alg, std::nullopt};
}

std::string set_text(json::object key) {
  json::object set;
  set["keys"] = json::array{std::move(key)};
  return to_text(set);
}

// Everything that does not depend on what the key is for.
template <class Key>
Result<GeneratedKey> written(const Key& key, std::string_view alg, const std::string& certificate_pem) {
  GeneratedKey out;
  out.kid = key.kid();
  out.alg = alg;
  auto secret = key.secret_json();
  if (const auto* open = key.public_key()) {
    GH_TRY(out.public_jwk, key.public_json());
    if (!certificate_pem.empty()) {
      const std::span chain(&certificate_pem, 1);
      GH_DO(add_x509(out.public_jwk, *open, chain));
      GH_DO(add_x509(secret, *open, chain));
    }
    out.public_set["keys"] = json::array{out.public_jwk};
    out.public_pem = open->pem();
    out.certificate_pem = certificate_pem;
  }
  out.secret_jwk = Secret(to_text(secret));
  out.secret_set = Secret(set_text(std::move(secret)));
  return out;
}

Result<GeneratedKey> generate_pair(const KeyOrder& order, Random& random) {
  GH_TRY(const auto offer, offer_for(order));
  GH_TRY(auto kid, chosen_kid(order));
  const auto name = order.alg.empty() ? std::string(usual(offer, order.use)) : order.alg;
  const bool certified = order.certificate.has_value();
  if (certified && offer.spec == KeySpec::x25519) return refused("an X25519 key cannot sign its own certificate");

  // Words first, then the costly part.
  std::optional<Alg> sig;
  std::optional<EncryptionAlg> enc;
  if (order.use == KeyUse::sig) {
    GH_TRY(sig, signature_alg(name));
  } else {
    GH_TRY(enc, encryption_alg(name));
    if (enc->enc) return refused(name + " is for oct keys");
  }
  GH_TRY(auto pair, crypto::PrivateKey::generate(offer.spec));
  std::string certificate;
  if (certified) {
    GH_TRY(certificate, crypto::self_signed(pair, order.certificate->common_name, order.certificate->validity, random));
  }
  Result<GeneratedKey> made = refused("");
  if (sig) {
    GH_TRY(const auto key, Jwk::of(pair, std::move(kid), sig));
    made = written(key, name, certificate);
  } else {
    GH_TRY(const auto key, EncryptionKey::of(pair, std::move(kid), enc->alg));
    made = written(key, name, certificate);
  }
  if (made) made->private_pem = pair.pem();
  return made;
}

std::size_t hash_size(Alg alg) { return alg == Alg::HS256 ? 32 : alg == Alg::HS384 ? 48 : 64; }

Result<std::size_t> secret_size(const KeyOrder& order, std::size_t needed) {
  if (order.bits == 0) return needed;
  if (order.bits < 0 || order.bits % 8 != 0 || static_cast<std::size_t>(order.bits) / 8 > kSecretKeyMax)
    return refused("the size of an oct key is a multiple of 8, at most 8192 bits");
  return static_cast<std::size_t>(order.bits) / 8;
}

Secret random_secret(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return Secret(std::move(bytes));
}

Result<GeneratedKey> generate_secret(const KeyOrder& order, Random& random) {
  if (!order.curve.empty()) return refused("an oct key has no curve");
  if (order.certificate) return refused("an oct key has no certificate");
  GH_TRY(auto kid, chosen_kid(order));
  const auto kid_for = [&](const Secret& bytes) { return kid.empty() ? members::thumbprint(bytes) : kid; };
  if (order.use == KeyUse::sig) {
    const auto name = order.alg.empty() ? std::string("HS256") : order.alg;
    GH_TRY(const auto alg, signature_alg(name));
    if (!is_symmetric(alg)) return refused(name + " is not for oct keys");
    GH_TRY(const auto size, secret_size(order, hash_size(alg)));
    auto bytes = random_secret(random, size);
    GH_TRY(const auto key, Jwk::of(bytes, kid_for(bytes), alg));
    return written(key, name, {});
  }
  const auto name = order.alg.empty() ? std::string("A256KW") : order.alg;
  GH_TRY(const auto alg, encryption_alg(name));
  if (way_of(alg.alg) == Way::rsa || way_of(alg.alg) == Way::agreement) return refused(name + " is not for oct keys");
  const auto needed = alg.enc ? crypto::sizes_of(*alg.enc).key : alg.alg == KeyAlg::dir ? 32 : wrapping_size(alg.alg);
  GH_TRY(const auto size, secret_size(order, needed));
  auto bytes = random_secret(random, size);
  GH_TRY(const auto key, EncryptionKey::of(bytes, kid_for(bytes), alg.alg, alg.enc));
  return written(key, name, {});
}

}  // namespace

Result<GeneratedKey> generate_key(const KeyOrder& order, Random& random) {
  return order.type == "oct" ? generate_secret(order, random) : generate_pair(order, random);
}

}  // namespace gatehouse::jose
