#include "jose/jws.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/text.h"

namespace gatehouse::jose {
namespace {

struct Parts {
  std::string_view header, payload, signature, signed_text;
};

Result<Parts> split_token(std::string_view token) {
  if (token.size() > kTokenMax) return flawed(Flaw::too_large);
  const auto parts = split(token, '.');
  if (parts.size() != 3 || parts[0].empty() || parts[2].empty()) return flawed(Flaw::not_compact);
  return Parts{parts[0], parts[1], parts[2], token.substr(0, parts[0].size() + 1 + parts[1].size())};
}

Result<std::string> decoded(std::string_view part) {
  auto bytes = base64url_decode(part);
  if (!bytes) return flawed(Flaw::bad_encoding);
  return bytes;
}

Result<json::object> read_header(std::string_view part) {
  GH_TRY(const auto text, decoded(part));
  auto value = parse_json(text);
  if (!value || !value->is_object()) return flawed(Flaw::bad_header);
  for (const auto* name : {"alg", "kid", "typ", "cty"}) {
    const auto* member = value->get_object().if_contains(name);
    if (member != nullptr && !member->is_string()) return flawed(Flaw::bad_header);
  }
  return std::move(value->get_object());
}

Result<Alg> read_alg(const json::object& header, std::span<const Alg> allowed) {
  const auto* member = header.if_contains("alg");
  if (member == nullptr) return flawed(Flaw::alg_missing);
  const std::string_view name(member->get_string());
  if (equal_ignoring_case(name, "none")) return flawed(Flaw::alg_none);
  const auto alg = alg_named(name);
  if (!alg) return flawed(Flaw::alg_unknown);
  if (std::ranges::find(allowed, *alg) == allowed.end()) return flawed(Flaw::alg_not_allowed);
  return *alg;
}

Result<Alg> check_header(const json::object& header, std::span<const Alg> allowed) {
  GH_TRY(const auto alg, read_alg(header, allowed));
  // RFC 7515 §4.1.11: an extension that is not understood makes the token invalid. We understand none.
  if (header.contains("crit")) return flawed(Flaw::critical_extension);
  if (header.contains("b64")) return flawed(Flaw::unencoded_payload);
  return alg;
}

// With a kid: the key of that name, or keys that have no name. Without: every key that fits, within reason.
Result<std::vector<const Jwk*>> candidates(const KeySet& keys, const json::object& header, Alg alg) {
  std::vector<const Jwk*> found;
  const auto* member = header.if_contains("kid");
  const std::string_view kid = member == nullptr ? std::string_view() : std::string_view(member->get_string());
  const auto* named = keys.find(kid);
  for (const auto& key : keys.keys()) {
    const bool may = named != nullptr ? &key == named : kid.empty() || key.kid().empty();
    if (may && key.can_verify() && key.fits(alg)) found.push_back(&key);
  }
  if (found.empty()) return flawed(Flaw::no_key);
  if (found.size() > kCandidatesMax) return flawed(Flaw::too_many_keys);
  return found;
}

Result<Verified> prove(Unproven token, Alg alg, const KeySet& keys) {
  GH_TRY(const auto fitting, candidates(keys, token.header, alg));
  for (const auto* key : fitting)
    if (key->verify(alg, token.signed_text, token.signature)) return Verified{std::move(token.header), std::move(token.payload), key->kid(), alg};
  return flawed(Flaw::bad_signature);
}

}  // namespace

Result<std::string> sign(const Jwk& key, json::object header, std::string_view payload) {
  const auto alg = key.signing_alg();
  json::object whole;
  whole["alg"] = std::string(name_of(alg));
  if (!key.kid().empty()) whole["kid"] = key.kid();
  for (const auto& member : header)
    if (member.key() != "alg" && member.key() != "kid") whole[member.key()] = member.value();

  std::string token = base64url_encode(to_text(whole)) + "." + base64url_encode(payload);
  GH_TRY(const auto signature, key.sign(alg, token));
  token.append(".").append(base64url_encode(signature));
  if (token.size() > kTokenMax) return failure(Fault::limited, "token: it would be larger than 16 KiB");
  return token;
}

Result<Unproven> take_apart(std::string_view token) {
  GH_TRY(const auto parts, split_token(token));
  GH_TRY(auto header, read_header(parts.header));
  GH_TRY(auto payload, decoded(parts.payload));
  GH_TRY(auto signature, decoded(parts.signature));
  return Unproven{std::move(header), std::move(payload), std::move(signature), std::string(parts.signed_text)};
}

Result<Verified> verify(Unproven token, const KeySet& keys, std::span<const Alg> allowed) {
  GH_TRY(const auto alg, check_header(token.header, allowed));
  return prove(std::move(token), alg, keys);
}

Result<Verified> verify(std::string_view token, const KeySet& keys, std::span<const Alg> allowed) {
  GH_TRY(const auto parts, split_token(token));
  GH_TRY(auto header, read_header(parts.header));
  GH_TRY(const auto alg, check_header(header, allowed));
  GH_TRY(auto payload, decoded(parts.payload));
  GH_TRY(auto signature, decoded(parts.signature));
  return prove({std::move(header), std::move(payload), std::move(signature), std::string(parts.signed_text)}, alg, keys);
}

Result<json::object> peek_header(std::string_view token) {
  GH_TRY(const auto parts, split_token(token));
  return read_header(parts.header);
}

Result<std::string> peek_payload(std::string_view token) {
  GH_TRY(const auto parts, split_token(token));
  return decoded(parts.payload);
}

}  // namespace gatehouse::jose
