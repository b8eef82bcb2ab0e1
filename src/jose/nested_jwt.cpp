#include "jose/nested_jwt.h"

#include "core/text.h"

namespace gatehouse::jose {
namespace {

// RFC 7515 §4.1.10: without a slash, "application/" is to be thought before it.
Result<void> check_content_type(const json::object& header) {
  constexpr std::string_view kMedia = "application/";
  const auto* member = header.if_contains("cty");
  if (member == nullptr) return {};
  std::string_view type(member->get_string());
  if (equal_ignoring_case(type.substr(0, kMedia.size()), kMedia)) type.remove_prefix(kMedia.size());
  if (!equal_ignoring_case(type, "JWT")) return flawed(Flaw::not_nested);
  return {};
}

Result<void> check_repeated_claims(const json::object& header, const Claims& claims) {
  for (const auto* name : {"iss", "sub", "aud"}) {
    const auto* outer = header.if_contains(name);
    if (outer == nullptr) continue;
    const auto* inner = claims.object().if_contains(name);
    if (inner == nullptr || *inner != *outer) return flawed(Flaw::header_contradicts);
  }
  return {};
}

}  // namespace

Result<std::string> sign_then_encrypt(const Jwk& signer, const json::object& claims, std::string_view typ, const EncryptionKey& to, Enc enc,
                                      Random& random) {
  GH_TRY(const auto inner, sign_jwt(signer, claims, typ));
  json::object header{{"cty", "JWT"}};
  return encrypt(to, enc, std::move(header), inner, random);
}

Result<Jwt> decrypt_then_verify(std::string_view token, const Unsealing& unsealing, const KeySet& keys, std::span<const Alg> allowed,
                                const Expect& expect) {
  GH_TRY(const auto outer, decrypt(token, unsealing.keys, unsealing.allowed));
  GH_DO(check_content_type(outer.header));
  GH_TRY(auto inner, verify_jwt(outer.payload, keys, allowed, expect));
  GH_DO(check_repeated_claims(outer.header, inner.claims));
  return inner;
}

}  // namespace gatehouse::jose
