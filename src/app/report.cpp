#include "app/report.h"

#include <fmt/format.h>

namespace gatehouse::app {
namespace {

struct Paint {
  std::string_view bold, dim, good, plain;
};
Paint paint_for(Colours colours) {
  if (colours == Colours::no) return {"", "", "", ""};
  return {"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m"};
}

json::object account_json(const Account& account) { return {{"login", account.login}, {"password", std::string(account.password.reveal())}}; }

json::object client_json(const DemoClient& client, bool browser) {
  json::object object{{"client_id", client.client_id}};
  if (!client.secret.empty()) object["client_secret"] = std::string(client.secret.reveal());
  if (browser) {
    object["redirect_uri"] = std::string(kDemoRedirect);
    object["post_logout_redirect_uri"] = std::string(kDemoLogoutRedirect);
  }
  return object;
}

// For clients whose resolver does not know *.localhost (curl and browsers do).
std::string host_variant(const Ready& ready) {
  const auto api = net::Url::parse(ready.at.api);
  if (!api) return "";
  return fmt::format("-H 'Host: {}' {}", api->authority(), ready.at.org_alias);
}

}  // namespace

std::string demo_line(const Ready& ready) {
  const auto& accounts = ready.accounts;
  json::object line{{"org", ready.at.org},
                    {"wiki", ready.at.wiki},
                    {"api", ready.at.api},
                    {"admin", account_json(accounts.admin)},
                    {"user", account_json(accounts.user)},
                    {"api_token", std::string(accounts.api_token.reveal())},
                    {"clients",
                     {{"spa", client_json(accounts.spa, true)},
                      {"web", client_json(accounts.web, true)},
                      {"service", client_json(accounts.service, false)}}}};
  if (!ready.authority.empty()) line["ca"] = ready.authority;
  return to_text(line) + "\n";
}

std::string demo_page(const Ready& ready, Colours colours) {
  const auto [bold, dim, good, plain] = paint_for(colours);
  const auto& at = ready.at;
  const auto& accounts = ready.accounts;
  const std::string trust = ready.authority.empty() ? "" : fmt::format("--cacert '{}' ", ready.authority);
  std::string page = fmt::format("\n{}{}Gatehouse is ready.{}\n\n", bold, good, plain);
  const auto row = [&](std::string_view name, std::string_view address, std::string_view what) {
    page += fmt::format("  {:6} {}{:32}{} {}{}{}\n", name, bold, address, plain, dim, what, plain);
  };
  row("wiki", at.wiki, "an old app that only knows headers, behind single sign-on");
  row("api", at.api, "an orders API behind access tokens");
  row("org", at.org, "users, groups, apps, tokens; also " + at.org_alias);
  page += "\n";
  row("user", accounts.user.login, fmt::format("password {}{}{}", plain, accounts.user.password.reveal(), dim));
  row("admin", accounts.admin.login, fmt::format("password {}{}{}", plain, accounts.admin.password.reveal(), dim));

  page += fmt::format("\n{}Open the wiki in a browser and sign in as the user. Or, in another terminal:{}\n\n", bold, plain);
  page += fmt::format("  curl {}-H 'Authorization: SSWS {}' {}/api/v1/users\n\n", trust, accounts.api_token.reveal(), at.org);
  page += fmt::format(
      "  TOKEN=$(curl -s {}-u '{}:{}' -d 'grant_type=client_credentials&scope=orders:read' \\\n"
      "    {}/oauth2/default/v1/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n",
      trust, accounts.service.client_id, accounts.service.secret.reveal(), at.org);
  page += fmt::format("  curl {}-H \"Authorization: Bearer $TOKEN\" {}/orders\n", trust, at.api);
  page += fmt::format("  curl {}-H \"Authorization: Bearer $TOKEN\" {}/orders   {}# where *.localhost is not known{}\n", trust, host_variant(ready), dim, plain);

  page += "\n";
  if (!ready.authority.empty()) page += fmt::format("{}Trust {} in your browser to see no warning.{}\n", dim, ready.authority, plain);
  page += ready.data.empty() ? fmt::format("{}Nothing is kept. Ctrl-C ends it.{}\n", dim, plain)
                             : fmt::format("{}Everything is kept in {}. Ctrl-C ends it.{}\n", dim, ready.data, plain);
  return page;
}

std::string serve_line(const Ready& ready) {
  json::array addresses;
  for (const auto& address : ready.org) addresses.emplace_back(address);
  return to_text(json::object{{"org", ready.org.front()}, {"addresses", std::move(addresses)}}) + "\n";
}

std::string serve_page(const Ready& ready, Colours colours) {
  const auto [bold, dim, good, plain] = paint_for(colours);
  std::string page = fmt::format("{}{}Gatehouse is ready.{}", bold, good, plain);
  for (const auto& address : ready.org) page += " " + address;
  return page + "\n";
}

}  // namespace gatehouse::app
