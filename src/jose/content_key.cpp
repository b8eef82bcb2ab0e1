#include "jose/content_key.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "crypto/key_transport.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

std::unexpected<Error> no_key(std::source_location at = std::source_location::current()) {
  return failure(Fault::invalid, "jwe: the content key cannot be had", at);
}

std::string big_endian(std::size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((number >> shift) & 0xff);
  return bytes;
}

std::string random_bytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

crypto::Oaep oaep_of(KeyAlg alg) { return alg == KeyAlg::RSA_OAEP ? crypto::Oaep::sha1 : crypto::Oaep::sha256; }

std::optional<crypto::KeySpec> curve_of(crypto::KeyType type) {
  switch (type) {
    case crypto::KeyType::p256: return crypto::KeySpec::p256;
    case crypto::KeyType::p384: return crypto::KeySpec::p384;
    case crypto::KeyType::p521: return crypto::KeySpec::p521;
    case crypto::KeyType::x25519: return crypto::KeySpec::x25519;
    case crypto::KeyType::rsa:
    case crypto::KeyType::ed25519: return std::nullopt;
  }
  std::unreachable();
}

// A header member in base64url, of any length: absent is empty.
Result<std::string> member_bytes(const json::object& header, std::string_view name) {
  const auto* member = header.if_contains(json::string_view(name.data(), name.size()));
  if (member == nullptr) return std::string();
  if (!member->is_string()) return no_key();
  return base64url_decode(std::string_view(member->get_string()));
}

// The content key itself for ECDH-ES, or the key that wraps it.
Result<Secret> agreed_key(const crypto::PrivateKey& ours, const crypto::PublicKey& theirs, KeyAlg alg, Enc enc, const json::object& header) {
  GH_TRY(const auto shared, crypto::agree(ours, theirs));
  GH_TRY(const auto party_u, member_bytes(header, "apu"));
  GH_TRY(const auto party_v, member_bytes(header, "apv"));
  if (alg == KeyAlg::ECDH_ES) return concat_kdf(shared, name_of(enc), party_u, party_v, crypto::sizes_of(enc).key);
  return concat_kdf(shared, name_of(alg), party_u, party_v, wrapping_size(alg));
}

Result<SentKey> send_agreed(const EncryptionKey& to, KeyAlg alg, Enc enc, json::object& header, Random& random) {
  const auto spec = curve_of(to.public_key()->type());
  if (!spec) return no_key();
  GH_TRY(const auto ephemeral, crypto::PrivateKey::generate(*spec));
  header["epk"] = members::essential(ephemeral.public_key());
  GH_TRY(auto agreed, agreed_key(ephemeral, *to.public_key(), alg, enc, header));
  if (alg == KeyAlg::ECDH_ES) return SentKey{std::move(agreed), {}};
  Secret content(random_bytes(random, crypto::sizes_of(enc).key));
  GH_TRY(auto wrapped, crypto::wrap_key(agreed, content));
  return SentKey{std::move(content), std::move(wrapped)};
}

Result<Secret> receive_agreed(const EncryptionKey& key, KeyAlg alg, Enc enc, const json::object& header, std::string_view encrypted) {
  const auto* epk = header.if_contains("epk");
  if (epk == nullptr || key.private_key() == nullptr) return no_key();
  GH_TRY(const auto theirs, members::open_half(*epk));  // on its curve, or refused
  GH_TRY(auto agreed, agreed_key(*key.private_key(), theirs, alg, enc, header));
  if (alg != KeyAlg::ECDH_ES) return crypto::unwrap_key(agreed, encrypted);
  if (!encrypted.empty()) return no_key();  // RFC 7516 §5.2 step 10
  return agreed;
}

Result<SentKey> send_gcm(const EncryptionKey& to, KeyAlg alg, Secret content, json::object& header, Random& random) {
  const auto nonce = random_bytes(random, crypto::sizes_of(gcm_of(alg)).nonce);
  GH_TRY(auto sealed, crypto::encipher(gcm_of(alg), *to.secret(), nonce, "", content.reveal()));
  header["iv"] = base64url_encode(nonce);
  header["tag"] = base64url_encode(sealed.tag);
  return SentKey{std::move(content), std::move(sealed.text)};
}

Result<Secret> receive_gcm(const EncryptionKey& key, KeyAlg alg, const json::object& header, std::string_view encrypted) {
  GH_TRY(const auto nonce, member_bytes(header, "iv"));
  GH_TRY(const auto tag, member_bytes(header, "tag"));
  return crypto::decipher(gcm_of(alg), *key.secret(), nonce, "", encrypted, tag);
}

}  // namespace

Secret concat_kdf(const Secret& shared, std::string_view algorithm, std::string_view party_u, std::string_view party_v, std::size_t size) {
  std::string info;
  for (const auto part : {algorithm, party_u, party_v}) info.append(big_endian(part.size())).append(part);
  info += big_endian(size * 8);
  std::string derived;
  derived.reserve(size + 32);
  for (std::size_t round = 1; derived.size() < size; ++round) {
    const Secret block(crypto::sha256(Secret(big_endian(round) + std::string(shared.reveal()) + info).reveal()));
    derived += block.reveal();
  }
  const Secret whole(std::move(derived));
  return Secret(std::string(whole.reveal().substr(0, size)));
}

Result<SentKey> send_content_key(const EncryptionKey& to, KeyAlg alg, Enc enc, json::object& header, Random& random) {
  const auto fresh = [&] { return Secret(random_bytes(random, crypto::sizes_of(enc).key)); };
  switch (way_of(alg)) {
    case Way::agreement: return send_agreed(to, alg, enc, header, random);
    case Way::gcm_wrap: return send_gcm(to, alg, fresh(), header, random);
    case Way::direct: return SentKey{*to.secret(), {}};
    case Way::rsa: {
      auto content = fresh();
      GH_TRY(auto sealed, crypto::oaep_encrypt(*to.public_key(), oaep_of(alg), content));
      return SentKey{std::move(content), std::move(sealed)};
    }
    case Way::wrap: {
      auto content = fresh();
      GH_TRY(auto wrapped, crypto::wrap_key(*to.secret(), content));
      return SentKey{std::move(content), std::move(wrapped)};
    }
  }
  std::unreachable();
}

Result<Secret> receive_content_key(const EncryptionKey& key, KeyAlg alg, Enc enc, const json::object& header, std::string_view encrypted) {
  const auto opened = [&]() -> Result<Secret> {
    switch (way_of(alg)) {
      case Way::rsa: return crypto::oaep_decrypt(*key.private_key(), oaep_of(alg), encrypted);
      case Way::agreement: return receive_agreed(key, alg, enc, header, encrypted);
      case Way::wrap: return crypto::unwrap_key(*key.secret(), encrypted);
      case Way::gcm_wrap: return receive_gcm(key, alg, header, encrypted);
      case Way::direct:
        if (!encrypted.empty()) return no_key();  // RFC 7516 §5.2 step 10
        return *key.secret();
    }
    std::unreachable();
  };
  GH_TRY(auto content, opened());
  if (content.reveal().size() != crypto::sizes_of(enc).key) return no_key();  // RFC 7516 §11.4
  return content;
}

}  // namespace gatehouse::jose
