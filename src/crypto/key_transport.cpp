#include "crypto/key_transport.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdexcept>

#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

using PkeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t kWrapBlock = 8;

const EVP_MD* oaep_md(Oaep hash) {
  static const EVP_MD* const kSha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return hash == Oaep::sha1 ? kSha1 : evp_md(Hash::sha256);
}

const EVP_CIPHER* wrap_cipher(std::size_t key_size) {
  static const EVP_CIPHER* const k128 = EVP_CIPHER_fetch(nullptr, "AES-128-WRAP", nullptr);
  static const EVP_CIPHER* const k192 = EVP_CIPHER_fetch(nullptr, "AES-192-WRAP", nullptr);
  static const EVP_CIPHER* const k256 = EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr);
  return key_size == 16 ? k128 : key_size == 24 ? k192 : key_size == 32 ? k256 : nullptr;
}

std::unexpected<Error> no_key() { return failure(Fault::invalid, "key transport: the key cannot be opened"); }

bool prepare_oaep(EVP_PKEY_CTX* context, Oaep hash) {
  const auto* md = oaep_md(hash);
  return md != nullptr && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, md) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1;
}

CipherContext wrap_context(const Secret& kek, int encrypting) {
  const auto* cipher = wrap_cipher(kek.reveal().size());
  CipherContext context(cipher == nullptr ? nullptr : EVP_CIPHER_CTX_new());
  if (!context) return nullptr;
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_CipherInit_ex2(context.get(), cipher, bytes_of(kek.reveal()), nullptr, encrypting, nullptr) != 1) return nullptr;
  return context;
}

}  // namespace

Result<std::string> oaep_encrypt(const PublicKey& to, Oaep hash, const Secret& plain) {
  if (to.type() != KeyType::rsa) return failure(Fault::invalid, "key transport: RSA-OAEP needs an RSA key");
  const QuietErrors quiet;
  auto* key = KeyAccess::of(to);
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  std::string out(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = out.size();
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 || !prepare_oaep(context.get(), hash) ||
      EVP_PKEY_encrypt(context.get(), bytes_of(out), &size, bytes_of(plain.reveal()), plain.reveal().size()) != 1 || size != out.size())
    return failure(Fault::invalid, "key transport: RSA-OAEP failed; is the text longer than the key allows?");
  return out;
}

Result<Secret> oaep_decrypt(const PrivateKey& key, Oaep hash, std::string_view sealed) {
  if (key.type() != KeyType::rsa) return no_key();
  const QuietErrors quiet;
  auto* raw = KeyAccess::of(key);
  const auto modulus = static_cast<std::size_t>(EVP_PKEY_get_size(raw));
  if (sealed.size() != modulus) return no_key();
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, raw, nullptr));
  std::string out(modulus, '\0');
  std::size_t size = out.size();
  const bool opened = context && EVP_PKEY_decrypt_init(context.get()) == 1 && prepare_oaep(context.get(), hash) &&
                      EVP_PKEY_decrypt(context.get(), bytes_of(out), &size, bytes_of(sealed), sealed.size()) == 1;
  const Secret whole(std::move(out));
  if (!opened) return no_key();
  return Secret(std::string(whole.reveal().substr(0, size)));
}

Result<Secret> agree(const PrivateKey& ours, const PublicKey& theirs) {
  const auto type = ours.type();
  if (type != theirs.type() || type == KeyType::rsa || type == KeyType::ed25519) return no_key();
  const QuietErrors quiet;
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, KeyAccess::of(ours), nullptr));
  std::string out(field_size(type), '\0');
  std::size_t size = out.size();
  const bool done = context && EVP_PKEY_derive_init(context.get()) == 1 &&
                    EVP_PKEY_derive_set_peer(context.get(), KeyAccess::of(theirs)) == 1 &&
                    EVP_PKEY_derive(context.get(), bytes_of(out), &size) == 1 && size == out.size();
  Secret shared(std::move(out));
  if (!done) return no_key();
  return shared;
}

Result<std::string> wrap_key(const Secret& kek, const Secret& key) {
  const auto plain = key.reveal();
  if (plain.size() < 2 * kWrapBlock || plain.size() > kWrappedKeyMax || plain.size() % kWrapBlock != 0)
    return failure(Fault::invalid, "key transport: a key of this length cannot be wrapped");
  const QuietErrors quiet;
  const auto context = wrap_context(kek, 1);
  std::string out(plain.size() + kWrapBlock, '\0');
  int size = 0;
  if (!context || EVP_CipherUpdate(context.get(), bytes_of(out), &size, bytes_of(plain), static_cast<int>(plain.size())) != 1 ||
      static_cast<std::size_t>(size) != out.size())
    return failure(Fault::invalid, "key transport: AES key wrap failed; a wrapping key has 16, 24 or 32 bytes");
  return out;
}

Result<Secret> unwrap_key(const Secret& kek, std::string_view wrapped) {
  if (wrapped.size() < 3 * kWrapBlock || wrapped.size() > kWrappedKeyMax + kWrapBlock || wrapped.size() % kWrapBlock != 0) return no_key();
  const QuietErrors quiet;
  const auto context = wrap_context(kek, 0);
  std::string out(wrapped.size(), '\0');  // OpenSSL may write a block more than it returns
  int size = 0;
  const bool opened = context && EVP_CipherUpdate(context.get(), bytes_of(out), &size, bytes_of(wrapped), static_cast<int>(wrapped.size())) == 1 &&
                      static_cast<std::size_t>(size) == wrapped.size() - kWrapBlock;
  const Secret whole(std::move(out));
  if (!opened) return no_key();
  return Secret(std::string(whole.reveal().substr(0, static_cast<std::size_t>(size))));
}

}  // namespace gatehouse::crypto
