#include "idp/preview.h"

#include <algorithm>

#include "idp/clients.h"
#include "idp/grants.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

bool speaks_for_nobody(std::string_view grant_type) { return grant_type == "client_credentials"; }

// What is refused before any policy is looked at.
Task<void> check_parties(Provider& provider, Server server, directory::App app, std::optional<directory::User> user,
                         std::string grant_type) {
  if (!server.active) co_return oauth::refusal(Code::invalid_request, "The authorization server is not active.");
  if (!is_client(app)) co_return oauth::refusal(Code::invalid_client, "The client is not active.");
  if (std::ranges::find(app.grant_types, grant_type) == app.grant_types.end())
    co_return oauth::refusal(Code::unauthorized_client, "The client is not authorized to use the provided grant type.");
  if (!user && !speaks_for_nobody(grant_type))
    co_return oauth::refusal(Code::invalid_request, "This grant type needs a user.");
  if (user && speaks_for_nobody(grant_type))
    co_return oauth::refusal(Code::invalid_request, "Client credentials speak for no user.");
  if (user) GH_CO_DO(co_await person_for(provider, app, user->id));
  co_return Result<void>();
}

Preview::Refusal refusal_of(const Error& error) {
  return {std::string(oauth::name_of(oauth::code_of(error))), oauth::description_of(error)};
}

AccessAsk access_ask(const Server& server, const PreviewAsk& ask, const std::optional<directory::User>& user) {
  AccessAsk access{ask.client_id, ask.grant_type, oauth::Scopes::of(ask.scopes), AccessAsk::Scopes::as_asked, {}};
  if (access.scopes.empty()) {
    access.scopes = server.terms->default_scopes();
    access.how = AccessAsk::Scopes::by_default;
  }
  if (user) access.person = Asker{user->id.str(), {}};
  return access;
}

}  // namespace

Task<Preview> preview(Provider& provider, Server server, PreviewAsk ask) {
  auto& needs = provider.needs();
  if (ask.scopes.size() > oauth::kScopesMax ||
      !std::ranges::all_of(ask.scopes, [](const auto& scope) { return oauth::is_scope(scope); }))
    co_return failure(Fault::invalid, "scopes: too many, or not scopes of RFC 6749, section 3.3");
  GH_CO_TRY(auto app, co_await needs.apps.find_by_client(ask.client_id));
  std::optional<directory::User> user;
  if (ask.user) {
    GH_CO_TRY(user, co_await needs.users.find_any(*ask.user));
  }
  Preview seen;
  auto parties = co_await check_parties(provider, server, app, user, ask.grant_type);
  if (!parties && parties.error().code().empty()) co_return std::unexpected(std::move(parties.error()));
  if (!parties) {
    seen.refusal = refusal_of(parties.error());
    co_return seen;
  }
  auto asked = access_ask(server, ask, user);
  if (asked.person) {
    GH_CO_TRY(auto groups, co_await needs.groups.of_user(user->id));
    for (const auto& group : groups) asked.person->groups.push_back(group.id.str());
  }
  auto access = asked.scopes.empty()
                    ? Result<Access>(oauth::refusal(Code::invalid_scope,
                                                    "No scope is asked for, and this server has no default scopes."))
                    : decide(server, asked, &seen.trace);
  if (!access) {
    seen.refusal = refusal_of(access.error());
    co_return seen;
  }
  seen.access = *access;
  std::optional<Person> person;
  if (user) person = Person{*user, needs.clock.now(), {"pwd"}};
  auto scopes = access->scopes();
  const Mint mint{server, ask.base, app, std::move(scopes), std::move(person), "", "", *std::move(access)};
  GH_CO_TRY(seen.draft, co_await draft_tokens(provider, mint));
  co_return seen;
}

}  // namespace gatehouse::idp
