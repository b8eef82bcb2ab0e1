#include "events/event.h"

#include <atomic>
#include <set>
#include <thread>

#include "store/backend_test.h"

namespace gatehouse::events {
namespace {

class SystemLogSpec : public store::BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(run(store::migrate(database(), migrations())));
    log.emplace(Needs{database(), clock, *random});
  }

  static Event something(std::string type = "user.lifecycle.create") {
    Event event;
    event.type = std::move(type);
    event.message = "Create Okta user";
    event.actor = {"00uadmin", "User", "admin@example.com", "Admin"};
    event.targets = {{"00uada", "User", "ada@example.com", "Ada Lovelace"}};
    event.origin = {"192.0.2.7", "curl/8.0", "req-1"};
    event.debug["requestUri"] = "/api/v1/users";
    return event;
  }
  SystemLog::Page page(Query query) { return run(log->search(org, std::move(query))).value(); }

  OrgId org = OrgId::parse("00oacme").value(), other = OrgId::parse("00oother").value();
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(1);
  std::optional<SystemLog> log;
};

TEST_P(SystemLogSpec, an_event_reads_as_okta_tells_it) {
  ASSERT_TRUE(run(log->record(org, something())));
  const auto all = page({});
  ASSERT_EQ(all.events.size(), 1U);
  const auto& event = all.events.front();
  EXPECT_EQ(find_string(event, "eventType"), "user.lifecycle.create");
  EXPECT_EQ(find_string(event, "published"), to_iso8601(clock.now()));
  EXPECT_EQ(find_string(event, "severity"), "INFO");
  EXPECT_EQ(find_string(event, "version"), "0");
  EXPECT_EQ(find_string(event, "uuid")->size(), 36U);
  EXPECT_EQ(to_text(*find(event, "actor")),
            R"({"id":"00uadmin","type":"User","alternateId":"admin@example.com","displayName":"Admin","detailEntry":null})");
  EXPECT_EQ(to_text(*find(event, "outcome")), R"({"result":"SUCCESS","reason":null})");
  EXPECT_EQ(find_string(*find(event, "client"), "ipAddress"), "192.0.2.7");
  EXPECT_EQ(find_string(*find(*find(event, "client"), "userAgent"), "rawUserAgent"), "curl/8.0");
  EXPECT_EQ(to_text(*find(event, "transaction")), R"({"type":"WEB","id":"req-1","detail":{}})");
  EXPECT_EQ(to_text(*find(event, "debugContext")), R"({"debugData":{"requestUri":"/api/v1/users"}})");
  EXPECT_EQ(to_text(*find(event, "request")),
            R"({"ipChain":[{"ip":"192.0.2.7","geographicalContext":null,"version":"V4","source":null}]})");
  EXPECT_TRUE(find(event, "legacyEventType")->is_null());
  ASSERT_TRUE(find(event, "target")->is_array());
  EXPECT_EQ(find_string(find(event, "target")->get_array().at(0), "alternateId"), "ada@example.com");
}

TEST_P(SystemLogSpec, a_reader_with_a_cursor_sees_each_event_once_and_in_order) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(log->record(org, something("type." + std::to_string(i)))));
  std::vector<std::string> seen;
  std::string after;
  for (;;) {
    auto part = run(log->read(org, after, 2)).value();
    if (part.events.empty()) {
      EXPECT_EQ(part.after, after) << "a poller stays where it is";
      break;
    }
    for (const auto& event : part.events) seen.push_back(*find_string(event, "eventType"));
    after = part.after;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"type.0", "type.1", "type.2", "type.3", "type.4"}));

  ASSERT_TRUE(run(log->record(org, something("type.5"))));
  EXPECT_EQ(run(log->read(org, after, 10))->events.size(), 1U);
}

TEST_P(SystemLogSpec, the_cursor_goes_on_after_everything_was_swept) {
  ASSERT_TRUE(run(log->record(org, something())));
  const auto after = page({}).after;
  clock.advance(kRetention);
  ASSERT_EQ(run(store::sweep(database(), sweeps().front(), clock.now())), 1);
  ASSERT_TRUE(run(log->record(org, something())));
  EXPECT_EQ(run(log->read(org, after, 10))->events.size(), 1U);
}

TEST_P(SystemLogSpec, events_are_kept_for_ninety_days) {
  ASSERT_TRUE(run(log->record(org, something())));
  clock.advance(kRetention - Millis(1));
  EXPECT_EQ(run(store::sweep(database(), sweeps().front(), clock.now())), 0);
  clock.advance(Millis(1));
  EXPECT_EQ(run(store::sweep(database(), sweeps().front(), clock.now())), 1);
}

