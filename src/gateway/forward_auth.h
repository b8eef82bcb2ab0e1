// Forward-auth: another proxy (nginx auth_request, Traefik, Caddy, Envoy ext_authz over HTTP or gRPC) asks whether a request that it
// holds may pass, and as whom. The answer comes from the very phases that live traffic walks through.
// The word about the original request is believed from named networks only, with a shared secret or a signature on top when
// configured, and only when it can be read in one way: anything else is a no (CVE-2026-40575, CVE-2026-76835, GHSA-68wm-pfjf-wqp6).
// Owns the forms in which callers say what they hold and want to hear the answer. Knows nothing of how a verdict is found.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/network.h"
#include "core/secret.h"
#include "gateway/gateway.h"
#include "gateway/original.h"

namespace gatehouse::gateway {

// Below it, under every host name that is not the org's: nginx, nginx/page, traefik, caddy, envoy/<path and query of the original request>.
inline constexpr std::string_view kForwardAuthPrefix = "/.gatehouse/forward-auth/";
inline constexpr std::string_view kCallerSecret = "x-gatehouse-secret";        // header: the shared secret itself
inline constexpr std::string_view kCallerSignature = "x-gatehouse-signature";  // header: t=<seconds since 1970>,v1=<HMAC>
inline constexpr Seconds kSignatureAge{30};                                    // in either direction
inline constexpr std::size_t kCallerSecretMin = 16;                            // bytes

// What is signed: each part with its length before it, so that no byte can move from one into the next (CVE-2023-35941).
struct SignedContext {
  std::int64_t time = 0;
  std::string_view method, scheme, host, target, client;   // as the headers say them
};
std::string sign_context(const Secret& secret, const SignedContext& context);   // base64url of HMAC-SHA256

// Part of a snapshot: it changes with the rest of the configuration.
class ForwardAuth {
 public:
  // Fault::invalid: nobody may call, or a secret too short. `clock` is borrowed.
  static Result<std::unique_ptr<ForwardAuth>> make(ForwardAuthConfig config, const Clock& clock);
  static bool is_for(const net::Request& request) { return request.path.starts_with(kForwardAuthPrefix); }
  static bool is_check(const net::Request& call);   // of gRPC: Envoy's question, under every host name
  // All that is borrowed must live until it has returned.
  boost::asio::awaitable<void> answer(net::Exchange& exchange, Gateway& gateway) const;
  // Whatever is wrong is a CheckResponse that denies, not a call that failed: such a one `failure_mode_allow` would let pass.
  boost::asio::awaitable<void> answer_check(net::Exchange& exchange, Gateway& gateway) const;

 private:
  struct Original;
  ForwardAuth(ForwardAuthConfig config, Networks callers, const Clock& clock) : config_(std::move(config)), callers_(std::move(callers)), clock_(clock) {}
  Result<Original> read(const net::Request& question) const;
  Result<net::Request> read_call(const net::Request& question, std::string_view body) const;
  Result<void> check_caller(const net::Request& question) const;
  Result<void> check_proof(const net::Request& question, const OriginalWords& words, std::string_view client) const;
  std::string client_of(const net::Request& question) const;
  void note_refused(const net::Exchange& exchange, const Error& why) const;

  ForwardAuthConfig config_;
  Networks callers_;
  const Clock& clock_;
};

}  // namespace gatehouse::gateway
