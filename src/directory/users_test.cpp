#include "directory/users.h"

#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

class UsersSpec : public DirectoryTest {};
using Told = std::vector<std::string>;

TEST_P(UsersSpec, a_new_user_with_a_password_is_active_and_can_be_found) {
  const auto ada = given_user("Ada@Example.com");
  EXPECT_EQ(ada.status, Status::active);
  EXPECT_EQ(ada.id.str().substr(0, 3), "00u");
  EXPECT_EQ(ada.id.str().size(), 20U);
  EXPECT_EQ(run(users->find(ada.id))->profile.login, "Ada@Example.com");
  EXPECT_EQ(run(users->find_by_login("ada@example.COM"))->id, ada.id);
  EXPECT_EQ(run(users->find_any(ada.id.str()))->id, ada.id);
  EXPECT_EQ(run(users->find_any("ada@example.com"))->id, ada.id);
  EXPECT_EQ(run(users->find(UserId::parse("00unobody").value())).error().fault(), Fault::missing);
  EXPECT_EQ(told(), (Told{"user.lifecycle.create", "user.lifecycle.activate"}));
}

TEST_P(UsersSpec, without_a_password_provisioned_and_without_activation_staged) {
  NewUser asked{.profile = profile("bob@example.com"), .password = {}, .id = {}};
  EXPECT_EQ(run(users->create(asked, cause))->status, Status::provisioned);
  asked.profile.login = "eve@example.com";
  asked.activate = false;
  const auto eve = run(users->create(asked, cause)).value();
  EXPECT_EQ(eve.status, Status::staged);
  EXPECT_FALSE(eve.activated);
  EXPECT_EQ(run(users->activate(eve.id, cause))->status, Status::provisioned);
  EXPECT_EQ(run(users->set_password(eve.id, Secret("analytical-Engine1"), cause))->status, Status::active);
}

TEST_P(UsersSpec, a_login_is_taken_in_any_case_of_letters) {
  given_user("ada@example.com");
  NewUser asked{.profile = profile("ADA@example.com"), .password = {}, .id = {}};
  const auto again = run(users->create(asked, cause));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault(), Fault::conflict);
  EXPECT_EQ(told().size(), 2U) << "what did not happen is not told";

  const auto bob = given_user("bob@example.com");
  EXPECT_EQ(run(users->update(bob.id, profile("Ada@example.com"), std::nullopt, cause)).error().fault(), Fault::conflict);
}

TEST_P(UsersSpec, every_fault_of_a_profile_is_named) {
  NewUser asked{.profile = {.login = "nobody", .email = "x", .first_name = std::string(51, 'x'), .last_name = "", .more = {}}, .password = {}, .id = {}};
  asked.profile.more["shoeSize"] = "42";
  asked.profile.more["title"] = 3;
  const auto made = run(users->create(asked, cause));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().fault(), Fault::invalid);
  for (const auto* part : {"login: Username must be in the form of an email address", "email: ", "firstName: ",
                           "Property name 'shoeSize' is not defined in profile", "title: must be a string"})
    EXPECT_NE(made.error().message().find(part), std::string::npos) << part;
}

TEST_P(UsersSpec, a_profile_is_replaced_whole_and_only_in_the_version_one_knows) {
  const auto ada = given_user("ada@example.com");
  auto changed = profile("countess@example.com");
  changed.more["department"] = "Engines";
  clock.advance(Seconds(1));
  const auto updated = run(users->update(ada.id, changed, ada.version, cause)).value();
  EXPECT_EQ(updated.profile.login, "countess@example.com");
  EXPECT_EQ(updated.profile.more.at("department").as_string(), "Engines");
  EXPECT_EQ(updated.updated, clock.now());
  EXPECT_EQ(updated.version, ada.version + 1);
  EXPECT_EQ(run(users->find_by_login("ada@example.com")).error().fault(), Fault::missing);

  const auto late = run(users->update(ada.id, changed, ada.version, cause));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), kVersionConflict);
}

TEST_P(UsersSpec, activating_twice_is_a_conflict) {
  const auto ada = given_user("ada@example.com");
  EXPECT_EQ(run(users->activate(ada.id, cause)).error().fault(), Fault::conflict);
}

TEST_P(UsersSpec, each_step_of_a_life_is_told) {
  const auto ada = given_user("ada@example.com");
  EXPECT_EQ(run(users->suspend(ada.id, cause))->status, Status::suspended);
  EXPECT_EQ(run(users->unsuspend(ada.id, cause))->status, Status::active);
  EXPECT_EQ(run(users->unlock(ada.id, cause)).error().fault(), Fault::conflict);
  EXPECT_EQ(run(users->expire_password(ada.id, cause))->status, Status::password_expired);
  EXPECT_EQ(run(users->remove(ada.id, cause)).error().fault(), Fault::conflict);
  EXPECT_EQ(run(users->deactivate(ada.id, cause))->status, Status::deprovisioned);
  EXPECT_TRUE(run(users->remove(ada.id, cause)));
  EXPECT_EQ(run(users->find(ada.id)).error().fault(), Fault::missing);
  EXPECT_EQ(told(), (Told{"user.lifecycle.create", "user.lifecycle.activate", "user.lifecycle.suspend", "user.lifecycle.unsuspend",
                          "user.account.expire_password", "user.lifecycle.deactivate", "user.lifecycle.delete.completed"}));
  const auto event = last_event();
  EXPECT_EQ(find_string(*find(event, "actor"), "id"), "00uadmin");
  EXPECT_EQ(find_string(find(event, "target")->as_array().at(0), "id"), ada.id.str());
}

TEST_P(UsersSpec, who_comes_back_has_neither_password_nor_assignments) {
  const auto ada = given_user("ada@example.com");
  const auto app = given_app("Wiki");
  ASSERT_TRUE(run(apps->assign_user(app.app.id, ada.id, cause)));
  ASSERT_TRUE(run(users->deactivate(ada.id, cause)));
  EXPECT_EQ(run(users->activate(ada.id, cause))->status, Status::provisioned);
  EXPECT_EQ(run(apps->is_assigned(app.app.id, ada.id)), false);
}

TEST_P(UsersSpec, pages_hold_everybody_once_and_leave_out_the_deprovisioned) {
  std::set<std::string> all;
  for (int i = 0; i < 7; ++i) all.insert(given_user("user" + std::to_string(i) + "@example.com").id.str());
  const auto gone = given_user("gone@example.com");
  ASSERT_TRUE(run(users->deactivate(gone.id, cause)));

  std::set<std::string> seen;
  Page page{.after = "", .limit = 3};
  for (int pages = 0; pages < 10; ++pages) {
    const auto part = run(users->list(page, "", "")).value();
    if (part.empty()) break;
    for (const auto& user : part) EXPECT_TRUE(seen.insert(user.id.str()).second);
    page.after = part.back().id.str();
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(run(users->list({}, "", R"(status eq "DEPROVISIONED")"))->size(), 1U);
}

TEST_P(UsersSpec, another_org_knows_nobody_of_this_one) {
  const auto ada = given_user("ada@example.com");
  Users elsewhere(needs(), OrgId::parse("00oother").value());
  EXPECT_EQ(run(elsewhere.find(ada.id)).error().fault(), Fault::missing);
  EXPECT_EQ(run(elsewhere.find_by_login("ada@example.com")).error().fault(), Fault::missing);
  EXPECT_TRUE(run(elsewhere.list({}, "", ""))->empty());
  EXPECT_EQ(run(elsewhere.suspend(ada.id, cause)).error().fault(), Fault::missing);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, UsersSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
