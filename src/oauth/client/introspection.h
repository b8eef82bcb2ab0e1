// Asking an issuer whether a token stands and what it says (RFC 7662): for opaque tokens, and for those that only their issuer
// may validate. Fails closed: no answer, or one that is not understood, is an error and never a yes.
// Remembers only noes and faults, for a short while and in a bounded room; a yes is the token cache's to keep.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/secret.h"
#include "core/single_flight.h"
#include "crypto/sip_hash.h"
#include "oauth/client/code_flow.h"
#include "oauth/client/discovery.h"
#include "oauth/client/token_facts.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kIntrospectionNoesMax = 16 * 1024;
inline constexpr std::size_t kIntrospectionsAtOnce = 256;        // per issuer; more are Fault::limited
inline constexpr std::size_t kIntrospectionAnswerMax = 64 * 1024;
inline constexpr std::chrono::milliseconds kIntrospectionPatience{5000};
inline constexpr Millis kIntrospectionRetry{1000};               // after a fault, for the same token

// An answer without `aud` leaves open for whom the token is meant. Some issuers answer so, because they check it themselves
// (RFC 7662 §4); believing that must be said.
enum class MissingAudience { refused, trusted };

struct IntrospectionConfig {
  std::string endpoint;            // empty: what discovery tells
  std::string client_id;
  Secret client_secret;
  ClientAuth auth = ClientAuth::basic;
  Seconds remember_yes{30};        // at most, and never beyond `exp`: so long a revocation may go unnoticed
  Seconds remember_no{5};
  MissingAudience missing_audience = MissingAudience::refused;
};

struct IntrospectionNeeds {
  net::HttpClient& http;
  const Clock& clock;
  Discovery& discovery;
};

class Introspection {
 public:
  using Key = crypto::Sip128;
  Introspection(IntrospectionNeeds needs, IntrospectionConfig config) : needs_(needs), config_(std::move(config)) {}
  const IntrospectionConfig& config() const { return config_; }

  // The no or the fault that is still remembered.
  std::optional<Error> known(const Key& key) const;
  // Empty when somebody asked the same meanwhile: look again. At most one question for a token at a time.
  using Asked = std::optional<std::shared_ptr<TokenFacts>>;
  Task<Asked> ask(Key key, std::string token);

 private:
  struct No {
    Error error;
    Timestamp until;
  };
  // Takes the question off the list, also when whoever asked it went away.
  struct Landing {
    Introspection& owner;
    Key key;
    ~Landing() {
      const std::lock_guard lock(owner.mutex_);
      owner.flights_.erase(key);
    }
  };
  Task<std::shared_ptr<TokenFacts>> fetch(std::string token);
  Result<std::shared_ptr<TokenFacts>> read(const net::Answer& answer) const;
  void remember(const Key& key, Error error, Millis how_long);

  IntrospectionNeeds needs_;
  IntrospectionConfig config_;
  mutable std::mutex mutex_;
  std::unordered_map<Key, No, crypto::Sip128Hash> noes_;
  std::unordered_map<Key, std::shared_ptr<SingleFlight>, crypto::Sip128Hash> flights_;
};

}  // namespace gatehouse::oauth::client
