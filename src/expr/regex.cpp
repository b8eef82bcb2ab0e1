#include "expr/regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace gatehouse::expr {
namespace {

constexpr std::int64_t kMemory = std::int64_t{1}
                                 << 20;  // of a compiled pattern; RE2 refuses or slows down, never exceeds it

RE2::Options options() {
  RE2::Options made;
  made.set_max_mem(kMemory);
  made.set_log_errors(false);
  return made;
}

}  // namespace

struct Regex::Program {
  explicit Program(std::string_view pattern) : re({pattern.data(), pattern.size()}, options()) {}
  RE2 re;
};

Regex::Regex(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kRegexMax)
    return failure(Fault::invalid, fmt::format("a regular expression has at most {} bytes", kRegexMax));
  auto program = std::make_unique<Program>(pattern);
  if (!program->re.ok())
    return failure(
        Fault::invalid,
        fmt::format(
            "the regular expression cannot be used: {}; RE2 syntax holds, without back references and look-around",
            program->re.error()));
  return std::make_shared<const Regex>(std::move(program));
}

Result<bool> Regex::matches(Meter& meter, std::string_view text) const {
  // RE2's worst case, when its automaton outgrows its memory, is text x program.
  const auto size = static_cast<std::size_t>(std::max(program_->re.ProgramSize(), 1));
  GH_DO(meter.look_at(text.size() * size));
  return RE2::FullMatch({text.data(), text.size()}, program_->re);
}

}  // namespace gatehouse::expr
