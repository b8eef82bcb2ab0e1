#include "oauth/client/code_flow.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "jose/flaw.h"
#include "net/form.h"

namespace gatehouse::oauth::client {

namespace {

std::string with_query(std::string address, const net::Form& form) {
  return address + (address.contains('?') ? "&" : "?") + form.encode();
}

crypto::Hash hash_of(jose::Alg alg) {
  switch (alg) {
    case jose::Alg::RS384: case jose::Alg::PS384: case jose::Alg::ES384: case jose::Alg::HS384: return crypto::Hash::sha384;
    case jose::Alg::RS512: case jose::Alg::PS512: case jose::Alg::ES512: case jose::Alg::HS512: case jose::Alg::EdDSA:
      return crypto::Hash::sha512;
    case jose::Alg::RS256: case jose::Alg::PS256: case jose::Alg::ES256: case jose::Alg::HS256: return crypto::Hash::sha256;
  }
  return crypto::Hash::sha256;
}

// OpenID Connect Core §3.1.3.8: the left half of the hash of the access token.
Result<void> check_access_token_hash(const jose::Jwt& jwt, const Secret& access_token) {
  if (!jwt.claims.has("at_hash") || access_token.empty()) return {};
  const auto hash = crypto::digest(hash_of(jwt.alg), access_token.reveal());
  const auto left = base64url_encode(std::string_view(hash).substr(0, hash.size() / 2));
  if (!equal_constant_time(jwt.claims.text("at_hash").value_or(""), left))
    return failure(Fault::unauthenticated, "The access token is not the one that the ID token vouches for.");
  return {};
}

Result<Tokens> read_tokens(const net::Answer& answer, const std::string& issuer) {
  auto body = parse_json(answer.body);
  if (answer.status >= 500 || answer.status == 429) return failure(Fault::upstream, issuer + " answered " + std::to_string(answer.status));
  if (answer.status != 200) {
    const auto word = body ? find_string(*body, "error").value_or("") : "";
    return std::unexpected(Error(Fault::unauthenticated, "The sign-in service refused: " + (word.empty() ? "no reason given" : word)).with_code(word));
  }
  if (!body || !body->is_object()) return failure(Fault::upstream, issuer + " did not answer with a JSON object");
  const auto access = find_string(*body, "access_token");
  if (!access || access->empty()) return failure(Fault::upstream, issuer + " answered without an access token");
  // RFC 6749 §5.1; §7.1: "The client MUST NOT use an access token if it does not understand the token type."
  if (!equal_ignoring_case(find_string(*body, "token_type").value_or(""), "Bearer"))
    return failure(Fault::upstream, issuer + " answered with a token type other than Bearer");

  Tokens tokens;
  tokens.access_token = Secret(*access);
  tokens.refresh_token = Secret(find_string(*body, "refresh_token").value_or(""));
  tokens.id_token = Secret(find_string(*body, "id_token").value_or(""));
  if (const auto seconds = find_int(*body, "expires_in"); seconds && *seconds > 0) tokens.expires_in = Seconds(std::min<std::int64_t>(*seconds, 365 * 86400));
  return tokens;
}

}  // namespace

Result<std::unique_ptr<CodeFlow>> CodeFlow::make(CodeFlowNeeds needs, CodeFlowConfig config) {
  if (auto url = net::Url::parse(config.issuer); !url)
    return failure(Fault::invalid, "issuer: \"" + config.issuer + "\" is not an http(s) address");
  if (config.client.client_id.empty()) return failure(Fault::invalid, "client_id: is missing");
  if (config.client.auth != ClientAuth::none && config.client.client_secret.empty())
    return failure(Fault::invalid, "client_secret: is missing; a client without one has the authentication method `none`");
  if (std::ranges::find(config.client.scopes, "openid") == config.client.scopes.end())
    return failure(Fault::invalid, "scopes: `openid` is missing; without it the issuer does not say who signed in");
  return std::unique_ptr<CodeFlow>(new CodeFlow(needs, std::move(config)));
}

CodeFlow::CodeFlow(CodeFlowNeeds needs, CodeFlowConfig config)
    : needs_(needs),
      config_(std::move(config)),
      discovery_(needs.http, needs.clock, config_.issuer, config_.times),
      keys_(needs.http, needs.clock, discovery_, config_.times) {}

std::string CodeFlow::challenge_of(const Secret& verifier) { return base64url_encode(crypto::sha256(verifier.reveal())); }

Task<std::string> CodeFlow::authorization_url(AskForCode ask) {
  GH_CO_TRY(auto about, co_await discovery_.get());
  if (about->authorization_endpoint.empty()) co_return failure(Fault::upstream, config_.issuer + " has no authorization endpoint");
  net::Form form;
  form.add("response_type", "code");
  form.add("client_id", config_.client.client_id);
  form.add("redirect_uri", ask.redirect_uri);
  form.add("scope", join(config_.client.scopes, " "));
  form.add("state", ask.state);
  form.add("nonce", ask.nonce);
  form.add("code_challenge", challenge_of(ask.verifier));
  form.add("code_challenge_method", "S256");
  for (auto& [name, value] : ask.more) form.add(std::move(name), std::move(value));
  co_return with_query(about->authorization_endpoint, form);
}

Task<Tokens> CodeFlow::exchange(std::string code, std::string redirect_uri, Secret verifier) {
  std::vector<std::pair<std::string, std::string>> fields;
  fields.emplace_back("grant_type", "authorization_code");
  fields.emplace_back("code", std::move(code));
  fields.emplace_back("redirect_uri", std::move(redirect_uri));
  fields.emplace_back("code_verifier", std::string(verifier.reveal()));
  co_return co_await ask_for_tokens(std::move(fields));
}

Task<Tokens> CodeFlow::refresh(Secret refresh_token) {
  std::vector<std::pair<std::string, std::string>> fields;
  fields.emplace_back("grant_type", "refresh_token");
  fields.emplace_back("refresh_token", std::string(refresh_token.reveal()));
  co_return co_await ask_for_tokens(std::move(fields));
}

Task<Tokens> CodeFlow::ask_for_tokens(std::vector<std::pair<std::string, std::string>> fields) {
  GH_CO_TRY(auto about, co_await discovery_.get());
  const auto& client = config_.client;
  net::Outbound request;
  request.method = net::Method::post;
  GH_CO_TRY(request.url, net::Url::parse(about->token_endpoint));
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.answer_max = kTokenAnswerMax;
  // RFC 6749 §2.3.1: both halves are form-encoded first. Id and secret by one way only, never by two.
  if (client.auth == ClientAuth::basic) {
    const auto pair = percent_encode(client.client_id) + ":" + percent_encode(client.client_secret.reveal());
    request.headers.emplace_back("Authorization", "Basic " + base64_encode(pair));
  } else {
    fields.emplace_back("client_id", client.client_id);
    if (client.auth == ClientAuth::post) fields.emplace_back("client_secret", std::string(client.client_secret.reveal()));
  }
  net::Form form;
  for (auto& [name, value] : fields) form.add(std::move(name), std::move(value));
  request.body = form.encode();

  auto answer = co_await needs_.http.send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()).while_doing("ask " + config_.issuer + " for tokens"));
  co_return read_tokens(*answer, config_.issuer);
}

