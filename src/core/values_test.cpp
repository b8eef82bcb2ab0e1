// Encodings, ids, secrets, time and text: small values with one spelling.
#include <gtest/gtest.h>

#include <algorithm>

#include <set>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/text.h"

namespace gatehouse {
namespace {

TEST(Base64Url, has_the_vectors_of_rfc_4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64url_encode(bytes), text);
    EXPECT_EQ(base64url_decode(text).value(), bytes);
  }
}

TEST(Base64Url, refuses_a_second_spelling_of_a_value) {
  for (const auto* text : {"Zg==", "Zh", "Z", "Zm9v\n", "Zm 9v", "Zm9/", "Zm9+", "Zm9vYh"})
    EXPECT_FALSE(base64url_decode(text)) << text;
}

TEST(Base64, keeps_its_padding) {
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_decode("Zm8=").value(), "fo");
  EXPECT_FALSE(base64_decode("Zm8"));
  EXPECT_FALSE(base64_decode("===="));
}

TEST(Hex, goes_there_and_back) {
  EXPECT_EQ(hex_encode(std::string_view("\x00\xff\x10", 3)), "00ff10");
  EXPECT_EQ(hex_decode("00FF10").value(), std::string("\x00\xff\x10", 3));
  EXPECT_FALSE(hex_decode("0"));
  EXPECT_FALSE(hex_decode("0g"));
}

TEST(Ids, have_a_prefix_and_twenty_characters) {
  const auto random = system_random();
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto id = new_id(*random, "00u");
    EXPECT_EQ(id.size(), 20U);
    EXPECT_TRUE(id.starts_with("00u"));
    EXPECT_TRUE(is_id(id));
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Ids, cannot_carry_a_path_a_quote_or_nothing) {
  for (const auto* text : {"", "a/b", "a'b", "a b", "a\nb", "ä"}) EXPECT_FALSE(OrgId::parse(text)) << text;
  EXPECT_FALSE(OrgId::parse(std::string(kIdLengthMax + 1, 'a')));
}

TEST(RandomText, uses_the_whole_alphabet) {
  const auto random = seeded_random(7);
  const auto text = random_text(*random, 10'000);
  EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 62U);
}

TEST(Secrets, are_empty_after_a_move) {
  Secret a("a long enough secret to live on the heap, not inside the string");
  const Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(b.reveal().size(), 63U);
  EXPECT_TRUE(b == Secret(std::string(b.reveal())));
  EXPECT_FALSE(b == Secret("other"));
}

TEST(Times, are_written_as_okta_writes_them) {
  const auto time = from_millis(1'795'253'400'123);
  EXPECT_EQ(to_iso8601(time), "2026-11-21T09:30:00.123Z");
  EXPECT_EQ(from_iso8601("2026-11-21T09:30:00.123Z"), time);
  EXPECT_EQ(from_iso8601("2026-11-21T09:30:00Z"), from_millis(1'795'253'400'000));
  EXPECT_EQ(to_http_date(time), "Sat, 21 Nov 2026 09:30:00 GMT");
  for (const auto* text : {"", "2026-11-21", "2026-13-21T09:30:00Z", "2026-02-30T09:30:00Z", "2026-11-21T24:00:00Z", "2026-11-21T09:30:00", "2026-11-21T09:30:00.1Z"})
    EXPECT_FALSE(from_iso8601(text)) << text;
}

TEST(Clock, a_date_of_http_is_read_in_its_three_forms) {
  const auto time = from_seconds(784111777);
  EXPECT_EQ(from_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  EXPECT_EQ(from_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), time);
  EXPECT_EQ(from_http_date("Sun Nov  6 08:49:37 1994"), time);
  EXPECT_EQ(from_http_date(to_http_date(time)), time);
  for (const auto* wrong : {"", "0", "-1", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 CET",
                            "Sun, 31 Feb 2021 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
                            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"})
    EXPECT_EQ(from_http_date(wrong), std::nullopt) << wrong;
}

TEST(Texts, split_and_trim) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(split_words("  openid  profile "), (std::vector<std::string>{"openid", "profile"}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(trim(" \t a b \t"), "a b");
}

TEST(Texts, ignore_the_case_of_letters_and_of_nothing_else) {
  const auto bytewise = [](std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return to_lower(x) == to_lower(y); });
  };
  for (const std::size_t size : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17})
    for (std::size_t at = 0; at < size; ++at)
      for (int byte = 0; byte < 256; ++byte)
        for (const int other : {byte, byte ^ 0x20, byte ^ 0x80, byte + 1, int('a'), int('Z'), int('@'), int('['), int('`'), int('{')}) {
          std::string a(size, 'K'), b(size, 'k');
          a[at] = static_cast<char>(byte);
          b[at] = static_cast<char>(other);
          ASSERT_EQ(equal_ignoring_case(a, b), bytewise(a, b)) << size << " " << at << " " << byte << " " << other;
        }
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_FALSE(equal_ignoring_case("Content-Type", "content-typ"));
}

TEST(Texts, parse_only_whole_numbers) {
  EXPECT_EQ(parse_int("-42"), -42);
  for (const auto* text : {"", " 1", "1 ", "+1", "0x1", "9223372036854775808", "1e3"}) EXPECT_FALSE(parse_int(text)) << text;
}

TEST(Texts, know_utf8_from_what_only_looks_like_it) {
  EXPECT_TRUE(is_utf8("Grüße, 世界 🙂"));
  using namespace std::string_view_literals;
  for (const auto text : {"\xff"sv, "\xc0\xaf"sv, "\xe0\x80\xaf"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv, "\xc3"sv, "a\0b"sv})
    EXPECT_FALSE(is_utf8(text));
}

TEST(Texts, escape_for_html_and_urls) {
  EXPECT_EQ(html_escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(percent_decode("a%20b%2f").value(), "a b/");
  for (const auto* text : {"%", "%2", "%g0", "%+1"}) EXPECT_FALSE(percent_decode(text)) << text;
}

}  // namespace
}  // namespace gatehouse
