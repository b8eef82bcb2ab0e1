// What a sign-in carries with it through the issuer and back: sealed into `state`, bound to one browser, one host and one
// policy. Nothing is stored before somebody has signed in, so any number of tabs may be on their way, a restart forgets
// none of them, and nobody can fill a table by asking. docs/decisions/008-gateway-sessions.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/random.h"
#include "core/secret.h"
#include "crypto/seal.h"

namespace gatehouse::access {

struct SignIn {
  std::string id;            // random; nonce and PKCE verifier are derived from it
  std::string host, return_path;
  Timestamp begun{};
  int attempt = 1;
  std::string acr_values;              // what the issuer is asked to prove, words; empty: nothing more than usual
  std::optional<Seconds> max_age;
  bool is_step_up() const { return !acr_values.empty() || max_age.has_value(); }
};

class States {
 public:
  // `key` derives nonces and verifiers; the sealer seals. Both come from the master key, so every node has them.
  States(crypto::Sealer sealer, Secret key, std::string policy) : sealer_(std::move(sealer)), key_(std::move(key)), policy_(std::move(policy)) {}

  Result<std::string> seal(const SignIn& sign_in, std::string_view browser) const;
  // Fault::invalid: not ours, changed, of another browser, host or policy, or older than kSignInTime.
  Result<SignIn> open(std::string_view state, std::string_view browser, std::string_view host, Timestamp now) const;
  // As open(), but whatever the browser and the age: enough to begin again, never enough to sign in.
  Result<SignIn> open_to_begin_again(std::string_view state, std::string_view host) const;

  std::string nonce_of(const SignIn& sign_in) const;
  Secret verifier_of(const SignIn& sign_in) const;

 private:
  struct Opened;
  Result<Opened> unseal(std::string_view state, std::string_view host) const;
  std::string context() const { return "access.state/" + policy_; }
  crypto::Sealer sealer_;
  Secret key_;
  std::string policy_;
};

// The path if it can only lead back to the host that it came from; "/" otherwise. A request's own canonical target always can.
std::string safe_return_path(std::string_view path);

}  // namespace gatehouse::access
