#include "crypto/seal.h"

#include <openssl/evp.h>

#include <algorithm>
#include <span>
#include <stdexcept>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

constexpr std::string_view kVersion = "gs1";
constexpr std::size_t kNonceSize = 12, kTagSize = 16, kKeyIdMax = 32, kContextMax = 1024;

using Cipher = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  if (kCipher == nullptr) throw std::runtime_error("OpenSSL offers no AES-256-GCM: is its default provider turned off?");
  return kCipher;
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= kKeyIdMax &&
         std::ranges::all_of(id, [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

struct Sealed {
  std::string_view key_id, body;
};

// Everything but the body, so that a value cannot be told to be of another version or key.
std::string associated(std::string_view key_id, std::string_view context) {
  std::string data;
  data.append(kVersion).append(".").append(key_id).append(1, '\0').append(context);
  return data;
}

Result<Sealed> parse(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 3 || parts[0] != kVersion || !is_key_id(parts[1]))
    return failure(Fault::invalid, "sealed value: not in a form that this version reads");
  return Sealed{parts[1], parts[2]};
}

std::unexpected<Error> no_context() { return failure(Fault::internal, "sealed value: no context was given"); }

}  // namespace

Result<Sealer> Sealer::make(std::vector<SealKey> keys, Random& random) {
  if (keys.empty() || keys.size() > kSealKeysMax) return failure(Fault::invalid, "sealing: needs 1 to 16 keys");
  for (auto key = keys.begin(); key != keys.end(); ++key) {
    if (!is_key_id(key->id)) return failure(Fault::invalid, "sealing: a key id is 1 to 32 of A-Z a-z 0-9 _ -");
    if (key->bytes.reveal().size() != kSealKeySize) return failure(Fault::invalid, "sealing: a key has 32 bytes");
    if (std::any_of(keys.begin(), key, [&](const SealKey& other) { return other.id == key->id; }))
      return failure(Fault::invalid, "sealing: two keys have the id " + key->id);
  }
  return Sealer(std::move(keys), random);
}

Result<std::string> Sealer::seal(std::string_view context, std::string_view plain) const {
  if (context.empty() || context.size() > kContextMax) return no_context();
  if (plain.size() > kSealPlainMax) return failure(Fault::limited, "sealing: the value is larger than 1 MiB");
  const auto& key = keys_.front();
  std::string body(kNonceSize + plain.size() + kTagSize, '\0');
  random_->fill(std::as_writable_bytes(std::span(body)).first(kNonceSize));
  const auto bound = associated(key.id, context);

  const QuietErrors quiet;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  auto* out = bytes_of(body) + kNonceSize;
  int size = 0, rest = 0;
  if (!cipher || EVP_EncryptInit_ex2(cipher.get(), aes_256_gcm(), bytes_of(key.bytes.reveal()), bytes_of(body), nullptr) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &rest, bytes_of(std::string_view(bound)), static_cast<int>(bound.size())) != 1 ||
      EVP_EncryptUpdate(cipher.get(), out, &size, bytes_of(plain), static_cast<int>(plain.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), out + size, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out + plain.size()) != 1)
    return failure(Fault::internal, "sealing: AES-256-GCM failed");

  std::string text;
  text.append(kVersion).append(".").append(key.id).append(".").append(base64url_encode(body));
  return text;
}

Result<Secret> Sealer::open(std::string_view context, std::string_view sealed) const {
  if (context.empty() || context.size() > kContextMax) return no_context();
  if (sealed.size() > kSealPlainMax * 2) return failure(Fault::limited, "sealed value: too large");
  GH_TRY(const auto parts, parse(sealed));
  const auto key = std::ranges::find(keys_, parts.key_id, &SealKey::id);
  if (key == keys_.end())
    return failure(Fault::missing, "sealed value: its key " + std::string(parts.key_id) + " is not here; was the master key replaced?");
  GH_TRY(const auto body, base64url_decode(parts.body));
  if (body.size() < kNonceSize + kTagSize) return failure(Fault::invalid, "sealed value: too short");

  const QuietErrors quiet;
  const auto bound = associated(parts.key_id, context);
  const auto length = body.size() - kNonceSize - kTagSize;
  const auto* in = bytes_of(std::string_view(body)) + kNonceSize;
  std::string tag = body.substr(kNonceSize + length);
  std::string plain(length, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0, rest = 0;
  const bool whole =
      cipher &&
      EVP_DecryptInit_ex2(cipher.get(), aes_256_gcm(), bytes_of(key->bytes.reveal()), bytes_of(std::string_view(body)), nullptr) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &rest, bytes_of(std::string_view(bound)), static_cast<int>(bound.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), bytes_of(plain), &size, in, static_cast<int>(length)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), bytes_of(plain) + size, &rest) == 1;
  Secret secret(std::move(plain));  // wiped also when it turns out to be forged
  if (!whole) return failure(Fault::invalid, "sealed value: changed, or moved from another place");
  return secret;
}

bool Sealer::is_current(std::string_view sealed) const {
  const auto parts = parse(sealed);
  return parts && parts->key_id == keys_.front().id;
}

}  // namespace gatehouse::crypto
