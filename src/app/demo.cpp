#include "app/demo.h"

namespace gatehouse::app {
namespace {

constexpr auto kSsoPolicy = "wiki-sign-on";
constexpr auto kTokenPolicy = "orders-tokens";

SeedUser demo_user(const Account& account, std::string first, std::string last, std::vector<std::string> groups) {
  SeedUser user;
  user.profile = {account.login, account.login, std::move(first), std::move(last), {}};
  user.password = account.password;
  user.groups = std::move(groups);
  return user;
}

SeedApp demo_app(std::string label, directory::AppKind kind, const DemoClient& client) {
  SeedApp app;
  app.label = std::move(label);
  app.client_id = client.client_id;
  app.kind = kind;
  app.auth = client.secret.empty() ? directory::ClientAuth::none : directory::ClientAuth::secret_basic;
  if (!client.secret.empty()) app.secret = client.secret;
  app.groups = {"Everyone"};
  return app;
}

SeedApp browser_app(std::string label, directory::AppKind kind, const DemoClient& client) {
  auto app = demo_app(std::move(label), kind, client);
  app.grant_types = {"authorization_code", "refresh_token"};
  app.redirect_uris = {std::string(kDemoRedirect), "http://127.0.0.1:3000/callback"};
  app.post_logout_redirect_uris = {std::string(kDemoLogoutRedirect), "http://127.0.0.1:3000/"};
  return app;
}

}  // namespace

Seed demo_seed(const DemoAccounts& accounts, const DemoAddresses& at) {
  Seed seed;
  seed.groups.push_back({{}, "Engineers", "They build it", {}});
  seed.groups.push_back({{}, "Readers", "They read the wiki", {}});
  seed.users.push_back(demo_user(accounts.user, "Ada", "Lovelace", {"Engineers", "Readers"}));
  seed.users.push_back(demo_user(accounts.admin, "Margaret", "Hamilton", {"Readers"}));
  seed.users.back().admin = true;

  seed.apps.push_back(browser_app("Demo web app", directory::AppKind::web, accounts.web));
  seed.apps.push_back(browser_app("Demo single-page app", directory::AppKind::spa, accounts.spa));
  auto service = demo_app("Demo service", directory::AppKind::service, accounts.service);
  service.grant_types = {"client_credentials"};
  service.groups = {};
  seed.apps.push_back(std::move(service));
  auto wiki = demo_app("Wiki", directory::AppKind::web, accounts.wiki);
  wiki.grant_types = {"authorization_code", "refresh_token"};
  wiki.redirect_uris = wiki_redirects(at);
  wiki.post_logout_redirect_uris = wiki_logout_redirects(at);
  wiki.initiate_login_uri = at.wiki + "/";
  seed.apps.push_back(std::move(wiki));

  SeedAuthorizationServer server{.id = "default", .name = "default", .audience = "api://default", .scopes = {}};
  server.scopes = {{"orders:read", "See orders", true}, {"orders:write", "Place and change orders", false}};
  seed.authorization_servers.push_back(std::move(server));
  return seed;
}

std::vector<std::string> wiki_redirects(const DemoAddresses& at) { return {at.wiki + "/.gatehouse/callback"}; }
std::vector<std::string> wiki_logout_redirects(const DemoAddresses& at) { return {at.wiki + "/.gatehouse/signed-out"}; }

gateway::Config demo_gateway(const DemoAddresses& at) {
  gateway::Config config;
  config.pools.push_back({.name = "wiki", .targets = {at.wiki_upstream}});
  config.pools.push_back({.name = "orders", .targets = {at.api_upstream}});

  gateway::TokenPolicyConfig tokens;
  tokens.name = kTokenPolicy;
  tokens.realm = "orders";
  for (const auto& base : {at.org, at.org_alias}) {
    oauth::client::TrustedIssuer issuer;
    issuer.issuer = base + "/oauth2/default";
    issuer.audiences = {"api://default"};
    tokens.tokens.issuers.push_back(std::move(issuer));
  }
  tokens.headers = {{"X-Remote-Client", "cid"}, {"X-Remote-Subject", "sub"}, {"X-Remote-Scopes", "scp", " "}};
  config.tokens.push_back(std::move(tokens));

  gateway::RouteConfig wiki;
  wiki.name = "wiki";
  wiki.host = "wiki.localhost";
  wiki.policy = kSsoPolicy;
  wiki.upstream = "wiki";
  config.routes.push_back(std::move(wiki));

  gateway::RouteConfig orders;
  orders.name = "orders";
  orders.host = "api.localhost";
  orders.policy = kTokenPolicy;
  orders.scopes = {{{"GET", "HEAD"}, {"orders:read"}}, {{"POST", "PUT", "PATCH", "DELETE"}, {"orders:write"}}};
  orders.upstream = "orders";
  config.routes.push_back(std::move(orders));
  return config;
}

access::SsoConfig demo_sso(const DemoAccounts& accounts, const DemoAddresses& at) {
  access::SsoConfig sso;
  sso.name = kSsoPolicy;
  sso.issuer.issuer = at.org;
  sso.issuer.client.client_id = accounts.wiki.client_id;
  sso.issuer.client.client_secret = accounts.wiki.secret;
  sso.issuer.client.scopes = {"openid", "profile", "email", "groups", "offline_access"};
  sso.headers = {{"X-Remote-User", "preferred_username"}, {"X-Remote-Name", "name"}, {"X-Remote-Email", "email"}, {"X-Remote-Groups", "groups"}};
  return sso;
}

}  // namespace gatehouse::app
