// Signing keys of an org: made at first start, sealed in the store, ready in memory afterwards.
// The ES256 key is made at once; the RS256 key (0.1 s and more) is made on a pool by whoever needs it first, or by
// complete() in the background, so that start-up does not wait for it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "core/pool.h"
#include "crypto/seal.h"
#include "jose/jwt.h"
#include "store/database.h"

namespace gatehouse::idp {

struct KeyRow;                 // key_store.h

struct KeyNeeds {
  store::Database& database;
  const Clock& clock;
  const crypto::Sealer& sealer;
  Pool& crypto;                  // RSA signs and generates there; ES256 signs where it is called (40 us)
};

inline constexpr std::chrono::hours kOldKeyLife{25};     // longer than any token
inline constexpr std::size_t kKeysMax = 10;              // published at once, of one algorithm

struct KeyInfo {
  std::string kid;
  Timestamp created;
};

class Keys {
 public:
  Keys(KeyNeeds needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  Task<void> open();             // at start, before the first request
  Task<void> complete();         // makes what is missing; any number at once make one key

  // A compact JWT without `typ`, as Okta's tokens are.
  Task<std::string> sign(jose::Alg alg, json::object claims, std::string typ = {});   // empty: none
  // The public halves, for verifying our own tokens. When `kid` is not among them the store is asked once more: another
  // node may have made it.
  Task<std::shared_ptr<const jose::KeySet>> public_keys(std::string kid);
  Task<json::object> jwks();
  // Those of an algorithm that are published, the one that signs first.
  Task<std::vector<KeyInfo>> of(jose::Alg alg);
  // A new one signs from now on; the one before is published for as long as its tokens live. Fault::limited when that would
  // be too many at once. `told` goes with it.
  Task<void> rotate(jose::Alg alg, store::Statement told);

 private:
  struct Ring {
    std::map<jose::Alg, jose::Jwk> signing;
    std::map<jose::Alg, std::vector<KeyInfo>> known;   // youngest first
    std::shared_ptr<const jose::KeySet> open;
  };
  std::shared_ptr<const Ring> ring();
  Task<void> load();
  Task<void> keep(crypto::PrivateKey key, jose::Alg alg);
  Result<KeyRow> sealed(const crypto::PrivateKey& key, jose::Alg alg);
  Task<crypto::PrivateKey> generate(jose::Alg alg);
  Task<jose::Jwk> signing_key(jose::Alg alg);

  KeyNeeds needs_;
  OrgId org_;
  std::mutex mutex_;                                 // ring_; never held across a wait
  std::shared_ptr<const Ring> ring_ = std::make_shared<const Ring>();
  std::mutex making_;                                // held by a thread of the pool while it makes the RSA key
  std::optional<crypto::PrivateKey> made_;
};

}  // namespace gatehouse::idp
