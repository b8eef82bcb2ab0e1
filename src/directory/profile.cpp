#include "directory/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "directory/users.h"

namespace gatehouse::directory {
namespace {

// Okta's base user profile, less the four that Profile has as members.
constexpr std::array<std::string_view, 27> kAttributes = {
    "middleName",   "honorificPrefix", "honorificSuffix", "title",        "displayName",  "nickName",      "profileUrl",
    "primaryPhone", "mobilePhone",     "secondEmail",     "streetAddress", "city",        "state",         "zipCode",
    "countryCode",  "postalAddress",   "preferredLanguage", "locale",     "timezone",     "userType",      "employeeNumber",
    "costCenter",   "organization",    "division",        "department",   "managerId",    "manager"};

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_printable(std::string_view text) {
  return is_utf8(text) && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// One '@' with something on both sides and no white space: what Okta's default policy asks of a login.
bool is_address(std::string_view text) {
  const auto at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.find('@', at + 1) == std::string_view::npos &&
         text.find(' ') == std::string_view::npos && is_printable(text);
}

void check_text(std::vector<std::string>& faults, std::string_view name, std::string_view text, std::size_t max) {
  if (!is_printable(text)) faults.push_back(fmt::format("{}: has characters that are not allowed", name));
  if (characters(text) > max) faults.push_back(fmt::format("{}: must be at most {} characters", name, max));
}

Result<void> verdict(const std::vector<std::string>& faults) {
  if (faults.empty()) return {};
  return failure(Fault::invalid, join(faults, "; "));
}

}  // namespace

std::string fold(std::string_view text) { return to_lower(text); }

bool is_profile_attribute(std::string_view name) {
  return name == "login" || name == "email" || name == "firstName" || name == "lastName" ||
         std::ranges::find(kAttributes, name) != kAttributes.end();
}

Result<void> check_profile(const Profile& profile) {
  std::vector<std::string> faults;
  if (profile.login.empty()) faults.emplace_back("login: The field cannot be left blank");
  else if (!is_address(profile.login)) faults.emplace_back("login: Username must be in the form of an email address");
  check_text(faults, "login", profile.login, kLoginMax);
  if (!profile.email.empty() && !is_address(profile.email)) faults.emplace_back("email: Does not match required pattern");
  check_text(faults, "email", profile.email, kLoginMax);
  check_text(faults, "firstName", profile.first_name, kNameMax);
  check_text(faults, "lastName", profile.last_name, kNameMax);
  for (const auto& attribute : profile.more) {
    const std::string_view name(attribute.key().data(), attribute.key().size());
    const auto* text = attribute.value().if_string();
    if (!is_profile_attribute(name)) faults.push_back(fmt::format("{0}: Property name '{0}' is not defined in profile", name));
    else if (text == nullptr) faults.push_back(fmt::format("{}: must be a string", name));
    else check_text(faults, name, {text->data(), text->size()}, kAttributeMax);
  }
  return verdict(faults);
}

Result<void> check_new_password(const Secret& password, const Profile& profile) {
  std::vector<std::string> faults;
  const auto text = password.reveal();
  if (characters(text) < kNewPasswordMin)
    faults.push_back(fmt::format("password: Password requirements were not met. Password requirements: at least {} characters.",
                                 kNewPasswordMin));
  if (text.size() > kNewPasswordMax) faults.push_back(fmt::format("password: must be at most {} bytes", kNewPasswordMax));
  if (!is_utf8(text)) faults.emplace_back("password: has characters that are not allowed");

  // Parts of the login as Okta counts them: between anything but letters and digits, four characters or more.
  constexpr std::size_t kPartMin = 4;
  const auto folded = fold(text);
  std::string part;
  for (const char c : fold(profile.login) + "\n") {
    if (is_alnum(c) || static_cast<unsigned char>(c) >= 0x80) { part += c; continue; }
    if (part.size() >= kPartMin && folded.find(part) != std::string::npos) {
      faults.emplace_back("password: Password requirements were not met. Password requirements: no parts of your username.");
      break;
    }
    part.clear();
  }
  return verdict(faults);
}

}  // namespace gatehouse::directory
