#include "idp/style.h"

#include <algorithm>

#include "core/text.h"
#include "oauth/dpop.h"
#include "oauth/error.h"
#include "oauth/params.h"

namespace gatehouse::idp {
namespace {

bool has_header(const net::Reply& reply, std::string_view name) {
  return std::ranges::any_of(reply.headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

int status_of(const Error& error) {
  if (!error.code().empty()) return oauth::status_of(oauth::code_of(error));
  switch (error.fault()) {
    case Fault::invalid: return 400;
    case Fault::unauthenticated: return 401;
    case Fault::denied: return 403;
    case Fault::missing: return 404;
    case Fault::conflict: return 400;
    case Fault::limited: return 429;
    case Fault::upstream: return 503;
    case Fault::internal: return 500;
  }
  return 500;
}

}  // namespace

Task<net::Principal> OAuthStyle::authenticate(const net::Request&) { co_return net::Principal(); }

net::Reply OAuthStyle::shape(const Error& error, const net::Request& request) {
  auto reply = net::Reply::json_text(status_of(error), to_text(oauth::error_body(error)));
  const auto code = oauth::code_of(error);
  if (code == oauth::Code::use_dpop_nonce && make_nonce_) reply.with("DPoP-Nonce", make_nonce_());
  const auto authorization = request.fields.only(net::Header::authorization).value_or("");
  const bool shows_token = oauth::dpop_token(authorization).has_value();
  if (shows_token && code == oauth::Code::invalid_dpop_proof) reply.status = 401;   // RFC 9449 §7.1; at a token endpoint 400 (§5)
  if (code == oauth::Code::invalid_token || code == oauth::Code::insufficient_scope || (shows_token && code == oauth::Code::invalid_dpop_proof)) {
    // oauth::refusal keeps quotes and backslashes out of the description.
    std::string challenge = "error=\"" + std::string(oauth::name_of(code)) + "\", error_description=\"" + error.message() + "\"";
    if (code == oauth::Code::insufficient_scope) challenge += ", scope=\"openid\"";
    const auto algs = "algs=\"" + oauth::dpop::algorithms() + "\"";
    if (shows_token) reply.with("WWW-Authenticate", "DPoP " + challenge + ", " + algs);
    else reply.with("WWW-Authenticate", "Bearer " + challenge).with("WWW-Authenticate", "DPoP " + algs);
  } else if (reply.status == 401 && equal_ignoring_case(authorization.substr(0, 6), "Basic ")) {
    reply.with("WWW-Authenticate", "Basic realm=\"gatehouse\"");
  }
  return reply;
}

void OAuthStyle::decorate(net::Reply& reply, const net::Request& request, const net::Principal&) {
  if (!has_header(reply, "Cache-Control")) reply.with("Cache-Control", "no-store").with("Pragma", "no-cache");
  reply.with("X-Content-Type-Options", "nosniff").with("X-Okta-Request-Id", request.id);
  auto origin = request.fields.only(net::Header::origin);
  reply.with("Vary", "Origin");
  if (!origin || *origin == "null") return;
  reply.with("Access-Control-Allow-Origin", std::string(*origin)).with("Access-Control-Allow-Credentials", "true");
  if (request.method == net::Method::options)
    reply.with("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        .with("Access-Control-Allow-Headers", "authorization, content-type, accept, dpop, x-okta-user-agent-extended, x-requested-with")
        .with("Access-Control-Max-Age", "600");
  else
    reply.with("Access-Control-Expose-Headers", "www-authenticate, dpop-nonce, x-okta-request-id, x-request-id");
}

Result<void> OAuthStyle::admit(const net::Request&, const net::Principal&) { return {}; }

}  // namespace gatehouse::idp
