// /api/v1/api-tokens: who holds a key to this API. Tokens themselves are never shown here.
#include "core/text.h"
#include "okta/paging.h"
#include "orgapi/calls.h"

namespace gatehouse::orgapi {
namespace {

json::object shape(const directory::ApiToken& token, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/";
  return {{"id", token.id},
          {"name", token.name},
          {"userId", token.owner.str()},
          {"clientName", "Okta API"},
          {"tokenWindow", "P30D"},
          {"network", {{"connection", "ANYWHERE"}}},
          {"created", to_iso8601(token.created)},
          {"lastUpdated", to_iso8601(token.updated)},
          {"expiresAt", time_or_null(token.expires)},
          {"_links",
           {{"self", link_allowing(base + "api-tokens/" + token.id, {"GET", "DELETE"})},
            {"user", link_allowing(base + "users/" + token.owner.str(), {"GET"})}}}};
}

Task<net::Reply> list_tokens(Org& org, const net::Call& call) {
  GH_CO_TRY(auto tokens, co_await org.tokens.list());
  json::array items;
  for (const auto& token : tokens) items.push_back(shape(token, call.request));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> get_token(Org& org, const net::Call& call) {
  const auto id = call.path_value("tokenId");
  GH_CO_TRY(auto token, okta::named(co_await org.tokens.find(id), Fault::missing, "E0000007",
                                    "Not found: Resource not found: " + id + " (Token)"));
  co_return answer(shape(token, call.request));
}

// "current" is the token that this very call was made with.
Task<std::string> id_in_path(Org& org, const net::Call& call) {
  auto id = call.path_value("tokenId");
  if (id != "current" || call.who.kind != net::Principal::Kind::api_token) co_return id;
  const auto field = call.request.fields.only(net::Header::authorization).value_or("");
  Secret token{std::string(trim(field.substr(std::min(field.find(' '), field.size()))))};
  GH_CO_TRY(auto current, co_await org.tokens.check(std::move(token)));
  co_return current.id;
}

Task<void> revoke_token(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto id, co_await id_in_path(org, call));
  co_return okta::named(co_await org.tokens.revoke(id, cause_of(call)), Fault::missing, "E0000007",
                        "Not found: Resource not found: " + id + " (Token)");
}

constexpr net::Endpoint<Org> kRows[] = {
    net::on<list_tokens>(net::Method::get, "/api/v1/api-tokens", "okta.apiTokens.read"),
    net::on<get_token>(net::Method::get, "/api/v1/api-tokens/{tokenId}", "okta.apiTokens.read"),
    net::on<revoke_token>(net::Method::delete_, "/api/v1/api-tokens/{tokenId}", "okta.apiTokens.manage"),
};

}  // namespace

Rows token_rows() { return kRows; }

}  // namespace gatehouse::orgapi
