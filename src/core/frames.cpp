#include "core/frames.h"

#include <array>
#include <new>
#include <utility>

namespace gatehouse::frames {
namespace {

constexpr std::size_t kStep = 64, kLargest = 4096;   // sizes are rounded up to a multiple of kStep; larger frames are not kept
constexpr std::size_t kSizes = kLargest / kStep;
constexpr std::size_t kKeptMax = 512 * 1024;         // bytes, per thread

// A block that nobody uses holds the pointer to the next one.
struct Free {
  Free* next;
};

struct Lists {
  std::array<Free*, kSizes> first;
  std::size_t kept;    // bytes in all lists
  bool closed;         // the thread is ending: what comes now is not kept
};
constinit thread_local Lists lists{};

struct Closer {
  ~Closer() {
    lists.closed = true;
    for (auto*& first : lists.first)
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
    lists.kept = 0;
  }
};

// The first block that is kept sees to it that all are let go with the thread.
void close_with_thread() { thread_local const Closer closer; }

constexpr std::size_t index_of(std::size_t size) { return (size - 1) / kStep; }

// Under AddressSanitizer nothing is kept: a frame that is used after its end shall be seen.
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define GH_WATCHED
#endif
#endif
#if defined(GH_WATCHED) || defined(__SANITIZE_ADDRESS__)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif

}  // namespace

void* take(std::size_t size) {
  if (size > kLargest) return ::operator new(size);
  const auto index = index_of(size);
  auto*& first = lists.first[index];
  if (first == nullptr) return ::operator new((index + 1) * kStep);
  lists.kept -= (index + 1) * kStep;
  return std::exchange(first, first->next);
}

void give(void* frame, std::size_t size) noexcept {
  const auto index = index_of(size);
  if (const auto bytes = (index + 1) * kStep; kKeeps && bytes <= kLargest && lists.kept + bytes <= kKeptMax && !lists.closed) {
    if (lists.kept == 0) close_with_thread();
    lists.kept += bytes;
    lists.first[index] = new (frame) Free{lists.first[index]};
    return;
  }
  ::operator delete(frame);
}

}  // namespace gatehouse::frames
