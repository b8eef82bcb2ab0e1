#include "signin/pages.h"

#include "net/url.h"

namespace gatehouse::signin {
namespace {

Html mark() {
  return Html::of(
      R"(<p class="mark"><svg width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M2 18V7l8-5 8 5v11M7 18v-6a3 3 0 0 1 6 0v6M1 18h18"/></svg>Gatehouse</p>)"
      "\n");
}

Html alert_box(const std::string& alert) {
  // Always there, so that a screen reader announces what appears in it.
  if (alert.empty()) return Html::of("<div aria-live=\"assertive\" id=\"signin-error\"></div>\n");
  return Html::of("<div aria-live=\"assertive\" id=\"signin-error\"><p class=\"alert\" role=\"alert\">{}</p></div>\n", {alert});
}

std::vector<std::string> targets(const std::string& form_target) {
  return form_target.empty() ? std::vector<std::string>() : std::vector<std::string>{form_target};
}

std::string shown_name(const directory::Profile& profile) {
  auto name = profile.first_name;
  if (!name.empty() && !profile.last_name.empty()) name += " ";
  name += profile.last_name;
  return name.empty() ? profile.login : name;
}

// The first character, whole, of a UTF-8 text.
std::string first_letter(std::string_view text) {
  std::size_t length = text.empty() ? 0 : 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
  return std::string(text.substr(0, length));
}

Html tile(const directory::App& app) {
  const auto letter = Html::of("<span class=\"letter\" aria-hidden=\"true\">{}</span>", {first_letter(app.label)});
  if (!net::Url::parse(app.initiate_login_uri))   // http or https, or it is no link
    return Html::of("<li><span class=\"tile\">{}{}</span></li>\n", {letter, app.label});
  return Html::of("<li><a href=\"{}\">{}<span>{}</span></a></li>\n", {app.initiate_login_uri, letter, app.label});
}

}  // namespace

net::Reply password_page(const PasswordView& view) {
  const Html to = view.app_label.empty() ? Html::of("<p class=\"soft\">to your account</p>\n")
                                         : Html::of("<p class=\"soft\">to continue to <strong>{}</strong></p>\n", {view.app_label});
  const Html invalid = view.alert.empty() ? Html() : Html::of(" aria-invalid=\"true\" aria-describedby=\"signin-error\"");
  // The cursor goes where typing goes on.
  const Html here = Html::of(" autofocus");
  const bool knows_login = !view.login.empty();
  Page page;
  page.status = view.status;
  page.title = "Sign in";
  page.form_targets = targets(view.form_target);
  page.body = Html::of(
      R"(<main id="signin-container">
{}<h1>Sign in</h1>
{}{}<form method="post" action="{}" id="form-signin">
<input type="hidden" name="token" value="{}">
<label for="okta-signin-username">Username</label>
<input type="text" id="okta-signin-username" name="username" value="{}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required{}{}>
<label for="okta-signin-password">Password</label>
<input type="password" id="okta-signin-password" name="password" autocomplete="current-password" maxlength="1024" required{}{}>
<button type="submit" id="okta-signin-submit">Sign in</button>
</form>
</main>
)",
      {mark(), to, alert_box(view.alert), view.action, view.token, view.login, invalid, knows_login ? Html() : here, invalid,
       knows_login ? here : Html()});
  return render(page);
}

net::Reply consent_page(const ConsentView& view) {
  Html scopes;
  for (const auto& scope : view.scopes)
    scopes += Html::of("<li>{} <span class=\"soft small\">({})</span></li>\n", {meaning_of_scope(scope), scope});
  Page page;
  page.title = "Allow access";
  page.form_targets = targets(view.form_target);
  page.body = Html::of(
      R"(<main id="consent-container">
{}<h1>Allow access?</h1>
<p><strong id="consent-app">{}</strong> asks for access to your account <strong>{}</strong>. It would be able to:</p>
<ul class="scopes" id="consent-scopes">
{}</ul>
<form method="post" action="{}" id="form-consent">
<input type="hidden" name="token" value="{}">
<div class="two">
<button type="submit" name="answer" value="deny" id="consent-deny" class="plain">Deny</button>
<button type="submit" name="answer" value="allow" id="consent-allow">Allow</button>
</div>
</form>
</main>
)",
      {mark(), view.app_label, view.login, scopes, view.action, view.token});
  return render(page);
}

net::Reply home_page(const HomeView& view) {
  Html tiles;
  for (const auto& app : view.apps)
    if (app.active && app.kind != directory::AppKind::service) tiles += tile(app);
  const Html apps = tiles.str().empty() ? Html::of("<p class=\"soft\" id=\"no-apps\">No applications are assigned to you yet.</p>\n")
                                        : Html::of("<ul class=\"tiles\" id=\"apps\">\n{}</ul>\n", {tiles});
  const auto& profile = view.user.profile;
  const Html email = profile.email == profile.login ? Html() : Html::of(" · {}", {profile.email});
  Page page;
  page.title = "Your applications";
  page.body = Html::of(
      R"(<main class="wide" id="home-container">
{}<header class="bar">
<div><h1 id="home-name">{}</h1><p class="soft small"><span id="home-login">{}</span>{}</p></div>
<form method="post" action="/signout" id="form-signout"><input type="hidden" name="token" value="{}"><button type="submit" id="sign-out" class="plain">Sign out</button></form>
</header>
<h2>Your applications</h2>
{}</main>
)",
      {mark(), shown_name(profile), profile.login, email, view.token, apps});
  return render(page);
}

net::Reply sign_out_page(const SignOutView& view) {
  Html hidden;
  for (const auto& [name, value] : view.fields) hidden += Html::of("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", {name, value});
  Page page;
  page.title = "Sign out";
  page.form_targets = targets(view.form_target);
  page.body = Html::of(
      R"(<main id="signout-container">
{}<h1>Sign out?</h1>
<p>You are signed in as <strong>{}</strong>.</p>
<form method="post" action="{}" id="form-signout">
<input type="hidden" name="token" value="{}">
{}<button type="submit" id="sign-out">Sign out</button>
</form>
<p><a href="/">Stay signed in</a></p>
</main>
)",
      {mark(), view.login, view.action, view.token, hidden});
  return render(page);
}

net::Reply signed_out_page() {
  Page page;
  page.title = "Signed out";
  page.body = Html::of(
      "<main id=\"signed-out\">\n{}<h1>You are signed out</h1>\n<p class=\"soft\">On a shared computer, close the browser too.</p>\n"
      "<a class=\"button\" id=\"sign-in-again\" href=\"/\">Sign in again</a>\n</main>\n",
      {mark()});
  return render(page);
}

std::string meaning_of_scope(std::string_view scope) {
  constexpr std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"openid", "Know who you are"},
      {"profile", "Read your name and profile"},
      {"email", "Read your email address"},
      {"phone", "Read your phone number"},
      {"address", "Read your postal address"},
      {"groups", "See which groups you belong to"},
      {"offline_access", "Keep this access while you are away"},
  };
  for (const auto& [name, meaning] : kMeanings)
    if (name == scope) return std::string(meaning);
  return "Use the permission “" + std::string(scope) + "”";
}

}  // namespace gatehouse::signin
