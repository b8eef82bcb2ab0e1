// What a peer may make us do for nothing, as budgets that refill with time and with honest work. Each limit names the attack
// that it ends; who is over one gets GOAWAY ENHANCE_YOUR_CALM. Pure: the time comes in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "net/steady.h"

namespace gatehouse::net {

class Budget {
 public:
  Budget(std::uint32_t capacity, std::uint32_t per_second, SteadyTime now)
      : capacity_(capacity), per_second_(per_second), left_(capacity), filled_(now) {}

  // False: nothing is left. The clock is asked only then, so that honest traffic does not pay for it.
  template <class Now>
  bool take(std::uint32_t cost, Now now) {
    if (cost > left_) refill(now());
    if (cost > left_) return false;
    left_ -= cost;
    return true;
  }
  void earn(std::uint32_t credit) { left_ = std::min(capacity_, left_ + credit); }

 private:
  void refill(SteadyTime now);
  std::uint32_t capacity_, per_second_, left_;
  SteadyTime filled_;
};

enum class Http2Fault : std::uint8_t { none, resets, frames, continuations };

class Http2Guard {
 public:
  // CVE-2023-44487 (rapid reset) and CVE-2025-8671 (MadeYouReset: a client error that makes us reset). A browser that leaves
  // a page cancels at most what it may have open, 100, and what it asks for next may be refused until those have ended.
  static constexpr std::uint32_t kResets = 300, kResetsPerSecond = 30;
  // CVE-2019-9512 (PING), 9515 (SETTINGS), 9518 (empty DATA), 9513 (PRIORITY), 9511 (WINDOW_UPDATE), unknown frames: a toll each.
  static constexpr std::uint32_t kTolls = 4000, kTollsPerSecond = 400;
  static constexpr std::uint32_t kSettingsToll = 20, kPingToll = 4, kOtherToll = 4, kPriorityToll = 2, kEmptyDataToll = 4, kWindowUpdateToll = 1;
  // A peer may answer what we send it: two WINDOW_UPDATE for each DATA, a PING now and then.
  static constexpr std::uint32_t kDataCredit = 4, kRequestCredit = 8;
  // CVE-2024-27316 and its kin: a head of 32 KiB fits into HEADERS and two more frames.
  static constexpr std::uint32_t kContinuationsMax = 8;

  explicit Http2Guard(SteadyTime now) : resets_(kResets, kResetsPerSecond, now), frames_(kTolls, kTollsPerSecond, now) {}
  template <class Now>
  bool reset(Now now) { return judge(resets_.take(1, now), Http2Fault::resets); }
  template <class Now>
  bool toll(std::uint32_t cost, Now now) { return judge(frames_.take(cost, now), Http2Fault::frames); }
  bool continuation() { return judge(++continuations_ <= kContinuationsMax, Http2Fault::continuations); }
  void head_begins() { continuations_ = 0; }
  void earn(std::uint32_t credit) { frames_.earn(credit); }
  Http2Fault fault() const { return fault_; }

 private:
  bool judge(bool fine, Http2Fault fault) {
    if (!fine && fault_ == Http2Fault::none) fault_ = fault;
    return fine;
  }
  Budget resets_, frames_;
  std::uint32_t continuations_ = 0;
  Http2Fault fault_ = Http2Fault::none;
};

std::string_view name_of(Http2Fault fault);

}  // namespace gatehouse::net
