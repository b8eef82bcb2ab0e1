// The keys of one issuer: fetched on demand, reused while fresh, asked for again when a token names a key that is not
// known (at most once per KeptTimes::retry, however many tokens do so), and kept for a while when the issuer is down.
#pragma once

#include <atomic>
#include <map>

#include "jose/jwk.h"
#include "oauth/client/discovery.h"

namespace gatehouse::oauth::client {

struct Keys {
  jose::KeySet set;
  std::map<std::string, std::string> thumbprints;   // by kid: what was proven by a key counts as long as that key is published
  std::uint64_t generation = 0;   // grows whenever the published set changes
};
using KeysPtr = std::shared_ptr<const Keys>;

class RemoteKeys {
 public:
  // `jwks_uri` empty: the one that discovery tells.
  RemoteKeys(net::HttpClient& http, const Clock& clock, Discovery& discovery, KeptTimes times = {}, std::string jwks_uri = {});
  KeysPtr at_hand() const { return kept_.at_hand(); }
  // The generation of what at_hand() gives, without a lock; 0 when get() has something to do.
  std::uint64_t generation_at_hand(Timestamp now) const { return kept_.is_good(now) ? generation_.load(std::memory_order_acquire) : 0; }
  Task<KeysPtr> get() { return kept_.get(); }
  // As get(), but asks again when no key has this id. The key may still be missing in what comes back.
  Task<KeysPtr> get_with(std::string kid);
  boost::asio::awaitable<void> refresh_when_due(double spread) { return kept_.refresh_when_due(spread); }

 private:
  Task<Keys> fetch();
  net::HttpClient& http_;
  Discovery& discovery_;
  Kept<Keys> kept_;
  std::string last_text_;          // canonical text of the last set; touched by the one fetch at a time only
  std::atomic<std::uint64_t> generation_{0};   // written likewise
  std::string jwks_uri_;
};

}  // namespace gatehouse::oauth::client
