#include "access/state.h"

#include <gtest/gtest.h>

#include "access/config.h"
#include "access/sso.h"
#include "net/url.h"

namespace gatehouse::access {
namespace {

struct Sealed : testing::Test {
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(3);
  secrets::MasterKey key = secrets::MasterKey::ephemeral(*random);
  States states{key.sealer(*random).value(), key.derive("x"), "sso"};
  const std::string browser = std::string(43, 'b');

  SignIn sign_in() {
    SignIn out;
    out.id = "id1";
    out.host = "wiki.test";
    out.return_path = "/page?a=1";
    out.begun = clock.now();
    return out;
  }
  std::string state() { return states.seal(sign_in(), browser).value(); }
};

TEST_F(Sealed, a_state_comes_back_as_it_left) {
  const auto back = states.open(state(), browser, "wiki.test", clock.now());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->return_path, "/page?a=1");
  EXPECT_EQ(states.nonce_of(*back), states.nonce_of(sign_in()));
  EXPECT_GE(states.verifier_of(*back).reveal().size(), 43u) << "RFC 7636 §4.1";
}

// Login CSRF, mix-up and tenant confusion (lua-resty-openidc#526): bound to browser, host, policy and time.
TEST_F(Sealed, a_state_of_another_browser_host_policy_or_time_is_refused) {
  EXPECT_FALSE(states.open(state(), std::string(43, 'c'), "wiki.test", clock.now()));
  EXPECT_FALSE(states.open(state(), "", "wiki.test", clock.now()));
  EXPECT_FALSE(states.open(state(), browser, "other.test", clock.now()));
  EXPECT_FALSE(states.open(state(), browser, "wiki.test", clock.now() + kSignInTime + Seconds(1)));
  const States other(key.sealer(*random).value(), key.derive("x"), "sso2");
  EXPECT_FALSE(other.open(state(), browser, "wiki.test", clock.now()));
}

// CVE-2026-47775, CVE-2023-35941: any change is noticed, and every refusal is the same.
TEST_F(Sealed, every_changed_byte_is_noticed_and_every_refusal_sounds_alike) {
  const auto good = state();
  const auto message = states.open("", browser, "wiki.test", clock.now()).error().message();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    const auto opened = states.open(bad, browser, "wiki.test", clock.now());
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().message(), message);
  }
  for (const auto* bad : {"gs1", "gs1..", "gs1.x.y", ";;;", "null"}) EXPECT_FALSE(states.open(bad, browser, "wiki.test", clock.now()));
}

// The forms that were open redirects in oauth2-proxy, mod_auth_openidc and others (gateway.md, 35): wherever a browser could
// read another host, "/" comes out. A path that stays is resolved against our own origin and checked to stay there.
TEST(ReturnPath, nothing_leads_to_another_host) {
  std::vector<std::string> corpus{"", "//", "///", "\\", "/\\", "/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "/ /evil.test", "javascript:alert(1)",
                                  "data:text/html,x", "http:evil.test", "https:/evil.test", "@evil.test", ".evil.test", "<>//evil.test", "/a#b", "/%00",
                                  "/..//evil.test", "/.//evil.test", "/%2e%2e//evil.test", "/;@evil.test", "/https://evil.test", "?x", "#x", "/.gatehouse/sign-out",
                                  "/.gatehouse/callback?code=1", "/a b", std::string("/\0/evil", 7), "/\xE3\x80\x82" "evil.test", "/x/../../evil"};
  for (const std::string prefix : {"/", "//", "///", "////", "/\\", "\\/", "\\\\", "/%2f", "/%5c", "/%2F%2F", "//%5c", "/%09/", "//%09/", "/\t/", "http://", "https://",
                                   "HTTP://", "https:///", "/\\/", "\\/\\/", "/%252f", "//user@", "https://wiki.test@", "https://wiki.test.", "/.%2f", "/..%2f", " //", "\x01//"})
    for (const std::string host : {"evil.test", "evil.test/%2e%2e", "evil.test/%2f..", "evil.test:80", "google%E3%80%82com", "[::1]", "0x7f.1", "wiki.test@evil.test",
                                   "evil.test\\@wiki.test", "evil.test?wiki.test", "evil.test;x"})
      corpus.push_back(prefix + host);
  for (const auto& entry : corpus) {
    const auto path = safe_return_path(entry);
    ASSERT_TRUE(path.starts_with('/')) << entry;
    EXPECT_FALSE(path.starts_with("//") || path.starts_with("/\\")) << entry;
    EXPECT_EQ(path.find_first_of("\\\t\r\n #"), std::string::npos) << entry;
    EXPECT_FALSE(path.starts_with("/.gatehouse")) << entry;
    const auto url = net::Url::parse("https://wiki.test" + path);
    ASSERT_TRUE(url) << entry << " -> " << path;
    EXPECT_EQ(url->origin(), "https://wiki.test") << entry;
  }
}

TEST(ReturnPath, an_honest_path_is_kept) {
  for (const auto* path : {"/", "/page", "/page?x=//y&z=http://a", "/a/b%20c", "/a;b"}) EXPECT_EQ(safe_return_path(path), path);
  EXPECT_EQ(safe_return_path("/" + std::string(kReturnPathMax, 'a')), "/");
}

struct Asking : testing::Test {
  net::Request request;
  net::Fields& fields = request.fields;
  void has(net::Header id, std::string_view value) { fields.add(net::Field{net::name_of(id), value, id}); }
};

TEST_F(Asking, a_browser_that_navigates_may_be_sent_away) {
  has(net::Header::sec_fetch_mode, "navigate");
  EXPECT_TRUE(is_navigation(request));
  request.method = net::Method::post;
  EXPECT_FALSE(is_navigation(request));
}
TEST_F(Asking, a_script_may_not) {
  has(net::Header::sec_fetch_mode, "cors");
  has(net::Header::accept, "text/html");
  EXPECT_FALSE(is_navigation(request));
}
TEST_F(Asking, a_handshake_for_a_tunnel_is_no_navigation_in_either_version_of_http) {
  request.upgrade = net::Upgrade::websocket;   // over HTTP/2 there is no Upgrade field
  EXPECT_FALSE(is_navigation(request));
}
TEST_F(Asking, an_old_browser_navigates_with_text_html) {
  has(net::Header::user_agent, "Mozilla/5.0");
  EXPECT_FALSE(is_navigation(request));
  has(net::Header::accept, "text/html,application/xhtml+xml,*/*;q=0.8");
  EXPECT_TRUE(is_navigation(request));
}
TEST_F(Asking, curl_is_sent_away_and_a_json_client_is_not) {
  has(net::Header::user_agent, "curl/8");
  EXPECT_TRUE(is_navigation(request));
  has(net::Header::accept, "application/json");
  EXPECT_FALSE(is_navigation(request));
}

}  // namespace
}  // namespace gatehouse::access
