#include "secrets/handles.h"

#include <boost/asio/thread_pool.hpp>

#include <atomic>

#include "core/bytes.h"
#include "core/log.h"
#include "crypto/hash.h"
#include "store/backend_test.h"

namespace gatehouse::secrets {
namespace {

constexpr HandleKind kCode{"authorization_code", "ghc_", Seconds(60)};
constexpr HandleKind kTwin{"password_reset", "ghc_", Seconds(60)};  // same prefix, another kind
constexpr HandleKind kTransaction{"sign_in", "ght_", Seconds(3600)};

class HandlesSpec : public store::BackendTest {
 protected:
  void SetUp() override {
    store::BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(run(store::migrate(database(), migrations())));
    handles_.emplace(HandleNeeds{database(), clock_, *random_});
  }
  Handles& handles() { return *handles_; }
  Secret given(HandleKind kind = kCode, std::string subject = "ada") {
    return run(handles().issue(org_, kind, json::object{{"sub", subject}}, {})).value();
  }
  std::optional<Fault> fault_of_spending(const Secret& handle, HandleKind kind = kCode) {
    const auto data = run(handles().spend(org_, kind, handle));
    return data ? std::nullopt : std::optional(data.error().fault());
  }
  std::optional<Fault> fault_of_peeking(const Secret& handle, HandleKind kind = kCode) {
    const auto data = run(handles().peek(org_, kind, handle));
    return data ? std::nullopt : std::optional(data.error().fault());
  }
  std::int64_t rows() { return read("select count(*) from handles").value().front().number(0); }

  const OrgId org_ = OrgId::parse("00o1").value(), other_org_ = OrgId::parse("00o2").value();
  ManualClock clock_;
  std::unique_ptr<Random> random_ = system_random();
  std::optional<Handles> handles_;
};

TEST_P(HandlesSpec, a_handle_is_good_once) {
  const auto handle = given();
  EXPECT_EQ(run(handles().peek(org_, kCode, handle)).value().at("sub").as_string(), "ada");
  EXPECT_EQ(run(handles().peek(org_, kCode, handle)).value().at("sub").as_string(), "ada");
  EXPECT_EQ(run(handles().spend(org_, kCode, handle)).value().at("sub").as_string(), "ada");
  EXPECT_EQ(fault_of_spending(handle), Fault::conflict);
  EXPECT_EQ(fault_of_peeking(handle), Fault::conflict);
}

TEST_P(HandlesSpec, a_replay_tells_what_to_revoke) {
  const auto handle = given();
  EXPECT_EQ(run(handles().data_of_spent(org_, kCode, handle)).error().fault(), Fault::missing);  // not used yet
  ASSERT_EQ(fault_of_spending(handle), std::nullopt);
  EXPECT_EQ(run(handles().data_of_spent(org_, kCode, handle)).value().at("sub").as_string(), "ada");
  clock_.advance(Seconds(61));
  EXPECT_EQ(fault_of_spending(handle), Fault::conflict);  // a replay rather than an expiry
}

TEST_P(HandlesSpec, it_expires_on_the_second) {
  const auto first = given(), second = given(), longer = run(handles().issue(org_, kCode, json::object(), Seconds(61))).value();
  clock_.advance(Seconds(60) - Millis(1));
  EXPECT_EQ(fault_of_spending(first), std::nullopt);
  clock_.advance(Millis(1));
  EXPECT_EQ(fault_of_peeking(second), Fault::invalid);
  EXPECT_EQ(fault_of_spending(second), Fault::invalid);
  EXPECT_EQ(fault_of_spending(longer), std::nullopt);
}

TEST_P(HandlesSpec, it_is_of_one_kind_and_one_org) {
  const auto code = given();
  EXPECT_EQ(fault_of_spending(code, kTransaction), Fault::missing);
  EXPECT_EQ(fault_of_spending(code, kTwin), Fault::missing);
  EXPECT_EQ(run(handles().spend(other_org_, kCode, code)).error().fault(), Fault::missing);
  const Secret relabelled("ght_" + std::string(code.reveal().substr(4)));
  EXPECT_EQ(fault_of_spending(relabelled, kTransaction), Fault::missing);
  EXPECT_EQ(fault_of_spending(code), std::nullopt);
}

TEST_P(HandlesSpec, what_is_no_handle_is_unknown) {
  const std::string good(given().reveal());
  for (const std::string& text : {std::string(), std::string("ghc_"), std::string("ghc"), good.substr(0, good.size() - 1), good + "A", good + "=", " " + good,
                                 "GHC_" + good.substr(4), std::string(100'000, 'x'), "ghc_" + std::string(43, 'A'), "ghc_" + std::string(43, '\''), good.substr(4)}) {
    EXPECT_EQ(fault_of_spending(Secret(text)), Fault::missing) << text.substr(0, 60);
    EXPECT_EQ(fault_of_peeking(Secret(text)), Fault::missing) << text.substr(0, 60);
    EXPECT_TRUE(run(handles().remove(org_, kCode, Secret(text)))) << text.substr(0, 60);
  }
  EXPECT_EQ(fault_of_spending(Secret(good)), std::nullopt);
}

TEST_P(HandlesSpec, only_its_hash_is_stored) {
  const auto handle = given();
  EXPECT_TRUE(handle.reveal().starts_with("ghc_"));
  EXPECT_EQ(handle.reveal().size(), 4 + 43U);
  const auto row = read("select hash, data, kind, org_id from handles").value().front();
  EXPECT_EQ(row.text(0), base64url_encode(crypto::sha256(handle.reveal())));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(row.text(i).find(handle.reveal().substr(4)), std::string::npos) << i;
  EXPECT_EQ(redact("got " + std::string(handle.reveal())).find(handle.reveal().substr(4)), std::string::npos);  // the log knows it
}

TEST_P(HandlesSpec, of_64_at_once_exactly_one_spends_it) {
  for (int round = 0; round < 3; ++round) {
    const auto handle = given();
    std::atomic<int> won = 0, late = 0, other = 0;
    const auto spend = [&](Secret mine) -> boost::asio::awaitable<void> {
      const auto data = co_await handles().spend(org_, kCode, std::move(mine));
      ++(data ? won : data.error().fault() == Fault::conflict ? late : other);
    };
    boost::asio::thread_pool threads(4);
    for (int i = 0; i < 64; ++i) spawn(threads.get_executor(), spend(handle));
    threads.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(late, 63);
    EXPECT_EQ(other, 0);
  }
}

TEST_P(HandlesSpec, it_is_spent_together_with_other_rows_or_not_at_all) {
  const auto code = given();
  auto token = handles().issue_statement(org_, kTransaction, json::object{{"for", "ada"}}).value();
  const auto exchange = [&]() -> store::Unit {
    store::Unit unit;
    unit.push_back(handles().spend_statement(org_, kCode, code).value());
    unit.push_back(token.statement);
    return unit;
  };
  const auto done = write(exchange());
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->front().rows.front().text(0), R"({"sub":"ada"})");
  EXPECT_EQ(fault_of_peeking(token.handle, kTransaction), std::nullopt);

