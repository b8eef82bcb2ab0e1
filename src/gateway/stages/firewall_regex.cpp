#include "gateway/stages/firewall_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <dlfcn.h>
#include <pcre2.h>
#include <time.h>

#include <cstdint>

namespace gatehouse::gateway {
namespace {

constexpr std::int64_t kMillisMax = 1000;      // of processor time: a machine that is busy with other things refuses nobody
constexpr std::uint32_t kHeapMax = 32 * 1024;  // KiB of one match that is not compiled
constexpr unsigned kLookEvery = 256;           // callouts

thread_local bool compiling = false;

struct Spent {
  bool counting = false, exceeded = false;
  std::int64_t until = 0;
  unsigned callouts = 0;
};
thread_local Spent spent;

std::int64_t thread_millis() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

int look(pcre2_callout_block*, void*) {
  if (!spent.counting || ++spent.callouts % kLookEvery != 0 || thread_millis() < spent.until) return 0;
  return PCRE2_ERROR_CALLOUT;   // ends the match
}

pcre2_match_context* bounds() {
  static auto* const made = [] {
    auto* context = pcre2_match_context_create(nullptr);
    if (context == nullptr) return context;
    pcre2_set_callout(context, look, nullptr);
    pcre2_set_heap_limit(context, kHeapMax);
    return context;
  }();
  return made;
}

using Match = int(const pcre2_code*, PCRE2_SPTR, PCRE2_SIZE, PCRE2_SIZE, std::uint32_t, pcre2_match_data*, pcre2_match_context*);
using Compile = pcre2_code*(PCRE2_SPTR, PCRE2_SIZE, std::uint32_t, int*, PCRE2_SIZE*, pcre2_compile_context*);

template <class Function>
Function* library(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int give_up() {
  spent.exceeded = true;
  return PCRE2_ERROR_MATCHLIMIT;
}

int bounded(Match* real, const pcre2_code* code, PCRE2_SPTR subject, PCRE2_SIZE length, PCRE2_SIZE start, std::uint32_t options, pcre2_match_data* data) {
  if (bounds() == nullptr || thread_millis() >= spent.until) return give_up();
  const int found = real(code, subject, length, start, options, data, bounds());
  switch (found) {
    case PCRE2_ERROR_CALLOUT:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_NOMEMORY: return give_up();
    default: return found;   // PCRE2_ERROR_JIT_STACKLIMIT too: the engine tries again without compiled code
  }
}

}  // namespace

BoundedPatterns::BoundedPatterns() { compiling = true; }
BoundedPatterns::~BoundedPatterns() { compiling = false; }
RegexBudget::RegexBudget() { spent = {.counting = true, .exceeded = false, .until = thread_millis() + kMillisMax, .callouts = 0}; }
RegexBudget::~RegexBudget() { spent.counting = false; }
bool RegexBudget::exceeded() const { return spent.exceeded; }

}  // namespace gatehouse::gateway

using namespace gatehouse::gateway;

extern "C" pcre2_code* pcre2_compile_8(PCRE2_SPTR pattern, PCRE2_SIZE length, std::uint32_t options, int* fault, PCRE2_SIZE* at, pcre2_compile_context* context) {
  static auto* const real = library<Compile>("pcre2_compile_8");
  return real(pattern, length, compiling ? options | PCRE2_AUTO_CALLOUT : options, fault, at, context);
}

extern "C" int pcre2_match_8(const pcre2_code* code, PCRE2_SPTR subject, PCRE2_SIZE length, PCRE2_SIZE start, std::uint32_t options, pcre2_match_data* data,
                             pcre2_match_context* context) {
  static auto* const real = library<Match>("pcre2_match_8");
  return spent.counting ? bounded(real, code, subject, length, start, options, data) : real(code, subject, length, start, options, data, context);
}

extern "C" int pcre2_jit_match_8(const pcre2_code* code, PCRE2_SPTR subject, PCRE2_SIZE length, PCRE2_SIZE start, std::uint32_t options, pcre2_match_data* data,
                                 pcre2_match_context* context) {
  static auto* const real = library<Match>("pcre2_jit_match_8");
  return spent.counting ? bounded(real, code, subject, length, start, options, data) : real(code, subject, length, start, options, data, context);
}
