// What went wrong, in words that a caller can act on.
// Every edge (Okta JSON, OAuth, HTML, command line) maps Fault to its own wire form once, in one switch
// without default. The message may be shown to the client; the trail is for the log only.
#pragma once

#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace gatehouse {

enum class Fault {
  invalid,          // the input is wrong; sending it again will not help
  unauthenticated,  // who are you?
  denied,           // known, but not allowed
  missing,          // no such thing
  conflict,         // the thing is in another state than the call needs
  limited,          // too much, too fast, too large
  upstream,         // somebody we depend on failed; trying again later may help
  internal,         // our own mistake
};

std::string_view name_of(Fault fault);

class [[nodiscard]] Error {
 public:
  Error(Fault fault, std::string message,
        std::source_location at = std::source_location::current());

  // Adds to the trail: error.while_doing("fetch keys of …").
  Error while_doing(std::string_view doing) &&;
  // A protocol's own word for the fault ("invalid_grant", "E0000007"); empty unless an inner room set one.
  Error with_code(std::string code) &&;

  Fault fault() const { return fault_; }
  const std::string& message() const { return message_; }
  const std::string& code() const { return code_; }
  const std::string& trail() const { return trail_; }

 private:
  Fault fault_;
  std::string message_, code_, trail_;
};

template <class T>
using Result = std::expected<T, Error>;

std::unexpected<Error> failure(Fault fault, std::string message,
                               std::source_location at = std::source_location::current());

}  // namespace gatehouse

#define GH_CONCAT_(a, b) a##b
#define GH_CONCAT(a, b) GH_CONCAT_(a, b)
#define GH_TRY_(leave, tmp, target, ...)                     \
  auto tmp = __VA_ARGS__;                                    \
  if (!tmp) leave std::unexpected(std::move(tmp.error()));   \
  target = *std::move(tmp)
#define GH_DO_(leave, tmp, ...)                              \
  if (auto tmp = __VA_ARGS__; !tmp) leave std::unexpected(std::move(tmp.error()))

// GH_CO_TRY(auto user, co_await users.find(id));  declares `user`, or leaves with the error.
// Statements and not expressions, so that they work in coroutines with every compiler.
#define GH_TRY(target, ...) GH_TRY_(return, GH_CONCAT(gh_try_, __COUNTER__), target, __VA_ARGS__)
#define GH_CO_TRY(target, ...) GH_TRY_(co_return, GH_CONCAT(gh_try_, __COUNTER__), target, __VA_ARGS__)
#define GH_DO(...) GH_DO_(return, GH_CONCAT(gh_do_, __COUNTER__), __VA_ARGS__)
#define GH_CO_DO(...) GH_DO_(co_return, GH_CONCAT(gh_do_, __COUNTER__), __VA_ARGS__)
