// Content codings (RFC 9110 §8.4.1): bytes in, coded bytes out, piece by piece. Hides zlib, brotli and zstd.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gatehouse::gateway {

enum class Coding : std::uint8_t { br, zstd, gzip };
std::string_view name_of(Coding coding);
std::optional<Coding> coding_of(std::string_view name);

class Coder {
 public:
  // flush: all that went in can be decoded from what came out, for answers that are watched while they are made.
  enum class Push : std::uint8_t { keep, flush, end };
  virtual ~Coder() = default;
  // Appends to `out`. False when the library failed: the answer cannot be finished.
  virtual bool code(std::string_view in, Push push, std::string& out) = 0;
};
// nullptr when there is no memory. At most about 1 MiB each.
std::unique_ptr<Coder> make_coder(Coding coding);

}  // namespace gatehouse::gateway
