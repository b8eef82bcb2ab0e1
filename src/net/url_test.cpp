#include "net/url.h"

#include <gtest/gtest.h>

namespace gatehouse::net {
namespace {

struct Good {
  const char* given;
  const char* origin;
  const char* target;
};

TEST(Url, good_ones_have_one_canonical_form) {
  const Good table[] = {
      {"http://example.com", "http://example.com", "/"},
      {"HTTPS://Example.COM/", "https://example.com", "/"},
      {"http://example.com:80/a", "http://example.com", "/a"},
      {"https://example.com:443", "https://example.com", "/"},
      {"https://example.com:8443/a/b?x=1&y=%20", "https://example.com:8443", "/a/b?x=1&y=%20"},
      {"http://example.com?x", "http://example.com", "/?x"},
      {"http://example.com/?", "http://example.com", "/?"},
      {"http://example.com./p", "http://example.com", "/p"},
      {"http://localhost:9000/oauth2/default", "http://localhost:9000", "/oauth2/default"},
      {"http://wiki_1.internal/", "http://wiki_1.internal", "/"},
      {"http://127.0.0.1:8080/", "http://127.0.0.1:8080", "/"},
      {"http://[::1]/", "http://[::1]", "/"},
      {"http://[2001:DB8:0:0:0:0:0:1]:8080/", "http://[2001:db8::1]:8080", "/"},
  };
  for (const auto& row : table) {
    const auto url = Url::parse(row.given);
    ASSERT_TRUE(url) << row.given << ": " << url.error().message();
    EXPECT_EQ(url->origin(), row.origin) << row.given;
    EXPECT_EQ(url->target(), row.target) << row.given;
    EXPECT_EQ(Url::parse(url->str())->str(), url->str());
  }
}

TEST(Url, parts_are_told_apart) {
  const auto url = Url::parse("https://[::1]:8443/p?q=1");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->authority(), "[::1]:8443");
  EXPECT_EQ(url->path, "/p");
  EXPECT_EQ(url->query, "q=1");
}

TEST(Url, everything_else_is_refused) {
  const std::string long_label(64, 'a');
  const std::string table[] = {
      "", "example.com", "/path", "//example.com/", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)",
      "http:example.com", "http:/example.com", "http://", "http:///path", "http://:80/",
      "http://user@example.com/", "http://user:pass@example.com/", "http://@example.com/", "http://example.com/#top",
      "http://example.com:0/", "http://example.com:65536/", "http://example.com:/", "http://example.com:8o/",
      "http://example.com:99999999999/", "http://exa mple.com/", "http://example.com/a b", "http://example.com\\@evil.org/",
      "http://example.com/\r\nX: y", std::string("http://example.com/\0", 20), "http://ex%61mple.com/", "http://b\xc3\xbc" "cher.example/",
      "http://example.com/%zz", "http://example.com/%2", "http://-a.example/", "http://a..example/", "http://.example/",
      "http://" + long_label + ".example/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
      "http://1.2.3.256/", "http://1.2.3.4./", "http://a.0x1/", "http://[::1/", "http://[fe80::1%25eth0]/", "http://[v1.a]/", "http://[1.2.3.4]/",
      "http://a,b/", "http://a;b/", "http://a!b/", "http://example.com/" + std::string(9000, 'a'),
  };
  for (const auto& text : table) {
    const auto url = Url::parse(text);
    EXPECT_FALSE(url) << text << " was read as " << url->str();
    if (!url) EXPECT_EQ(url.error().fault(), Fault::invalid);
  }
}

}  // namespace
}  // namespace gatehouse::net
