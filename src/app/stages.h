// The stages that a route of gatehouse.yaml can have, in the order in which they stand around each other. A new one is a
// reader in src/app/stages/ and one line in the table of stages.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/yaml.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/random.h"
#include "core/secret.h"
#include "gateway/stage.h"
#include "gateway/stages/cache_store.h"
#include "gateway/stages/firewall.h"
#include "gateway/stages/limit.h"
#include "secrets/reference.h"

namespace gatehouse::app {

using OpenSecret = std::function<Result<Secret>(const secrets::Reference&)>;

// Borrowed for as long as a stage lives.
struct StageNeeds {
  const Clock& clock;
  Random& random;
  Pool& blocking;
  Log log;
  const OpenSecret& open;   // while it is made only
  std::shared_ptr<gateway::LimitTables> limits = nullptr;   // counters that outlive a stage; none: each stage has its own
  std::shared_ptr<gateway::CacheStores> caches = nullptr;   // likewise of what is kept; none: each stage has its own
  std::shared_ptr<gateway::Firewalls> firewalls = nullptr;  // threads and compiled rules; none: each stage has its own
  std::string route = {};                                   // host and path of the one that it is made for
};
// Everything that the words of the file say, ready to be built: reading touches nothing outside.
using MakeStage = std::function<Result<std::shared_ptr<gateway::Stage>>(const StageNeeds&)>;

// Faults go to the map. Asks for each stage's key, so that misspelt ones are found. A key that the route does not have is
// taken from the first of `defaults` that has it, whole; `key: false` takes none.
std::vector<MakeStage> read_stages(Map& route, std::span<Map> defaults = {});
// Reads defaults for themselves: what is wrong there is wrong even if no route takes it. done() is called.
void check_defaults(Map& defaults);
// Does a stage of this route answer everything, so that it needs no upstream?
bool answers_by_itself(const Map& route);

}  // namespace gatehouse::app
