#include <atomic>
#include <thread>

#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

class PasswordsSpec : public DirectoryTest {
 protected:
  Result<User> sign_in(std::string login, std::string password, std::string ip = "192.0.2.9") {
    events::Origin origin{std::move(ip), "browser", "req-2"};
    return run(users->check_password(std::move(login), Secret(std::move(password)), std::move(origin)));
  }
  std::string stored_hash(const UserId& id) {
    return read(store::Statement("select password_hash from users where id = $1", {id})).value().at(0).text(0);
  }
};

TEST_P(PasswordsSpec, the_right_one_opens_and_is_told) {
  const auto ada = given_user("ada@example.com");
  const auto user = sign_in("ADA@example.com", "analytical-Engine1");
  ASSERT_TRUE(user) << user.error().message();
  EXPECT_EQ(user->id, ada.id);
  EXPECT_EQ(run(users->find(ada.id))->last_login, clock.now());
  EXPECT_EQ(find_string(last_event(), "eventType"), "user.authentication.verify");
}

TEST_P(PasswordsSpec, all_refusals_are_the_same_to_the_caller) {
  const auto ada = given_user("ada@example.com");
  const auto wrong = sign_in("ada@example.com", "wrong-Password1");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fault(), Fault::unauthenticated);
  EXPECT_EQ(to_text(*find(last_event(), "outcome")), R"({"result":"FAILURE","reason":"INVALID_CREDENTIALS"})");

  const auto unknown = sign_in("nobody@example.com", "analytical-Engine1");
  EXPECT_EQ(find_string(*find(last_event(), "actor"), "id"), "unknown");
  ASSERT_TRUE(run(users->suspend(ada.id, cause)));
  const auto suspended = sign_in("ada@example.com", "analytical-Engine1");
  const auto long_one = sign_in("ada@example.com", std::string(100'000, 'x'));
  for (const auto* refused : {&unknown, &suspended, &long_one}) {
    ASSERT_FALSE(*refused);
    EXPECT_EQ(refused->error().fault(), wrong.error().fault());
    EXPECT_EQ(refused->error().message(), wrong.error().message());
    EXPECT_EQ(refused->error().code(), wrong.error().code());
  }
}

TEST_P(PasswordsSpec, every_status_but_active_is_refused) {
  const auto ada = given_user("ada@example.com");
  for (const auto* status : {"STAGED", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT", "SUSPENDED", "DEPROVISIONED"}) {
    ASSERT_TRUE(write(store::Statement("update users set status = $1", {status})));
    const auto refused = sign_in("ada@example.com", "analytical-Engine1", status);  // an address each: no delay
    ASSERT_FALSE(refused) << status;
    EXPECT_EQ(refused.error().fault(), Fault::unauthenticated);
  }
}

TEST_P(PasswordsSpec, guessing_becomes_slower_and_slower) {
  given_user("ada@example.com");
  for (int i = 0; i < kFreeTries; ++i) EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::unauthenticated) << i;
  EXPECT_EQ(sign_in("ada@example.com", "analytical-Engine1").error().fault(), Fault::limited);
  const auto events_before = told().size();
  EXPECT_EQ(sign_in("ada@example.com", "analytical-Engine1").error().fault(), Fault::limited);
  EXPECT_EQ(told().size(), events_before) << "a flood must not fill the log";

  for (const int delay : {1, 4, 9}) {
    clock.advance(Seconds(delay) - Millis(1));
    EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::limited) << delay;
    clock.advance(Millis(1));
    EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::unauthenticated) << delay;
  }
  clock.advance(Seconds(16));
  EXPECT_TRUE(sign_in("ada@example.com", "analytical-Engine1"));
  EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::unauthenticated) << "success begins anew";
  EXPECT_TRUE(sign_in("ada@example.com", "analytical-Engine1"));
}

TEST_P(PasswordsSpec, guessing_at_once_is_no_faster) {
  given_user("ada@example.com");
  std::atomic<int> tried = 0, delayed = 0;
  const auto guess = [&] {
    for (int i = 0; i < 8; ++i) ++(sign_in("ada@example.com", "guess").error().fault() == Fault::limited ? delayed : tried);
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back(guess);
  }
  EXPECT_EQ(tried, kFreeTries);
  EXPECT_EQ(delayed, 64 - kFreeTries);
}

TEST_P(PasswordsSpec, delays_have_an_upper_bound_and_are_forgotten) {
  given_user("ada@example.com");
  for (int i = 0; i < 40; ++i) {
    clock.advance(kDelayMax);
    EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::unauthenticated) << i;
  }
  EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::limited);
  clock.advance(kFailuresKept);
  for (int i = 0; i < kFreeTries; ++i) EXPECT_EQ(sign_in("ada@example.com", "guess").error().fault(), Fault::unauthenticated) << i;
  clock.advance(kFailuresKept);
  EXPECT_EQ(run(store::sweep(database(), sweeps().front(), clock.now())), 1);
}

