#include "directory/apps.h"

#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

class AppsSpec : public DirectoryTest {};

TEST_P(AppsSpec, an_app_is_kept_as_it_was_given) {
  auto made = given_app("Wiki");
  auto app = run(apps->find(made.app.id)).value();
  EXPECT_EQ(app.id.str().substr(0, 3), "0oa");
  EXPECT_EQ(app.client_id, app.id.str());
  EXPECT_EQ(app.redirect_uris, (std::vector<std::string>{"https://app.example.com/callback"}));
  EXPECT_TRUE(app.pkce_required);
  app.kind = AppKind::spa;
  app.auth = ClientAuth::none;
  app.scopes = {"okta.users.read"};
  app.more["client_uri"] = "https://example.com";
  app.rotate_refresh = false;
  ASSERT_TRUE(run(apps->update(app, cause)));
  const auto read_back = run(apps->find_by_client(app.client_id)).value();
  EXPECT_EQ(read_back.kind, AppKind::spa);
  EXPECT_EQ(read_back.auth, ClientAuth::none);
  EXPECT_EQ(read_back.scopes, app.scopes);
  EXPECT_EQ(read_back.more.at("client_uri").as_string(), "https://example.com");
  EXPECT_FALSE(read_back.rotate_refresh);
  const auto late = run(apps->update(app, cause));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), kVersionConflict);
}

TEST_P(AppsSpec, a_secret_is_shown_once_and_kept_hashed) {
  const auto made = given_app("Wiki");
  ASSERT_TRUE(made.secret);
  EXPECT_EQ(run(apps->check_secret(made.app, *made.secret)), true);
  EXPECT_EQ(run(apps->check_secret(made.app, Secret("guess"))), false);
  EXPECT_EQ(run(apps->check_secret(made.app, Secret(""))), false);
  const auto row = read("select secret_hash, settings from apps").value().at(0);
  EXPECT_EQ(row.text(0).find(std::string(made.secret->reveal())), std::string::npos);
  EXPECT_EQ(row.text(1).find(std::string(made.secret->reveal())), std::string::npos);

  const auto next = run(apps->new_secret(made.app.id, cause)).value();
  EXPECT_EQ(run(apps->check_secret(made.app, *made.secret)), false);
  EXPECT_EQ(run(apps->check_secret(made.app, next)), true);

  ASSERT_TRUE(run(apps->deactivate(made.app.id, cause)));
  EXPECT_EQ(run(apps->check_secret(made.app, next)), false) << "disabled is disabled on every path";
}

TEST_P(AppsSpec, public_clients_have_no_secret_even_if_they_had_one) {
  EXPECT_FALSE(given_app("Spa", AppKind::spa, ClientAuth::none).secret);
  const auto web = given_app("Web");
  auto changed = web.app;
  changed.auth = ClientAuth::none;
  ASSERT_TRUE(run(apps->update(changed, cause)));
  EXPECT_EQ(run(apps->check_secret(web.app, *web.secret)), false);
}

TEST_P(AppsSpec, a_given_client_id_and_secret_are_taken_and_unique) {
  NewApp asked{.app = given_app("Template").app, .client_id = "my-client", .secret = Secret("a-secret-from-the-seed"), .id = {}};
  const auto made = run(apps->create(asked, cause)).value();
  EXPECT_EQ(made.app.client_id, "my-client");
  EXPECT_NE(made.app.id.str(), "my-client");
  EXPECT_EQ(run(apps->check_secret(made.app, Secret("a-secret-from-the-seed"))), true);
  EXPECT_EQ(run(apps->create(asked, cause)).error().fault(), Fault::conflict);
  asked.client_id = "other";
  asked.secret = Secret("short");
  EXPECT_EQ(run(apps->create(asked, cause)).error().fault(), Fault::invalid);
}

TEST_P(AppsSpec, redirect_uris_are_absolute_and_without_fragment) {
  auto app = given_app("Wiki").app;
  for (const auto* bad : {"", "/callback", "https://x/#fragment", "https://x/ y", "https://x/\n"}) {
    app.redirect_uris = {bad};
    EXPECT_EQ(run(apps->update(app, cause)).error().fault(), Fault::invalid) << bad;
  }
}

TEST_P(AppsSpec, must_be_deactivated_before_it_is_deleted) {
  const auto app = given_app("Wiki").app;
  const auto ada = given_user("ada@example.com");
  ASSERT_TRUE(run(apps->assign_user(app.id, ada.id, cause)));
  EXPECT_EQ(run(apps->remove(app.id, cause)).error().fault(), Fault::denied);
  EXPECT_FALSE(run(apps->deactivate(app.id, cause))->active);
  EXPECT_FALSE(run(apps->find_by_client(app.client_id))->active);
  EXPECT_TRUE(run(apps->remove(app.id, cause)));
  EXPECT_EQ(run(apps->find(app.id)).error().fault(), Fault::missing);
  EXPECT_TRUE(read("select 1 from app_users")->empty());
}

