#include "gateway/published.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace gatehouse::gateway {
namespace {

struct Counted {
  explicit Counted(std::atomic<int>& count, int n) : alive(count), number(n), again(n) { ++alive; }
  ~Counted() {
    number = -1;
    --alive;
  }
  std::atomic<int>& alive;
  int number, again;
};

TEST(PublishedTest, what_is_being_read_stays) {
  std::atomic<int> alive = 0;
  {
    Published<Counted> value(std::make_unique<Counted>(alive, 1));
    {
      const auto reading = value.read();
      value.replace(std::make_unique<Counted>(alive, 2));
      value.replace(std::make_unique<Counted>(alive, 3));
      EXPECT_EQ(reading->number, 1);
      EXPECT_EQ(value.read()->number, 3);
      EXPECT_EQ(value.kept(), 2u);
    }
    value.collect();
    EXPECT_EQ(value.kept(), 0u);
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(PublishedTest, readers_never_see_what_was_freed) {
  std::atomic<int> alive = 0;
  Published<Counted> value(std::make_unique<Counted>(alive, 1));
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        const auto reading = value.read();
        if (reading->number < 1 || reading->number != reading->again) ++wrong;
      }
    });
  for (int i = 2; i < 20'000; ++i) value.replace(std::make_unique<Counted>(alive, i));
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  value.collect();
  EXPECT_EQ(alive, 1);
}

}  // namespace
}  // namespace gatehouse::gateway
