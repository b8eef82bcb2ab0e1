#include "core/random.h"

#include <string.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <random>

#include "core/bytes.h"

namespace gatehouse {
namespace {

void from_kernel(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) std::abort();  // a guessable secret is worse than a stopped program
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

// Small wishes are served from a block per thread, one system call for many ids; what was given is wiped from it.
// (Nothing here forks after its threads have started; a forked child would repeat the block.)
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    static constexpr std::size_t kBlock = 1024, kSmall = 64;
    thread_local std::array<std::byte, kBlock> block;
    thread_local std::size_t left = 0;
    if (out.size() > kSmall) return from_kernel(out);
    if (left < out.size()) {
      from_kernel(block);
      left = kBlock;
    }
    const auto part = std::span(block).subspan(left - out.size(), out.size());
    std::ranges::copy(part, out.begin());
    ::explicit_bzero(part.data(), part.size());
    left -= out.size();
  }
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::byte> out) override {
    const std::lock_guard lock(mutex_);
    for (auto& byte : out) byte = static_cast<std::byte>(engine_() & 0xff);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace

std::unique_ptr<Random> system_random() { return std::make_unique<SystemRandom>(); }
std::unique_ptr<Random> seeded_random(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

std::string random_text(Random& random, std::size_t length) {
  static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  static constexpr unsigned kUnbiased = 256 - 256 % 62;
  std::string text;
  text.reserve(length);
  std::array<std::byte, 32> pool{};
  while (text.size() < length) {
    random.fill(pool);
    for (auto byte : pool) {
      const auto value = std::to_integer<unsigned>(byte);
      if (value < kUnbiased && text.size() < length) text.push_back(kAlphabet[value % 62]);
    }
  }
  return text;
}

std::string random_token(Random& random, std::size_t bytes) {
  std::string raw(bytes, '\0');
  random.fill(std::as_writable_bytes(std::span(raw)));
  return base64url_encode(raw);
}

}  // namespace gatehouse
