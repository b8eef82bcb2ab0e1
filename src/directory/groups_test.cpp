#include "directory/groups.h"

#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

class GroupsSpec : public DirectoryTest {
 protected:
  std::vector<std::string> groups_of(const User& user) {
    std::vector<std::string> names;
    for (const auto& group : run(groups->of_user(user.id)).value()) names.push_back(group.name);
    std::ranges::sort(names);
    return names;
  }
};
using Names = std::vector<std::string>;

TEST_P(GroupsSpec, everyone_holds_every_user) {
  const auto ada = given_user("ada@example.com");
  EXPECT_EQ(groups_of(ada), (Names{"Everyone"}));
  EXPECT_EQ(run(groups->members(GroupId::parse(everyone).value(), {}))->size(), 1U);
}

TEST_P(GroupsSpec, everyone_takes_in_who_was_there_before_it) {
  ASSERT_TRUE(write("delete from user_groups"));
  ASSERT_TRUE(write("delete from group_members"));
  const auto ada = given_user("ada@example.com");
  EXPECT_EQ(groups_of(ada), Names{});
  const auto first = run(groups->ensure_everyone()).value();
  EXPECT_EQ(run(groups->ensure_everyone())->id, first.id);
  EXPECT_EQ(groups_of(ada), (Names{"Everyone"}));
}

TEST_P(GroupsSpec, everyone_cannot_be_changed) {
  const auto ada = given_user("ada@example.com");
  const auto id = GroupId::parse(everyone).value();
  EXPECT_EQ(run(groups->update(id, "Nobody", "", cause)).error().fault(), Fault::denied);
  EXPECT_EQ(run(groups->remove(id, cause)).error().fault(), Fault::denied);
  EXPECT_EQ(run(groups->remove_member(id, ada.id, cause)).error().fault(), Fault::denied);
}

TEST_P(GroupsSpec, names_are_taken_once) {
  const auto engineers = given_group("Engineers");
  EXPECT_EQ(engineers.id.str().substr(0, 3), "00g");
  EXPECT_EQ(run(groups->create("Engineers", "", std::nullopt, cause)).error().fault(), Fault::conflict);
  EXPECT_EQ(run(groups->create("Everyone", "", std::nullopt, cause)).error().fault(), Fault::conflict);
  EXPECT_EQ(run(groups->create(" ", "", std::nullopt, cause)).error().fault(), Fault::invalid);
  const auto writers = given_group("Writers");
  EXPECT_EQ(run(groups->update(writers.id, "Engineers", "", cause)).error().fault(), Fault::conflict);
  EXPECT_EQ(run(groups->update(writers.id, "Writers", "who write", cause))->description, "who write");
  EXPECT_EQ(run(groups->find_by_name("Writers"))->description, "who write");
}

TEST_P(GroupsSpec, membership_is_idempotent_and_told_once) {
  const auto ada = given_user("ada@example.com");
  const auto group = given_group("Engineers");
  const auto before = told().size();
  clock.advance(Seconds(5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(groups->add_member(group.id, ada.id, cause)));
  EXPECT_EQ(groups_of(ada), (Names{"Engineers", "Everyone"}));
  EXPECT_EQ(run(groups->find(group.id))->membership_updated, clock.now());
  EXPECT_EQ(told().size(), before + 1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(groups->remove_member(group.id, ada.id, cause)));
  EXPECT_EQ(groups_of(ada), (Names{"Everyone"}));
  EXPECT_EQ(told().back(), "group.user_membership.remove");
  EXPECT_EQ(told().size(), before + 2);
}

TEST_P(GroupsSpec, members_must_exist) {
  const auto ada = given_user("ada@example.com");
  const auto group = given_group("Engineers");
  EXPECT_EQ(run(groups->add_member(group.id, UserId::parse("00unobody").value(), cause)).error().message(), "user: not found");
  EXPECT_EQ(run(groups->add_member(GroupId::parse("00gnone").value(), ada.id, cause)).error().message(), "group: not found");
}

TEST_P(GroupsSpec, a_group_goes_with_its_memberships_and_a_user_too) {
  const auto ada = given_user("ada@example.com");
  const auto group = given_group("Engineers");
  ASSERT_TRUE(run(groups->add_member(group.id, ada.id, cause)));
  ASSERT_TRUE(run(groups->remove(group.id, cause)));
  EXPECT_EQ(groups_of(ada), (Names{"Everyone"}));
  ASSERT_TRUE(run(users->deactivate(ada.id, cause)));
  ASSERT_TRUE(run(users->remove(ada.id, cause)));
  EXPECT_TRUE(read("select 1 from group_members")->empty());
}

TEST_P(GroupsSpec, lists_by_prefix_in_any_case) {
  given_group("Engineers");
  given_group("Writers");
  EXPECT_EQ(run(groups->list({}, ""))->size(), 3U);
  const auto found = run(groups->list({}, "eNG")).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "Engineers");
  EXPECT_TRUE(run(groups->list({}, "%"))->empty());
}

INSTANTIATE_TEST_SUITE_P(Everywhere, GroupsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
