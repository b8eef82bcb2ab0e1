// Stages that answer by themselves: a fixed text, an address elsewhere, "closed for repairs".
#pragma once

#include "core/clock.h"
#include "core/pool.h"
#include "gateway/stage.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kFixedBodyMax = 1024 * 1024;   // bytes
inline constexpr std::size_t kFixedHeadersMax = 64;
inline constexpr Millis kMaintenanceLook{1000};             // between two looks at the file

struct FixedAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8", body;
  std::vector<std::pair<std::string, std::string>> headers;
};
// Behind the policy: a text for those who may read it.
Result<std::shared_ptr<Stage>> make_fixed_stage(FixedAnswer answer);

struct Redirect {
  std::string to;              // "https://new.example.com/docs" or "/docs"
  int status = 308;
  bool keep_rest = false;      // what of the path is behind the route's own comes behind `to`
  bool keep_query = false;
};
// Where it leads is written in the configuration: nothing of a request can name another host.
Result<std::shared_ptr<Stage>> make_redirect_stage(Redirect redirect);

struct Maintenance {
  bool always = false;
  std::string file;                      // closed while it is there
  Seconds retry_after{300};
  FixedAnswer page;                      // without status
  std::vector<std::string> allow;        // networks that are let through
};
// Before the policy: an issuer may be down for the same repairs.
Result<std::shared_ptr<Stage>> make_maintenance_stage(Maintenance maintenance, const Clock& clock, Pool& blocking);

}  // namespace gatehouse::gateway
