// The tables of the System Log, for this room's own files only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/id.h"
#include "events/event.h"
#include "store/database.h"

namespace gatehouse::events {

struct Line {
  std::string uuid, type, data;   // data: the LogEvent as JSON text
  Timestamp published, expires;
};
store::Statement insert_line(std::string_view database_kind, const OrgId& org, const Line& line);

struct StoredLine {
  std::int64_t seq;
  std::string data;
};
Task<std::vector<StoredLine>> select_lines(store::Database& database, OrgId org, Query query, std::optional<std::int64_t> after);

}  // namespace gatehouse::events
