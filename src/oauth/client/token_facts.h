// What is known of one access token, by whichever way it became known (signature or introspection). Facts, not verdicts:
// audience, scopes, client, algorithm and expiry are judged by every policy for itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jose/jwt.h"

namespace gatehouse::oauth::client {

inline constexpr int kHeaderBlocksMax = 16;   // kinds of header blocks remembered with one token

struct TokenFacts {
  TokenFacts() = default;
  TokenFacts(const TokenFacts&) = delete;
  TokenFacts& operator=(const TokenFacts&) = delete;
  ~TokenFacts();

  // Fault::unauthenticated (jose::Flaw): a claim that decides something is missing or malformed.
  static Result<std::shared_ptr<TokenFacts>> of(jose::Claims claims);

  std::uint64_t issuer = 0;               // Issuer::number
  std::string subject, client_id, id;     // sub, cid or client_id, jti
  std::string session;                    // sid
  std::string acr;
  std::string key_thumbprint;             // RFC 9449 cnf.jkt: only who holds this key may use the token; empty: unbound
  std::string certificate_thumbprint;     // RFC 8705 cnf.x5t#S256; likewise
  std::vector<std::string> audiences;
  std::vector<std::string> scopes;        // sorted
  Timestamp expires{};
  Timestamp remember_until{};             // no cache keeps it longer; earlier than `expires` when the issuer was asked
  std::optional<Timestamp> not_before, issued, auth_time;
  std::optional<jose::Alg> alg;           // none: the issuer was asked
  jose::Claims claims;
  std::string kid, key;                   // of the key that verified it: its name and thumbprint; may be empty
  std::uint64_t epoch = 0;                // RevocationEpoch when it was proven
  mutable std::atomic<std::uint64_t> key_generation{0};
  mutable std::atomic<std::uint64_t> revocations{0};
  // When the issuer was last asked whether the token still stands, in milliseconds since 1970; see TokenWitness.
  mutable std::atomic<std::int64_t> vouched{0};
  mutable std::atomic<bool> being_asked{false};

  bool has_scope(std::string_view scope) const;
  // The header lines that a policy makes of the claims, made once per `kind`; nullptr when there are too many kinds.
  const std::string* header_block(std::uint64_t kind, const std::function<std::string()>& make) const;
  const std::string* header_block(std::uint64_t kind) const;   // nullptr: not made yet

 private:
  struct Block {
    std::uint64_t kind;
    std::string lines;
    Block* next;
  };
  mutable std::atomic<Block*> blocks_{nullptr};
};
using TokenFactsPtr = std::shared_ptr<const TokenFacts>;

}  // namespace gatehouse::oauth::client
