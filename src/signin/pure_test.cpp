// What needs no store: the map of signing in, return addresses, HTML, form tokens.
#include <gtest/gtest.h>

#include "signin/browser.h"
#include "signin/html.h"
#include "signin/next_step.h"
#include "signin/page.h"
#include "signin/pages.h"
#include "signin/return_to.h"

namespace gatehouse::signin {
namespace {

TEST(NextStep, table) {
  const Timestamp early = from_seconds(100), late = from_seconds(200);
  EXPECT_EQ(next_step({}, {}), Step::password);
  EXPECT_EQ(next_step({.password_at = late, .consent = {}}, {}), Step::done);
  EXPECT_EQ(next_step({.password_at = early, .consent = {}}, {.password_since = late, .needs_consent = false}), Step::password);
  EXPECT_EQ(next_step({.password_at = late, .consent = {}}, {.password_since = late, .needs_consent = true}), Step::consent);
  EXPECT_EQ(next_step({.password_at = late, .consent = Consent::denied}, {.password_since = late, .needs_consent = true}), Step::done);
  EXPECT_EQ(next_step({.password_at = {}, .consent = Consent::given}, {.password_since = {}, .needs_consent = true}), Step::password);
}

TEST(ReturnTo, stays_here) {
  for (const char* good : {"/", "/app/UserHome", "/oauth2/v1/authorize?client_id=a&redirect_uri=https%3A%2F%2Fx.example%2Fcb", "/a?b=//c"})
    EXPECT_TRUE(ReturnTo::parse(good)) << good;
  for (const char* evil :
       {"", "//evil.com", "///evil.com", "/\\evil.com", "\\/evil.com", "https://evil.com", "http:/evil.com", "javascript:alert(1)", "evil.com",
        "/\tevil", "/ evil", "/\r\nSet-Cookie: a=b", "/a#b", "/../evil", "/a/..;/b", "/%2e%2e/x", "/a%2Fb", "/a%5Cb", "/%00", "/\xC3\xA9", "?a", "@evil.com"})
    EXPECT_FALSE(ReturnTo::parse(evil)) << evil;
  EXPECT_FALSE(ReturnTo::parse("/" + std::string(kReturnToMax, 'a')));
}

TEST(Html, texts_are_escaped_and_markup_is_not) {
  const auto inner = Html::of("<b>{}</b>", {"<script>\"'&"});
  EXPECT_EQ(inner.str().find("<script>"), std::string::npos);
  EXPECT_EQ(Html::of("<p>{}</p>", {inner}).str(), "<p>" + inner.str() + "</p>");
  EXPECT_THROW(Html::of("{}{}", {"one"}), std::logic_error);
  EXPECT_THROW(Html::of("{}", {"one", "two"}), std::logic_error);
  EXPECT_EQ(Html::of("{}-{}", {"{}", "x"}).str(), "{}-x");   // a piece is no pattern
}

TEST(Pages, hold_no_script_and_reach_nothing_outside) {
  PasswordView view;
  view.action = "/signin/x";
  view.login = "\"><script>alert(1)</script>";
  view.alert = "<img src=x>";
  view.form_target = "https://app.example.com; script-src *";
  const auto reply = password_page(view);
  EXPECT_EQ(reply.body.find("<script"), std::string::npos);
  EXPECT_EQ(reply.body.find("<img"), std::string::npos);
  for (const auto& [name, value] : reply.headers) {
    if (name != "Content-Security-Policy") continue;
    EXPECT_TRUE(value.starts_with("default-src 'none'"));
    EXPECT_TRUE(value.contains("frame-ancestors 'none'"));
    EXPECT_FALSE(value.contains("script-src"));
    EXPECT_TRUE(value.ends_with("form-action 'self'")) << value;
  }
  for (const char* part : {"for=\"okta-signin-username\"", "autocomplete=\"current-password\"", "id=\"okta-signin-submit\"", "aria-live"})
    EXPECT_TRUE(reply.body.contains(part)) << part;
}

TEST(Pages, a_tile_links_to_http_only) {
  HomeView view{.user = {.id = directory::UserId::parse("00u1").value(), .status = directory::Status::active, .profile = {}, .created = {},
                         .updated = {}, .activated = {}, .status_changed = {}, .last_login = {}, .password_changed = {}},
                .apps = {}, .token = ""};
  directory::App app{.id = directory::AppId::parse("0oa1").value(), .label = "Wiki", .kind = directory::AppKind::web, .client_id = {}, .redirect_uris = {},
                     .post_logout_redirect_uris = {}, .grant_types = {}, .scopes = {}, .initiate_login_uri = "javascript:alert(1)", .created = {}, .updated = {}, .more = {}};
  view.apps = {app};
  EXPECT_FALSE(home_page(view).body.contains("javascript:"));
  view.apps[0].initiate_login_uri = "http://wiki.localhost:8080/";
  EXPECT_TRUE(home_page(view).body.contains("href=\"http://wiki.localhost:8080/\""));
}

TEST(Browser, a_form_token_is_for_one_holder_and_one_purpose) {
  const Secret mine("a"), other("b");
  const auto token = form_token(mine, "signout");
  EXPECT_TRUE(is_form_token(mine, "signout", token));
  EXPECT_FALSE(is_form_token(other, "signout", token));
  EXPECT_FALSE(is_form_token(mine, "logout", token));
  EXPECT_FALSE(is_form_token(mine, "signout", ""));
  EXPECT_FALSE(is_form_token(Secret(), "signout", form_token(Secret(), "signout")));
}

}  // namespace
}  // namespace gatehouse::signin
