// How gatehouse.yaml says who may ask whether a request may pass (`forward_auth`). Opens no secret.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/stages.h"
#include "app/yaml.h"
#include "gateway/config.h"
#include "secrets/reference.h"

namespace gatehouse::app {

struct ForwardAuthWords {
  std::vector<std::string> callers;
  gateway::ForwardAuthConfig::Proof proof = gateway::ForwardAuthConfig::Proof::network;
  std::optional<secrets::Reference> secret;
};
// Asks the root for `forward_auth`.
std::optional<ForwardAuthWords> read_forward_auth(Map& root);
// With its secret opened.
Result<std::optional<gateway::ForwardAuthConfig>> open_forward_auth(const std::optional<ForwardAuthWords>& words, const OpenSecret& open);

}  // namespace gatehouse::app
