#include "okta/style.h"

#include "core/text.h"
#include "okta/error.h"

namespace gatehouse::okta {
namespace {

// Who shares a count: one caller, or for strangers one address.
std::string caller_of(const net::Request& request, const net::Principal& who) {
  using Kind = net::Principal::Kind;
  switch (who.kind) {
    case Kind::nobody: return "ip:" + request.client.ip;
    case Kind::user: return "user:" + who.id;
    case Kind::api_token: return "token:" + who.id;
    case Kind::client: return "client:" + who.id;
  }
  return {};
}

// Only okta.* scopes mean something here, and who may manage may read.
void settle_scopes(net::Principal& who) {
  constexpr std::string_view kManage = ".manage";
  std::set<std::string, std::less<>> settled;
  for (const auto& scope : who.scopes) {
    if (!scope.starts_with("okta.")) continue;
    settled.insert(scope);
    if (scope.ends_with(kManage)) settled.insert(scope.substr(0, scope.size() - kManage.size()) + ".read");
  }
  who.scopes = std::move(settled);
}

bool is_of_token(std::string_view scheme) { return equal_ignoring_case(scheme, "Bearer") || equal_ignoring_case(scheme, "DPoP"); }

void set(net::Reply& reply, std::string_view name, std::string value) {
  for (const auto& [present, ignored] : reply.headers)
    if (equal_ignoring_case(present, name)) return;
  reply.with(std::string(name), std::move(value));
}

}  // namespace

ApiStyle::ApiStyle(StyleNeeds needs, StyleOptions options)
    : needs_(needs), options_(std::move(options)), limiter_(needs.clock, options_.limits) {}

Task<net::Principal> ApiStyle::authenticate(const net::Request& request) {
  if (!request.fields.has(net::Header::authorization)) co_return net::Principal();
  const auto field = request.fields.only(net::Header::authorization);
  const auto space = field ? field->find(' ') : std::string_view::npos;
  if (space == std::string_view::npos) co_return std::unexpected(error("E0000011"));
  const auto scheme = field->substr(0, space);
  Secret token{std::string(trim(field->substr(space + 1)))};

  if (equal_ignoring_case(scheme, "SSWS")) co_return co_await needs_.api_tokens.check(std::move(token));
  if (!is_of_token(scheme)) co_return std::unexpected(error("E0000011"));
  GH_CO_TRY(auto who, co_await needs_.access_tokens.check(std::move(token), request));
  settle_scopes(who);
  co_return who;
}

net::Reply ApiStyle::shape(const Error& error, const net::Request& request) {
  auto reply = answer(error, !request.fields.has(net::Header::authorization), needs_.random);
  const auto authorization = request.fields.only(net::Header::authorization).value_or("");
  if (reply.status != 401 || !is_of_token(authorization.substr(0, authorization.find(' ')))) return reply;
  if (auto challenge = needs_.access_tokens.challenge(error, request); !challenge.empty()) reply.with("WWW-Authenticate", std::move(challenge));
  return reply;
}

void ApiStyle::decorate(net::Reply& reply, const net::Request& request, const net::Principal& who) {
  const auto state = limiter_.look(caller_of(request, who), family_of(request.path));
  set(reply, "X-Okta-Request-Id", request.id);
  set(reply, "X-Rate-Limit-Limit", std::to_string(state.limit));
  set(reply, "X-Rate-Limit-Remaining", std::to_string(state.remaining));
  set(reply, "X-Rate-Limit-Reset", std::to_string(to_seconds(state.reset)));
  set(reply, "Cache-Control", "no-cache, no-store");
  set(reply, "Pragma", "no-cache");
  set(reply, "Expires", "0");
  set(reply, "X-Content-Type-Options", "nosniff");
  if (!request.fields.has(net::Header::origin)) return;
  set(reply, "Vary", "Origin");
  const auto origin = request.fields.only(net::Header::origin);
  if (!origin || !options_.cors_origins.contains(*origin)) return;
  set(reply, "Access-Control-Allow-Origin", std::string(*origin));
  set(reply, "Access-Control-Allow-Credentials", "true");
  set(reply, "Access-Control-Expose-Headers", "Link, WWW-Authenticate, X-Okta-Request-Id, X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset");
}

Result<void> ApiStyle::admit(const net::Request& request, const net::Principal& who) {
  const auto family = family_of(request.path);
  if (family.empty()) return {};
  return limiter_.count(caller_of(request, who), family);
}

}  // namespace gatehouse::okta
