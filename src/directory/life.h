// The life of a user as Okta draws it: which step may be taken from which status, and where it leads. Pure.
#pragma once

#include "directory/types.h"

namespace gatehouse::directory {

enum class Step { activate, deactivate, suspend, unsuspend, unlock, expire_password };

struct StepFacts {
  std::string_view event_type, message;  // how the System Log tells it
};
StepFacts facts_of(Step step);

enum class HasPassword { no, yes };
// Fault::conflict when the step cannot be taken from here.
Result<Status> next_status(Status now, Step step, HasPassword has_password);
// The status that a new user begins with.
Status first_status(bool activate, HasPassword has_password, bool must_change_password);
// What a new password makes of a status; deprovisioned users get none (Fault::conflict).
Result<Status> status_with_new_password(Status now);

}  // namespace gatehouse::directory
