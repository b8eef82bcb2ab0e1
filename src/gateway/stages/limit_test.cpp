// Limits as callers meet them.
#include "gateway/stages/limit.h"

#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

using Kind = LimitPart::Kind;

LimitConfig limit_of(std::int64_t requests, std::vector<LimitPart> by, std::string name = "api") {
  LimitConfig limit;
  limit.name = std::move(name);
  limit.rate = {store::Rate::Way::bucket, requests, Seconds(60), requests};
  limit.by = std::move(by);
  return limit;
}

// A store that is down, and says so.
class BrokenStore final : public store::KeyValue {
 public:
  Task<std::optional<std::string>> get(std::string) override { co_return failure(Fault::upstream, "down"); }
  Task<void> put(std::string, std::string, Millis) override { co_return failure(Fault::upstream, "down"); }
  Task<bool> add(std::string, std::string, Millis) override { co_return failure(Fault::upstream, "down"); }
  Task<void> remove(std::string) override { co_return failure(Fault::upstream, "down"); }
  Task<store::Taken> take(std::string, store::Rate) override { co_return failure(Fault::upstream, "down"); }
};

struct LimitTest : StageFixture {
  std::shared_ptr<LimitTables> tables = std::make_shared<LimitTables>(house.random());
  std::shared_ptr<Stage> stage(std::vector<LimitConfig> limits) { return made(make_limit_stage(std::move(limits), tables, house.clock)); }
};

TEST_F(LimitTest, more_than_allowed_is_429_and_tells_when) {
  open({stage({limit_of(2, {{Kind::address, {}}})})});
  const auto first = get();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.header("RateLimit-Policy"), "\"api\";q=2;w=60");
  EXPECT_EQ(first.header("RateLimit"), "\"api\";r=1;t=30");
  EXPECT_EQ(get().header("RateLimit"), "\"api\";r=0;t=60");
  const auto refused = get();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "30");
  EXPECT_EQ(refused.header("RateLimit"), "\"api\";r=0;t=60");
  EXPECT_EQ(app.targets.size(), 2u);
  house.clock.advance(Seconds(30));
  EXPECT_EQ(get().status, 200);
}

TEST_F(LimitTest, several_stand_side_by_side) {
  auto old = limit_of(5, {}, "all");
  old.tell_old = true;
  open({stage({old, limit_of(2, {{Kind::address, {}}}, "each")})});
  get();
  const auto second = get();
  EXPECT_EQ(second.header("RateLimit"), "\"each\";r=0;t=60, \"all\";r=3;t=24");
  EXPECT_EQ(second.header("X-RateLimit-Remaining"), "3");
  EXPECT_EQ(get().status, 429);
  EXPECT_EQ(get().status, 429);
  // Who was refused by the narrow one took nothing from everybody's.
  house.clock.advance(Seconds(30));
  EXPECT_EQ(get().header("RateLimit"), "\"each\";r=0;t=60, \"all\";r=4;t=12");
}

TEST_F(LimitTest, callers_are_told_apart_by_who_they_are) {
  open({stage({limit_of(1, {{Kind::user, {}}}, "user")}), stage({limit_of(2, {{Kind::claim, "tenant"}}, "tenant")})}, "named");
  EXPECT_EQ(get({"X-Who: ada"}).status, 200);
  EXPECT_EQ(get({"X-Who: ada"}).status, 429);
  EXPECT_EQ(get({"X-Who: anna"}).status, 200);   // another user of the same tenant
  EXPECT_EQ(get({"X-Who: alan"}).status, 429);   // the tenant's third
  EXPECT_EQ(get({"X-Who: bob"}).status, 200);
  EXPECT_EQ(get().status, 401);                  // who is nobody is not counted behind the policy
}

