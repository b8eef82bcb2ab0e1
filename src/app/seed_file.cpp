// The seed as text.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "app/seed.h"
#include "app/yaml.h"
#include "core/text.h"

namespace gatehouse::app {
namespace {

using directory::AppKind;
using directory::ClientAuth;

const std::vector<std::string> kKinds{"web", "spa", "native", "service"};
const std::vector<std::string> kSigningAlgs{"RS256", "ES256"};
const std::vector<std::string> kAuths{"none", "secret_basic", "secret_post"};
const std::vector<std::string> kGrants{"authorization_code", "refresh_token", "client_credentials"};
constexpr std::array kProfileKeys{
    "middle_name", "display_name", "nick_name", "title", "division", "department", "organization", "employee_number",
    "mobile_phone", "primary_phone", "city", "state", "zip_code", "country_code", "locale", "timezone", "manager"};

// "employee_number" -> "employeeNumber", the spelling of the API.
std::string camel(std::string_view key) {
  std::string name;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '_' && i + 1 < key.size()) name += static_cast<char>(key[++i] - 32);
    else name += key[i];
  }
  return name;
}

std::optional<SeedSecret> read_secret(Map& in, const std::string& key) {
  const auto clear_key = key + "_in_clear";
  auto reference = in.parsed(key, secrets::Reference::parse);
  auto clear = in.text(clear_key);
  if (in.has(key) && in.has(clear_key)) in.fault(clear_key, "stands beside " + key, "keep one of the two");
  if (reference) return SeedSecret(*std::move(reference));
  if (clear) return SeedSecret(Secret(*std::move(clear)));
  return std::nullopt;
}

SeedUser read_user(Map in) {
  SeedUser user;
  user.id = in.parsed("id", directory::UserId::parse);
  auto& profile = user.profile;
  profile.login = in.required_text("login", "ada@example.com");
  profile.email = in.text("email", profile.login);
  profile.first_name = in.text("first_name", "");
  profile.last_name = in.text("last_name", "");
  if (in.has("profile")) {
    auto more = in.map("profile");
    for (const auto* key : kProfileKeys)
      if (auto value = more.text(key)) profile.more[camel(key)] = *value;
    more.done();
  } else {
    (void)in.text("profile");
  }
  user.password = read_secret(in, "password");
  user.admin = in.flag("admin").value_or(false);
  user.groups = in.texts("groups");
  in.done();
  if (profile.first_name.empty() && !profile.login.empty()) profile.first_name = profile.login.substr(0, profile.login.find('@'));
  if (profile.last_name.empty()) profile.last_name = "-";
  return user;
}

SeedGroup read_group(Map in) {
  SeedGroup group;
  group.id = in.parsed("id", directory::GroupId::parse);
  group.name = in.required_text("name", "Engineers");
  group.description = in.text("description", "");
  group.members = in.texts("members");
  in.done();
  return group;
}

std::vector<std::string> usual_grants(AppKind kind) {
  if (kind == AppKind::service) return {"client_credentials"};
  return {"authorization_code", "refresh_token"};
}

void check_app(Map& in, const SeedApp& app) {
  const bool has_secret = app.auth != ClientAuth::none;
  if (app.kind == AppKind::service && !has_secret) in.fault("auth", "cannot be none for a service", "give it a secret");
  if (app.secret && !has_secret) in.fault("auth", "is none, and there is a secret", "remove one of them");
  const auto uses = [&](std::string_view grant) { return std::ranges::find(app.grant_types, grant) != app.grant_types.end(); };
  if (uses("authorization_code") && app.redirect_uris.empty())
    in.fault("redirect_uris", "is missing", "for example `redirect_uris: [http://localhost:3000/callback]`");
  for (const auto& grant : app.grant_types)
    if (std::ranges::find(kGrants, grant) == kGrants.end())
      in.fault("grant_types", fmt::format("'{}' is not known", grant), "write some of " + join(kGrants, ", "));
}

