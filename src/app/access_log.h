// Where lines about requests go: a file, standard output or standard error, written by a thread of its own. A loop hands a
// line over and goes on, whatever the disk does: when more than kWaitingMax waits, lines are dropped and counted.
// Knows nothing of what stands in a line.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/error.h"
#include "core/log.h"

namespace gatehouse::app {

class AccessLog {
 public:
  static constexpr std::size_t kWaitingMax = 1024 * 1024;   // bytes, of each thread that writes lines
  static constexpr std::chrono::milliseconds kBatch{50};    // how long a line may wait for others
  static constexpr std::chrono::milliseconds kLeaveWithin{2000};   // at the end, for a pipe that nobody reads

  // `place`: a path, "stdout" or "stderr". Fault::invalid, with what to do, when the file cannot be opened.
  static Result<std::unique_ptr<AccessLog>> open(std::string place, Log log);
  ~AccessLog();   // writes what waits
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // A whole line with its line break; any thread, never blocks.
  void write(std::string_view line);
  // The file was renamed by whoever rotates it: goes on in a new one of the old name. Any thread.
  void reopen();

  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }   // lines
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kLanes = 16;
  struct alignas(64) Lane {
    std::mutex mutex;             // held for the time of a copy or a swap
    std::string waiting;
    std::uint64_t lines = 0;      // in `waiting`
  };
  AccessLog(std::string place, int file, Log log);
  void work();
  bool write_waiting(std::string& batch);
  bool put(std::string_view bytes);
  bool wait_for_reader();
  void open_again();

  const std::string place_;
  int file_;
  bool ours_, regular_;
  Log log_;
  std::array<Lane, kLanes> lanes_;
  std::atomic<std::uint64_t> written_{0}, dropped_{0};
  std::atomic<bool> asleep_{false}, reopen_{false}, leaving_{false};
  bool failing_ = false;
  std::chrono::milliseconds patience_ = kLeaveWithin;
  std::mutex sleep_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace gatehouse::app
