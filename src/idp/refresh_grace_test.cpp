// The grace window of rotated refresh tokens: a client whose answer was lost may ask again; a thief may not.
#include <mutex>
#include <set>

#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

class GraceSpec : public IdpTest {
 protected:
  Client given_patient(Seconds leeway) {
    auto client = given_client("Wiki");
    client.app.refresh_leeway = leeway;
    client.app.version = 0;
    client.app = run(apps->update(client.app, cause)).value();
    return client;
  }
};

TEST_P(GraceSpec, a_retry_within_the_leeway_gets_the_same_successor) {
  const auto client = given_patient(Seconds(30));
  const auto first = given_tokens(client).text("refresh_token");
  const auto lost = refresh(client, first);
  ASSERT_EQ(lost.status(), 200) << lost.body();
  clock.advance(Seconds(29));
  const auto again = refresh(client, first);
  ASSERT_EQ(again.status(), 200) << again.body();
  EXPECT_EQ(again.text("refresh_token"), lost.text("refresh_token"));
  EXPECT_NE(again.text("access_token"), lost.text("access_token"));
  EXPECT_NE(again.text("refresh_token"), first);
  EXPECT_EQ(refresh(client, again.text("refresh_token")).status(), 200);
}

TEST_P(GraceSpec, after_the_leeway_the_old_token_kills_the_family) {
  const auto client = given_patient(Seconds(30));
  const auto first = given_tokens(client).text("refresh_token");
  const auto next = refresh(client, first);
  clock.advance(Seconds(30));
  EXPECT_EQ(refresh(client, first).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(client, next.text("refresh_token")).text("error"), "invalid_grant");
  EXPECT_FALSE(is_active(client, next.text("access_token")));
  EXPECT_TRUE(was_told("app.oauth2.as.token.detect_reuse"));
}

TEST_P(GraceSpec, once_the_successor_was_used_the_old_token_kills_the_family) {
  const auto client = given_patient(Seconds(30));
  const auto first = given_tokens(client).text("refresh_token");
  const auto second = refresh(client, first).text("refresh_token");
  const auto third = refresh(client, second).text("refresh_token");
  EXPECT_EQ(refresh(client, first).text("error"), "invalid_grant");
  EXPECT_EQ(refresh(client, third).text("error"), "invalid_grant");
}

TEST_P(GraceSpec, nobody_else_may_retry_and_what_is_over_stays_over) {
  const auto client = given_patient(Seconds(60)), other = given_client("Other");
  const auto first = given_tokens(client).text("refresh_token");
  refresh(client, first);
  EXPECT_EQ(refresh(other, first).text("error"), "invalid_grant");   // CVE-2026-55672 (Zitadel): bound to its client
  EXPECT_EQ(refresh(client, first).text("error"), "invalid_grant");

  const auto mine = given_tokens(client).text("refresh_token");
  refresh(client, mine);
  ASSERT_TRUE(run(users->suspend(ada->id, cause)));
  EXPECT_EQ(refresh(client, mine).text("error"), "invalid_grant");
}

TEST_P(GraceSpec, parallel_refreshes_agree_on_one_successor) {
  const auto client = given_patient(Seconds(30));
  const auto first = given_tokens(client).text("refresh_token");
  std::mutex mutex;
  std::set<std::string> successors;
  EXPECT_EQ(at_once(64, [&] {
              const auto got = refresh(client, first);
              const std::lock_guard lock(mutex);
              if (got.status() == 200) successors.insert(got.text("refresh_token"));
              return got.status() == 200;
            }), 64);
  EXPECT_EQ(successors.size(), 1U);
  EXPECT_EQ(refresh(client, *successors.begin()).status(), 200);
}

// CVE-2026-1035 (Keycloak): the check and the use of a refresh token were two steps.
TEST_P(GraceSpec, without_a_leeway_one_of_many_gets_it_and_all_lose_the_family) {
  const auto client = given_patient(Seconds(0));
  const auto first = given_tokens(client).text("refresh_token");
  std::mutex mutex;
  std::string won;
  EXPECT_EQ(at_once(64, [&] {
              const auto got = refresh(client, first);
              const std::lock_guard lock(mutex);
              if (got.status() == 200) won = got.text("refresh_token");
              return got.status() == 200;
            }), 1);
  EXPECT_EQ(refresh(client, won).text("error"), "invalid_grant");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, GraceSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::idp