SeedApp read_app(Map in) {
  SeedApp app;
  app.label = in.required_text("label", "Orders");
  app.client_id = in.required_text("client_id", "orders");
  if (!app.client_id.empty() && !is_id(app.client_id)) in.fault("client_id", fmt::format("'{}' is not an id", app.client_id), "use letters, digits, '.', '_' and '-'");
  if (const auto kind = in.choice("kind", kKinds)) app.kind = static_cast<AppKind>(*kind);
  const bool is_public = app.kind == AppKind::spa || app.kind == AppKind::native;
  app.auth = is_public ? ClientAuth::none : ClientAuth::secret_basic;
  if (const auto auth = in.choice("auth", kAuths)) app.auth = static_cast<ClientAuth>(*auth);
  app.secret = read_secret(in, "client_secret");
  app.redirect_uris = in.texts("redirect_uris");
  app.post_logout_redirect_uris = in.texts("post_logout_redirect_uris");
  app.grant_types = in.texts("grant_types");
  if (app.grant_types.empty()) app.grant_types = usual_grants(app.kind);
  app.scopes = in.texts("scopes");
  app.initiate_login_uri = in.text("initiate_login_uri", "");
  app.consent_required = in.flag("consent").value_or(false);
  app.rotate_refresh = in.flag("rotate_refresh").value_or(true);
  app.users = in.texts("users");
  app.groups = in.texts("groups");
  in.done();
  check_app(in, app);
  return app;
}

SeedAuthorizationServer read_server(Map in) {
  SeedAuthorizationServer server;
  server.id = in.required_text("id", "default");
  if (!server.id.empty() && !is_id(server.id)) in.fault("id", fmt::format("'{}' is not an id", server.id), "use letters, digits, '.', '_' and '-'");
  server.name = in.text("name", server.id);
  server.audience = in.required_text("audience", "api://default");
  if (const auto alg = in.choice("signing_alg", kSigningAlgs)) server.signing_alg = kSigningAlgs[*alg];
  for (auto& scope : in.maps("scopes")) {
    server.scopes.push_back({scope.required_text("name", "orders:read"), scope.text("description", ""), scope.flag("default").value_or(false)});
    scope.done();
  }
  in.done();
  return server;
}

template <class Item, class Read, class Name>
std::vector<Item> read_all(Map& in, std::string_view key, Read read, Name name_of) {
  std::vector<Item> items;
  std::set<std::string> names;
  for (auto& entry : in.maps(key)) {
    if (items.size() >= kSeedItemsMax) {
      in.fault(key, fmt::format("has more than {} entries", kSeedItemsMax), "import them over the API instead");
      break;
    }
    items.push_back(read(entry));
    if (!names.insert(to_lower(name_of(items.back()))).second)
      entry.fault("", fmt::format("'{}' stands there twice", name_of(items.back())), "remove one of them");
  }
  return items;
}

}  // namespace

Result<Seed> parse_seed(std::string_view text, const std::string& file) {
  Findings findings(file);
  auto in = read_yaml(text, findings);
  Seed seed;
  seed.users = read_all<SeedUser>(in, "users", read_user, [](const SeedUser& u) { return u.profile.login; });
  seed.groups = read_all<SeedGroup>(in, "groups", read_group, [](const SeedGroup& g) { return g.name; });
  seed.apps = read_all<SeedApp>(in, "apps", read_app, [](const SeedApp& a) { return a.client_id; });
  seed.authorization_servers =
      read_all<SeedAuthorizationServer>(in, "authorization_servers", read_server, [](const SeedAuthorizationServer& s) { return s.id; });
  in.done();
  if (!findings.empty()) return failure(Fault::invalid, findings.str());
  return seed;
}

Result<Seed> load_seed(const std::string& file) {
  GH_TRY(auto text, read_small_file(file, kYamlBytesMax));
  return parse_seed(text, file);
}

}  // namespace gatehouse::app
