// The words of `token:` in gatehouse.yaml: which issuers, which tokens, which proofs. Shape and limits of each value; what they
// mean together is judged by oauth and gateway.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/yaml.h"
#include "core/clock.h"
#include "core/secret.h"
#include "gateway/config.h"
#include "secrets/reference.h"

namespace gatehouse::app {

// An issuer as it will be used, but for the secret with which it is asked.
struct TokenIssuer {
  oauth::client::TrustedIssuer trusted;
  std::optional<secrets::Reference> introspection_secret;
};

struct MethodScopes {
  std::vector<std::string> methods, scopes;                  // no methods: every method
};

// Programs: an access token of one of these issuers, with these scopes.
struct TokenAccess {
  std::vector<TokenIssuer> issuers;
  std::vector<MethodScopes> rules;                           // when there are some, a method that none names is denied
  std::vector<std::pair<std::string, std::string>> headers;
  oauth::client::KeptTimes times;
  Seconds skew{30};
  gateway::TokenPolicyConfig::ForwardToken forward_token = gateway::TokenPolicyConfig::ForwardToken::yes;
  gateway::TokenPolicyConfig::Dpop dpop = gateway::TokenPolicyConfig::Dpop::off;
  gateway::TokenPolicyConfig::DpopNonce dpop_nonce = gateway::TokenPolicyConfig::DpopNonce::no;
  gateway::TokenPolicyConfig::CertificateBound mtls_bound = gateway::TokenPolicyConfig::CertificateBound::optional;
  gateway::StepUp step_up;
};

// Everything but `scopes`, `rules` and `headers`, which other kinds of access know as well.
TokenAccess read_token_words(Map& in);

using OpenReference = std::function<Result<Secret>(const secrets::Reference&)>;
// The policy without its name, realm and headers. `peers` gets the addresses that the gateway has to talk to.
Result<gateway::TokenPolicyConfig> token_policy_of(const TokenAccess& access, const OpenReference& open, std::vector<std::string>& peers);

}  // namespace gatehouse::app
