#include "net/form.h"

#include <fmt/format.h>

#include <stdexcept>

#include "core/text.h"
#include "net/chars.h"

namespace gatehouse::net {
namespace {

Result<std::string> decode_part(std::string_view text) {
  std::string spaced(text);
  for (auto& c : spaced)
    if (c == '+') c = ' ';
  GH_TRY(auto decoded, percent_decode(spaced));
  if (!is_utf8(decoded)) return failure(Fault::invalid, "form: a value is not UTF-8 text");
  return decoded;
}

}  // namespace

Result<Form> Form::parse(std::string_view text) {
  Form form;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (form.fields_.size() == kFormFieldsMax) return failure(Fault::invalid, "form: too many fields");
    const auto equals = pair.find('=');
    GH_TRY(auto name, decode_part(pair.substr(0, equals)));
    if (equals == std::string_view::npos) {
      form.add(std::move(name), "");
      continue;
    }
    GH_TRY(auto value, decode_part(pair.substr(equals + 1)));
    form.add(std::move(name), std::move(value));
  }
  return form;
}

std::optional<std::string> Form::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (key == name) return value;
  return std::nullopt;
}

Result<std::optional<std::string>> Form::only(std::string_view name) const {
  std::optional<std::string> found;
  for (const auto& [key, value] : fields_) {
    if (key != name) continue;
    if (found) return failure(Fault::invalid, fmt::format("the parameter {} stands there more than once", name));
    found = value;
  }
  return found;
}

std::vector<std::string> Form::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields_)
    if (key == name) values.push_back(value);
  return values;
}

std::string Form::encode() const {
  std::string text;
  for (const auto& [name, value] : fields_) {
    if (!text.empty()) text += '&';
    text.append(percent_encode(name)).append("=").append(percent_encode(value));
  }
  return text;
}

std::string set_cookie(std::string_view name, std::string_view value, const CookieOptions& options) {
  // Both come from our own code; a value that could add an attribute is a broken invariant.
  if (name.empty() || !chars::all(name, chars::token)) throw std::invalid_argument("set_cookie: name");
  if (!chars::all(value, chars::cookie)) throw std::invalid_argument("set_cookie: value");
  if (!chars::all(options.path, chars::cookie)) throw std::invalid_argument("set_cookie: path");
  auto text = fmt::format("{}={}; Path={}", name, value, options.path);
  if (options.max_age_seconds) text += fmt::format("; Max-Age={}", *options.max_age_seconds);
  if (options.secure) text += "; Secure";
  if (options.http_only) text += "; HttpOnly";
  switch (options.same_site) {
    case CookieOptions::SameSite::lax: text += "; SameSite=Lax"; break;
    case CookieOptions::SameSite::strict: text += "; SameSite=Strict"; break;
    case CookieOptions::SameSite::none: text += "; SameSite=None"; break;
  }
  return text;
}

std::vector<std::pair<std::string_view, std::string_view>> parse_cookies(std::string_view header) {
  std::vector<std::pair<std::string_view, std::string_view>> cookies;
  for (const auto part : split(header, ';')) {
    const auto pair = trim(part);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) cookies.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return cookies;
}

}  // namespace gatehouse::net
