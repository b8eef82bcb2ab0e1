#include "crypto/aead.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include "core/bytes.h"
#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

struct Kind {
  const char* name;
  AeadSizes sizes;
  std::optional<Hash> mac;  // empty: GCM
};

// RFC 7518 §5.2.3 to §5.2.5, §5.3 (nonces of 96 bits, tags of 128).
constexpr std::array<Kind, 6> kKinds{{{"AES-128-GCM", {16, 12, 16}, {}},
                                      {"AES-192-GCM", {24, 12, 16}, {}},
                                      {"AES-256-GCM", {32, 12, 16}, {}},
                                      {"AES-128-CBC", {32, 16, 16}, Hash::sha256},
                                      {"AES-192-CBC", {48, 16, 24}, Hash::sha384},
                                      {"AES-256-CBC", {64, 16, 32}, Hash::sha512}}};
constexpr std::size_t kBlock = 16;

const Kind& kind_of(Aead cipher) { return kKinds[static_cast<std::size_t>(cipher)]; }

const EVP_CIPHER* fetched(Aead cipher) {
  static const auto kCiphers = [] {
    std::array<const EVP_CIPHER*, kKinds.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i)
      if (made[i] = EVP_CIPHER_fetch(nullptr, kKinds[i].name, nullptr); made[i] == nullptr)
        throw std::runtime_error("OpenSSL offers no AES: is its default provider turned off?");
    return made;
  }();
  return kCiphers[static_cast<std::size_t>(cipher)];
}

std::unexpected<Error> forged() { return failure(Fault::invalid, "encrypted text: changed, or for another key"); }
std::unexpected<Error> broken() { return failure(Fault::internal, "encryption: a key or nonce of the wrong length, or OpenSSL failed"); }

int length(std::string_view text) { return static_cast<int>(text.size()); }

// RFC 7518 §5.2.2.1: the MAC covers associated data, nonce, text, and the bit length of the first.
std::string mac_tag(const Kind& kind, std::string_view mac_key, std::string_view nonce, std::string_view associated, std::string_view text) {
  std::string covered;
  covered.reserve(associated.size() + nonce.size() + text.size() + 8);
  covered.append(associated).append(nonce).append(text);
  const std::uint64_t bits = static_cast<std::uint64_t>(associated.size()) * 8;
  for (int shift = 56; shift >= 0; shift -= 8) covered += static_cast<char>((bits >> shift) & 0xff);
  return hmac(*kind.mac, mac_key, covered).substr(0, kind.sizes.tag);
}

std::optional<Ciphered> gcm_encrypt(const EVP_CIPHER* cipher, const Secret& key, std::string_view nonce, std::string_view associated,
                                    std::string_view plain) {
  const Context context(EVP_CIPHER_CTX_new());
  Ciphered out{std::string(plain.size(), '\0'), std::string(16, '\0')};
  int size = 0, rest = 0;
  if (!context || EVP_EncryptInit_ex2(context.get(), cipher, bytes_of(key.reveal()), bytes_of(nonce), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &rest, bytes_of(associated), length(associated)) != 1 ||
      EVP_EncryptUpdate(context.get(), bytes_of(out.text), &size, bytes_of(plain), length(plain)) != 1 ||
      EVP_EncryptFinal_ex(context.get(), bytes_of(out.text) + size, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(out.tag.size()), out.tag.data()) != 1)
    return std::nullopt;
  return out;
}

std::optional<Secret> gcm_decrypt(const EVP_CIPHER* cipher, const Secret& key, std::string_view nonce, std::string_view associated,
                                  std::string_view text, std::string tag) {
  const Context context(EVP_CIPHER_CTX_new());
  std::string plain(text.size(), '\0');
  int size = 0, rest = 0;
  const bool whole = context && EVP_DecryptInit_ex2(context.get(), cipher, bytes_of(key.reveal()), bytes_of(nonce), nullptr) == 1 &&
                     EVP_DecryptUpdate(context.get(), nullptr, &rest, bytes_of(associated), length(associated)) == 1 &&
                     EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(text), length(text)) == 1 &&
                     EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1 &&
                     EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &rest) == 1;
  Secret secret(std::move(plain));  // wiped also when it turns out to be forged
  if (!whole) return std::nullopt;
  return secret;
}

