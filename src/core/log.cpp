#include "core/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/clock.h"
#include "core/text.h"

namespace gatehouse {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::array<std::string_view, 24> kSecretNames{
    "password",      "client_secret", "code",          "token",         "access_token", "refresh_token",
    "id_token",      "id_token_hint", "assertion",     "client_assertion", "secret",    "api_token",
    "code_verifier", "device_code",   "device_secret", "sessiontoken",  "statetoken",   "activationtoken",
    "recoverytoken", "temppassword",  "state",         "ticket",        "cookie",       "set-cookie"};
constexpr std::array<std::string_view, 4> kSchemes{"bearer ", "basic ", "dpop ", "ssws "};

bool is_token_char(char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || c == '+' || c == '/' || c == '='; }

std::size_t token_end(std::string_view text, std::size_t from) {
  while (from < text.size() && is_token_char(text[from])) ++from;
  return from;
}

// Where the value ends that begins at `from`: quoted texts at the quote, others at a separator.
std::size_t value_end(std::string_view text, std::size_t from, char quote) {
  if (quote != '\0') {
    while (from < text.size() && text[from] != quote) from += text[from] == '\\' ? 2 : 1;
    return std::min(from, text.size());
  }
  while (from < text.size() && text[from] != '&' && text[from] != ' ' && text[from] != ';' && text[from] != ',' &&
         text[from] != '"' && text[from] != '\n')
    ++from;
  return from;
}

// If a secret's name ends just before `at` and a value follows, tells where that value stands.
struct Span {
  std::size_t from = 0, to = 0;
};
Span named_value(std::string_view text, std::size_t at) {
  for (const auto name : kSecretNames) {
    if (!equal_ignoring_case(text.substr(at, name.size()), name)) continue;
    if (at > 0 && (is_alnum(text[at - 1]) || text[at - 1] == '_' || text[at - 1] == '-')) continue;
    auto next = at + name.size();
    if (next < text.size() && text[next] == '=') return {.from = next + 1, .to = value_end(text, next + 1, '\0')};
    if (next < text.size() && text[next] == '"') ++next;
    while (next < text.size() && text[next] == ' ') ++next;
    if (next >= text.size() || text[next] != ':') continue;
    do ++next;
    while (next < text.size() && text[next] == ' ');
    const char quote = next < text.size() && text[next] == '"' ? '"' : '\0';
    if (quote != '\0') ++next;
    return {.from = next, .to = value_end(text, next, quote)};
  }
  return {};
}

Span credential(std::string_view text, std::size_t at) {
  const bool starts_word = at == 0 || !is_token_char(text[at - 1]) || text[at - 1] == '=' || text[at - 1] == '/';
  if (!starts_word) return {};
  for (const auto scheme : kSchemes)
    if (equal_ignoring_case(text.substr(at, scheme.size()), scheme))
      return {.from = at + scheme.size(), .to = token_end(text, at + scheme.size())};
  const auto rest = text.substr(at);
  if (rest.starts_with("eyJ") && rest.size() > 20) return {.from = at, .to = token_end(text, at)};
  if (rest.starts_with("gh") && rest.size() > 20 && is_alpha(rest[2]) && rest[3] == '_')
    return {.from = at, .to = token_end(text, at)};
  return named_value(text, at);
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "";
}

void append_json_text(std::string& line, std::string_view text) {
  line.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') line.append({'\\', c});
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) fmt::format_to(std::back_inserter(line), "\\u{:04x}", c);
    else line.push_back(c);
  }
  line.push_back('"');
}

// Control characters never reach a terminal or split a line.
void append_plain_text(std::string& line, std::string_view text) {
  const bool quote = text.empty() || std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == 0x7f; });
  if (quote) append_json_text(line, text);
  else line.append(text);
}

class SilentSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace

std::string redact(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto span = is_alpha(text[at]) ? credential(text, at) : Span{};
    if (span.to > span.from) {
      clean.append(text.substr(at, span.from - at)).append(kRedacted);
      at = span.to;
    } else {
      clean.push_back(text[at++]);
    }
  }
  return clean;
}

Log::Log(LogSink& sink, const Clock& clock, LogLevel least, LogForm form)
    : sink_(&sink), clock_(&clock), least_(least), form_(form) {}

Log Log::with(std::string_view name, std::string_view value) const {
  auto log = *this;
  log.always_.emplace_back(name, redact(value));
  return log;
}

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  const bool as_json = form_ == LogForm::json;
  std::string line;
  auto put = [&](std::string_view name, std::string_view text, bool bare) {
    if (as_json) {
      line += line.empty() ? '{' : ',';
      append_json_text(line, name);
      line += ':';
      bare ? line.append(text) : (append_json_text(line, text), line);
    } else {
      line.append(" ").append(name).append("=");
      append_plain_text(line, text);
    }
  };
  const auto time = to_iso8601(clock_->now());
  if (as_json) {
    put("time", time, false);
    put("level", name_of(level), false);
    put("event", event, false);
  } else {
    line = fmt::format("{} {:5} {}", time, name_of(level), event);
  }
  for (const auto& [name, value] : always_) put(name, value, false);
  for (const auto& field : fields) {
    if (const auto* text = std::get_if<std::string_view>(&field.value)) put(field.name, redact(*text), false);
    else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) put(field.name, fmt::format("{}", *whole), true);
    else if (const auto* real = std::get_if<double>(&field.value)) put(field.name, fmt::format("{:.3f}", *real), true);
    else put(field.name, std::get<bool>(field.value) ? "true" : "false", true);
  }
  if (as_json) line += '}';
  sink_->write(level, line);
}

Log silent_log() {
  static SilentSink sink;
  static const ManualClock clock;
  return {sink, clock, LogLevel::error, LogForm::people};
}

}  // namespace gatehouse
