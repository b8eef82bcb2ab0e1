#include "app/seen.h"

#include <gtest/gtest.h>

#include "app/observe_config.h"
#include "core/json.h"
#include "core/text.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kJwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLWl0";

struct Given {
  net::Request request;
  net::Notes notes;
  int status = 200;
  std::optional<SeenTrace> trace;

  Given() {
    request.host = request.authority = "app.test";
    request.method_name = "GET";
    request.path = "/a";
    request.client = {.ip = "192.0.2.7", .port = 1};
    request.id = "req1";
  }
  Seen seen() const {
    const net::Notes::Time began{std::chrono::seconds(100)};
    return {.request = request, .notes = notes, .began = from_millis(1'700'000'000'000), .began_steady = began,
            .ended_steady = began + std::chrono::microseconds(12'345), .status = status, .in = 3, .out = 5, .trace = trace};
  }
  json::value line(std::uint32_t fields = ~0U) const {
    const auto text = access_line(seen(), fields);
    EXPECT_TRUE(text.ends_with("}\n")) << text;
    const auto read = parse_json(text.substr(0, text.size() - 1));
    EXPECT_TRUE(read) << text;
    return read.value_or(json::object());
  }
};

TEST(AccessLine, tells_who_did_what_and_how_long_it_took) {
  Given given;
  given.notes.route = "app.test/";
  given.notes.who = "ada@example.com";
  given.notes.shown = "token";
  given.notes.admitted = true;
  given.notes.target = "127.0.0.1:9000";
  given.notes.upstream_began = net::Notes::Time(std::chrono::seconds(100));
  given.notes.upstream_ended = net::Notes::Time(std::chrono::milliseconds(100'010));
  const auto line = given.line();
  EXPECT_EQ(find_string(line, "who"), "ada@example.com");
  EXPECT_EQ(find_string(line, "by"), "token");
  EXPECT_EQ(find_string(line, "verdict"), "passed");
  EXPECT_EQ(find_string(line, "upstream"), "127.0.0.1:9000");
  EXPECT_EQ(find_int(line, "status"), 200);
  EXPECT_EQ(find_int(line, "in"), 3);
  EXPECT_EQ(find_int(line, "out"), 5);
  EXPECT_DOUBLE_EQ(line.at("ms").as_double(), 12.345);
  EXPECT_DOUBLE_EQ(line.at("upstream_ms").to_number<double>(), 10);
  EXPECT_EQ(find_string(line, "time"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(find_string(line, "client"), "192.0.2.7");
  EXPECT_EQ(find_string(line, "http"), "1.1");
  EXPECT_EQ(find_bool(line, "tls"), false);
}

TEST(AccessLine, has_the_fields_that_were_chosen) {
  const std::uint32_t host_and_status = (1U << 5U) | (1U << 9U);
  EXPECT_EQ(access_line(Given().seen(), host_and_status), "{\"host\":\"app.test\",\"status\":200}\n");
  EXPECT_EQ(access_line(Given().seen(), 0), "{}\n");
}

TEST(AccessLine, is_one_line_of_json_whatever_the_client_wrote) {
  Given given;
  const std::string agent = "evil\"\\\t\x01\xff\xfe{}";
  given.request.fields.add({"User-Agent", agent, net::Header::user_agent});
  const auto text = access_line(given.seen(), ~0U);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_TRUE(is_utf8(text));
  EXPECT_EQ(find_string(given.line(), "user_agent"), "evil\"\\\t\x01\u00ff\u00fe{}");
}

TEST(AccessLine, is_cut_where_a_character_begins) {
  Given given;
  std::string agent = "x";
  while (agent.size() < 5000) agent += "\u00e9";
  given.request.fields.add({"User-Agent", agent, net::Header::user_agent});
  const auto told = find_string(given.line(), "user_agent").value_or("");
  EXPECT_EQ(told.size(), kToldTextMax - 1);
}

TEST(AccessLine, no_credential_is_told) {
  Given given;
  given.request.path = "/reset/" + std::string(kJwt);
  given.request.query = "token=hush-hush-1&x=1";
  given.request.has_query = true;
  const auto referer = "https://ada:hush-hush-2@other.test/p?code=hush-hush-3#hush-hush-4";
  given.request.fields.add({"Referer", referer, net::Header::referer});
  given.request.fields.add({"User-Agent", "Bearer hush-hush-5", net::Header::user_agent});
  given.request.fields.add({"Authorization", "Bearer hush-hush-6", net::Header::authorization});
  given.request.fields.add({"Cookie", "s=hush-hush-7", net::Header::cookie});
  given.trace = SeenTrace{.server = {.trace = {std::byte{1}}, .span = {std::byte{2}}, .sampled = true}, .parent = {}, .onward = {}, .state = {}};
  for (const auto& told : {access_line(given.seen(), ~0U), spans_of(given.seen())}) {
    EXPECT_EQ(told.find("hush"), std::string::npos) << told;
    EXPECT_EQ(told.find("eyJ"), std::string::npos) << told;
  }
  EXPECT_EQ(find_string(given.line(), "referer"), "https://other.test/p");
}

TEST(Query, values_that_speak_of_secrets_are_taken_out) {
  EXPECT_EQ(redact_query(""), "");
  EXPECT_EQ(redact_query("a=1&b=&c"), "a=1&b=&c");
  EXPECT_EQ(redact_query("code=abc&state=xyz&page=2"), "code=[redacted]&state=[redacted]&page=2");
  EXPECT_EQ(redact_query("a=1;Access_Token=abc"), "a=1;Access_Token=[redacted]");
  EXPECT_EQ(redact_query("%74oken=abc"), "%74oken=[redacted]");                          // spelt with escapes
  EXPECT_EQ(redact_query("q=%65yJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.sig"), "q=[redacted]");
  EXPECT_EQ(redact_query("X-Amz-Signature=abc"), "X-Amz-Signature=[redacted]");
  EXPECT_EQ(redact_query(kJwt), "[redacted]");
  EXPECT_EQ(redact_query("token=a=b=c&x"), "token=[redacted]&x");
  EXPECT_EQ(redact_query("q=%zz&x=1"), "q=%zz&x=1");
}

TEST(Verdict, is_one_of_few_words) {
  const auto verdict = [](std::string refused, int status, bool admitted) {
    Given given;
    given.notes.refused = std::move(refused);
    given.notes.admitted = admitted;
    given.status = status;
    return verdict_of(given.seen());
  };
  EXPECT_EQ(verdict("", 200, true), "passed");
  EXPECT_EQ(verdict("", 404, true), "passed");
  EXPECT_EQ(verdict("policy", 401, false), "challenged");
  EXPECT_EQ(verdict("policy", 303, false), "challenged");
  EXPECT_EQ(verdict("group", 403, false), "denied");
  EXPECT_EQ(verdict("unknown host", 421, false), "refused");
  EXPECT_EQ(verdict("", 429, false), "limited");
  EXPECT_EQ(verdict("", 200, false), "none");
}

TEST(Spans, are_otlp_json_with_their_parents) {
  Given given;
  const auto parent = net::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  given.trace = SeenTrace{.server = {.trace = parent->trace, .span = {std::byte{2}}, .sampled = true}, .parent = parent->span,
                          .onward = net::SpanId{std::byte{3}}, .state = "a=1"};
  const net::Notes::Time began{std::chrono::seconds(100)};
  given.notes.policy_began = began;
  given.notes.policy_ended = began + std::chrono::milliseconds(1);
  given.notes.upstream_began = began + std::chrono::milliseconds(1);
  given.notes.upstream_ended = began + std::chrono::milliseconds(9);
  given.notes.target = "[::1]:9000";
  given.status = 502;
  const auto read = parse_json(export_request("edge", "1.0", spans_of(given.seen())));
  ASSERT_TRUE(read);
  const auto& resource = read->at("resourceSpans").at(0);
  EXPECT_EQ(resource.at("resource").at("attributes").at(0).at("value").at("stringValue"), "edge");
  const auto& spans = resource.at("scopeSpans").at(0).at("spans").as_array();
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(find_string(spans[0], "traceId"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(find_string(spans[0], "parentSpanId"), "b7ad6b7169203331");
  EXPECT_EQ(find_string(spans[0], "spanId"), "0200000000000000");
  EXPECT_EQ(find_string(spans[0], "traceState"), "a=1");
  EXPECT_EQ(find_string(spans[0], "startTimeUnixNano"), "1700000000000000000");
  EXPECT_EQ(find_string(spans[0], "endTimeUnixNano"), "1700000000012345000");
  EXPECT_EQ(find_int(spans[0].at("status"), "code"), 2);
  EXPECT_EQ(find_string(spans[1], "name"), "gatehouse.policy");
  EXPECT_EQ(find_string(spans[1], "parentSpanId"), "0200000000000000");
  EXPECT_EQ(find_string(spans[2], "spanId"), "0300000000000000");
  EXPECT_EQ(find_int(spans[2], "kind"), 3);
  EXPECT_EQ(find_string(spans[2], "parentSpanId"), "0200000000000000");
}

}  // namespace
}  // namespace gatehouse::app
