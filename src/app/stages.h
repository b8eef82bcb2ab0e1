// The stages that a route of gatehouse.yaml can have, in the order in which they stand around each other. A new one is a
// reader in src/app/stages/ and one line in the table of stages.cpp.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "app/yaml.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/random.h"
#include "core/secret.h"
#include "gateway/stage.h"
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
};
// Everything that the words of the file say, ready to be built: reading touches nothing outside.
using MakeStage = std::function<Result<std::shared_ptr<gateway::Stage>>(const StageNeeds&)>;

// Faults go to the map. Asks for each stage's key, so that misspelt ones are found.
std::vector<MakeStage> read_stages(Map& route);

}  // namespace gatehouse::app
