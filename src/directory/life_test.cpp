#include "directory/life.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace gatehouse::directory {
namespace {

constexpr Status kAll[] = {Status::staged, Status::provisioned, Status::active, Status::recovery, Status::password_expired,
                           Status::locked_out, Status::suspended, Status::deprovisioned};

// Every status from which a step leads somewhere; from all others it is a conflict.
TEST(Life, every_step_from_every_status) {
  const std::map<Step, std::map<Status, Status>> map = {
      {Step::activate, {{Status::staged, Status::active}, {Status::deprovisioned, Status::active}}},
      {Step::deactivate,
       {{Status::staged, Status::deprovisioned}, {Status::provisioned, Status::deprovisioned}, {Status::active, Status::deprovisioned},
        {Status::recovery, Status::deprovisioned}, {Status::password_expired, Status::deprovisioned},
        {Status::locked_out, Status::deprovisioned}, {Status::suspended, Status::deprovisioned}}},
      {Step::suspend, {{Status::active, Status::suspended}}},
      {Step::unsuspend, {{Status::suspended, Status::active}}},
      {Step::unlock, {{Status::locked_out, Status::active}}},
      {Step::expire_password,
       {{Status::active, Status::password_expired}, {Status::recovery, Status::password_expired},
        {Status::password_expired, Status::password_expired}}},
  };
  for (const auto& [step, leads] : map)
    for (const auto from : kAll) {
      const auto to = next_status(from, step, HasPassword::yes);
      const auto expected = leads.find(from);
      SCOPED_TRACE(std::string(name_of(from)) + " " + std::string(facts_of(step).event_type));
      if (expected == leads.end()) {
        ASSERT_FALSE(to);
        EXPECT_EQ(to.error().fault(), Fault::conflict);
      } else {
        ASSERT_TRUE(to);
        EXPECT_EQ(*to, expected->second);
      }
    }
}

TEST(Life, without_a_password_activating_only_provisions) {
  EXPECT_EQ(next_status(Status::staged, Step::activate, HasPassword::no), Status::provisioned);
}

TEST(Life, begins_as_asked) {
  EXPECT_EQ(first_status(false, HasPassword::yes, true), Status::staged);
  EXPECT_EQ(first_status(true, HasPassword::no, false), Status::provisioned);
  EXPECT_EQ(first_status(true, HasPassword::yes, false), Status::active);
  EXPECT_EQ(first_status(true, HasPassword::yes, true), Status::password_expired);
}

TEST(Life, names_are_okta_s_and_read_back) {
  for (const auto status : kAll) EXPECT_EQ(parse_status(name_of(status)), status);
  EXPECT_EQ(name_of(Status::password_expired), "PASSWORD_EXPIRED");
  EXPECT_FALSE(parse_status("active"));
}

TEST(Life, only_the_active_may_act) {
  EXPECT_EQ(std::ranges::count_if(kAll, may_act), 1);
  EXPECT_TRUE(may_act(Status::active));
}

}  // namespace
}  // namespace gatehouse::directory
