#include "oauth/client/introspection.h"

#include "core/bytes.h"
#include "core/text.h"
#include "net/form.h"

namespace gatehouse::oauth::client {

namespace {

std::unexpected<Error> inactive() { return failure(Fault::unauthenticated, "The token is not active."); }

}  // namespace

std::optional<Error> Introspection::known(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = noes_.find(key);
  if (found == noes_.end() || needs_.clock.now() >= found->second.until) return std::nullopt;
  return found->second.error;
}

void Introspection::remember(const Key& key, Error error, Millis how_long) {
  const auto now = needs_.clock.now();
  const std::lock_guard lock(mutex_);
  if (noes_.size() >= kIntrospectionNoesMax) std::erase_if(noes_, [&](const auto& entry) { return now >= entry.second.until; });
  if (noes_.size() >= kIntrospectionNoesMax) noes_.clear();   // a no that is forgotten costs a question, nothing else
  noes_.insert_or_assign(key, No{std::move(error), now + how_long});
}

Task<Introspection::Asked> Introspection::ask(Key key, std::string token) {
  std::shared_ptr<SingleFlight> flight;
  {
    const std::lock_guard lock(mutex_);
    auto& slot = flights_[key];
    if (!slot && flights_.size() > kIntrospectionsAtOnce) {
      flights_.erase(key);
      co_return failure(Fault::limited, "introspection: too many questions are on their way to " + needs_.discovery.issuer());
    }
    if (!slot) slot = std::make_shared<SingleFlight>();
    flight = slot;
  }
  auto lease = co_await flight->enter();
  if (!lease) co_return Asked();
  const Landing landing{*this, key};
  auto answer = co_await fetch(std::move(token));
  if (!answer) remember(key, answer.error(), answer.error().fault() == Fault::unauthenticated ? Millis(config_.remember_no) : kIntrospectionRetry);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return Asked(*std::move(answer));
}

Task<std::shared_ptr<TokenFacts>> Introspection::fetch(std::string token) {
  auto endpoint = config_.endpoint;
  if (endpoint.empty()) {
    GH_CO_TRY(auto about, co_await needs_.discovery.get());
    endpoint = about->introspection_endpoint;
    if (endpoint.empty()) co_return failure(Fault::upstream, needs_.discovery.issuer() + " has no introspection endpoint");
  }
  net::Outbound request;
  request.method = net::Method::post;
  GH_CO_TRY(request.url, net::Url::parse(endpoint));
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.answer_max = kIntrospectionAnswerMax;
  request.total_timeout = kIntrospectionPatience;
  net::Form form;
  form.add("token", std::move(token));
  form.add("token_type_hint", "access_token");
  if (config_.auth == ClientAuth::basic) {
    const auto pair = percent_encode(config_.client_id) + ":" + percent_encode(config_.client_secret.reveal());
    request.headers.emplace_back("Authorization", "Basic " + base64_encode(pair));
  } else {
    form.add("client_id", config_.client_id);
    if (config_.auth == ClientAuth::post) form.add("client_secret", std::string(config_.client_secret.reveal()));
  }
  request.body = form.encode();
  auto answer = co_await needs_.http.send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()).while_doing("introspect at " + endpoint));
  co_return read(*answer);
}

Result<std::shared_ptr<TokenFacts>> Introspection::read(const net::Answer& answer) const {
  const auto& issuer = needs_.discovery.issuer();
  // A 401 speaks of our own credentials, not of the token.
  if (answer.status != 200) return failure(Fault::upstream, "introspection: " + issuer + " answered " + std::to_string(answer.status));
  auto body = parse_json(answer.body);
  if (!body || !body->is_object()) return failure(Fault::upstream, "introspection: " + issuer + " did not answer with a JSON object");
  const auto active = find_bool(*body, "active");
  if (!active) return failure(Fault::upstream, "introspection: " + issuer + " does not say whether the token is active");
  if (!*active) return inactive();
  auto& members = body->get_object();
  const auto* named = members.if_contains("iss");
  if (named != nullptr && (!named->is_string() || std::string_view(named->get_string()) != issuer)) return inactive();

  const auto now = needs_.clock.now();
  const auto horizon = now + std::max(Seconds(1), config_.remember_yes);
  if (!members.contains("exp")) members["exp"] = to_seconds(horizon);   // RFC 7662 §2.2: optional; then only this answer is good
  GH_TRY(auto facts, TokenFacts::of(jose::Claims(std::move(members))));
  facts->remember_until = std::min(facts->expires, now + config_.remember_yes);
  return facts;
}

}  // namespace gatehouse::oauth::client
