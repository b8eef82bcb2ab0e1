#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value_stack.hpp>

#include "core/text.h"

namespace gatehouse {
namespace {

constexpr std::size_t kFaultsMax = 50;

const json::object& empty_object() {
  static const json::object kEmpty;
  return kEmpty;
}

// Builds the value and counts the names on the way. Duplicate names are where two readers of one document may disagree, so they
// are refused: Boost.JSON keeps the last one, thus the value has fewer members than the text had names.
struct Builder {
  static constexpr std::size_t max_object_size = json::object::max_size(), max_array_size = json::array::max_size(),
                               max_key_size = json::string::max_size(), max_string_size = json::string::max_size();
  json::value_stack stack;
  std::size_t names = 0;

  using ec = json::error_code;
  bool on_document_begin(ec&) { return true; }
  bool on_document_end(ec&) { return true; }
  bool on_object_begin(ec&) { return true; }
  bool on_object_end(std::size_t size, ec&) { stack.push_object(size); return true; }
  bool on_array_begin(ec&) { return true; }
  bool on_array_end(std::size_t size, ec&) { stack.push_array(size); return true; }
  bool on_key_part(json::string_view part, std::size_t, ec&) { stack.push_chars(part); return true; }
  bool on_key(json::string_view part, std::size_t, ec&) { ++names; stack.push_key(part); return true; }
  bool on_string_part(json::string_view part, std::size_t, ec&) { stack.push_chars(part); return true; }
  bool on_string(json::string_view part, std::size_t, ec&) { stack.push_string(part); return true; }
  bool on_number_part(json::string_view, ec&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, ec&) { stack.push_int64(number); return true; }
  bool on_uint64(std::uint64_t number, json::string_view, ec&) { stack.push_uint64(number); return true; }
  bool on_double(double number, json::string_view, ec&) { stack.push_double(number); return true; }
  bool on_bool(bool yes, ec&) { stack.push_bool(yes); return true; }
  bool on_null(ec&) { stack.push_null(); return true; }
  bool on_comment_part(json::string_view, ec&) { return true; }
  bool on_comment(json::string_view, ec&) { return true; }
};

// At most kJsonDepthMax deep, as it was parsed.
std::size_t members_of(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += members_of(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) count += members_of(item);
  }
  return count;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::basic_parser<Builder> parser(options);
  parser.handler().stack.reset();
  json::error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) return failure(Fault::invalid, fmt::format("not JSON: {} at byte {}", error.message(), used));
  auto value = parser.handler().stack.release();
  if (members_of(value) != parser.handler().names) return failure(Fault::invalid, "not JSON: a name stands twice in one object");
  return value;
}

std::string to_text(const json::value& value) { return json::serialize(value); }

const json::value* find(const json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  return members == nullptr ? nullptr : members->if_contains({name.data(), name.size()});
}

std::optional<std::string> find_string(const json::value& object, std::string_view name) {
  const auto* member = find(object, name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string(member->get_string());
}

std::optional<std::int64_t> find_int(const json::value& object, std::string_view name) {
  const auto* member = find(object, name);
  if (member == nullptr || !member->is_int64()) return std::nullopt;
  return member->get_int64();
}

std::optional<bool> find_bool(const json::value& object, std::string_view name) {
  const auto* member = find(object, name);
  if (member == nullptr || !member->is_bool()) return std::nullopt;
  return member->get_bool();
}

std::vector<std::string> find_strings(const json::value& object, std::string_view name) {
  std::vector<std::string> texts;
  const auto* member = find(object, name);
  if (member == nullptr || !member->is_array()) return texts;
  for (const auto& item : member->get_array())
    if (item.is_string()) texts.emplace_back(item.get_string());
  return texts;
}

struct Reader::Shared {
  std::vector<std::string> faults;
};

Reader::Reader(const json::value& value) : object_(value.if_object()), shared_(std::make_shared<Shared>()) {
  if (object_ == nullptr) {
    object_ = &empty_object();
    shared_->faults.emplace_back("body: must be a JSON object");
  }
}

Reader::Reader(const json::object* object, std::string path, std::shared_ptr<Shared> shared)
    : object_(object), path_(std::move(path)), shared_(std::move(shared)) {}

const json::value* Reader::take(std::string_view name, Need need) {
  seen_.emplace_back(name);
  const auto* member = object_->if_contains({name.data(), name.size()});
  const bool absent = member == nullptr || member->is_null();
  if (absent && need == Need::required) fault(name, "is required");
  return absent ? nullptr : member;
}

template <>
std::optional<std::string> Reader::as(std::string_view name, const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  fault(name, "must be a string");
  return std::nullopt;
}

template <>
std::optional<bool> Reader::as(std::string_view name, const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  fault(name, "must be true or false");
  return std::nullopt;
}

template <>
std::optional<std::int64_t> Reader::as(std::string_view name, const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  fault(name, "must be a whole number");
  return std::nullopt;
}

template <>
std::optional<std::vector<std::string>> Reader::as(std::string_view name, const json::value& value) {
  const auto* items = value.if_array();
  std::vector<std::string> texts;
  for (std::size_t i = 0; items != nullptr && i < items->size() && (*items)[i].is_string(); ++i)
    texts.emplace_back((*items)[i].get_string());
  if (items != nullptr && texts.size() == items->size()) return texts;
  fault(name, "must be an array of strings");
  return std::nullopt;
}

template <>
std::optional<json::value> Reader::as(std::string_view, const json::value& value) {
  return value;
}

template <>
std::optional<json::object> Reader::as(std::string_view name, const json::value& value) {
  if (value.is_object()) return value.get_object();
  fault(name, "must be an object");
  return std::nullopt;
}

Reader Reader::object(std::string_view name) {
  const auto* member = take(name, Need::optional);
  if (member != nullptr && !member->is_object()) {
    fault(name, "must be an object");
    member = nullptr;
  }
  const auto* below = member == nullptr ? &empty_object() : &member->get_object();
  return {below, fmt::format("{}{}.", path_, name), shared_};
}

bool Reader::has(std::string_view name) const { return object_->contains({name.data(), name.size()}); }
void Reader::ignore(std::string_view name) { seen_.emplace_back(name); }
void Reader::ignore_rest() {
  for (const auto& member : *object_) seen_.emplace_back(member.key());
}

void Reader::fault(std::string_view name, std::string message) {
  if (shared_->faults.size() < kFaultsMax) shared_->faults.push_back(fmt::format("{}{}: {}", path_, name, message));
}

Result<void> Reader::done() {
  for (const auto& member : *object_) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::ranges::find(seen_, name) == seen_.end()) fault(name, "is not known here");
  }
  if (shared_->faults.empty()) return {};
  return failure(Fault::invalid, join(shared_->faults, "; "));
}

const std::vector<std::string>& Reader::faults() const { return shared_->faults; }

}  // namespace gatehouse
