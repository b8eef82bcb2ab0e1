#include "idp/pushed_request.h"

#include "idp/authorize_request.h"
#include "idp/clients.h"
#include "idp/profile.h"
#include "oauth/error.h"
#include "signin/browser.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

// What proves the client is no part of its request, and is kept nowhere.
bool is_proof(std::string_view name) { return name == "client_secret" || name == "client_assertion" || name == "client_assertion_type"; }

Result<oauth::Params> without_proofs(const oauth::Params& params, const std::string& client_id) {
  net::Form form;
  for (const auto& [name, value] : params.form().fields())
    if (!is_proof(name) && name != "client_id") form.add(name, value);
  form.add("client_id", client_id);
  return oauth::Params::of(std::move(form));
}

Task<Secret> keep(Provider& provider, const net::Call& call, Server server, oauth::Params params) {
  GH_CO_TRY(auto base, provider.base_of(call.request));
  GH_CO_TRY(auto app, co_await authenticate_client(provider, call, server, params, Proof::public_too));
  if (const auto named = params.get("client_id"); named && *named != app.client_id)
    co_return oauth::refusal(Code::invalid_request, "The client_id is not the one of the client that pushes.");
  if (params.has("request_uri")) co_return oauth::refusal(Code::invalid_request, "A request_uri cannot be pushed (RFC 9126 section 2.1).");
  GH_CO_TRY(auto request, without_proofs(params, app.client_id));
  GH_CO_TRY(auto target, co_await find_target(provider, server, std::move(base), request));
  GH_CO_DO(co_await read_request(server, std::move(target), request));
  json::object data;
  data["client_id"] = app.client_id;
  data["server"] = server.id;
  data["query"] = request.form().encode();
  co_return co_await provider.needs().handles.issue(provider.org(), kPushed, json::value(std::move(data)));
}

std::unexpected<Error> not_ours() { return oauth::refusal(Code::invalid_request, "The request_uri is invalid, has expired, or was used already."); }

Task<json::value> spend(Provider& provider, Secret handle) {
  auto data = co_await provider.needs().handles.spend(provider.org(), kPushed, std::move(handle));
  if (data) co_return data;
  const auto fault = data.error().fault();
  if (fault == Fault::missing || fault == Fault::conflict || fault == Fault::invalid) co_return not_ours();
  co_return std::unexpected(std::move(data.error()));
}

// The client in the address decides nothing, and must not differ: a request of one client is not for another to start.
bool is_for(const json::value& data, const Server& server, const oauth::Params& params) {
  return find_string(data, "client_id") == params.text("client_id") && find_string(data, "server") == server.id;
}

Task<void> check_may_come_open(Provider& provider, Server server, oauth::Params params) {
  if (demands_pushed_requests(server.profile)) co_return oauth::refusal(Code::invalid_request, "This server takes pushed authorization requests only.");
  auto app = co_await provider.needs().apps.find_by_client(params.text("client_id"));
  if (!app && app.error().fault() != Fault::missing && app.error().fault() != Fault::invalid) co_return std::unexpected(std::move(app.error()));
  if (app && app->require_pushed) co_return oauth::refusal(Code::invalid_request, "This client has to push its authorization requests.");
  co_return Result<void>();   // who is not known is refused by the next one who looks
}

}  // namespace

Task<net::Reply> push_request(Provider& provider, const net::Call& call, oauth::Params params) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto handle = co_await keep(provider, call, server, params);
  if (!handle) {
    GH_CO_DO(co_await provider.refused(server, "par", claimed_client(call, params), handle.error(), signin::origin_of(call.request)));
    co_return std::unexpected(std::move(handle.error()));
  }
  json::object body;
  body["request_uri"] = std::string(kRequestUriPrefix) + std::string(handle->reveal());
  body["expires_in"] = kPushed.ttl.count();
  auto reply = net::Reply::json_text(201, to_text(body));
  reply.with("Cache-Control", "no-store");
  co_return reply;
}

Task<oauth::Params> settled(Provider& provider, Server server, oauth::Params params) {
  const auto reference = params.get("request_uri");
  if (!reference || !reference->starts_with(kRequestUriPrefix)) {
    GH_CO_DO(co_await check_may_come_open(provider, server, params));
    co_return params;
  }
  // The reference of another client stays good for that one: whoever merely saw it must not be able to use it up.
  Secret handle(reference->substr(kRequestUriPrefix.size()));
  auto peeked = co_await provider.needs().handles.peek(provider.org(), kPushed, handle);
  if (peeked && !is_for(*peeked, server, params)) co_return not_ours();
  GH_CO_TRY(const auto data, co_await spend(provider, std::move(handle)));
  if (!is_for(data, server, params)) co_return not_ours();   // also when the first look failed
  GH_CO_TRY(auto form, net::Form::parse(find_string(data, "query").value_or("")));
  co_return oauth::Params::of(std::move(form));
}

}  // namespace gatehouse::idp