TEST_P(AppsSpec, assigned_directly_or_through_a_group) {
  const auto app = given_app("Wiki").app;
  const auto ada = given_user("ada@example.com");
  EXPECT_EQ(run(apps->is_assigned(app.id, ada.id)), false);
  ASSERT_TRUE(run(apps->assign_user(app.id, ada.id, cause)));
  ASSERT_TRUE(run(apps->assign_user(app.id, ada.id, cause)));
  EXPECT_EQ(run(apps->is_assigned(app.id, ada.id)), true);
  EXPECT_EQ(run(apps->assigned_users(app.id, {}))->size(), 1U);
  ASSERT_TRUE(run(apps->unassign_user(app.id, ada.id, cause)));
  EXPECT_EQ(run(apps->is_assigned(app.id, ada.id)), false);
  EXPECT_EQ(run(apps->unassign_user(app.id, ada.id, cause)).error().fault(), Fault::missing);

  const auto everybody = GroupId::parse(everyone).value();
  ASSERT_TRUE(run(apps->assign_group(app.id, everybody, cause)));
  EXPECT_EQ(run(apps->is_assigned(app.id, ada.id)), true);
  EXPECT_EQ(run(apps->of_user(ada.id))->size(), 1U);
  EXPECT_EQ(run(apps->assigned_groups(app.id, {}))->front(), everybody);
  ASSERT_TRUE(run(apps->unassign_group(app.id, everybody, cause)));
  EXPECT_TRUE(run(apps->of_user(ada.id))->empty());
}

TEST_P(AppsSpec, a_bookmark_is_no_oauth_client) {
  auto asked = NewApp{.app = given_app("Template").app, .client_id = {}, .secret = {}, .id = {}};
  asked.app.client_id.clear();
  asked.app.sign_on_mode = "BOOKMARK";
  asked.app.auth = ClientAuth::none;
  const auto made = run(apps->create(asked, cause)).value();
  EXPECT_TRUE(run(apps->find(made.app.id)));
  EXPECT_EQ(run(apps->find_by_client(made.app.client_id)).error().fault(), Fault::missing);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, AppsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

class RightsSpec : public DirectoryTest {
 protected:
  User given_admin() {
    auto ada = given_user("ada@example.com");
    EXPECT_TRUE(run(admins->grant(ada.id, cause)));
    return ada;
  }
};

TEST_P(RightsSpec, a_token_acts_for_its_owner) {
  const auto ada = given_admin();
  const auto token = run(tokens->create("ci", ada.id, cause)).value();
  EXPECT_EQ(token.reveal().substr(0, 2), "00");
  const auto checked = run(tokens->check(token));
  ASSERT_TRUE(checked) << checked.error().message();
  EXPECT_EQ(checked->owner, ada.id);
  EXPECT_EQ(run(tokens->check(Secret("00guess"))).error().fault(), Fault::unauthenticated);
  EXPECT_EQ(read("select 1 from api_tokens where hash = '" + std::string(token.reveal()) + "'")->size(), 0U);
}

TEST_P(RightsSpec, a_token_ends_with_its_owner_s_rights) {
  const auto ada = given_admin();
  const auto token = run(tokens->create("ci", ada.id, cause)).value();
  ASSERT_TRUE(run(users->suspend(ada.id, cause)));
  EXPECT_EQ(run(tokens->check(token)).error().fault(), Fault::unauthenticated);
  ASSERT_TRUE(run(users->unsuspend(ada.id, cause)));
  EXPECT_TRUE(run(tokens->check(token)));
  ASSERT_TRUE(write("delete from admins"));
  EXPECT_EQ(run(tokens->check(token)).error().fault(), Fault::unauthenticated);
}

TEST_P(RightsSpec, a_token_dies_when_revoked) {
  const auto ada = given_admin();
  const auto token = run(tokens->create("ci", ada.id, cause)).value();
  const auto listed = run(tokens->list()).value();
  ASSERT_EQ(listed.size(), 1U);
  ASSERT_TRUE(run(tokens->revoke(listed[0].id, cause)));
  EXPECT_EQ(run(tokens->check(token)).error().fault(), Fault::unauthenticated);
  EXPECT_EQ(run(tokens->revoke(listed[0].id, cause)).error().fault(), Fault::missing);
}

TEST_P(RightsSpec, a_token_lives_as_long_as_it_is_used) {
  const auto ada = given_admin();
  const auto token = run(tokens->create("ci", ada.id, cause)).value();
  for (int i = 0; i < 4; ++i) {
    clock.advance(kApiTokenLife - Millis(1));
    EXPECT_TRUE(run(tokens->check(token))) << i;
  }
  clock.advance(kApiTokenLife);
  EXPECT_EQ(run(tokens->check(token)).error().fault(), Fault::unauthenticated);
  EXPECT_TRUE(run(tokens->list())->empty());
}

TEST_P(RightsSpec, a_client_secret_is_not_an_api_token) {
  const auto ada = given_admin();
  const auto token = run(tokens->create("ci", ada.id, cause)).value();
  NewApp asked{.app = given_app("Template").app, .client_id = "mine", .secret = token, .id = {}};
  ASSERT_TRUE(run(apps->create(asked, cause)));
  ASSERT_TRUE(write("update api_tokens set hash = (select secret_hash from apps where client_id = 'mine')"));
  EXPECT_EQ(run(tokens->check(token)).error().fault(), Fault::unauthenticated);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, RightsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
