#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <stdexcept>

#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

constexpr std::array<const char*, 3> kNames{"SHA256", "SHA384", "SHA512"};

const EVP_MD* fetch_md(Hash hash) {
  auto* md = EVP_MD_fetch(nullptr, kNames[static_cast<std::size_t>(hash)], nullptr);
  if (md == nullptr) throw std::runtime_error("OpenSSL offers no SHA-2: is its default provider turned off?");
  return md;
}

// A context that knows its digest but no key yet; duplicated for every use.
const EVP_MAC_CTX* make_hmac(Hash hash) {
  Owned<EVP_MAC, EVP_MAC_free> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  auto* context = mac ? EVP_MAC_CTX_new(mac.get()) : nullptr;
  const std::array params{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(kNames[static_cast<std::size_t>(hash)]), 0),
      OSSL_PARAM_construct_end()};
  if (context == nullptr || EVP_MAC_CTX_set_params(context, params.data()) != 1)
    throw std::runtime_error("OpenSSL offers no HMAC: is its default provider turned off?");
  return context;
}

const EVP_MAC_CTX* hmac_template(Hash hash) {
  static const std::array kContexts{make_hmac(Hash::sha256), make_hmac(Hash::sha384), make_hmac(Hash::sha512)};
  return kContexts[static_cast<std::size_t>(hash)];
}

}  // namespace

QuietErrors::QuietErrors() { ERR_set_mark(); }
QuietErrors::~QuietErrors() { ERR_pop_to_mark(); }

const evp_md_st* evp_md(Hash hash) {
  static const std::array kDigests{fetch_md(Hash::sha256), fetch_md(Hash::sha384), fetch_md(Hash::sha512)};
  return kDigests[static_cast<std::size_t>(hash)];
}

std::size_t size_of(Hash hash) {
  switch (hash) {
    case Hash::sha256: return 32;
    case Hash::sha384: return 48;
    case Hash::sha512: return 64;
  }
  std::unreachable();
}

std::string digest(Hash hash, std::string_view bytes) {
  std::string out(size_of(hash), '\0');
  if (EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), nullptr, evp_md(hash), nullptr) != 1)
    throw std::runtime_error("hashing failed: out of memory");
  return out;
}

std::string sha256(std::string_view bytes) { return digest(Hash::sha256, bytes); }
std::string sha384(std::string_view bytes) { return digest(Hash::sha384, bytes); }
std::string sha512(std::string_view bytes) { return digest(Hash::sha512, bytes); }

std::string hmac(Hash hash, std::string_view key, std::string_view bytes) {
  Owned<EVP_MAC_CTX, EVP_MAC_CTX_free> context(EVP_MAC_CTX_dup(hmac_template(hash)));
  std::string out(size_of(hash), '\0');
  std::size_t size = 0;
  // An empty key is a key, but a null pointer would mean "keep the old one".
  const auto* key_bytes = key.empty() ? bytes_of(std::string_view("")) : bytes_of(key);
  if (!context || EVP_MAC_init(context.get(), key_bytes, key.size(), nullptr) != 1 ||
      EVP_MAC_update(context.get(), bytes_of(bytes), bytes.size()) != 1 ||
      EVP_MAC_final(context.get(), bytes_of(out), &size, out.size()) != 1 || size != out.size())
    throw std::runtime_error("HMAC failed: out of memory");
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) { return hmac(Hash::sha256, key, bytes); }

}  // namespace gatehouse::crypto
