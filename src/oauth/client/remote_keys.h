// The keys of one issuer: fetched on demand, reused while fresh, asked for again when a token names a key that is not
// known (at most once per KeptTimes::retry, however many tokens do so), and kept for a while when the issuer is down.
#pragma once

#include <atomic>

#include "jose/jwk.h"
#include "oauth/client/discovery.h"

namespace gatehouse::oauth::client {

struct Keys {
  jose::KeySet set;
  std::uint64_t generation = 0;   // grows whenever the published set changes; what was proven by an older one is void
};
using KeysPtr = std::shared_ptr<const Keys>;

class RemoteKeys {
 public:
  RemoteKeys(net::HttpClient& http, const Clock& clock, Discovery& discovery, KeptTimes times = {});
  KeysPtr at_hand() const { return kept_.at_hand(); }
  Task<KeysPtr> get() { return kept_.get(); }
  // As get(), but asks again when no key has this id. The key may still be missing in what comes back.
  Task<KeysPtr> get_with(std::string kid);

 private:
  Task<Keys> fetch();
  net::HttpClient& http_;
  Discovery& discovery_;
  Kept<Keys> kept_;
  std::string last_text_;          // canonical text of the last set; touched by the one fetch at a time only
  std::uint64_t generation_ = 0;   // likewise
};

}  // namespace gatehouse::oauth::client
