// What gatehouse.yaml says about the servers behind the gateway: `gateway.upstreams`, and `upstream` of a route. Words
// to values, and the files that they name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/stages.h"
#include "app/yaml.h"
#include "gateway/config.h"
#include "net/url.h"
#include "secrets/reference.h"

namespace gatehouse::app {

// One entry of `gateway.upstreams`.
struct UpstreamWords {
  gateway::PoolConfig pool;  // without what stands in files
  std::string ca_file, certificate_file;
  std::optional<secrets::Reference> key;
};
// Relative paths are relative to `folder`.
std::vector<UpstreamWords> read_upstreams(Map& gateway, const std::filesystem::path& folder);
// Reads the files and the secret. Blocks. Fault::invalid or Fault::missing with the pool's name.
Result<gateway::PoolConfig> open_upstream(const UpstreamWords& words, const OpenSecret& open);

// Where a route leads: an address, or the name of an entry of `gateway.upstreams`. Neither: a stage answers everything.
struct Leads {
  std::optional<net::Url> url;
  std::string pool;
  explicit operator bool() const { return url || !pool.empty(); }
};
// Faults go to the map. `needed`: it must stand there.
Leads read_upstream(Map& route, const std::vector<UpstreamWords>& upstreams, bool needed);

}  // namespace gatehouse::app