std::optional<std::string> cbc_encrypt(const EVP_CIPHER* cipher, std::string_view key, std::string_view nonce, std::string_view plain) {
  const Context context(EVP_CIPHER_CTX_new());
  std::string out(plain.size() + kBlock, '\0');
  int size = 0, rest = 0;
  if (!context || EVP_EncryptInit_ex2(context.get(), cipher, bytes_of(key), bytes_of(nonce), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), bytes_of(out), &size, bytes_of(plain), length(plain)) != 1 ||
      EVP_EncryptFinal_ex(context.get(), bytes_of(out) + size, &rest) != 1)
    return std::nullopt;
  out.resize(static_cast<std::size_t>(size + rest));
  return out;
}

std::optional<Secret> cbc_decrypt(const EVP_CIPHER* cipher, std::string_view key, std::string_view nonce, std::string_view text) {
  const Context context(EVP_CIPHER_CTX_new());
  std::string plain(text.size() + kBlock, '\0');
  int size = 0, rest = 0;
  const bool whole = context && EVP_DecryptInit_ex2(context.get(), cipher, bytes_of(key), bytes_of(nonce), nullptr) == 1 &&
                     EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(text), length(text)) == 1 &&
                     EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &rest) == 1;
  const Secret padded(std::move(plain));
  if (!whole) return std::nullopt;
  return Secret(std::string(padded.reveal().substr(0, static_cast<std::size_t>(size + rest))));
}

}  // namespace

AeadSizes sizes_of(Aead cipher) { return kind_of(cipher).sizes; }

Result<Ciphered> encipher(Aead cipher, const Secret& key, std::string_view nonce, std::string_view associated, std::string_view plain) {
  const auto& kind = kind_of(cipher);
  if (key.reveal().size() != kind.sizes.key || nonce.size() != kind.sizes.nonce) return broken();
  if (plain.size() > kAeadPlainMax || associated.size() > kAeadPlainMax) return failure(Fault::limited, "encryption: more than 1 MiB");
  const QuietErrors quiet;
  if (!kind.mac) {
    auto made = gcm_encrypt(fetched(cipher), key, nonce, associated, plain);
    if (!made) return broken();
    return *std::move(made);
  }
  const auto half = kind.sizes.key / 2;
  auto text = cbc_encrypt(fetched(cipher), key.reveal().substr(half), nonce, plain);
  if (!text) return broken();
  auto tag = mac_tag(kind, key.reveal().substr(0, half), nonce, associated, *text);
  return Ciphered{*std::move(text), std::move(tag)};
}

Result<Secret> decipher(Aead cipher, const Secret& key, std::string_view nonce, std::string_view associated, std::string_view text,
                        std::string_view tag) {
  const auto& kind = kind_of(cipher);
  if (key.reveal().size() != kind.sizes.key || nonce.size() != kind.sizes.nonce || tag.size() != kind.sizes.tag) return forged();
  if (text.size() > kAeadPlainMax + kBlock || associated.size() > kAeadPlainMax) return forged();
  const QuietErrors quiet;
  std::optional<Secret> plain;
  if (!kind.mac) {
    plain = gcm_decrypt(fetched(cipher), key, nonce, associated, text, std::string(tag));
  } else {
    // Tag first: padding that an attacker wrote is never looked at (Vaudenay's oracle).
    const auto half = kind.sizes.key / 2;
    if (text.empty() || text.size() % kBlock != 0) return forged();
    if (!equal_constant_time(mac_tag(kind, key.reveal().substr(0, half), nonce, associated, text), tag)) return forged();
    plain = cbc_decrypt(fetched(cipher), key.reveal().substr(half), nonce, text);
  }
  if (!plain) return forged();
  return *std::move(plain);
}

}  // namespace gatehouse::crypto
