// What an issuer says about itself (OpenID Connect Discovery 1.0 §4, RFC 8414). Trusts the document only when it names
// the very issuer that was configured, and only http(s) addresses in it.
#pragma once

#include <memory>
#include <string>

#include "net/client.h"
#include "oauth/client/kept.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kDiscoveryBodyMax = 256 * 1024;

struct Metadata {
  std::string issuer, authorization_endpoint, token_endpoint, jwks_uri;
  std::string userinfo_endpoint, end_session_endpoint, introspection_endpoint;   // empty: has none
  bool names_itself_in_answers = false;                  // RFC 9207: authorization responses carry `iss`
};
using MetadataPtr = std::shared_ptr<const Metadata>;

// Fault::upstream when something that every client needs is missing; Fault::denied when the issuer is another one.
Result<Metadata> parse_metadata(std::string_view body, const std::string& issuer);

class Discovery {
 public:
  Discovery(net::HttpClient& http, const Clock& clock, std::string issuer, KeptTimes times = {});
  const std::string& issuer() const { return issuer_; }
  Task<MetadataPtr> get() { return kept_.get(); }
  boost::asio::awaitable<void> refresh_when_due(double spread) { return kept_.refresh_when_due(spread); }

 private:
  Task<Metadata> fetch();
  net::HttpClient& http_;
  std::string issuer_;
  Kept<Metadata> kept_;
};

// A GET whose answer must be 200 and JSON-sized; no credentials, no redirects.
Task<std::string> fetch_document(net::HttpClient& http, std::string url, std::size_t body_max);

}  // namespace gatehouse::oauth::client