Task<IdToken> CodeFlow::verify_id_token(Secret id_token, std::string nonce, Secret access_token) {
  GH_CO_TRY(auto header, jose::peek_header(id_token.reveal()));
  std::string kid;
  if (const auto* text = header.if_contains("kid"); text != nullptr && text->is_string()) kid = text->get_string();
  GH_CO_TRY(auto keys, co_await keys_.get_with(std::move(kid)));

  jose::Expect expect;
  expect.issuer = config_.issuer;
  expect.audiences = {config_.client.client_id};
  expect.now = needs_.clock.now();
  expect.skew = config_.skew;
  GH_CO_TRY(auto jwt, jose::verify_jwt(id_token.reveal(), keys->set, jose::kAsymmetricAlgs, expect));

  // An ID token meant for several must say that it was issued to us (§3.1.3.7, 3 to 5).
  const auto azp = jwt.claims.text("azp");
  const auto audiences = jwt.claims.texts("aud").value_or(std::vector<std::string>());
  if ((jwt.claims.has("azp") || audiences.size() > 1) && azp != config_.client.client_id)
    co_return failure(Fault::unauthenticated, "The ID token was issued to another client.");
  // The nonce ties the token to the browser that asked; an empty expectation would accept a token without one.
  if (nonce.empty() || !equal_constant_time(jwt.claims.text("nonce").value_or(""), nonce))
    co_return failure(Fault::unauthenticated, "The ID token does not belong to this sign-in.");
  GH_CO_DO(check_access_token_hash(jwt, access_token));
  co_return IdToken{std::move(jwt.claims)};
}

Task<json::object> CodeFlow::userinfo(Secret access_token, std::string subject) {
  GH_CO_TRY(auto about, co_await discovery_.get());
  if (about->userinfo_endpoint.empty()) co_return failure(Fault::missing, config_.issuer + " has no userinfo endpoint");
  net::Outbound request;
  GH_CO_TRY(request.url, net::Url::parse(about->userinfo_endpoint));
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("Authorization", "Bearer " + std::string(access_token.reveal()));
  request.answer_max = kTokenAnswerMax;
  GH_CO_TRY(auto answer, co_await needs_.http.send(std::move(request)));
  // Only a clear no ends somebody's session; an issuer that stumbles (429, 5xx, a captive proxy's page) does not.
  if (answer.status == 400 || answer.status == 401 || answer.status == 403)
    co_return failure(Fault::unauthenticated, config_.issuer + " does not vouch for this user any more");
  if (answer.status != 200) co_return failure(Fault::upstream, "userinfo: " + config_.issuer + " answered " + std::to_string(answer.status));
  auto body = parse_json(answer.body);
  if (!body || !body->is_object()) co_return failure(Fault::upstream, "userinfo: " + config_.issuer + " did not answer with a JSON object");
  if (find_string(*body, "sub").value_or("") != subject)
    co_return failure(Fault::unauthenticated, "userinfo: " + config_.issuer + " answered about somebody else");
  co_return std::move(body->as_object());
}

Task<std::string> CodeFlow::end_session_url(Secret id_token_hint, std::string post_logout_redirect_uri) {
  GH_CO_TRY(auto about, co_await discovery_.get());
  if (about->end_session_endpoint.empty()) co_return std::string();
  net::Form form;
  if (!id_token_hint.empty()) form.add("id_token_hint", std::string(id_token_hint.reveal()));
  form.add("client_id", config_.client.client_id);
  form.add("post_logout_redirect_uri", std::move(post_logout_redirect_uri));
  co_return with_query(about->end_session_endpoint, form);
}

}  // namespace gatehouse::oauth::client
