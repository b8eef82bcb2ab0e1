#include "directory/life.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatehouse::directory {
namespace {

struct Named {
  Status status;
  std::string_view name;
};
constexpr std::array<Named, 8> kNames = {{{Status::staged, "STAGED"},
                                          {Status::provisioned, "PROVISIONED"},
                                          {Status::active, "ACTIVE"},
                                          {Status::recovery, "RECOVERY"},
                                          {Status::password_expired, "PASSWORD_EXPIRED"},
                                          {Status::locked_out, "LOCKED_OUT"},
                                          {Status::suspended, "SUSPENDED"},
                                          {Status::deprovisioned, "DEPROVISIONED"}}};

std::unexpected<Error> refuse(Status now, std::string_view rule) {
  return failure(Fault::conflict, fmt::format("user: {} (the user is {})", rule, name_of(now)));
}

}  // namespace

std::string_view name_of(Status status) {
  return std::ranges::find(kNames, status, &Named::status)->name;
}

Result<Status> parse_status(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name, &Named::name);
  if (found == kNames.end()) return failure(Fault::invalid, "not a user status");
  return found->status;
}

bool may_act(Status status) { return status == Status::active; }

StepFacts facts_of(Step step) {
  switch (step) {
    case Step::activate: return {"user.lifecycle.activate", "Activate Okta user"};
    case Step::deactivate: return {"user.lifecycle.deactivate", "Deactivate Okta user"};
    case Step::suspend: return {"user.lifecycle.suspend", "Suspend Okta user"};
    case Step::unsuspend: return {"user.lifecycle.unsuspend", "Unsuspend Okta user"};
    case Step::unlock: return {"user.account.unlock_by_admin", "Unlock user account by admin"};
    case Step::expire_password: return {"user.account.expire_password", "Expire user password"};
  }
  return {};
}

Result<Status> next_status(Status now, Step step, HasPassword has_password) {
  const auto settled = has_password == HasPassword::yes ? Status::active : Status::provisioned;
  switch (step) {
    case Step::activate:
      if (now == Status::staged || now == Status::deprovisioned) return settled;
      return refuse(now, "only a staged or deprovisioned user can be activated");
    case Step::deactivate:
      if (now != Status::deprovisioned) return Status::deprovisioned;
      return refuse(now, "already deactivated");
    case Step::suspend:
      if (now == Status::active) return Status::suspended;
      return refuse(now, "only an active user can be suspended");
    case Step::unsuspend:
      if (now == Status::suspended) return Status::active;
      return refuse(now, "only a suspended user can be unsuspended");
    case Step::unlock:
      if (now == Status::locked_out) return Status::active;
      return refuse(now, "the user is not locked out");
    case Step::expire_password:
      if (now == Status::active || now == Status::password_expired || now == Status::recovery)
        return Status::password_expired;
      return refuse(now, "only an active user's password can be expired");
  }
  return refuse(now, "no such step");
}

Status first_status(bool activate, HasPassword has_password, bool must_change_password) {
  if (!activate) return Status::staged;
  if (has_password == HasPassword::no) return Status::provisioned;
  return must_change_password ? Status::password_expired : Status::active;
}

Result<Status> status_with_new_password(Status now) {
  switch (now) {
    case Status::deprovisioned: return refuse(now, "a deactivated user has no password");
    case Status::staged:
    case Status::suspended: return now;
    case Status::provisioned:
    case Status::active:
    case Status::recovery:
    case Status::password_expired:
    case Status::locked_out: return Status::active;
  }
  return refuse(now, "no such status");
}

}  // namespace gatehouse::directory
