// For this room alone: one function per place where secrets are kept. To add one: its file, its line here, and its line
// in the table of reference.cpp.
#pragma once

#include "secrets/reference.h"

namespace gatehouse::secrets {

// `place` is what stands behind the colon.
Result<void> check_env(std::string_view place);
Task<Secret> resolve_env(const ReferenceNeeds* needs, std::string place);

Result<void> check_file(std::string_view place);
Task<Secret> resolve_file(const ReferenceNeeds* needs, std::string place);

}  // namespace gatehouse::secrets
