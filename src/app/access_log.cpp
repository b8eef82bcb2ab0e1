#include "app/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

namespace gatehouse::app {
namespace {

constexpr std::size_t kSpareMax = 256 * 1024;   // bytes of memory that an idle buffer keeps
constexpr mode_t kMode = 0640;

Result<int> open_place(const std::string& place) {
  if (place == "stdout") return STDOUT_FILENO;
  if (place == "stderr") return STDERR_FILENO;
  // O_NONBLOCK: a FIFO without a reader must not hold the program up.
  const int file = ::open(place.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kMode);
  if (file < 0) return failure(Fault::invalid, "access_log: cannot write " + place + ": " + std::generic_category().message(errno) + "; its folder must exist and be writable for this program");
  return file;
}

bool is_regular(int file) {
  struct stat about{};
  return ::fstat(file, &about) == 0 && S_ISREG(about.st_mode);
}

std::size_t lane_of_thread() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(std::string place, Log log) {
  GH_TRY(const int file, open_place(place));
  return std::unique_ptr<AccessLog>(new AccessLog(std::move(place), file, std::move(log)));
}

AccessLog::AccessLog(std::string place, int file, Log log)
    : place_(std::move(place)), file_(file), ours_(file > STDERR_FILENO), regular_(is_regular(file)), log_(std::move(log)),
      thread_([this] { work(); }) {}

AccessLog::~AccessLog() {
  leaving_ = true;
  {
    const std::lock_guard lock(sleep_);
    wake_.notify_one();
  }
  thread_.join();
  if (ours_) ::close(file_);
  if (dropped() > 0) log_.warn("access_log.dropped", {{"lines", dropped()}});
}

void AccessLog::write(std::string_view line) {
  auto& lane = lanes_[lane_of_thread() % kLanes];
  {
    const std::lock_guard lock(lane.mutex);
    if (lane.waiting.size() + line.size() > kWaitingMax) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    lane.waiting.append(line);
    ++lane.lines;
  }
  if (!asleep_.load() || !asleep_.exchange(false)) return;
  const std::lock_guard lock(sleep_);
  wake_.notify_one();
}

void AccessLog::reopen() {
  reopen_ = true;
  asleep_ = false;
  const std::lock_guard lock(sleep_);
  wake_.notify_one();
}

// While lines come, one look at all lanes per kBatch; when there were none, until somebody wakes it.
void AccessLog::work() {
  std::string batch;
  for (;;) {
    const bool last = leaving_.load();
    if (reopen_.exchange(false)) open_again();
    asleep_ = true;    // before the look: who writes after it wakes us
    const bool some = write_waiting(batch);
    if (last) return;
    std::unique_lock lock(sleep_);
    const auto called = [this] { return leaving_.load() || reopen_.load(); };
    if (some) wake_.wait_for(lock, kBatch, called);
    else wake_.wait(lock, [&] { return !asleep_.load() || called(); });
  }
}

bool AccessLog::write_waiting(std::string& batch) {
  bool some = false;
  for (auto& lane : lanes_) {
    std::uint64_t lines = 0;
    {
      const std::lock_guard lock(lane.mutex);
      if (lane.lines == 0) continue;
      std::swap(batch, lane.waiting);
      lines = std::exchange(lane.lines, 0);
    }
    some = true;
    const bool put_down = put(batch);
    (put_down ? written_ : dropped_).fetch_add(lines, std::memory_order_relaxed);
    if (!put_down && !failing_) log_.error("access_log.failed", {{"file", place_}, {"why", std::generic_category().message(errno)}});
    failing_ = !put_down;
    batch.clear();
    if (batch.capacity() > kSpareMax) batch.shrink_to_fit();
  }
  return some;
}

// A pipe gets pieces that it takes whole or not at all.
bool AccessLog::put(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!regular_ && !wait_for_reader()) return false;
    const auto piece = regular_ ? bytes : bytes.substr(0, PIPE_BUF);
    const auto n = ::write(file_, piece.data(), piece.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool AccessLog::wait_for_reader() {
  constexpr int kTick = 100;   // milliseconds
  for (;;) {
    pollfd on{file_, POLLOUT, 0};
    if (::poll(&on, 1, kTick) > 0) return (on.revents & POLLOUT) != 0;
    if (leaving_.load() && (patience_ -= std::chrono::milliseconds(kTick)).count() <= 0) {
      errno = ETIMEDOUT;
      return false;
    }
  }
}

void AccessLog::open_again() {
  if (!ours_) return;
  const auto file = open_place(place_);
  if (!file) return log_.error("access_log.failed", {{"file", place_}, {"why", file.error().message()}});   // the old one goes on
  ::close(file_);
  file_ = *file;
  regular_ = is_regular(file_);
}

}  // namespace gatehouse::app
