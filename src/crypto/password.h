// Password hashes: argon2id as PHC strings, "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>".
// Every function here burns CPU and memory on purpose and blocks: callers run them on a core::Pool of their own,
// whose size bounds how much memory hashing may take (threads × memory_kib). Knows no users and no policy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"

namespace gatehouse::crypto {

inline constexpr std::size_t kPasswordMax = 1024;  // bytes; longer ones are refused before any work is done

// Default: OWASP Password Storage Cheat Sheet, argon2id, second choice of equal strength (least memory times passes).
struct PasswordCost {
  std::uint32_t memory_kib = 19 * 1024;
  std::uint32_t passes = 2;
  std::uint32_t lanes = 1;
  friend bool operator==(const PasswordCost&, const PasswordCost&) = default;
};
// A hash that asks for more is refused, never computed: stored and imported hashes must not be able to stop the program.
inline constexpr PasswordCost kPasswordCostMax{256 * 1024, 10, 8};

Result<std::string> hash_password(const Secret& password, Random& random, PasswordCost cost = {});
// Constant time for one hash. Fault::invalid: `hash` is malformed or above the caps (tell the operator, not the user).
Result<bool> verify_password(const Secret& password, std::string_view hash);
// True when the hash was made with another cost than `cost` (or is not ours): hash again after the next sign-in.
bool needs_rehash(std::string_view hash, PasswordCost cost = {});
// Takes as long as verifying does; for users who do not exist, so that time does not tell. Always false.
bool verify_nobody(const Secret& password, PasswordCost cost = {});

}  // namespace gatehouse::crypto