TEST_P(PasswordsSpec, an_attacker_elsewhere_does_not_lock_the_owner_out) {
  given_user("ada@example.com");
  for (int i = 0; i < 20; ++i) (void)sign_in("ada@example.com", "guess", "198.51.100.1");
  EXPECT_EQ(sign_in("ada@example.com", "guess", "198.51.100.1").error().fault(), Fault::limited);
  EXPECT_TRUE(sign_in("ada@example.com", "analytical-Engine1", "192.0.2.9"));
}

TEST_P(PasswordsSpec, whoever_has_an_ipv6_network_has_one_address) {
  given_user("ada@example.com");
  for (int i = 0; i < kFreeTries; ++i) (void)sign_in("ada@example.com", "guess", "2001:db8:1:2::" + std::to_string(i));
  EXPECT_EQ(sign_in("ada@example.com", "guess", "2001:db8:1:2:ffff::1").error().fault(), Fault::limited);
  EXPECT_EQ(sign_in("ada@example.com", "guess", "2001:db8:1:3::1").error().fault(), Fault::unauthenticated);
}

TEST_P(PasswordsSpec, unknown_logins_are_delayed_like_known_ones) {
  for (int i = 0; i < kFreeTries; ++i) (void)sign_in("nobody@example.com", "guess");
  EXPECT_EQ(sign_in("Nobody@example.com", "guess").error().fault(), Fault::limited);
}

TEST_P(PasswordsSpec, what_was_typed_as_a_login_is_not_stored_with_the_failures) {
  (void)sign_in("my-Secret-password", "guess");
  const auto rows = read("select subject from sign_in_failures").value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text(0).size(), 43U);
}

TEST_P(PasswordsSpec, a_weaker_hash_is_made_anew_at_sign_in) {
  const auto ada = given_user("ada@example.com");
  const auto before = stored_hash(ada.id);
  auto stronger = kCheap;
  stronger.passes = 2;
  Users later(needs(stronger), org);
  const events::Origin origin{"192.0.2.9", "", ""};
  ASSERT_TRUE(run(later.check_password("ada@example.com", Secret("analytical-Engine1"), origin)));
  const auto after = stored_hash(ada.id);
  EXPECT_NE(after, before);
  EXPECT_NE(after.find("t=2"), std::string::npos);
  EXPECT_TRUE(sign_in("ada@example.com", "analytical-Engine1"));
}

TEST_P(PasswordsSpec, a_new_one_must_be_worth_the_name) {
  const auto ada = given_user("ada.lovelace@example.com");
  for (const auto& bad : {std::string("short1A"), std::string(kNewPasswordMax + 1, 'x'), std::string("my-LOVELACE-1"), std::string("x-example-1234")}) {
    const auto set = run(users->set_password(ada.id, Secret(bad), cause));
    ASSERT_FALSE(set) << bad;
    EXPECT_EQ(set.error().fault(), Fault::invalid);
    EXPECT_EQ(set.error().message().substr(0, 9), "password:");
  }
  EXPECT_TRUE(run(users->set_password(ada.id, Secret("ada-is-short-enough"), cause)));
}

TEST_P(PasswordsSpec, changing_needs_the_old_one) {
  const auto ada = given_user("ada@example.com");
  ASSERT_TRUE(run(users->expire_password(ada.id, cause)));
  EXPECT_EQ(run(users->change_password(ada.id, Secret("guess"), Secret("difference-Engine2"), cause)).error().fault(), Fault::denied);
  const auto changed = run(users->change_password(ada.id, Secret("analytical-Engine1"), Secret("difference-Engine2"), cause));
  ASSERT_TRUE(changed) << changed.error().message();
  EXPECT_EQ(changed->status, Status::active);
  EXPECT_FALSE(sign_in("ada@example.com", "analytical-Engine1"));
  EXPECT_TRUE(sign_in("ada@example.com", "difference-Engine2"));
}

TEST_P(PasswordsSpec, changing_is_no_way_around_the_delay) {
  const auto ada = given_user("ada@example.com");
  for (int i = 0; i < kFreeTries; ++i) (void)run(users->change_password(ada.id, Secret("guess"), Secret("difference-Engine2"), cause));
  EXPECT_EQ(run(users->change_password(ada.id, Secret("analytical-Engine1"), Secret("difference-Engine2"), cause)).error().fault(),
            Fault::limited);
}

TEST_P(PasswordsSpec, no_password_is_ever_stored_or_told) {
  const auto ada = given_user("ada@example.com");
  (void)sign_in("ada@example.com", "another-Secret99");
  ASSERT_TRUE(run(users->set_password(ada.id, Secret("difference-Engine2"), cause)));
  for (const auto& row : read("select data from system_log").value())
    for (const auto* secret : {"analytical-Engine1", "another-Secret99", "difference-Engine2"})
      EXPECT_EQ(row.text(0).find(secret), std::string::npos);
  EXPECT_EQ(stored_hash(ada.id).substr(0, 10), "$argon2id$");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, PasswordsSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
