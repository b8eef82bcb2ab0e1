#include "net/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatehouse::net {
namespace {

constexpr HttpLimits kLimits{.start_line = 512, .head = 2048, .fields = 20, .body = 1000, .chunk_line = 64, .trailers = 128};

// What a request becomes: a status, or the method, target and body it was read as. Fed in pieces of `step` bytes.
struct Outcome {
  int refused = 0;
  bool whole = false;
  std::string line = {}, body = {}, trailers = {};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void feed_body(Outcome& out, BodyDecoder& body, std::string_view text, std::size_t begin, std::size_t step) {
  std::size_t at = begin, have = begin;
  while (!body.done() && out.refused == 0) {
    have = std::min(have + step, text.size());
    const auto taken = body.feed(text.substr(at, have - at));
    if (!taken) out.refused = taken.error().status;
    else out.body += taken->piece, at += taken->consumed;
    if (taken && taken->consumed == 0 && have == text.size()) return;
  }
  out.whole = body.done();
  for (const auto& [name, value] : body.trailers()) out.trailers += name + "=" + value + ";";
}

Outcome read(std::string_view text, std::size_t step, const HttpLimits& limits = kLimits) {
  Outcome out;
  Head head;
  std::size_t scanned = 0;
  for (std::size_t have = std::min(step, text.size());; have = std::min(have + step, text.size())) {
    const auto done = parse_request_head(text.substr(0, have), limits, scanned, head);
    if (!done) {
      out.refused = done.error().status;
      return out;
    }
    if (*done) break;
    if (have == text.size()) return out;
  }
  out.line = std::string(head.line.method) + " " + std::string(head.line.target);
  BodyDecoder body(head.framing, head.length, limits);
  feed_body(out, body, text, head.bytes, step);
  return out;
}

struct Attack {
  const char* name;
  std::string text;
  int status;
};

std::string post(std::string_view fields, std::string_view body = "") {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

const std::vector<Attack>& attacks() {
  using namespace std::string_literals;
  static const std::vector<Attack> all{
      {"bare LF ends the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare LF ends a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
      {"bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
      {"bare CR in the target", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"NUL in a value (CVE-2019-15225 class)", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, 400},
      {"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s, 400},
      {"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", 400},
      {"escape character in a long value", "GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaaaaaaaaaaaa\x1b[0m\r\n\r\n", 400},
      {"folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
      {"folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"folded by a tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400},
      {"white space before the colon", post("Content-Length : 5\r\n", "hello"), 400},
      {"tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), 400},
      {"empty field name (CVE-2023-25725 HAProxy)", post(": x\r\nContent-Length: 5\r\n", "hello"), 400},
      {"field without colon", post("Nonsense\r\n"), 400},
      {"space in a name", post("X Y: z\r\n"), 400},
      {"non-ASCII in a name", post("X\xc3\xa9: z\r\n"), 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400},
      {"two Hosts on HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"lower-case http", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"TLS on a plain port", "\x16\x03\x01\x02", 400},
      {"two spaces in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tab instead of space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method with a slash", "G/T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400},
      {"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"a list of equal lengths", post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"empty length (CVE-2023-40225 HAProxy)", post("Content-Length:\r\n", "hello"), 400},
      {"length with a sign", post("Content-Length: +5\r\n", "hello"), 400},
      {"negative length", post("Content-Length: -5\r\n", "hello"), 400},
      {"hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), 400},
      {"length with leading zeros", post("Content-Length: 005\r\n", "hello"), 400},
      {"length with a fraction", post("Content-Length: 5.0\r\n", "hello"), 400},
      {"length with an inner space", post("Content-Length: 1 0\r\n", "hello"), 400},
      {"length that overflows (CVE-2021-40346 HAProxy)", post("Content-Length: 18446744073709551621\r\n", "hello"), 400},
      {"length after a tab", post("Content-Length:\t5\r\n", "hello"), 400},
      {"length before a space", post("Content-Length: 5 \r\n", "hello"), 400},
      {"length over the limit", post("Content-Length: 1001\r\n"), 413},
      {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"), 400},
      {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\nGPOST"), 400},
      {"TE.TE", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", "0\r\n\r\n"), 400},
      {"TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400},
      {"x: chunked after CRLF trick", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), 400},
      {"tab before chunked", post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), 400},
      {"vertical tab before chunked", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400},
      {"space after chunked", post("Transfer-Encoding: chunked \r\n", "0\r\n\r\n"), 400},
      {"quoted chunked", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400},
      {"chunked with a comma", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), 400},
      {"empty coding", post("Transfer-Encoding:\r\n", "0\r\n\r\n"), 400},
      {"chunked is not last", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400},
      {"coding we do not speak", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"identity", post("Transfer-Encoding: identity\r\n"), 501},
      {"TE on HTTP/1.0 (CVE-2026-2835 Pingora)", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"Connection that is not a list of names", post("Connection: close\xff\r\n"), 400},
      {"unknown expectation", post("Expect: 200-maybe\r\n"), 417},
      {"two expectations", post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n", "a"), 417},
      {"chunk extension", post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk extension of a newline (CVE-2025-58068 class)", post("Transfer-Encoding: chunked\r\n", "5;\n\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size with 0x", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size with a space", post("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size with a sign", post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"), 400},
      {"empty chunk size", post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size that overflows", post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk over the limit", post("Transfer-Encoding: chunked\r\n", "3e9\r\n"), 413},
      {"chunk size line ends with bare LF", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), 400},
      {"chunk longer than it says", post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n"), 400},
      {"chunk ends with bare LF", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"), 400},
      {"chunk line without end", post("Transfer-Encoding: chunked\r\n", std::string(100, '0')), 400},
      {"trailer that frames", post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 5\r\n\r\n"), 400},
      {"trailer that routes", post("Transfer-Encoding: chunked\r\n", "0\r\nHost: b\r\n\r\n"), 400},
      {"trailer that authenticates", post("Transfer-Encoding: chunked\r\n", "0\r\nAuthorization: x\r\n\r\n"), 400},
      {"trailer that names a client", post("Transfer-Encoding: chunked\r\n", "0\r\nX-Forwarded-User: x\r\n\r\n"), 400},
      {"folded trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nX: a\r\n b\r\n\r\n"), 400},
      {"trailers without end", post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(300, 'a')), 431},
      {"many trailers", post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(70, 'a') + "\r\nY: " + std::string(70, 'a') + "\r\n"), 431},
      {"target too long", "GET /" + std::string(600, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"request line without end", "GET /" + std::string(600, 'a'), 414},
      {"long request line with a bare LF", "GET /" + std::string(600, 'a') + "\n", 414},
      {"head too large", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2100, 'a') + "\r\n\r\n", 431},
      {"field without end", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2100, 'a'), 431},
      {"too many fields", [] {
         std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
         for (int i = 0; i < 30; ++i) text += "X: y\r\n";
         return text + "\r\n";
       }(), 431},
  };
  return all;
}

TEST(Http1, attacks_are_refused_however_the_bytes_arrive) {
  for (const auto& attack : attacks()) {
    for (const std::size_t step : {std::size_t{1 << 20}, std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
      const auto out = read(attack.text, step);
      EXPECT_EQ(out.refused, attack.status) << attack.name << ", in steps of " << step;
      EXPECT_FALSE(out.whole) << attack.name;
    }
  }
}

struct Good {
  const char* name;
  std::string text;
  Outcome expected;
};

TEST(Http1, honest_requests_are_read_however_the_bytes_arrive) {
  const std::vector<Good> all{
      {"get", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", {.whole = true, .line = "GET /a?b=c"}},
      {"one empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", {.whole = true, .line = "GET /"}},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {.whole = true, .line = "GET /"}},
      {"length", post("Content-Length: 5\r\n", "hello"), {.whole = true, .line = "POST /x", .body = "hello"}},
      {"length, next request stays", post("Content-Length: 5\r\n", "helloGET /"), {.whole = true, .line = "POST /x", .body = "hello"}},
      {"length zero", post("Content-Length: 0\r\n"), {.whole = true, .line = "POST /x"}},
      {"no space after the colon", post("Content-Length:5\r\n", "hello"), {.whole = true, .line = "POST /x", .body = "hello"}},
      {"chunked", post("transfer-encoding: Chunked\r\n", "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"),
       {.whole = true, .line = "POST /x", .body = "hello0123456789"}},
      {"trailers", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nDigest: x\r\nServer-Timing: y\r\n\r\n"),
       {.whole = true, .line = "POST /x", .body = "hello", .trailers = "Digest=x;Server-Timing=y;"}},
      {"value with tab and obs-text", "GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\xe9 c\r\n\r\n", {.whole = true, .line = "GET /"}},
      {"target at its limit", "GET /" + std::string(512 - 14, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
       {.whole = true, .line = "GET /" + std::string(512 - 14, 'a')}},
  };
  for (const auto& good : all)
    for (const std::size_t step : {std::size_t{1 << 20}, std::size_t{1}, std::size_t{3}})
      EXPECT_EQ(read(good.text, step), good.expected) << good.name << ", in steps of " << step;
}

Head head_of(std::string_view text) {
  Head head;
  std::size_t scanned = 0;
  const auto done = parse_request_head(text, HttpLimits{}, scanned, head);
  EXPECT_TRUE(done && *done) << text;
  return head;
}

TEST(Http1, fields_are_trimmed_and_known_by_name) {
  const std::string text = "GET / HTTP/1.1\r\nhOsT:  a \r\nX-Empty:\r\nCOOKIE: a=b\r\n\r\nrest";
  const auto head = head_of(text);
  EXPECT_EQ(head.bytes, text.size() - 4);
  EXPECT_EQ(head.fields.only(Header::host), "a");
  EXPECT_EQ(head.fields.only("x-empty"), "");
  EXPECT_EQ(head.fields.only(Header::cookie), "a=b");
}

TEST(Http1, a_connection_lives_on_as_the_version_and_the_field_say) {
  EXPECT_TRUE(head_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.0\r\nHost: a\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
  EXPECT_FALSE(head_of("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expects_continue);
}

std::expected<bool, Refusal> response(std::string_view text, Method to, Head& head) {
  std::size_t scanned = 0;
  return parse_response_head(text, HttpLimits{}, to, scanned, head);
}

TEST(Http1, responses_end_where_rfc_9112_says) {
  const auto framing = [](std::string_view text, Method to) {
    Head head;
    EXPECT_TRUE(response(text, to, head).value_or(false)) << text;
    return head.framing;
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get), Framing::length);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", Method::get), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 204 \r\n\r\n", Method::get), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 200\r\n\r\n", Method::get), Framing::until_close);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get), Framing::chunked);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::get), Framing::none);
}

TEST(Http1, doubtful_responses_are_a_bad_gateway) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"}) {
    Head head;
    const auto done = response(text, Method::get, head);
    ASSERT_FALSE(done) << text;
    EXPECT_EQ(done.error().status, 502);
  }
}

TEST(Http1, a_body_that_ends_early_is_noticed) {
  BodyDecoder length(Framing::length, 5, kLimits);
  ASSERT_TRUE(length.feed("hel"));
  EXPECT_FALSE(length.end_of_stream());
  BodyDecoder endless(Framing::until_close, 0, kLimits);
  ASSERT_TRUE(endless.feed("hel"));
  EXPECT_TRUE(endless.end_of_stream());
  EXPECT_TRUE(endless.done());
  BodyDecoder large(Framing::until_close, 0, kLimits);
  EXPECT_EQ(large.feed(std::string(1001, 'a')).error().status, 413);
}

}  // namespace
}  // namespace gatehouse::net
