// How this room's nouns look in the System Log.
#pragma once

#include "directory/types.h"
#include "directory/users.h"
#include "events/event.h"

namespace gatehouse::directory {

events::Party party_of(const User& user);
events::Party party_of(const Group& group);
events::Party party_of(const App& app);

template <class... Nouns>
events::Event happened(std::string_view type, std::string_view message, const Cause& cause, const Nouns&... targets) {
  events::Event event;
  event.type = type;
  event.message = message;
  event.actor = cause.actor;
  event.origin = cause.origin;
  (event.targets.push_back(party_of(targets)), ...);
  return event;
}

}  // namespace gatehouse::directory
