#include "app/forward_auth_config.h"

#include "core/network.h"

namespace gatehouse::app {

std::optional<ForwardAuthWords> read_forward_auth(Map& root) {
  using Proof = gateway::ForwardAuthConfig::Proof;
  if (!root.has("forward_auth")) {
    (void)root.text("forward_auth");
    return std::nullopt;
  }
  auto in = root.map("forward_auth");
  ForwardAuthWords words;
  words.callers = in.texts("callers");
  if (words.callers.empty()) in.fault("callers", "is missing or empty", "name the networks of the proxies that ask, for example `callers: [127.0.0.1]`");
  else if (auto networks = Networks::parse(words.callers); !networks) in.fault("callers", networks.error().message(), {});
  words.secret = in.parsed("secret", secrets::Reference::parse);
  const auto proof = in.choice("proof", {"secret", "signature"});
  if (proof && !in.has("secret")) in.fault("proof", "needs a secret", "add `secret: env:NAME` or `secret: file:PATH`");
  if (words.secret) words.proof = proof == 1 ? Proof::signature : Proof::secret;
  in.done();
  return words;
}

Result<std::optional<gateway::ForwardAuthConfig>> open_forward_auth(const std::optional<ForwardAuthWords>& words, const OpenSecret& open) {
  if (!words) return std::optional<gateway::ForwardAuthConfig>();
  gateway::ForwardAuthConfig config{.callers = words->callers, .proof = words->proof, .secret = {}};
  if (words->secret) {
    GH_TRY(config.secret, open(*words->secret));
  }
  return config;
}

}  // namespace gatehouse::app
