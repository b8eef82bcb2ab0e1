// JSON Web Signatures, compact form only (RFC 7515 §7.1). The algorithm is a property of the key; the token's `alg` must
// agree with it and chooses nothing. Key material in the header (jku, jwk, x5u, x5c) is never looked at.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "jose/flaw.h"
#include "jose/jwk.h"

namespace gatehouse::jose {

inline constexpr std::size_t kTokenMax = 16 * 1024;  // bytes of a compact token
inline constexpr int kCandidatesMax = 8;             // signatures tried for a token without kid

struct Verified {
  json::object header;
  std::string payload;
  std::string kid;  // of the key that verified it; may be empty
  Alg alg;
};

// `header` may add members (typ, cty); alg and kid come from the key. Fault::limited when the token would exceed kTokenMax.
Result<std::string> sign(const Jwk& key, json::object header, std::string_view payload);

// Fault::unauthenticated, see flaw_of(). `allowed` is the caller's list, a second lock beside the key's own algorithm.
Result<Verified> verify(std::string_view token, const KeySet& keys, std::span<const Alg> allowed);

// A token taken apart and decoded; nothing of it is proven. For whoever must look into it before it knows by which keys to prove
// it, and would decode it twice.
struct Unproven {
  json::object header;
  std::string payload, signature, signed_text;
};
Result<Unproven> take_apart(std::string_view token);
Result<Verified> verify(Unproven token, const KeySet& keys, std::span<const Alg> allowed);

// The header as it claims to be, unverified: to find the right key set or to show it to a person. Decide nothing by it.
Result<json::object> peek_header(std::string_view token);
Result<std::string> peek_payload(std::string_view token);

}  // namespace gatehouse::jose
