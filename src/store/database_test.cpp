// What every database promises. Tests of one of them only: sqlite_test.cpp, postgres_test.cpp.
#include <boost/asio/thread_pool.hpp>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "store/backend_test.h"

namespace gatehouse::store {
namespace {

class DatabaseSpec : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(write("create table things (id text not null primary key, label text, uses bigint not null default 0, weight double precision)"));
    ASSERT_TRUE(write("create table parts (id text not null primary key, thing text not null references things (id) deferrable initially deferred)"));
  }

  Result<std::vector<Done>> insert(std::string id, std::int64_t uses = 0) {
    return write(Statement("insert into things (id, uses) values ($1, $2)", {std::move(id), uses}));
  }
  std::int64_t count(std::string where = "1 = 1") {
    return read(Statement("select count(*) from things where " + where)).value().front().number(0);
  }
  std::int64_t uses_of(std::string id) {
    return read(Statement("select uses from things where id = $1", {std::move(id)})).value().at(0).number(0);
  }

  // `times` coroutines on two threads; work(i) on each.
  template <class Work>
  void at_once(int times, Work work) {
    boost::asio::thread_pool threads(2);
    for (int i = 0; i < times; ++i) spawn(threads.get_executor(), work(i));
    threads.join();
  }
};

Error spent() { return Error(Fault::denied, "spent"); }

TEST_P(DatabaseSpec, rows_come_back_with_their_types) {
  const std::int64_t large = 9'007'199'254'740'993;  // not a double
  ASSERT_TRUE(write(Statement("insert into things (id, label, uses, weight) values ($1, $2, $3, $4)", {"a", "näme 'quoted' \\ %", large, 0.1})));
  const auto rows = read("select id, label, uses, weight, uses = 5, count(*) over (), cast(sum(uses) over () as bigint) from things").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text(0), "a");
  EXPECT_EQ(rows[0].text(1), "näme 'quoted' \\ %");
  EXPECT_EQ(rows[0].number(2), large);
  EXPECT_EQ(rows[0].real(3), 0.1);
  EXPECT_FALSE(rows[0].yes(4));
  EXPECT_EQ(rows[0].number(5), 1);
  EXPECT_EQ(rows[0].number(6), large);
  EXPECT_THROW((void)rows[0].number(0), std::logic_error);
  EXPECT_THROW((void)rows[0].text(9), std::logic_error);
}

