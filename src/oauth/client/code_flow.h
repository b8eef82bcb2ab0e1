// A relying party of one issuer: authorization code with PKCE, ID token validation, refresh, userinfo, RP-initiated
// logout (OpenID Connect Core 1.0, RFC 7636, RP-Initiated Logout 1.0). Keeps nothing about anybody: state, nonce and
// verifier are the caller's, as is the binding of an answer to the browser that asked.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/secret.h"
#include "jose/jwt.h"
#include "net/client.h"
#include "oauth/client/remote_keys.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kTokenAnswerMax = 256 * 1024;   // bytes of a token or userinfo answer

enum class ClientAuth { basic, post, none };

struct ClientIdentity {
  std::string client_id;
  Secret client_secret;
  ClientAuth auth = ClientAuth::basic;
  std::vector<std::string> scopes{"openid", "profile", "email"};
  friend bool operator==(const ClientIdentity&, const ClientIdentity&) = default;
};

struct CodeFlowNeeds {
  net::HttpClient& http;
  const Clock& clock;
};

struct CodeFlowConfig {
  std::string issuer;
  ClientIdentity client;
  Seconds skew{60};
  KeptTimes times;
  friend bool operator==(const CodeFlowConfig&, const CodeFlowConfig&) = default;
};

struct AskForCode {
  std::string redirect_uri, state, nonce;
  Secret verifier;                                          // PKCE; only its S256 challenge leaves
  std::vector<std::pair<std::string, std::string>> more;    // prompt, login_hint, acr_values …
};

struct Tokens {
  Secret access_token, refresh_token, id_token;             // the latter two may be empty
  std::optional<Seconds> expires_in;
};

struct IdToken {
  jose::Claims claims;
  std::string subject() const { return claims.subject(); }
};

class CodeFlow {
 public:
  // Fault::invalid: issuer not an address, no client id, `openid` missing from the scopes.
  static Result<std::unique_ptr<CodeFlow>> make(CodeFlowNeeds needs, CodeFlowConfig config);

  const std::string& issuer() const { return config_.issuer; }
  Task<MetadataPtr> metadata() { return discovery_.get(); }

  // 43..128 unreserved characters (RFC 7636 §4.1) -> BASE64URL(SHA256(verifier)).
  static std::string challenge_of(const Secret& verifier);
  Task<std::string> authorization_url(AskForCode ask);
  // Fault::unauthenticated: the issuer refused (code() is its word for it). Fault::upstream: it cannot be reached.
  Task<Tokens> exchange(std::string code, std::string redirect_uri, Secret verifier);
  Task<Tokens> refresh(Secret refresh_token);
  // OpenID Connect Core §3.1.3.7: signature, iss, aud with azp, exp, nonce, at_hash when there.
  Task<IdToken> verify_id_token(Secret id_token, std::string nonce, Secret access_token);
  // Claims about the bearer; `sub` must be `subject` (§5.3.2). Fault::unauthenticated when the token is not accepted any more,
  // Fault::missing when the issuer has no userinfo endpoint.
  Task<json::object> userinfo(Secret access_token, std::string subject);
  // Empty when the issuer has no such endpoint.
  Task<std::string> end_session_url(Secret id_token_hint, std::string post_logout_redirect_uri);

 private:
  CodeFlow(CodeFlowNeeds needs, CodeFlowConfig config);
  Task<Tokens> ask_for_tokens(std::vector<std::pair<std::string, std::string>> fields);
  CodeFlowNeeds needs_;
  CodeFlowConfig config_;
  Discovery discovery_;
  RemoteKeys keys_;
};

}  // namespace gatehouse::oauth::client
