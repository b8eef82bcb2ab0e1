// What gatehouse.yaml says about sending a request again and about time: `retry` and `timeouts` of a route.
#pragma once

#include "app/yaml.h"
#include "gateway/retry.h"

namespace gatehouse::app {

gateway::RetryRules read_retry(Map& route);
gateway::Timeouts read_timeouts(Map& route);

}  // namespace gatehouse::app
