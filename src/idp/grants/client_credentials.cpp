// RFC 6749 §4.4: a service for itself. Nothing is written but a line of the System Log, and that one in a batch.
#include <algorithm>

#include "idp/grants.h"
#include "idp/system_terms.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

// The org server gives a service what was granted to its app; a custom server what it knows and a rule allows.
Result<AccessAsk> ask_for(const Server& server, const directory::App& app, const std::string& text) {
  AccessAsk ask{app.client_id, "client_credentials", {}, AccessAsk::Scopes::as_asked, {}};
  GH_TRY(ask.scopes, oauth::Scopes::parse(text));
  if (ask.scopes.empty() && server.terms) {
    ask.scopes = server.terms->default_scopes();
    ask.how = AccessAsk::Scopes::by_default;
    for (const auto& scope : std::vector(ask.scopes.words()))
      if (is_oidc_scope(scope)) ask.scopes.remove(scope);
  }
  if (ask.scopes.empty()) return oauth::refusal(oauth::Code::invalid_scope, "The scope parameter is required, and this server has no default scopes.");
  if (std::ranges::any_of(ask.scopes.words(), is_oidc_scope))
    return oauth::refusal(oauth::Code::invalid_scope, "OpenID Connect scopes speak of a person; client credentials have none.");
  if (!server.terms && !ask.scopes.within(oauth::Scopes::of(app.scopes)))
    return oauth::refusal(oauth::Code::invalid_scope, "One or more scopes are not granted to the client.");
  return ask;
}

class ClientCredentials final : public Grant {
 public:
  std::string_view type() const override { return "client_credentials"; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    if (call.app.auth == directory::ClientAuth::none)
      co_return oauth::refusal(oauth::Code::unauthorized_client, "A public client cannot use client_credentials.");
    GH_CO_TRY(auto asked, ask_for(call.server, call.app, call.params.text("scope")));
    GH_CO_TRY(auto access, co_await access_for(provider, call.server, std::move(asked)));
    auto event = granted_event(call.server, "token.grant.access_token", call.app, {}, access.scopes(), call.origin);
    auto scopes = access.scopes();
    Mint ask{call.server, call.base, call.app, std::move(scopes), {}, "", "", std::move(access), call.bound_to};
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
