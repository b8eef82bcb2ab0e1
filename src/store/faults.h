// What both drivers answer when a database refuses. The message may reach a client and says nothing about the
// inside; `detail` (the database's own words, the SQL text, never a parameter) goes to the trail, for the log.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace gatehouse::store {

Error already_exists(std::string_view detail);    // a unique constraint
Error broken_reference(std::string_view detail);  // a foreign key
Error bad_statement(std::string_view detail);     // our own mistake
Error away(std::string_view detail);              // nothing was done
Error not_saved(std::string_view detail);         // the commit failed
Error disk_full(std::string_view detail);

}  // namespace gatehouse::store
