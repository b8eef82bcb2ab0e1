// Memory of the cache: its bounds, who has to leave, and what comes too late to be kept.
#include "gateway/stages/cache_store.h"

#include <gtest/gtest.h>

#include <thread>

namespace gatehouse::gateway {
namespace {

struct CacheStoreTest : testing::Test {
  std::unique_ptr<Random> random = seeded_random(1);
  CacheStores stores{*random};
  std::shared_ptr<CacheStore> store = stores.store({.name = "a", .size = 256 * 1024, .object_max = 32 * 1024});

  CacheEntryPtr entry(const std::string& key, std::size_t size = 1000, std::string variant = {}) {
    auto made = std::make_shared<CacheEntry>();
    made->key = key;
    made->url = "http://app.test/" + key;
    made->body = std::make_shared<const std::string>(size, 'x');
    if (!variant.empty()) made->vary = {"x"};
    made->selecting = store->hash(variant);
    const auto turn = store->turn_of(made->url);
    made->place = turn.place;
    made->turn = turn.turn;
    return made;
  }
  bool keep(const CacheEntryPtr& made) { return store->keep(made, store->turn_of(made->url)); }
  CacheEntryPtr find(const std::string& key) {
    return store->find(key, [](const auto&) { return true; });
  }
};

TEST_F(CacheStoreTest, memory_stays_within_its_bound) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(keep(entry(std::to_string(i), 2000)));
    ASSERT_LE(store->counts().bytes, 256u * 1024);
  }
  const auto counts = store->counts();
  EXPECT_EQ(counts.stored, 2000u);
  EXPECT_EQ(counts.evicted + counts.entries, 2000u);
  EXPECT_GT(counts.entries, 50u);
}

TEST_F(CacheStoreTest, what_is_asked_for_once_does_not_push_out_what_is_asked_for_often) {
  for (int i = 0; i < 20; ++i) keep(entry("hot" + std::to_string(i)));
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(find("hot" + std::to_string(i)));
  for (int i = 0; i < 5000; ++i) keep(entry("cold" + std::to_string(i)));
  int left = 0;
  for (int i = 0; i < 20; ++i) left += find("hot" + std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(left, 20);
}

TEST_F(CacheStoreTest, whoever_is_sending_an_answer_has_it_until_the_end) {
  keep(entry("a"));
  const auto held = find("a");
  store->remove(held);
  EXPECT_FALSE(find("a"));
  EXPECT_EQ(held->body->size(), 1000u);
}

TEST_F(CacheStoreTest, the_same_selection_is_replaced_and_another_one_is_not) {
  keep(entry("a", 10, "de"));
  keep(entry("a", 20, "en"));
  keep(entry("a", 30, "de"));
  EXPECT_EQ(store->counts().entries, 2u);
  for (int i = 0; i < 100; ++i) keep(entry("a", 10, "v" + std::to_string(i)));
  EXPECT_EQ(store->counts().entries, kCacheVariantsMax);
}

TEST_F(CacheStoreTest, what_was_asked_before_a_change_comes_too_late) {
  const auto old = entry("a");
  const auto asked = store->turn_of(old->url);
  store->turn_on(old->url);
  EXPECT_FALSE(store->keep(old, asked));
  const auto next = entry("a");
  EXPECT_TRUE(keep(next));
  EXPECT_TRUE(find("a"));
  store->turn_on(next->url);
  EXPECT_FALSE(find("a"));
}

TEST_F(CacheStoreTest, what_was_asked_before_a_purge_comes_too_late) {
  const auto made = entry("a");
  const auto asked = store->turn_of(made->url);
  EXPECT_EQ(store->purge([](const auto&) { return true; }), 0u);
  EXPECT_FALSE(store->keep(made, asked));
}

TEST_F(CacheStoreTest, copies_on_their_way_are_bounded_as_well) {
  EXPECT_TRUE(store->reserve(64 * 1024));
  EXPECT_FALSE(store->reserve(1));
  store->release(64 * 1024);
  EXPECT_TRUE(store->reserve(1));
}

TEST_F(CacheStoreTest, stores_of_the_same_settings_are_one) {
  EXPECT_EQ(stores.store(store->settings()), store);
  EXPECT_NE(stores.store({.name = "b", .size = 256 * 1024, .object_max = 32 * 1024}), store);
  EXPECT_EQ(stores.all().size(), 1u);  // the other one is nobody's any more
}

TEST_F(CacheStoreTest, many_threads_keep_find_and_purge_at_once) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t] {
      for (int i = 0; i < 2000; ++i) {
        keep(entry(std::to_string(i % 97), 500));
        if (const auto found = find(std::to_string((i * 7 + t) % 97))) EXPECT_EQ(found->body->size(), 500u);
        if (i % 200 == 0) store->purge([&](const auto& one) { return one.key.ends_with('3'); });
        if (i % 50 == 0) store->turn_on("http://app.test/" + std::to_string(i % 97));
      }
    });
  threads.clear();
  const auto counts = store->counts();
  store->purge([](const auto&) { return true; });
  EXPECT_EQ(store->counts().bytes, 0u);
  EXPECT_LE(counts.entries, 97u * kCacheVariantsMax);
}

}  // namespace
}  // namespace gatehouse::gateway
