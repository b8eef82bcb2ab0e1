// JSON with limits, and the Reader that turns a JSON object into a typed request.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace gatehouse {

namespace json = boost::json;

inline constexpr std::size_t kJsonDepthMax = 32;

// UTF-8, at most kJsonDepthMax deep, duplicate keys refused. Fault::invalid tells the offset.
Result<json::value> parse_json(std::string_view text);
std::string to_text(const json::value& value);

// Members by name, for documents that are read and not validated; nullptr when absent or of another type.
const json::value* find(const json::value& object, std::string_view name);
std::optional<std::string> find_string(const json::value& object, std::string_view name);
std::optional<std::int64_t> find_int(const json::value& object, std::string_view name);
std::optional<bool> find_bool(const json::value& object, std::string_view name);
std::vector<std::string> find_strings(const json::value& object, std::string_view name);  // array of strings, or {}

// Reads the members of one object and remembers every fault, so that a caller hears of all of them at once:
//   auto login = in.required<std::string>("login");          // std::optional; empty after a fault
//   auto email = in.required("email", EmailAddress::parse);  // any Result<T> f(std::string_view)
//   auto profile = in.object("profile");                     // a Reader below, same list of faults
//   GH_DO(in.done());                                        // all faults and every unknown key
// Supported T: std::string, bool, std::int64_t, std::vector<std::string>, json::value, json::object.
class Reader {
 public:
  explicit Reader(const json::value& value);

  template <class T>
  std::optional<T> required(std::string_view name) {
    const auto* member = take(name, Need::required);
    return member == nullptr ? std::nullopt : as<T>(name, *member);
  }
  template <class T>
  std::optional<T> optional(std::string_view name) {
    const auto* member = take(name, Need::optional);
    return member == nullptr ? std::nullopt : as<T>(name, *member);
  }
  template <class T>
  T optional(std::string_view name, T otherwise) {
    return optional<T>(name).value_or(std::move(otherwise));
  }
  template <class F>
    requires std::is_invocable_v<F, std::string_view>
  auto required(std::string_view name, F&& parse) {
    return parsed(name, required<std::string>(name), parse);
  }
  template <class F>
    requires std::is_invocable_v<F, std::string_view>
  auto optional(std::string_view name, F&& parse) {
    return parsed(name, optional<std::string>(name), parse);
  }
  // The object below `name`; when it is absent a Reader of an empty object.
  Reader object(std::string_view name);
  bool has(std::string_view name) const;
  void ignore(std::string_view name);    // known, and without meaning here
  void ignore_rest();                    // tolerate unknown keys (Okta clients send objects back as they got them)
  void fault(std::string_view name, std::string message);

  // Fault::invalid whose message lists "name: what is wrong" joined by "; ", faults of readers below included.
  Result<void> done();
  const std::vector<std::string>& faults() const;

 private:
  enum class Need { required, optional };
  struct Shared;
  Reader(const json::object* object, std::string path, std::shared_ptr<Shared> shared);
  const json::value* take(std::string_view name, Need need);
  template <class T>
  std::optional<T> as(std::string_view name, const json::value& value);
  template <class F>
  auto parsed(std::string_view name, std::optional<std::string> text, F&& parse) {
    using Value = typename std::invoke_result_t<F, std::string_view>::value_type;
    if (!text) return std::optional<Value>();
    auto value = parse(std::string_view(*text));
    if (!value) fault(name, value.error().message());
    return value ? std::optional<Value>(*std::move(value)) : std::optional<Value>();
  }

  const json::object* object_;
  std::string path_;
  std::vector<std::string> seen_;
  std::shared_ptr<Shared> shared_;  // the readers of one document own the list of faults together
};

}  // namespace gatehouse