  token = handles().issue_statement(org_, kTransaction, json::object{{"for", "mallory"}}).value();
  EXPECT_EQ(write(exchange()).error().fault(), Fault::conflict);
  EXPECT_EQ(fault_of_peeking(token.handle, kTransaction), Fault::missing);  // rolled back
  EXPECT_EQ(handles().spend_statement(org_, kTransaction, code).error().fault(), Fault::missing);
}

TEST_P(HandlesSpec, removed_ones_are_gone) {
  const auto handle = given();
  ASSERT_TRUE(run(handles().remove(org_, kTwin, handle)));  // another kind: no effect
  EXPECT_EQ(fault_of_peeking(handle), std::nullopt);
  ASSERT_TRUE(run(handles().remove(org_, kCode, handle)));
  EXPECT_EQ(fault_of_peeking(handle), Fault::missing);
}

TEST_P(HandlesSpec, the_sweep_takes_expired_ones_only) {
  given();
  given();
  const auto lasting = given(kTransaction);
  clock_.advance(Seconds(61));
  ASSERT_EQ(rows(), 3);
  std::int64_t swept = 0;
  for (const auto& what : sweeps()) swept += run(store::sweep(database(), what, clock_.now())).value();
  EXPECT_EQ(swept, 2);
  EXPECT_EQ(fault_of_spending(lasting, kTransaction), std::nullopt);
}

TEST_P(HandlesSpec, what_others_made_is_good_once_too) {
  const auto until = clock_.now() + Seconds(300);
  const auto first = [&](std::string name, OrgId org, std::string kind = "client_assertion") {
    return run(handles().first_use(std::move(org), std::move(kind), std::move(name), until)).value();
  };
  EXPECT_TRUE(first("bot j1", org_));
  EXPECT_FALSE(first("bot j1", org_));
  EXPECT_TRUE(first("bot j2", org_));
  EXPECT_TRUE(first("bot j1", other_org_));
  EXPECT_TRUE(first("bot j1", org_, "logout_token"));
  EXPECT_EQ(read("select count(*) from handles where hash like '%bot%' or data like '%bot%'").value().front().number(0), 0);
  EXPECT_EQ(run(handles().peek(org_, kCode, Secret("ghc_" + std::string(43, 'A')))).error().fault(), Fault::missing);

  std::atomic<int> won = 0;
  const auto use = [&]() -> boost::asio::awaitable<void> {
    const auto done = co_await handles().first_use(org_, "client_assertion", "bot j64", until);
    if (done && *done) ++won;
  };
  boost::asio::thread_pool threads(4);
  for (int i = 0; i < 64; ++i) spawn(threads.get_executor(), use());
  threads.join();
  EXPECT_EQ(won, 1);
  clock_.advance(Seconds(300));
  for (const auto& what : sweeps()) ASSERT_TRUE(run(store::sweep(database(), what, clock_.now())));
  EXPECT_EQ(rows(), 0) << "bounded by its expiry";
}

TEST_P(HandlesSpec, data_and_kinds_have_limits) {
  EXPECT_EQ(run(handles().issue(org_, kCode, json::value(std::string(kHandleDataMax, 'x')), {})).error().fault(), Fault::limited);
  for (const std::string_view prefix : {"", "gh_", "xx_", "ghcc_", "gh1_", "ghcx"}) {
    const HandleKind unknown_to_the_log{"k", prefix, Seconds(1)};
    EXPECT_EQ(run(handles().issue(org_, unknown_to_the_log, json::object(), {})).error().fault(), Fault::internal) << prefix;
  }
  EXPECT_EQ(run(handles().issue(org_, kCode, json::object(), Seconds(0))).error().fault(), Fault::internal);
  EXPECT_EQ(rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, HandlesSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::secrets
