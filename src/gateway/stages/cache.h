// Answers from memory as a shared cache does it (RFC 9111, RFC 5861, RFC 9211). Stands last before the upstream: it
// keeps what the upstream said, under what the upstream was asked, and whoever gets something from it has passed the
// policy first. What was authorised for one caller reaches another only when both the answer and the route say so
// (cache_question.h).
#pragma once

#include <memory>

#include "gateway/stages/cache_question.h"

namespace gatehouse::gateway {

// Fault::invalid says what is wrong.
Result<void> validate(const CacheConfig& config);
Result<std::shared_ptr<Stage>> make_cache_stage(CacheConfig config, CacheStores& stores, const Clock& clock);

}  // namespace gatehouse::gateway
