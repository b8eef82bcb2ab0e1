#include "core/random.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <random>

#include "core/bytes.h"

namespace gatehouse {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const auto got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) std::abort();  // a guessable secret is worse than a stopped program
      out = out.subspan(static_cast<std::size_t>(got));
    }
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