TEST_P(SystemLogSpec, can_be_read_from_the_end_by_time_and_by_type) {
  const auto begin = clock.now();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(run(log->record(org, something(i % 2 == 0 ? "even" : "odd"))));
    clock.advance(Seconds(1));
  }
  Query newest;
  newest.newest_first = true;
  newest.limit = 3;
  auto first = page(newest);
  ASSERT_EQ(first.events.size(), 3U);
  EXPECT_EQ(find_string(first.events.front(), "eventType"), "odd");
  newest.after = first.after;
  EXPECT_EQ(page(newest).events.size(), 1U);

  Query middle;
  middle.since = begin + Seconds(1);
  middle.until = begin + Seconds(3);
  EXPECT_EQ(page(middle).events.size(), 2U);
  middle.type = "even";
  EXPECT_EQ(page(middle).events.size(), 1U);
}

// Places follow the order of commits and not the clock, which may be set back; `since` looks at both.
TEST_P(SystemLogSpec, since_finds_what_was_written_after_the_clock_was_set_back) {
  const auto begin = clock.now();
  clock.advance(Seconds(60));
  ASSERT_TRUE(run(log->record(org, something("late"))));
  clock.advance(Seconds(-60));
  ASSERT_TRUE(run(log->record(org, something("early"))));
  for (const bool newest_first : {false, true}) {
    Query query;
    query.newest_first = newest_first;
    query.since = begin;
    EXPECT_EQ(page(query).events.size(), 2U);
    query.until = begin + Seconds(1);
    ASSERT_EQ(page(query).events.size(), 1U);
    EXPECT_EQ(find_string(page(query).events.front(), "eventType"), "early");
    query.until.reset();
    query.since = begin + Seconds(60);
    ASSERT_EQ(page(query).events.size(), 1U);
    EXPECT_EQ(find_string(page(query).events.front(), "eventType"), "late");
    query.since = begin + Seconds(61);
    EXPECT_TRUE(page(query).events.empty());
  }
}

// The reader must never be overtaken: what is written at once by many gets places that it has not passed yet.
TEST_P(SystemLogSpec, a_reader_misses_nothing_while_many_write) {
  constexpr std::size_t kWriters = 4, kEach = 25;
  const auto write_some = [&] {
    for (std::size_t i = 0; i < kEach; ++i) {
      const auto done = run(log->record(org, something()));
      EXPECT_TRUE(done) << done.error().message();
    }
  };
  std::atomic<std::size_t> writing = kWriters;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < kWriters; ++i) {
    threads.emplace_back([&] {
      write_some();
      --writing;
    });
  }
  std::set<std::string> seen;
  std::string after;
  for (bool last = false;;) {
    const auto part = run(log->read(org, after, 7)).value();
    for (const auto& event : part.events) EXPECT_TRUE(seen.insert(*find_string(event, "uuid")).second);
    after = part.after;
    if (last && part.events.empty()) break;
    last = writing == 0;   // what was written before this is there for the next look
  }
  threads.clear();
  EXPECT_EQ(seen.size(), kWriters * kEach);
}

TEST_P(SystemLogSpec, another_org_sees_nothing) {
  ASSERT_TRUE(run(log->record(org, something())));
  EXPECT_TRUE(run(log->read(other, "", 10))->events.empty());
}

TEST_P(SystemLogSpec, an_event_of_a_unit_that_fails_never_happened) {
  store::Unit unit;
  unit.push_back(log->statement(org, something()));
  unit.push_back(store::Statement("delete from system_log where org_id = 'nobody'").expect(1, Error(Fault::conflict, "no")));
  EXPECT_FALSE(run(database().write(std::move(unit))));
  EXPECT_TRUE(page({}).events.empty());
}

TEST_P(SystemLogSpec, what_strangers_write_is_cut_and_made_valid) {
  auto event = something();
  event.origin.user_agent = "bad \xff\xfe bytes";
  event.actor.alternate_id = std::string(kTextMax - 1, 'x') + "\xc3\xa4 and more";
  ASSERT_TRUE(run(log->record(org, event)));
  const auto all = page({});
  EXPECT_EQ(find_string(*find(*find(all.events[0], "client"), "userAgent"), "rawUserAgent"), "bad ?? bytes");
  EXPECT_EQ(find_string(*find(all.events[0], "actor"), "alternateId"), std::string(kTextMax - 1, 'x'));
}

TEST_P(SystemLogSpec, a_cursor_of_somebody_elses_making_is_a_fault) {
  EXPECT_EQ(run(log->read(org, "drop table", 10)).error().fault(), Fault::invalid);
  EXPECT_EQ(run(log->read(org, "-1", 10)).error().fault(), Fault::invalid);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, SystemLogSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::events
