#include "crypto/password.h"

#include <argon2.h>

#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "core/bytes.h"
#include "core/text.h"

namespace gatehouse::crypto {
namespace {

constexpr std::size_t kSaltSize = 16, kHashSize = 32;  // RFC 9106 §4
constexpr std::size_t kSaltMax = 64, kHashMin = 16, kHashMax = 64, kTextMax = 256;
constexpr std::string_view kKind = "argon2id", kVersion = "v=19";

struct Phc {
  PasswordCost cost;
  std::string salt, hash;
};

std::string unpadded(std::string_view bytes) {
  auto text = base64_encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> decode_unpadded(std::string_view text) {
  if (text.contains('=')) return std::nullopt;
  std::string padded(text);
  padded.append((4 - text.size() % 4) % 4, '=');
  auto bytes = base64_decode(padded);
  return bytes ? std::optional(*std::move(bytes)) : std::nullopt;
}

bool is_affordable(const PasswordCost& cost) {
  const auto& most = kPasswordCostMax;
  return cost.lanes >= 1 && cost.lanes <= most.lanes && cost.passes >= 1 && cost.passes <= most.passes &&
         cost.memory_kib >= 8 * cost.lanes && cost.memory_kib <= most.memory_kib;  // RFC 9106 §3.1: at least 8p KiB
}

std::optional<std::uint32_t> number_after(std::string_view name, std::string_view text) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  const auto number = parse_int(text);
  if (!number || *number < 1 || *number > UINT32_MAX || text.front() == '0') return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// $argon2id$v=19$m=…,t=…,p=…$salt$hash; strict, one spelling.
std::optional<Phc> parse(std::string_view text) {
  if (text.size() > kTextMax) return std::nullopt;
  const auto parts = split(text, '$');
  if (parts.size() != 6 || !parts[0].empty() || parts[1] != kKind || parts[2] != kVersion) return std::nullopt;
  const auto costs = split(parts[3], ',');
  if (costs.size() != 3) return std::nullopt;
  const auto memory = number_after("m=", costs[0]), passes = number_after("t=", costs[1]), lanes = number_after("p=", costs[2]);
  auto salt = decode_unpadded(parts[4]), hash = decode_unpadded(parts[5]);
  if (!memory || !passes || !lanes || !salt || !hash) return std::nullopt;
  if (salt->size() < 8 || salt->size() > kSaltMax || hash->size() < kHashMin || hash->size() > kHashMax) return std::nullopt;
  return Phc{{*memory, *passes, *lanes}, *std::move(salt), *std::move(hash)};
}

Result<std::string> compute(std::string_view password, std::string_view salt, std::size_t size, const PasswordCost& cost) {
  std::string hash(size, '\0');
  const int status = argon2id_hash_raw(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(), salt.data(),
                                       salt.size(), hash.data(), hash.size());
  if (status == ARGON2_OK) return hash;
  if (status == ARGON2_MEMORY_ALLOCATION_ERROR) return failure(Fault::limited, "password: not enough memory to hash; try again");
  return failure(Fault::internal, std::string("password: ") + argon2_error_message(status));
}

}  // namespace

Result<std::string> hash_password(const Secret& password, Random& random, PasswordCost cost) {
  if (password.reveal().size() > kPasswordMax) return failure(Fault::invalid, "password: longer than 1024 bytes");
  if (!is_affordable(cost)) return failure(Fault::invalid, "password: the cost is beyond its limits (256 MiB, 10 passes, 8 lanes)");
  std::string salt(kSaltSize, '\0');
  random.fill(std::as_writable_bytes(std::span(salt)));
  GH_TRY(const auto hash, compute(password.reveal(), salt, kHashSize, cost));
  std::string text;
  text.append("$").append(kKind).append("$").append(kVersion);
  text.append("$m=").append(std::to_string(cost.memory_kib));
  text.append(",t=").append(std::to_string(cost.passes));
  text.append(",p=").append(std::to_string(cost.lanes));
  text.append("$").append(unpadded(salt)).append("$").append(unpadded(hash));
  return text;
}

Result<bool> verify_password(const Secret& password, std::string_view hash) {
  const auto phc = parse(hash);
  if (!phc) return failure(Fault::invalid, "password: the stored hash is not an argon2id PHC string");
  if (!is_affordable(phc->cost)) return failure(Fault::invalid, "password: the stored hash asks for more work than is allowed");
  if (password.reveal().size() > kPasswordMax) return false;
  GH_TRY(const auto computed, compute(password.reveal(), phc->salt, phc->hash.size(), phc->cost));
  return equal_constant_time(computed, phc->hash);
}

bool needs_rehash(std::string_view hash, PasswordCost cost) {
  const auto phc = parse(hash);
  return !phc || phc->cost != cost || phc->salt.size() < kSaltSize || phc->hash.size() != kHashSize;
}

bool verify_nobody(const Secret& password, PasswordCost cost) {
  if (password.reveal().size() > kPasswordMax || !is_affordable(cost)) return false;
  const auto computed = compute(password.reveal(), "salt of nobody..", kHashSize, cost);
  // Compared and dropped, so that the compiler cannot leave the work out and the time is the same.
  volatile bool same = computed && equal_constant_time(*computed, std::string(kHashSize, '\0'));
  std::ignore = same;
  return false;
}

}  // namespace gatehouse::crypto
