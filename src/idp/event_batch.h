// System Log events that no change in the store goes with (a client-credentials token, a refusal): written together, a
// moment later, so that a token costs no sync of its own. What waits is bounded; when it is full the caller waits for
// its own write instead. A crash loses what waits (milliseconds of log, never state).
#pragma once

#include <memory>

#include "core/log.h"
#include "core/task.h"
#include "events/event.h"

namespace gatehouse::idp {

inline constexpr std::size_t kWaitingMax = 4096;   // events
inline constexpr std::size_t kBatchMax = 256;      // events per unit

class EventBatch {
 public:
  EventBatch(store::Database& database, events::SystemLog& log, Log out, Executor executor, OrgId org);
  Task<void> add(events::Event event);
  Task<void> settle();                             // writes what waits; at shutdown, when the loops are quiet
  bool idle() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace gatehouse::idp
