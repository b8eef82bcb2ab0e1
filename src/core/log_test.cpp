// The log: nothing that opens a door ever reaches a line.
#include "core/log.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/json.h"

namespace gatehouse {
namespace {

class Lines final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override { last = line; }
  std::string last;
};

TEST(Redact, cuts_out_what_looks_like_a_credential) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"},
      {"bearer AAAA, next", "bearer [redacted], next"},
      {"SSWS 00abcDEF", "SSWS [redacted]"},
      {"?code=abc&state=xyz&page=2", "?code=[redacted]&state=[redacted]&page=2"},
      {"grant_type=refresh_token&refresh_token=ghr_x", "grant_type=refresh_token&refresh_token=[redacted]"},
      {R"({"password":"p\"w","login":"ada"})", R"({"password":"[redacted]","login":"ada"})"},
      {R"({"client_secret" : "s","n":1})", R"({"client_secret" : "[redacted]","n":1})"},
      {"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln ok", "token [redacted] ok"},
      {"handle ghc_0123456789abcdefghij end", "handle [redacted] end"},
      {"Cookie: sid=abc; other=1", "Cookie: [redacted]; other=1"},
  };
  for (const auto& [text, clean] : cases) EXPECT_EQ(redact(text), clean);
}

TEST(Redact, leaves_ordinary_words_alone) {
  for (const std::string_view text : {"GET /api/v1/users?limit=2", "decode=1&encoder=2", "the code was spent", "basically fine", "ghost story about nothing at all"})
    EXPECT_EQ(redact(text), text);
}

TEST(LogSpec, writes_one_json_line_per_event_whatever_the_value_holds) {
  Lines lines;
  const ManualClock clock;
  const Log log(lines, clock, LogLevel::info, LogForm::json);
  log.with("request_id", "r1").info("request.done", {{"path", "/a\n\"b\""}, {"status", 200}, {"ok", true}});
  EXPECT_EQ(lines.last.find('\n'), std::string::npos);
  const auto line = parse_json(lines.last).value();
  EXPECT_EQ(find_string(line, "event"), "request.done");
  EXPECT_EQ(find_string(line, "request_id"), "r1");
  EXPECT_EQ(find_string(line, "path"), "/a\n\"b\"");
  EXPECT_EQ(find_int(line, "status"), 200);
  EXPECT_EQ(find_bool(line, "ok"), true);
}

TEST(LogSpec, redacts_fields_and_what_is_said_on_every_line) {
  Lines lines;
  const ManualClock clock;
  const Log log(lines, clock, LogLevel::debug, LogForm::people);
  log.with("header", "Bearer topsecret1").debug("x", {{"body", "password=topsecret2&a=1"}});
  EXPECT_EQ(lines.last.find("topsecret"), std::string::npos) << lines.last;
}

TEST(LogSpec, is_quiet_below_its_level) {
  Lines lines;
  const ManualClock clock;
  const Log log(lines, clock, LogLevel::warn, LogForm::people);
  log.info("x");
  EXPECT_EQ(lines.last, "");
}

}  // namespace
}  // namespace gatehouse
