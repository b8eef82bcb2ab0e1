#include "directory/memory.h"

namespace gatehouse::directory {

std::shared_ptr<Memory> make_memory(const Clock& clock) { return std::make_shared<Memory>(clock); }

Task<std::vector<store::Done>> Needs::write(store::Unit unit) {
  auto done = co_await database.write(std::move(unit));
  if (memory) memory->epoch.turn();   // also after a failure: nobody knows whether a lost answer was a yes
  co_return done;
}

}  // namespace gatehouse::directory
