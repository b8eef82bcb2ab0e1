// Seeds: what the file says, and that applying it again changes nothing.
#include "app/seed.h"

#include <gtest/gtest.h>

#include "core/spawn.h"
#include "directory/directory_test.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kSeed = R"(
users:
  - login: grace@example.com
    first_name: Grace
    last_name: Hopper
    profile: {department: Compilers, mobile_phone: "1"}
    password_in_clear: Correct-Horse-9
    admin: true
    groups: [Compilers]
groups:
  - name: Compilers
    members: [grace@example.com]
apps:
  - {label: Nightly, client_id: nightly, kind: service, client_secret_in_clear: secret-secret-secret, scopes: [okta.users.read]}
  - {label: Shop, client_id: shop, redirect_uris: [http://localhost:3000/cb], groups: [Compilers]}
authorization_servers:
  - id: default
    audience: api://default
    signing_alg: ES256
    scopes: [{name: orders:read, default: true}]
)";

std::string faults(std::string_view text) {
  const auto seed = parse_seed(text, "s.yaml");
  return seed ? "" : seed.error().message();
}

TEST(SeedFile, is_read_whole) {
  const auto seed = parse_seed(kSeed, "s.yaml");
  ASSERT_TRUE(seed) << seed.error().message();
  const auto& grace = seed->users.at(0);
  EXPECT_EQ(grace.profile.email, "grace@example.com");
  EXPECT_EQ(grace.profile.more.at("mobilePhone").as_string(), "1");
  EXPECT_TRUE(grace.admin);
  EXPECT_EQ(seed->apps.at(0).grant_types, std::vector<std::string>{"client_credentials"});
  EXPECT_EQ(seed->apps.at(1).grant_types, (std::vector<std::string>{"authorization_code", "refresh_token"}));
  EXPECT_TRUE(seed->authorization_servers.at(0).scopes.at(0).by_default);
  EXPECT_EQ(seed->authorization_servers.at(0).signing_alg, "ES256");
}

TEST(SeedFile, misspelt_keys_are_named_with_what_was_meant) {
  EXPECT_EQ(faults("users:\n  - login: a@b.example\n    passwrod: env:X\n"), "s.yaml:3:5: unknown key 'users[0].passwrod'; did you mean 'password'?");
}

TEST(SeedFile, a_literal_secret_under_the_key_of_a_reference_is_refused_and_not_repeated) {
  const auto said = faults("users: [{login: a@b.example, password: hunter2hunter2}]\n");
  EXPECT_NE(said.find("users[0].password"), std::string::npos) << said;
  EXPECT_EQ(said.find("hunter2"), std::string::npos);
}

TEST(SeedFile, the_same_login_twice_is_a_fault) {
  EXPECT_NE(faults("users: [{login: a@b.example}, {login: A@b.example}]\n").find("stands there twice"), std::string::npos);
}

TEST(SeedFile, a_service_needs_a_secret_and_a_browser_app_an_address) {
  EXPECT_NE(faults("apps: [{label: a, client_id: a, kind: service, auth: none}]\n").find("cannot be none"), std::string::npos);
  EXPECT_NE(faults("apps: [{label: a, client_id: a, kind: spa}]\n").find("redirect_uris"), std::string::npos);
}

class SeedSpec : public directory::DirectoryTest {
 protected:
  Result<void> sow(std::string_view text) {
    SeedNeeds needs{*users, *groups, *apps, *admins, references};
    return run(apply_seed(needs, parse_seed(text, "s.yaml").value()));
  }
  Pool files{"files", 1, 10};
  secrets::References references{secrets::ReferenceNeeds{[](const std::string&) { return std::optional<std::string>(); }, files}};
};

TEST_P(SeedSpec, makes_what_it_says) {
  ASSERT_TRUE(sow(kSeed));
  const auto grace = run(users->check_password("grace@example.com", Secret("Correct-Horse-9"), cause.origin));
  ASSERT_TRUE(grace) << grace.error().message();
  EXPECT_TRUE(*run(admins->is_admin(grace->id)));
  EXPECT_EQ(run(groups->of_user(grace->id))->size(), 2u);
  const auto nightly = run(apps->find_by_client("nightly"));
  ASSERT_TRUE(nightly);
  EXPECT_TRUE(*run(apps->check_secret(*nightly, Secret("secret-secret-secret"))));
  EXPECT_TRUE(*run(apps->is_assigned(run(apps->find_by_client("shop"))->id, grace->id)));
}

TEST_P(SeedSpec, applied_again_it_changes_nothing_and_keeps_what_people_changed) {
  ASSERT_TRUE(sow(kSeed));
  const auto grace = run(users->find_by_login("grace@example.com"));
  ASSERT_TRUE(run(users->set_password(grace->id, Secret("My-Own-Password-1"), cause)));
  const auto before = told().size();
  ASSERT_TRUE(sow(kSeed));
  EXPECT_TRUE(run(users->check_password("grace@example.com", Secret("My-Own-Password-1"), cause.origin)));
  directory::Page page;
  EXPECT_EQ(run(apps->list(page, ""))->size(), 2u);
  EXPECT_LE(told().size(), before + 2) << "only the sign-in is new";
}

TEST_P(SeedSpec, says_which_entry_is_wrong) {
  const auto done = sow("users: [{login: a@b.example, password_in_clear: Good-Password-1, groups: [Nowhere]}]\n");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("user 'a@b.example'"), std::string::npos) << done.error().message();
}

TEST_P(SeedSpec, a_reference_that_leads_nowhere_is_said) {
  const auto done = sow("users: [{login: a@b.example, password: env:NOT_SET}]\n");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("NOT_SET"), std::string::npos) << done.error().message();
}

INSTANTIATE_TEST_SUITE_P(Everywhere, SeedSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::app
