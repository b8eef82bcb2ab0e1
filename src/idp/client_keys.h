// The public keys of clients: read from a registration, parsed once per version of the app, or fetched from where the
// client publishes them, and kept. Knows nothing of what is signed with them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "directory/types.h"
#include "jose/jwk.h"
#include "net/client.h"
#include "oauth/client/kept.h"

namespace gatehouse::idp {

inline constexpr std::size_t kParsedKeysMax = 4096;    // clients; a full table starts anew
inline constexpr std::size_t kKeyAddressesMax = 1000;  // jwks_uri remembered; the one unused for longest goes first
inline constexpr std::size_t kPublishedKeysMax = 64 * 1024;  // bytes of one document
// Fresh for five minutes, usable an hour longer while the client's server is down. `retry` is also what strangers can
// make us ask of it with keys that nobody knows.
inline constexpr oauth::client::KeptTimes kPublishedKeyTimes{
    .fresh = Seconds(300), .outage_grace = Seconds(3600), .retry = Seconds(10)};

// One key of a registration as it is kept: checked, public members only. Fault::invalid says what is wrong; a private
// half is refused: a key that travelled so far belongs to others too, and dropping it in silence would leave it in use.
Result<directory::ClientKey> read_client_key(const json::value& jwk);
// {"keys":[…]}, or the array alone.
Result<std::vector<directory::ClientKey>> read_client_keys(const json::value& jwks);

struct KnownKeys {
  jose::KeySet set;
  std::vector<std::string> certificates;  // x5t#S256 of those that come with the keys (x5c, x5t#S256): RFC 8705 §2.2.2
};
using KnownKeysPtr = std::shared_ptr<const KnownKeys>;

// Usable from any thread.
class ClientKeys {
 public:
  // Without `http` nothing is fetched, and clients with a jwks_uri cannot prove themselves.
  ClientKeys(net::HttpClient* http, const Clock& clock) : http_(http), clock_(clock) {}

  // Those of the registration, or those at its jwks_uri; there one with this kid is asked for again when it is not
  // known, at most once per `retry`. Code::invalid_client when they cannot be had.
  Task<KnownKeysPtr> get(directory::App app, std::string kid);

 private:
  struct Parsed {
    std::int64_t version;
    Timestamp created;   // an app may be made anew under a given id, and begins at version 1 again
    KnownKeysPtr keys;
  };
  struct Published {
    std::shared_ptr<oauth::client::Kept<KnownKeys>> keys;
    Timestamp used;
  };
  Result<KnownKeysPtr> registered(const directory::App& app);
  std::shared_ptr<oauth::client::Kept<KnownKeys>> published(const std::string& uri);
  Task<KnownKeys> fetch(std::string uri);

  net::HttpClient* http_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Parsed> parsed_;  // by app id
  std::map<std::string, Published> published_;      // by address
};

}  // namespace gatehouse::idp
