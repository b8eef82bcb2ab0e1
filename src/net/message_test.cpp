#include "net/message.h"

#include <gtest/gtest.h>

#include "core/text.h"
#include "net/chars.h"
#include "net/form.h"

namespace gatehouse::net {
namespace {

TEST(Names, every_known_header_is_found_in_any_case_and_nothing_else_is) {
  for (int i = 1; i <= static_cast<int>(Header::x_request_id); ++i) {
    const auto id = static_cast<Header>(i);
    std::string upper(name_of(id));
    for (auto& c : upper) c = static_cast<char>(is_alpha(c) ? c & ~0x20 : c);
    EXPECT_EQ(header_of(name_of(id)), id) << name_of(id);
    EXPECT_EQ(header_of(upper), id) << upper;
    upper.back() = '_';
    EXPECT_EQ(header_of(upper), Header::other) << upper;
  }
  for (const std::string_view name : {"", "x", "hos", "hostt", "x_forwarded_for", "x.forwarded.for", "content\rlength"})
    EXPECT_EQ(header_of(name), Header::other) << name;
}

// Names are compared by words and not by letters: nothing that differs in any other bit may be taken for them.
TEST(Names, one_byte_makes_another_header) {
  for (int i = 1; i <= static_cast<int>(Header::x_request_id); ++i) {
    const std::string known(name_of(static_cast<Header>(i)));
    for (std::size_t at = 0; at < known.size(); ++at)
      for (int byte = 0; byte < 256; ++byte) {
        auto name = known;
        name[at] = static_cast<char>(byte);
        const bool same = to_lower(name[at]) == known[at];
        ASSERT_EQ(header_of(name) == static_cast<Header>(i), same) << known << " " << at << " " << byte;
      }
  }
}

TEST(Values, a_control_is_found_wherever_it_stands) {
  const auto bytewise = [](std::string_view text) {
    for (const char c : text)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
    return false;
  };
  for (std::size_t size = 0; size < 34; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (int byte = 0; byte < 256; ++byte)
        for (const char rest : {'a', '\t', '\x80', ' '}) {
          std::string text(size, rest);
          text[at] = static_cast<char>(byte);
          ASSERT_EQ(chars::has_control(text), bytewise(text)) << size << " " << at << " " << byte;
        }
  EXPECT_FALSE(chars::has_control(""));
}

TEST(Names, methods_are_exact) {
  for (const auto method : {Method::get, Method::head, Method::post, Method::put, Method::delete_, Method::patch, Method::options, Method::trace, Method::connect})
    EXPECT_EQ(method_of(name_of(method)), method);
  EXPECT_EQ(method_of("get"), Method::other);
  EXPECT_EQ(method_of("PURGE"), Method::other);
}

TEST(Fields, what_decides_must_stand_there_once) {
  Fields fields;
  fields.add({.name = "Origin", .value = "a", .id = Header::origin});
  EXPECT_EQ(fields.only(Header::origin), "a");
  EXPECT_EQ(fields.only("oRIGIN"), "a");
  fields.add({.name = "origin", .value = "b", .id = Header::origin});
  EXPECT_FALSE(fields.only(Header::origin));
  EXPECT_EQ(fields.count(Header::origin), 2U);
  EXPECT_TRUE(fields.has(Header::origin));
  EXPECT_FALSE(fields.has(Header::other));
  EXPECT_TRUE(Fields(fields).has(Header::origin));
  for (std::size_t i = fields.all().size(); i < kFieldsMax; ++i) EXPECT_TRUE(fields.add({.name = "x", .value = "y"}));
  EXPECT_FALSE(fields.add({.name = "x", .value = "y"}));
}

struct TargetCase {
  const char* text;
  const char* path;   // null: refused
  const char* query = "";
  const char* authority = "";
};

TEST(Target, is_canonical_or_refused) {
  const TargetCase cases[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/%61%7e%2D", "/a~-"},
      {"/%e2%82%ac%3a", "/%E2%82%AC%3A"},
      {"/a/", "/a/"},
      {"//api//v1///users/", "/api/v1/users/"},
      {"/a;x=1/b", "/a;x=1/b"},
      {"/[slug]|{x}", "/%5Bslug%5D%7C%7Bx%7D"},
      {"/a.b/..c/...", "/a.b/..c/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/x?y=%2F..//{}[]|\\", "/x", "y=%2F..//{}[]|\\"},
      {"/x?", "/x"},
      {"/private?x=/public", "/private", "x=/public"},
      {"*", "*"},
      {"http://a.example:80/x?y", "/x", "y", "a.example:80"},
      {"HTTPS://a", "/", "", "a"},
      {"http://a?q", "/", "q", "a"},
      {"/API", "/API"},
      // refused
      {"", nullptr}, {"a", nullptr}, {"svc/Method", nullptr}, {"?x", nullptr}, {"http://", nullptr}, {"ftp://a/x", nullptr},
      {"http:///x", nullptr}, {"/x#y", nullptr}, {"/x?y#z", nullptr}, {"/a/../b", nullptr}, {"/a/./b", nullptr}, {"/..", nullptr},
      {"/.", nullptr}, {"/%2e%2e/b", nullptr}, {"/.%2E/b", nullptr}, {"/a/%2e", nullptr}, {"/a/..;x=1/b", nullptr}, {"/a/.;/b", nullptr},
      {"/a/..%3bx/b", nullptr}, {"/a/%2e%2e%3B/b", nullptr}, {"/a%2fb", nullptr}, {"/a%2Fb", nullptr}, {"/a%5cb", nullptr}, {"/a\\b", nullptr},
      {"/a%00", nullptr}, {"/a%0d%0a", nullptr}, {"/a%7f", nullptr}, {"/a%252f", nullptr}, {"/a%25", nullptr}, {"/a%", nullptr}, {"/a%4", nullptr},
      {"/a%zz", nullptr}, {"/a%4g", nullptr}, {"/\xc3\xa9", nullptr}, {"/a b", nullptr}, {"/a\tb", nullptr}, {"/%c0%af", nullptr},
      {"/%e9", nullptr}, {"/%ed%a0%80", nullptr}, {"/x?\xc3\xa9", nullptr}, {"/x?a b", nullptr}, {"//../x", nullptr},
  };
  for (const auto& [text, path, query, authority] : cases) {
    const auto target = parse_target(text);
    EXPECT_EQ(target.has_value(), path != nullptr) << text;
    if (!target || path == nullptr) continue;
    EXPECT_EQ(target->path, path) << text;
    EXPECT_EQ(target->query, query) << text;
    EXPECT_EQ(target->authority, authority) << text;
  }
  EXPECT_TRUE(parse_target("/x?")->has_query);
  EXPECT_FALSE(parse_target("/x")->has_query);
}

TEST(Authority, is_canonical_or_refused) {
  const auto read = [](std::string_view text) {
    const auto authority = parse_authority(text);
    return authority ? authority->host + "|" + std::to_string(authority->port.value_or(0)) : "refused";
  };
  EXPECT_EQ(read("Example.COM"), "example.com|0");
  EXPECT_EQ(read("example.com.:8080"), "example.com|8080");
  EXPECT_EQ(read("my_host-1"), "my_host-1|0");
  EXPECT_EQ(read("127.0.0.1:1"), "127.0.0.1|1");
  EXPECT_EQ(read("[::1]:8080"), "::1|8080");
  EXPECT_EQ(read("[0:0:0:0:0:0:0:1]"), "::1|0");
  for (const std::string_view bad : {"", ":80", "a:", "a:0", "a:65536", "a:+1", "a:1x", "a:000080", "a@b", "a,b", "a b", "a/b", "a..b", ".a", "a%41", "[::1", "[::1]x", "[::1%eth0]",
                                     "::1", "a:1:2", "h\xc3\xa9", "a?b", "a#b", "a\\b", "."})
    EXPECT_EQ(read(bad), "refused") << bad;
  EXPECT_EQ(read(std::string(64, 'a')), "refused");
}

TEST(Cookies, are_found_when_they_stand_there_once) {
  Request request;
  request.fields.add({.name = "Cookie", .value = "a=1; b=2;  c=x=y; flag; d=", .id = Header::cookie});
  EXPECT_EQ(request.cookie("a"), "1");
  EXPECT_EQ(request.cookie("b"), "2");
  EXPECT_EQ(request.cookie("c"), "x=y");
  EXPECT_EQ(request.cookie("d"), "");
  EXPECT_FALSE(request.cookie("flag"));
  EXPECT_FALSE(request.cookie(""));
  request.fields.add({.name = "Cookie", .value = "a=3", .id = Header::cookie});
  EXPECT_FALSE(request.cookie("a"));
  EXPECT_EQ(parse_cookies("a=1;;; b ; c=2").size(), 2U);
}

TEST(Cookies, are_written_with_care) {
  EXPECT_EQ(set_cookie("sid", "abc", {}), "sid=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
  const CookieOptions gone{.secure = false, .http_only = false, .same_site = CookieOptions::SameSite::none, .max_age_seconds = 0, .path = "/x"};
  EXPECT_EQ(set_cookie("sid", "", gone), "sid=; Path=/x; Max-Age=0; SameSite=None");
  EXPECT_THROW(set_cookie("sid", "a; Domain=evil", {}), std::invalid_argument);
  EXPECT_THROW(set_cookie("si d", "a", {}), std::invalid_argument);
}

TEST(Form, values_are_decoded_text) {
  const auto form = Form::parse("a=1&b=x+y%26&a=2&c&=d&&e=%C3%A9");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->get("a"), "1");
  EXPECT_EQ(form->get("b"), "x y&");
  EXPECT_EQ(form->get("c"), "");
  EXPECT_EQ(form->get("e"), "\xc3\xa9");
  EXPECT_EQ(form->all("a").size(), 2U);
  EXPECT_FALSE(form->only("a"));
  EXPECT_EQ(*form->only("zz"), std::nullopt);
  EXPECT_EQ(Form::parse(form->encode())->fields(), form->fields());
  for (const std::string_view bad : {"a=%", "a=%4", "a=%zz", "a=%00", "a=%ff", "a=\xff", "%f=1"}) EXPECT_FALSE(Form::parse(bad)) << bad;
  std::string many;
  for (std::size_t i = 0; i <= kFormFieldsMax; ++i) many += "a=1&";
  EXPECT_FALSE(Form::parse(many));
}

}  // namespace
}  // namespace gatehouse::net
