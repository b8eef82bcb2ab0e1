#include <atomic>
#include <latch>
#include <thread>

#include "store/backend_test.h"

namespace gatehouse::store {
namespace {

class MigrateSpec : public BackendTest {
 protected:
  Result<void> migrated(std::vector<Migration> migrations) { return run(migrate(database(), std::move(migrations))); }
  bool has_table(const std::string& name) { return read(Statement("select count(*) from " + name)).has_value(); }
  std::int64_t recorded() { return read("select count(*) from schema_migrations").value()[0].number(0); }
};

std::vector<Migration> first() {
  return {{"pets", 1, {"create table cats (id text not null primary key)", "create index cats_by_id on cats (id)"}},
          {"cars", 1, {"create table cars (id text not null primary key, cat text references cats (id))"}}};
}

std::vector<Migration> second() {
  auto migrations = first();
  migrations.push_back({"pets", 2, {"alter table cats add column name text", "insert into cats (id, name) values ('tom', 'Tom')"}});
  return migrations;
}

TEST_P(MigrateSpec, a_fresh_database_gets_everything) {
  const auto done = migrated(second());
  ASSERT_TRUE(done) << done.error().trail();
  EXPECT_TRUE(has_table("cars"));
  EXPECT_EQ(read("select name from cats").value()[0].text(0), "Tom");
  const auto rows = read("select room, version, oldest_reader, applied_at from schema_migrations order by room, version").value();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2].text(0), "pets");
  EXPECT_EQ(rows[2].number(1), 2);
  EXPECT_EQ(rows[2].number(2), 1);
  EXPECT_GT(rows[2].number(3), 1'700'000'000'000);
}

TEST_P(MigrateSpec, running_again_changes_nothing_and_new_versions_are_added) {
  ASSERT_TRUE(migrated(first()));
  const auto units = database().stats().units;
  ASSERT_TRUE(migrated(first()));
  EXPECT_EQ(database().stats().units, units);
  ASSERT_TRUE(migrated(second()));
  EXPECT_EQ(recorded(), 3);
  ASSERT_TRUE(migrated(second()));
  EXPECT_EQ(recorded(), 3);
}

TEST_P(MigrateSpec, nothing_changes_when_a_step_fails) {
  ASSERT_TRUE(migrated(first()));
  auto broken = second();
  broken.push_back({"cars", 2, {"create table wheels (id text)", "alter table nothing add column x text"}});
  EXPECT_EQ(migrated(broken).error().fault(), Fault::internal);
  EXPECT_FALSE(has_table("wheels"));
  EXPECT_EQ(recorded(), 2);
  EXPECT_TRUE(read("select id from cats").value().empty());
}

TEST_P(MigrateSpec, a_step_that_breaks_a_constraint_is_not_taken_for_another_node) {
  ASSERT_TRUE(migrated(first()));
  ASSERT_TRUE(write("insert into cars (id) values ('a'), ('b')"));
  auto broken = first();
  broken.push_back({"cars", 2, {"alter table cars add column colour bigint default 1", "create unique index one_colour on cars (colour)"}});
  EXPECT_EQ(migrated(broken).error().fault(), Fault::conflict);
  EXPECT_EQ(recorded(), 2);
}

TEST_P(MigrateSpec, several_at_once_do_it_once) {
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> good = 0;
    std::latch start(4);
    std::vector<std::jthread> nodes;
    for (int node = 0; node < 4; ++node) {
      nodes.emplace_back([&] {
        start.arrive_and_wait();
        const auto done = migrated(second());
        if (done) ++good;
        else ADD_FAILURE() << done.error().trail();
      });
    }
    nodes.clear();
    EXPECT_EQ(good, 4);
    EXPECT_EQ(recorded(), 3);
    for (const auto* table : {"cars", "cats", "schema_migrations"}) ASSERT_TRUE(write(Statement(std::string("drop table ") + table)));
  }
}

TEST_P(MigrateSpec, data_of_a_newer_program_is_refused_unless_it_may_be_read) {
  auto newer = second();
  newer.push_back({"pets", 3, {"create table dogs (id text)"}, 2});
  ASSERT_TRUE(migrated(newer));
  EXPECT_TRUE(migrated(second()));  // knows version 2, which may read version 3
  const auto refused = migrated(first());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), Fault::conflict);
  EXPECT_NE(refused.error().message().find("newer Gatehouse"), std::string::npos);
  EXPECT_NE(refused.error().message().find("pets"), std::string::npos);
}

TEST_P(MigrateSpec, a_refused_program_changes_nothing) {
  ASSERT_TRUE(migrated({{"pets", 1, {"create table cats (id text)"}}, {"pets", 2, {"create table dogs (id text)"}, 2}}));
  EXPECT_FALSE(migrated({{"pets", 1, {"create table cats (id text)"}}, {"cars", 1, {"create table cars (id text)"}}}));
  EXPECT_FALSE(has_table("cars"));
}

TEST_P(MigrateSpec, versions_of_a_room_must_grow) {
  EXPECT_EQ(migrated({{"pets", 2, {}}, {"pets", 1, {}}}).error().fault(), Fault::internal);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, MigrateSpec, testing::ValuesIn(every_backend()), name_of);

}  // namespace
}  // namespace gatehouse::store
