// /api/v1/sessions: browser sessions by their public id, and ending all sessions of a user.
#include "orgapi/sessions.h"

#include "orgapi/calls.h"

namespace gatehouse::orgapi {
namespace {

json::object shape(const signin::Session& session, const directory::User& user, const net::Request& request) {
  json::array methods(session.amr.begin(), session.amr.end());
  return {{"id", session.id},
          {"login", user.profile.login},
          {"userId", user.id.str()},
          {"status", "ACTIVE"},
          {"createdAt", to_iso8601(session.created)},
          {"expiresAt", to_iso8601(session.expires)},
          {"lastPasswordVerification", to_iso8601(session.auth_time)},
          {"lastFactorVerification", nullptr},
          {"amr", std::move(methods)},
          {"idp", {{"id", "okta"}, {"type", "OKTA"}}},
          {"mfaActive", false},
          {"_links",
           {{"self", link_allowing(request.origin() + "/api/v1/sessions/" + session.id, {"GET", "DELETE"})},
            {"user", link_allowing(request.origin() + "/api/v1/users/" + user.id.str(), {"GET"})}}}};
}

// A session that is over is one that is not there.
Task<signin::Session> session_in_path(SessionApi& api, const net::Call& call) {
  const auto id = call.path_value("sessionId");
  auto found = co_await api.sessions.find_by_id(id);
  if (!found && found.error().fault() == Fault::unauthenticated) co_return std::unexpected(okta::not_found(id, "AppSession"));
  co_return found;
}

Task<net::Reply> get_session(SessionApi& api, const net::Call& call) {
  GH_CO_TRY(auto session, co_await session_in_path(api, call));
  GH_CO_TRY(auto user, co_await api.org.users.find(session.user));
  co_return answer(shape(session, user, call.request));
}

Task<void> end_session(SessionApi& api, const net::Call& call) {
  GH_CO_TRY(auto session, co_await session_in_path(api, call));
  co_return co_await api.sessions.end(session.id, cause_of(call).origin);
}

Task<void> end_sessions_of_user(SessionApi& api, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(api.org, call));
  store::Unit also;
  if (is_true(call, "oauthTokens", false)) also = api.end_tokens(user.id);   // otherwise they outlive the sessions
  co_return co_await api.sessions.end_all(user.id, cause_of(call).origin, std::move(also));
}

using net::Method;
constexpr net::Endpoint<SessionApi> kRows[] = {
    net::on<get_session>(Method::get, "/api/v1/sessions/{sessionId}", "okta.sessions.read"),
    net::on<end_session>(Method::delete_, "/api/v1/sessions/{sessionId}", "okta.sessions.manage"),
    net::on<end_sessions_of_user>(Method::delete_, "/api/v1/users/{userId}/sessions", "okta.users.manage"),
};

}  // namespace

std::span<const net::Endpoint<SessionApi>> session_rows() { return kRows; }

void serve_sessions(net::Router& router, SessionApi& api, net::Style& style) { router.add(session_rows(), api, style); }

}  // namespace gatehouse::orgapi