TEST_F(LimitTest, a_header_that_is_not_there_is_no_way_around) {
  open({stage({limit_of(1, {{Kind::header, "X-Api-Key"}})})});
  EXPECT_EQ(get({"X-Api-Key: one"}).status, 200);
  EXPECT_EQ(get({"x-api-key: one"}).status, 429);
  EXPECT_EQ(get({"X-Api-Key: two"}).status, 200);
  EXPECT_EQ(get().status, 200);                                          // by address
  EXPECT_EQ(get({"X-Api-Key: three", "X-Api-Key: four"}).status, 429);   // by address as well
}

TEST_F(LimitTest, parts_do_not_run_into_each_other) {
  open({stage({limit_of(1, {{Kind::header, "a"}, {Kind::header, "b"}})})});
  EXPECT_EQ(get({"a: xy", "b: z"}).status, 200);
  EXPECT_EQ(get({"a: x", "b: yz"}).status, 200);
  EXPECT_EQ(get({"a: x", "b: yz"}).status, 429);
}

TEST_F(LimitTest, a_reload_forgives_nobody) {
  const auto limits = std::vector{limit_of(1, {{Kind::address, {}}})};
  open({stage(limits)});
  EXPECT_EQ(get().status, 200);
  house.gateway().swap(Snapshot::build(house.needs(*http), config({stage(limits)})).value());
  EXPECT_EQ(get().status, 429);
}

TEST_F(LimitTest, in_flight_ends_with_the_request) {
  LimitConfig one;
  one.name = "at-once";
  one.in_flight = 1;
  one.by = {{Kind::address, {}}};
  open({stage({one})});
  RawClient slow(house.port());
  slow.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\n\r\nab");
  while (app.asked == 0) std::this_thread::yield();   // it is at it
  const auto refused = get();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("RateLimit-Policy"), "\"at-once\";q=1;qu=\"concurrent-requests\"");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  slow.send("cd");
  EXPECT_EQ(slow.read().status, 200);
  EXPECT_EQ(get().status, 200);
}

TEST_F(LimitTest, shared_ones_count_together) {
  const auto store = store::memory_key_value(house.clock);
  tables = std::make_shared<LimitTables>(house.random(), store.get());
  auto limit = limit_of(1, {{Kind::address, {}}});
  limit.shared = true;
  const auto first = stage({limit});
  tables = std::make_shared<LimitTables>(house.random(), store.get());   // another gateway
  open({first});
  EXPECT_EQ(get().status, 200);
  house.gateway().swap(Snapshot::build(house.needs(*http), config({stage({limit})})).value());
  EXPECT_EQ(get().status, 429);
}

TEST_F(LimitTest, without_the_store_it_is_as_configured) {
  BrokenStore broken;
  tables = std::make_shared<LimitTables>(house.random(), &broken);
  auto limit = limit_of(1, {{Kind::address, {}}});
  limit.shared = true;
  open({stage({limit})});
  EXPECT_EQ(get().status, 200);   // local
  EXPECT_EQ(get().status, 429);
  limit.without_store = LimitConfig::WithoutStore::open;
  house.gateway().swap(Snapshot::build(house.needs(*http), config({stage({limit})})).value());
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(get().status, 200);
  limit.without_store = LimitConfig::WithoutStore::closed;
  house.gateway().swap(Snapshot::build(house.needs(*http), config({stage({limit})})).value());
  EXPECT_EQ(get().status, 503);
}

TEST_F(LimitTest, what_cannot_work_is_refused) {
  const auto refused = [&](LimitConfig limit) { return !make_limit_stage({std::move(limit)}, tables, house.clock); };
  EXPECT_TRUE(refused(limit_of(0, {})));
  EXPECT_TRUE(refused(limit_of(1, {}, "a\"b")));
  EXPECT_TRUE(refused(limit_of(1, {{Kind::header, "a b"}})));
  auto shared = limit_of(1, {});
  shared.shared = true;
  EXPECT_TRUE(refused(shared));
  EXPECT_FALSE(make_limit_stage({limit_of(1, {{Kind::user, {}}}), limit_of(1, {})}, tables, house.clock));
}

}  // namespace
}  // namespace gatehouse::gateway
