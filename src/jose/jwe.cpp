#include "jose/jwe.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/text.h"
#include "jose/content_key.h"

namespace gatehouse::jose {
namespace {

struct Parts {
  std::string_view header;  // as it is spelled: also the associated data
  std::string key, nonce, text, tag;
};

// Set here, never by a caller.
constexpr std::array<std::string_view, 10> kOwnMembers{"alg", "enc", "kid", "zip", "crit", "epk", "iv", "tag", "p2s", "p2c"};

Result<std::vector<std::string_view>> split_token(std::string_view token) {
  if (token.size() > kEncryptedTokenMax) return flawed(Flaw::too_large);
  auto parts = split(token, '.');
  if (parts.size() != 5 || parts[0].empty()) return flawed(Flaw::not_encrypted);
  return parts;
}

Result<Parts> decode_parts(const std::vector<std::string_view>& texts) {
  Parts parts;
  parts.header = texts[0];
  const std::array<std::string*, 4> targets{&parts.key, &parts.nonce, &parts.text, &parts.tag};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto bytes = base64url_decode(texts[i + 1]);
    if (!bytes) return flawed(Flaw::bad_encoding);
    *targets[i] = *std::move(bytes);
  }
  return parts;
}

Result<json::object> read_header(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return flawed(Flaw::bad_encoding);
  auto value = parse_json(*text);
  if (!value || !value->is_object()) return flawed(Flaw::bad_header);
  for (const auto* name : {"alg", "enc", "kid", "typ", "cty"}) {
    const auto* member = value->get_object().if_contains(name);
    if (member != nullptr && !member->is_string()) return flawed(Flaw::bad_header);
  }
  return std::move(value->get_object());
}

std::optional<std::string_view> text_of(const json::object& header, const char* name) {
  const auto* member = header.if_contains(name);
  return member == nullptr ? std::nullopt : std::optional<std::string_view>(member->get_string());
}

Result<KeyAlg> read_alg(const json::object& header) {
  const auto name = text_of(header, "alg");
  if (!name) return flawed(Flaw::alg_missing);
  if (is_refused_key_alg(*name)) return flawed(Flaw::alg_refused);
  const auto alg = key_alg_named(*name);
  if (!alg) return flawed(Flaw::alg_unknown);
  return *alg;
}

Result<Enc> read_enc(const json::object& header, std::span<const Enc> allowed) {
  const auto name = text_of(header, "enc");
  if (!name) return flawed(Flaw::enc_missing);
  const auto enc = enc_named(*name);
  if (!enc) return flawed(Flaw::enc_unknown);
  if (std::ranges::find(allowed, *enc) == allowed.end()) return flawed(Flaw::enc_not_allowed);
  return *enc;
}

// As with signatures. With a kid: the key of that name, or keys that have none. Without: every key that fits, within reason.
Result<std::vector<const EncryptionKey*>> candidates(const EncryptionKeySet& keys, const json::object& header, KeyAlg alg, Enc enc) {
  std::vector<const EncryptionKey*> found;
  const auto kid = text_of(header, "kid").value_or("");
  const auto* named = keys.find(kid);
  for (const auto& key : keys.keys()) {
    const bool may = named != nullptr ? &key == named : kid.empty() || key.kid().empty();
    if (may && key.can_decrypt() && key.fits(alg, enc)) found.push_back(&key);
  }
  if (found.empty()) return flawed(Flaw::no_key);
  if (found.size() > kDecryptingKeysMax) return flawed(Flaw::too_many_keys);
  return found;
}

// Without a content key the text is tried with one that is nobody's, and thrown away: RFC 7516 §11.5, so that neither the
// answer nor its time tells a wrong key from a wrong text.
std::optional<std::string> open_with(const EncryptionKey& key, KeyAlg alg, Enc enc, const json::object& header, const Parts& parts) {
  const auto content = receive_content_key(key, alg, enc, header, parts.key);
  const Secret nobodys(std::string(crypto::sizes_of(enc).key, '\0'));
  const auto plain = crypto::decipher(enc, content ? *content : nobodys, parts.nonce, parts.header, parts.text, parts.tag);
  if (!content || !plain) return std::nullopt;
  return std::string(plain->reveal());
}

}  // namespace

Result<std::string> encrypt(const EncryptionKey& to, Enc enc, json::object header, std::string_view payload, Random& random) {
  if (!to.alg() || !to.can_encrypt() || !to.fits(*to.alg(), enc))
    return failure(Fault::invalid, "jwe: this key is not bound to an algorithm, or not for encrypting with this cipher");
  const auto alg = *to.alg();
  json::object whole;
  whole["alg"] = std::string(name_of(alg));
  whole["enc"] = std::string(name_of(enc));
  if (!to.kid().empty()) whole["kid"] = to.kid();
  for (const auto& member : header)
    if (std::ranges::find(kOwnMembers, std::string_view(member.key())) == kOwnMembers.end()) whole[member.key()] = member.value();
  GH_TRY(const auto sent, send_content_key(to, alg, enc, whole, random));

  std::string nonce(crypto::sizes_of(enc).nonce, '\0');
  random.fill(std::as_writable_bytes(std::span(nonce)));
  std::string token = base64url_encode(to_text(whole));
  GH_TRY(const auto sealed, crypto::encipher(enc, sent.content, nonce, token, payload));
  for (const auto& part : {sent.encrypted, nonce, sealed.text, sealed.tag}) token.append(".").append(base64url_encode(part));
  if (token.size() > kEncryptedTokenMax) return failure(Fault::limited, "token: encrypted, it would be larger than 32 KiB");
  return token;
}

Result<Decrypted> decrypt(std::string_view token, const EncryptionKeySet& keys, std::span<const Enc> allowed) {
  GH_TRY(const auto texts, split_token(token));
  GH_TRY(auto header, read_header(texts[0]));
  GH_TRY(const auto alg, read_alg(header));
  GH_TRY(const auto enc, read_enc(header, allowed));
  // RFC 7516 §4.1.13: an extension that is not understood makes the token invalid. We understand none.
  if (header.contains("crit")) return flawed(Flaw::critical_extension);
  if (header.contains("zip")) return flawed(Flaw::compressed);
  GH_TRY(const auto parts, decode_parts(texts));
  GH_TRY(const auto fitting, candidates(keys, header, alg, enc));
  for (const auto* key : fitting)
    if (auto payload = open_with(*key, alg, enc, header, parts)) return Decrypted{std::move(header), *std::move(payload), key->kid(), alg, enc};
  return flawed(Flaw::bad_encryption);
}

bool is_encrypted(std::string_view token) { return std::ranges::count(token, '.') == 4; }

Result<json::object> peek_encrypted_header(std::string_view token) {
  GH_TRY(const auto texts, split_token(token));
  return read_header(texts[0]);
}

}  // namespace gatehouse::jose
