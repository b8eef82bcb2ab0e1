// DPoP proofs (RFC 9449 §4): the checks, their nonces, and who has been used already. For whoever receives proofs: APIs behind the
// gateway, and an authorization server. Bytes and values; time comes in; knows no request and no answer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/clock.h"
#include "core/secret.h"
#include "core/task.h"
#include "crypto/sip_hash.h"
#include "jose/alg.h"

namespace gatehouse::oauth::dpop {

inline constexpr std::size_t kProofMax = 8 * 1024;     // bytes
inline constexpr std::size_t kJtiMax = 256;            // bytes
inline constexpr std::size_t kReplayMax = 1'000'000;   // proofs remembered: about 50 MiB
inline constexpr Seconds kNonceLife{300};              // at an API; at least, and at most twice as long

// One error of RFC 9449 §7.1 and §8 as Error::code(), Fault::unauthenticated: "invalid_dpop_proof" or "use_dpop_nonce".
inline constexpr std::string_view kInvalidProof = "invalid_dpop_proof", kUseNonce = "use_dpop_nonce";

// Nonces that carry their own time, so that nothing has to be kept and every node with the same root takes them. The key behind
// them changes with every `life`; one of the period before is still good.
class Nonces {
 public:
  explicit Nonces(Secret root, Seconds life = kNonceLife) : root_(std::move(root)), life_(life) {}
  std::string make(Timestamp now) const;
  // Until when the nonce is good; nullopt when it is not ours or over.
  std::optional<Timestamp> check(std::string_view nonce, Timestamp now) const;

 private:
  std::string of_period(std::int64_t period) const;
  Secret root_;
  Seconds life_;
};

// Whether a proof comes for the first time. The seam for a store that several nodes share.
class Replays {
 public:
  virtual ~Replays() = default;
  // True once per `name` until `until`. Fault::limited: cannot say; refuse the request, for a forgotten proof is a stolen one.
  virtual Task<bool> is_new(std::string name, Timestamp until, Timestamp now) = 0;
};

// In memory. CVE-2026-41707 (Spring): a flood evicted the proofs remembered, then one was replayed. Here nothing is evicted before
// its time; when there is no room, new proofs are refused. Time goes in buckets, each dropped whole.
class MemoryReplays final : public Replays {
 public:
  explicit MemoryReplays(crypto::SipKey key, std::size_t most = kReplayMax) : key_(key), most_(most) {}
  Task<bool> is_new(std::string name, Timestamp until, Timestamp now) override;

 private:
  static constexpr std::int64_t kBucketSeconds = 30;
  static constexpr std::size_t kShards = 16;
  struct Shard {
    std::mutex mutex;
    std::map<std::int64_t, std::unordered_set<crypto::Sip128, crypto::Sip128Hash>> buckets;   // by the second at which they end
    std::size_t count = 0;
  };
  crypto::SipKey key_;
  std::size_t most_;
  std::array<Shard, kShards> shards_;
};

struct Expect {
  std::string_view method;
  std::string url;                        // of the request, canonical, without query
  std::string_view access_token;          // its hash must be in `ath`; empty: a token request, which has none
  Timestamp now{};
  Seconds age_max{60}, ahead_max{10};     // `iat`; not asked when a nonce says how fresh the proof is
  const Nonces* nonces = nullptr;         // then one is demanded
  bool iat_beside_nonce = false;          // asked all the same: a nonce that lives for a day says little about a minute
  std::span<const jose::Alg> algs = jose::kAsymmetricAlgs;
  std::span<const std::string> other_urls = {};   // names of the same address, canonical
};

struct Proof {
  std::string jkt;                        // RFC 7638 thumbprint of its key: what a token's cnf must say
  std::string jti;
  Timestamp remember_until{};             // a replay is possible until then
};

// The proof alone; compare `jkt` and ask Replays afterwards (only what is otherwise good may take room there).
Result<Proof> check_proof(std::string_view proof, const Expect& expect);
// The name under which Replays knows it.
std::string replay_name(const Proof& proof);
// For `algs` of a challenge and of metadata.
std::string algorithms();

}  // namespace gatehouse::oauth::dpop