TEST_P(DatabaseSpec, a_sum_of_numbers_is_a_number_and_a_whole_real_stays_real) {
  ASSERT_TRUE(insert("a", 3'000'000'000));
  ASSERT_TRUE(write(Statement("insert into things (id, uses, weight) values ($1, $2, $3)", {"b", std::int64_t(4'000'000'000), 2.0})));
  EXPECT_EQ(read("select sum(uses) from things").value()[0].number(0), 7'000'000'000);
  EXPECT_EQ(read("select weight from things where id = 'b'").value()[0].real(0), 2.0);
}

TEST_P(DatabaseSpec, nulls_go_in_and_out) {
  ASSERT_TRUE(write(Statement("insert into things (id, label, weight) values ($1, $2, $3)", {"a", std::optional<std::string>(), nullptr})));
  ASSERT_TRUE(write(Statement("insert into things (id, label, weight) values ($1, $2, $3)", {"b", "", 1.5})));
  const auto rows = read("select label, weight, uses from things order by id").value();
  EXPECT_TRUE(rows[0].is_null(0));
  EXPECT_TRUE(rows[0].is_null(1));
  EXPECT_EQ(rows[0].maybe_text(0), std::nullopt);
  EXPECT_EQ(rows[0].maybe_number(2), 0);
  EXPECT_THROW((void)rows[0].text(0), std::logic_error);
  EXPECT_EQ(rows[1].maybe_text(0), "");  // an empty text is not null
}

TEST_P(DatabaseSpec, parameters_are_bound_by_name) {
  ASSERT_TRUE(insert("a"));
  ASSERT_TRUE(write(Statement("update things set label = $2, weight = $3 where id = $1", {"a", "second", 3.0})));
  ASSERT_TRUE(write(Statement("update things set label = $2 where id = $1 and label <> $2", {"a", "twice"})));
  const auto rows = read(Statement("select label, weight from things where weight = $2 and id = $1", {"a", 3.0})).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text(0), "twice");
  EXPECT_EQ(rows[0].real(1), 3.0);
}

TEST_P(DatabaseSpec, eleven_parameters_keep_their_order) {
  Statement insert_many("insert into things (id, uses) values ($11, $1), ($10, $2), ($9, $3), ($8, $4), ($7, $5), ($6, $5)",
                        {1, 2, 3, 4, 5, "f", "e", "d", "c", "b", "a"});
  ASSERT_TRUE(write(std::move(insert_many)));
  EXPECT_EQ(uses_of("a"), 1);
  EXPECT_EQ(uses_of("b"), 2);
  EXPECT_EQ(uses_of("f"), 5);
}

TEST_P(DatabaseSpec, wrong_parameters_and_bad_sql_are_our_own_fault) {
  EXPECT_EQ(read(Statement("select id from things where id = $1", {"a", "b"})).error().fault(), Fault::internal);
  EXPECT_EQ(read(Statement("select id from things where id = $1 and label = $2", {"a"})).error().fault(), Fault::internal);
  const auto bad = read("select nothing from nowhere");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().fault(), Fault::internal);
  EXPECT_NE(bad.error().trail().find("nowhere"), std::string::npos);
  EXPECT_EQ(bad.error().message().find("nowhere"), std::string::npos);
  EXPECT_EQ(write("select 1; select 2").error().fault(), Fault::internal);
  EXPECT_EQ(count(), 0);  // and it still works
}

TEST_P(DatabaseSpec, a_text_with_a_nul_or_broken_utf8_is_refused) {
  EXPECT_EQ(insert(std::string("a\0b", 3)).error().fault(), Fault::invalid);
  EXPECT_EQ(insert("\xff").error().fault(), Fault::invalid);
  EXPECT_EQ(count(), 0);
}

TEST_P(DatabaseSpec, a_unit_happens_together_or_not_at_all) {
  ASSERT_TRUE(insert("a"));
  Unit unit;
  unit.push_back(Statement("insert into things (id) values ($1)", {"b"}));
  unit.push_back(Statement("update things set uses = 9 where id = $1", {"a"}));
  unit.push_back(Statement("insert into things (id) values ($1)", {"a"}));
  unit.push_back(Statement("insert into things (id) values ($1)", {"c"}));
  EXPECT_EQ(write(std::move(unit)).error().fault(), Fault::conflict);
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(uses_of("a"), 0);
}

TEST_P(DatabaseSpec, statements_of_a_unit_see_what_came_before_and_tell_what_they_did) {
  Unit unit;
  unit.push_back(Statement("insert into things (id, uses) values ('a', 1), ('b', 2), ('c', 3)"));
  unit.push_back(Statement("update things set uses = uses + 10 where uses >= $1 returning id, uses", {2}));
  unit.push_back(Statement("select count(*) from things where uses > 10"));
  unit.push_back(Statement("delete from things where id = 'nobody'"));
  const auto done = write(std::move(unit)).value();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(done[0].affected, 3);
  EXPECT_EQ(done[1].affected, 2);
  EXPECT_EQ(done[1].rows.size(), 2u);
  EXPECT_GE(done[1].rows[0].number(1), 12);
  EXPECT_EQ(done[2].rows.at(0).number(0), 2);
  EXPECT_EQ(done[2].affected, 0);
  EXPECT_EQ(done[3].affected, 0);
}

TEST_P(DatabaseSpec, an_empty_unit_is_done) { EXPECT_TRUE(write(Unit{}).value().empty()); }

TEST_P(DatabaseSpec, an_unmet_expectation_undoes_the_unit) {
  ASSERT_TRUE(insert("a"));
  Unit unit;
  unit.push_back(Statement("insert into things (id) values ('b')"));
  unit.push_back(Statement("update things set uses = 1 where id = 'nobody'").expect(1, spent()));
  unit.push_back(Statement("insert into things (id) values ('a')"));  // its conflict comes after and is not the answer
  const auto done = write(std::move(unit));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "spent");
  EXPECT_EQ(count(), 1);
}

TEST_P(DatabaseSpec, more_rows_than_expected_are_undone_too) {
  ASSERT_TRUE(insert("a"));
  ASSERT_TRUE(insert("b"));
  EXPECT_EQ(write(Statement("update things set uses = 7").expect(1, spent())).error().message(), "spent");
  EXPECT_EQ(count("uses = 7"), 0);
}

TEST_P(DatabaseSpec, a_met_expectation_of_every_kind_lets_the_unit_pass) {
  Unit unit;
  unit.push_back(Statement("select id from things").expect(0, spent()));
  unit.push_back(Statement("insert into things (id) values ('a'), ('b')").expect(2, spent()));
  unit.push_back(Statement("update things set uses = 1 where id = 'a' returning uses").expect(1, spent()));
  unit.push_back(Statement("select id from things").expect(2, spent()));
  const auto done = write(std::move(unit)).value();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(done[2].rows.at(0).number(0), 1);
  EXPECT_EQ(count(), 2);
}

TEST_P(DatabaseSpec, units_that_fail_take_no_other_one_with_them) {
  ASSERT_TRUE(insert("taken"));
  std::atomic<int> good = 0, conflicts = 0, unmet_ones = 0, other = 0;
  at_once(300, [&](int i) -> boost::asio::awaitable<void> {
    Unit unit;
    unit.push_back(Statement("insert into things (id) values ($1)", {"n" + std::to_string(i)}));
    if (i % 3 == 1) unit.push_back(Statement("insert into things (id) values ('taken')"));
    if (i % 3 == 2) unit.push_back(Statement("update things set uses = 1 where id = 'nobody'").expect(1, spent()));
    auto done = co_await database().write(std::move(unit));
    if (done) ++good;
    else if (done.error().fault() == Fault::conflict) ++conflicts;
    else if (done.error().fault() == Fault::denied) ++unmet_ones;
    else ++other;
  });
  EXPECT_EQ(good, 100);
  EXPECT_EQ(conflicts, 100);
  EXPECT_EQ(unmet_ones, 100);
  EXPECT_EQ(other, 0);
  EXPECT_EQ(count(), 101);
}

TEST_P(DatabaseSpec, a_constraint_checked_at_the_commit_fails_its_own_unit_only) {
  ASSERT_TRUE(insert("a"));
  std::atomic<int> good = 0, conflicts = 0;
  at_once(60, [&](int i) -> boost::asio::awaitable<void> {
    Unit unit;
    std::vector<Param> params{"p" + std::to_string(i), i % 2 == 0 ? "a" : "nobody"};
    unit.emplace_back("insert into parts (id, thing) values ($1, $2)", std::move(params));
    auto done = co_await database().write(std::move(unit));
    if (done) ++good;
    else if (done.error().fault() == Fault::conflict) ++conflicts;
  });
  EXPECT_EQ(good, 30);
  EXPECT_EQ(conflicts, 30);
  EXPECT_EQ(read("select count(*) from parts").value()[0].number(0), 30);
}

TEST_P(DatabaseSpec, of_64_who_spend_one_handle_exactly_one_wins) {
  for (int round = 0; round < 5; ++round) {
    const auto id = "code" + std::to_string(round);
    ASSERT_TRUE(insert(id));
    std::atomic<int> won = 0, lost = 0;
    std::latch start(8);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        at_once(8, [&](int) -> boost::asio::awaitable<void> {
          std::vector<Param> params{id};
          Unit unit;
          unit.push_back(Statement("update things set uses = 1 where id = $1 and uses = 0", std::move(params)).expect(1, spent()));
          auto done = co_await database().write(std::move(unit));
          if (done) ++won;
          else if (done.error().fault() == Fault::denied) ++lost;
        });
      });
    }
    threads.clear();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, 63);
  }
}

TEST_P(DatabaseSpec, units_that_cross_each_other_all_get_through) {
  ASSERT_TRUE(insert("a"));
  ASSERT_TRUE(insert("b"));
  std::atomic<int> good = 0;
  at_once(40, [&](int i) -> boost::asio::awaitable<void> {
    Unit unit;  // opposite orders: a deadlock on databases that lock rows
    unit.push_back(Statement("update things set uses = uses + 1 where id = $1", {i % 2 == 0 ? "a" : "b"}).expect(1, spent()));
    unit.push_back(Statement("update things set uses = uses + 1 where id = $1", {i % 2 == 0 ? "b" : "a"}));
    auto done = co_await database().write(std::move(unit));
    if (done) ++good;
  });
  EXPECT_EQ(uses_of("a"), good);
  EXPECT_EQ(uses_of("b"), good);
  EXPECT_GE(good, 20);  // PostgreSQL may give up on a few after its last attempt
}

TEST_P(DatabaseSpec, what_was_written_is_read) {
  std::atomic<int> stale = 0;
  at_once(100, [&](int i) -> boost::asio::awaitable<void> {
    const auto id = "n" + std::to_string(i);
    Unit unit;
    std::vector<Param> params{id};
    unit.emplace_back("insert into things (id) values ($1)", params);
    auto done = co_await database().write(std::move(unit));
    Statement select("select id from things where id = $1", std::move(params));
    auto rows = co_await database().read(std::move(select));
    if (!done || !rows || rows->size() != 1) ++stale;
  });
  EXPECT_EQ(stale, 0);
}

TEST_P(DatabaseSpec, a_large_text_and_many_rows_pass) {
  const std::string large(3'000'000, 'x');
  Unit unit;
  for (int i = 0; i < 4; ++i) unit.push_back(Statement("insert into things (id, label) values ($1, $2)", {std::to_string(i), large}));
  ASSERT_TRUE(write(std::move(unit)));
  const auto rows = read("select label from things").value();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[3].text(0), large);
}

