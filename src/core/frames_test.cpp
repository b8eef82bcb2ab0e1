#include "core/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace gatehouse {
namespace {

constexpr std::size_t kSizes[] = {1, 8, 63, 64, 65, 1020, 1024, 1025, 4095, 4096, 4097, 100'000};

TEST(Frames, nobody_shares_a_frame_and_all_of_it_may_be_used) {
  for (int round = 0; round < 3; ++round) {
    std::set<void*> taken;
    std::vector<std::pair<void*, std::size_t>> all;
    for (const auto size : kSizes)
      for (int i = 0; i < 200; ++i) {
        auto* frame = frames::take(size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t), 0U);
        EXPECT_TRUE(taken.insert(frame).second);
        std::memset(frame, round, size);
        all.emplace_back(frame, size);
      }
    for (const auto& [frame, size] : all) frames::give(frame, size);
  }
}

TEST(Frames, one_thread_takes_and_another_gives_back) {
  std::vector<void*> taken;
  std::thread([&] {
    for (const auto size : kSizes) taken.push_back(frames::take(size));
  }).join();
  std::size_t at = 0;
  for (const auto size : kSizes) frames::give(taken[at++], size);
  std::thread([] {
    for (const auto size : kSizes) frames::give(frames::take(size), size);
  }).join();   // what it kept goes with it: LeakSanitizer looks
}

}  // namespace
}  // namespace gatehouse
