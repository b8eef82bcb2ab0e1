// What an API says when it refuses: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1. Texts only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/token_policy.h"

namespace gatehouse::gateway {

struct Refusal {
  int status = 401;
  std::string error, description;       // no error: no credentials were sent
  std::vector<std::string> scopes;
  Scheme scheme = Scheme::bearer;       // which one the error is about
  const StepUp* step_up = nullptr;
};

struct Challenger {
  std::string realm;
  TokenPolicyConfig::Dpop dpop = TokenPolicyConfig::Dpop::off;
};

// One challenge per scheme that the API takes; the error stands in the one that was used.
net::Reply refusal_reply(const Challenger& who, const net::Request& request, const Demand& demand, const Refusal& refusal);
// https://api.example.com/.well-known/oauth-protected-resource/orders
std::string metadata_url(const net::Request& request, const Demand& demand);
net::Reply metadata_reply(const TokenPolicyConfig& config, const net::Request& request, const Demand& demand);

}  // namespace gatehouse::gateway
