// Unpredictable bytes, injected so that tests may predict them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gatehouse {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;  // never fails: without entropy the program stops
};

// getrandom(2); safe from any thread.
std::unique_ptr<Random> system_random();
// A fixed sequence for tests. Never for secrets.
std::unique_ptr<Random> seeded_random(std::uint64_t seed);

// `length` characters of [A-Za-z0-9], unbiased (5.95 bits each).
std::string random_text(Random& random, std::size_t length);
// `bytes` random bytes as base64url without padding.
std::string random_token(Random& random, std::size_t bytes);

}  // namespace gatehouse