TEST_P(DatabaseSpec, more_texts_than_are_kept_prepared_work) {
  for (int i = 0; i < 1200; ++i) {
    const auto rows = read(Statement("select " + std::to_string(i) + " + count(*) from things"));
    ASSERT_TRUE(rows) << rows.error().trail();
    ASSERT_EQ(rows->at(0).number(0), i);
  }
  EXPECT_TRUE(insert("a"));
}

TEST_P(DatabaseSpec, a_table_that_changes_under_prepared_statements_stays_readable) {
  ASSERT_TRUE(insert("a"));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(read("select * from things"));
  ASSERT_TRUE(write("alter table things add column extra text"));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(read("select * from things"));
}


TEST_P(DatabaseSpec, a_sweep_takes_what_expired_in_small_steps) {
  ASSERT_TRUE(write("create table tickets (org text not null, id text not null, expires bigint, primary key (org, id))"));
  Unit unit;
  for (int i = 0; i < 100; ++i) {
    unit.push_back(Statement("insert into tickets (org, id, expires) values ($1, $2, $3)", {i % 2 ? "o1" : "o2", i, i}));
  }
  unit.push_back(Statement("insert into tickets (org, id, expires) values ('o1', 'forever', null)"));
  ASSERT_TRUE(write(std::move(unit)));
  const auto before = database().stats().units;
  EXPECT_EQ(run(sweep(database(), Sweep{"tickets", "expires", {"org", "id"}}, from_millis(49), 7)).value(), 50);
  EXPECT_EQ(database().stats().units - before, 8);  // seven full batches and the rest
  EXPECT_EQ(read("select count(*) from tickets").value()[0].number(0), 51);
  EXPECT_EQ(run(sweep(database(), Sweep{"tickets", "expires", {"org", "id"}}, from_millis(49))).value(), 0);
  ASSERT_TRUE(write("create table codes (id text not null primary key, expires bigint not null)"));
  ASSERT_TRUE(write("insert into codes (id, expires) values ('a', 1), ('b', 2)"));
  EXPECT_EQ(run(sweep(database(), Sweep{"codes", "expires", {"id"}}, from_millis(1))).value(), 1);
}

TEST_P(DatabaseSpec, stats_count_what_happened) {
  const auto before = database().stats();
  ASSERT_TRUE(insert("a"));
  EXPECT_FALSE(insert("a"));
  count();
  EXPECT_EQ(database().stats().units - before.units, 1);
  EXPECT_EQ(database().stats().reads - before.reads, 1);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, DatabaseSpec, testing::ValuesIn(every_backend()), name_of);

}  // namespace
}  // namespace gatehouse::store
