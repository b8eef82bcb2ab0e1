#include "idp/logout.h"

#include "idp/clients.h"
#include "idp/tokens.h"
#include "oauth/error.h"
#include "oauth/redirect_uri.h"
#include "signin/browser.h"
#include "signin/pages.h"

namespace gatehouse::idp {
namespace {

constexpr std::string_view kFormPurpose = "logout";
constexpr std::size_t kLogoutStateMax = 4096;

// What was asked for, checked. `destination` is empty: our own page.
struct Leaving {
  std::string destination;
  std::string subject;                  // of a valid hint; empty: nobody was named
};

struct Hint {
  std::string client_id, subject;
};

Task<Hint> read_hint(Provider& provider, Server server, std::string token) {
  auto hint = co_await verify_own(provider, std::move(server), TokenUse::id, std::move(token), jose::Expect::Expiry::ignored);
  if (!hint && hint.error().fault() == Fault::unauthenticated)
    co_return oauth::refusal(oauth::Code::invalid_request, "The id_token_hint is not an ID token of this server.");
  if (!hint) co_return std::unexpected(std::move(hint.error()));
  co_return Hint{find_string(*hint, "aud").value_or(""), find_string(*hint, "sub").value_or("")};
}

Task<Leaving> read_leaving(Provider& provider, Server server, oauth::Params params) {
  Leaving leaving;
  std::string client_id = params.text("client_id");
  if (auto hint = params.get("id_token_hint")) {
    GH_CO_TRY(auto named, co_await read_hint(provider, std::move(server), *std::move(hint)));
    if (!client_id.empty() && client_id != named.client_id)
      co_return oauth::refusal(oauth::Code::invalid_request, "The id_token_hint was issued to another client.");
    client_id = std::move(named.client_id);
    leaving.subject = std::move(named.subject);
  }
  auto uri = params.get("post_logout_redirect_uri");
  if (!uri) co_return leaving;
  // An address that is not registered is never followed, and nothing is ended on its behalf.
  auto app = co_await provider.needs().apps.find_by_client(client_id);
  if (!app && app.error().fault() != Fault::missing && app.error().fault() != Fault::invalid) co_return std::unexpected(std::move(app.error()));
  if (!app || !is_client(*app) || !oauth::is_registered(*uri, app->post_logout_redirect_uris, oauth::Loopback::exact))
    co_return oauth::refusal(oauth::Code::invalid_request, "The 'post_logout_redirect_uri' parameter must be a Logout redirect URI in the client app settings.");
  net::Form back;
  if (auto state = params.get("state"); state && state->size() <= kLogoutStateMax) back.add("state", *std::move(state));
  leaving.destination = back.empty() ? *std::move(uri) : oauth::with_query(*uri, back);
  co_return leaving;
}

Task<net::Reply> leave(Provider& provider, const net::Call& call, Leaving leaving) {
  GH_CO_DO(co_await provider.needs().door.end_session(call.request));
  auto place = leaving.destination.empty() ? "/signed-out" : std::move(leaving.destination);
  const bool by_form = call.request.method == net::Method::post;
  auto reply = by_form ? signin::after_form(call.request, std::move(place)) : net::Reply::redirect(std::move(place));
  if (!by_form) reply.with("Cache-Control", "no-store");
  reply.with("Set-Cookie", signin::clear_session_cookie(call.request.tls));
  co_return reply;
}

Task<net::Reply> ask_first(Provider& provider, const net::Call& call, Server server, Leaving leaving, directory::UserId user, oauth::Params params) {
  GH_CO_TRY(auto person, co_await provider.needs().users.find(user));
  signin::SignOutView view;
  view.action = server.path() + "/v1/logout";
  view.token = signin::form_token(*signin::session_cookie_of(call.request), kFormPurpose);
  view.login = person.profile.login;
  for (const auto& [name, value] : params.form().fields())
    if (name != "token") view.fields.emplace_back(name, value);
  if (!leaving.destination.empty()) view.form_target = oauth::csp_source_of(leaving.destination);
  co_return signin::sign_out_page(view);
}

enum class Confirmed { no, yes };

Task<net::Reply> go(Provider& provider, const net::Call& call, Server server, oauth::Params params, Confirmed confirmed) {
  GH_CO_DO(provider.base_of(call.request));
  auto leaving = co_await read_leaving(provider, server, params);
  if (!leaving) {
    GH_CO_DO(co_await provider.refused(server, "logout", params.text("client_id"), leaving.error(), signin::origin_of(call.request)));
    co_return std::unexpected(std::move(leaving.error()));
  }
  auto session = co_await provider.needs().door.session_of(call.request);
  if (!session && session.error().fault() == Fault::unauthenticated) co_return co_await leave(provider, call, *std::move(leaving));
  if (!session) co_return std::unexpected(std::move(session.error()));
  // Whoever holds the person's ID token may end the session; anybody else's link asks first.
  const bool named = !leaving->subject.empty() && leaving->subject == session->user.str();
  if (named || confirmed == Confirmed::yes) co_return co_await leave(provider, call, *std::move(leaving));
  co_return co_await ask_first(provider, call, std::move(server), *std::move(leaving), session->user, std::move(params));
}

}  // namespace

Task<net::Reply> logout(Provider& provider, const net::Call& call, RawForm ask) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  GH_CO_TRY(auto params, oauth::Params::of(std::move(ask.form)));
  co_return co_await go(provider, call, std::move(server), std::move(params), Confirmed::no);
}

// Either our own question answered (with its token), or a client's form from its own site, to which the session cookie
// does not come along (SameSite=Lax): that becomes a GET.
Task<net::Reply> logout_posted(Provider& provider, const net::Call& call, RawForm ask) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  if (!ask.form.get("token")) {
    auto query = ask.form.encode();
    if (query.size() > kPostedMax) co_return failure(Fault::limited, "The request is too long.");
    co_return net::Reply::redirect(server.path() + "/v1/logout" + (query.empty() ? "" : "?" + query));
  }
  GH_CO_TRY(auto params, oauth::Params::of(std::move(ask.form)));
  const auto holder = signin::session_cookie_of(call.request);
  GH_CO_DO(co_await provider.needs().door.check_form(call.request, holder, std::string(kFormPurpose), params.text("token")));
  co_return co_await go(provider, call, std::move(server), std::move(params), Confirmed::yes);
}

}  // namespace gatehouse::idp
