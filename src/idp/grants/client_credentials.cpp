// RFC 6749 §4.4: a service for itself. Nothing is written but a line of the System Log, and that one in a batch.
#include <algorithm>

#include "idp/grants.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

// The org server gives a service what was granted to its app; a custom server what it knows.
Task<oauth::Scopes> scopes_for(Provider& provider, Server server, directory::App app, std::string text) {
  GH_CO_TRY(auto asked, oauth::Scopes::parse(text));
  oauth::Scopes allowed, by_default;
  if (server.kind() == ServerKind::org) {
    allowed = oauth::Scopes::of(app.scopes);
  } else {
    GH_CO_TRY(auto known, co_await provider.servers().scopes(server.id));
    for (const auto& scope : known) {
      allowed.add(scope.name);
      if (scope.by_default) by_default.add(scope.name);
    }
  }
  if (asked.empty()) asked = by_default;
  if (asked.empty()) co_return oauth::refusal(oauth::Code::invalid_scope, "The scope parameter is required, and this server has no default scopes.");
  if (std::ranges::any_of(asked.words(), is_oidc_scope))
    co_return oauth::refusal(oauth::Code::invalid_scope, "OpenID Connect scopes speak of a person; client credentials have none.");
  if (!asked.within(allowed))
    co_return oauth::refusal(oauth::Code::invalid_scope, "One or more scopes are not configured for the authorization server or not granted to the client.");
  co_return asked;
}

class ClientCredentials final : public Grant {
 public:
  std::string_view type() const override { return "client_credentials"; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    if (call.app.auth == directory::ClientAuth::none)
      co_return oauth::refusal(oauth::Code::unauthorized_client, "A public client cannot use client_credentials.");
    GH_CO_TRY(auto scopes, co_await scopes_for(provider, call.server, call.app, call.params.text("scope")));
    auto event = granted_event(call.server, "token.grant.access_token", call.app, {}, scopes, call.origin);
    Mint ask{call.server, call.base, call.app, std::move(scopes), {}, "", ""};
    GH_CO_TRY(auto answer, co_await mint(provider, std::move(ask)));
    GH_CO_DO(co_await provider.events().add(std::move(event)));
    co_return answer;
  }
};

}  // namespace

const Grant& client_credentials_grant() {
  static const ClientCredentials grant;
  return grant;
}

}  // namespace gatehouse::idp
