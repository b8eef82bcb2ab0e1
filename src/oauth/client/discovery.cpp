#include "oauth/client/discovery.h"

#include "core/json.h"

namespace gatehouse::oauth::client {

namespace {

Result<std::string> address(const json::value& document, std::string_view name) {
  const auto text = find_string(document, name);
  if (!text || text->empty()) return std::string();
  if (auto url = net::Url::parse(*text); !url)
    return failure(Fault::upstream, "discovery: " + std::string(name) + " is not an http(s) address");
  return *text;
}

}  // namespace

Result<Metadata> parse_metadata(std::string_view body, const std::string& issuer) {
  auto document = parse_json(body);
  if (!document || !document->is_object()) return failure(Fault::upstream, "discovery: " + issuer + " did not answer with a JSON object");

  Metadata found;
  found.issuer = find_string(*document, "issuer").value_or("");
  // OpenID Connect Discovery §4.3: "MUST exactly match". Otherwise one issuer could speak for another (mix-up).
  if (found.issuer != issuer) return failure(Fault::denied, "discovery: asked " + issuer + ", which calls itself something else");
  GH_TRY(found.authorization_endpoint, address(*document, "authorization_endpoint"));
  GH_TRY(found.token_endpoint, address(*document, "token_endpoint"));
  GH_TRY(found.jwks_uri, address(*document, "jwks_uri"));
  GH_TRY(found.userinfo_endpoint, address(*document, "userinfo_endpoint"));
  GH_TRY(found.end_session_endpoint, address(*document, "end_session_endpoint"));
  GH_TRY(found.introspection_endpoint, address(*document, "introspection_endpoint"));
  found.names_itself_in_answers = find_bool(*document, "authorization_response_iss_parameter_supported").value_or(false);
  if (found.jwks_uri.empty()) return failure(Fault::upstream, "discovery: " + issuer + " publishes no jwks_uri");
  return found;
}

Task<std::string> fetch_document(net::HttpClient& http, std::string url, std::size_t body_max) {
  net::Outbound request;
  GH_CO_TRY(request.url, net::Url::parse(url));
  request.headers.emplace_back("Accept", "application/json");
  request.answer_max = body_max;
  auto sent = co_await http.send(std::move(request));
  if (!sent) co_return std::unexpected(std::move(sent.error()).while_doing("fetch " + url));
  if (sent->status != 200) co_return failure(Fault::upstream, url + " answered " + std::to_string(sent->status));
  co_return std::move(sent->body);
}

Discovery::Discovery(net::HttpClient& http, const Clock& clock, std::string issuer, KeptTimes times)
    : http_(http), issuer_(std::move(issuer)), kept_(clock, [this] { return fetch(); }, times) {}

Task<Metadata> Discovery::fetch() {
  auto base = issuer_;
  if (base.ends_with('/')) base.pop_back();   // OpenID Connect Discovery §4.1
  GH_CO_TRY(auto body, co_await fetch_document(http_, base + "/.well-known/openid-configuration", kDiscoveryBodyMax));
  co_return parse_metadata(body, issuer_);
}

}  // namespace gatehouse::oauth::client
