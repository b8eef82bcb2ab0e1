#include "access/sessions.h"

#include "gateway/policy.h"

namespace gatehouse::access {

namespace {

constexpr std::size_t kCookieMax = 128;
// Of the ID token, but not about the user.
constexpr std::string_view kProtocolClaims[] = {"nonce", "at_hash", "c_hash", "s_hash", "exp", "iat", "nbf", "jti", "aud", "azp"};

std::unexpected<Error> nobody() { return failure(Fault::unauthenticated, "Nobody is signed in here."); }

}  // namespace

void Sessions::dress(Session& session) const {
  merge_claims(session);
  dress_from_claims(session);
}

void Sessions::dress_from_claims(Session& session) const {
  session.login = find_string(session.claims, "preferred_username").value_or(find_string(session.claims, "email").value_or(session.subject));
  session.header_lines = gateway::identity_lines(config_.headers, session.claims);
}

Task<Sessions::Started> Sessions::start(std::string host, oauth::client::IdToken who, oauth::client::Tokens tokens, json::object info) {
  const auto now = needs_.clock.now();
  Session session;
  session.id = new_id(needs_.random, "gws");
  session.host = std::move(host);
  session.policy = config_.name;
  session.subject = who.subject();
  session.sid = who.claims.text("sid").value_or("");
  session.id_claims = who.claims.object();
  for (const auto name : kProtocolClaims) session.id_claims.erase(name);
  session.info = std::move(info);
  session.created = session.last_seen = session.checked = now;
  session.expires = now + config_.absolute;
  if (tokens.expires_in) session.tokens.access_expires = now + *tokens.expires_in;
  session.tokens.id_token = std::move(tokens.id_token);
  session.tokens.access_token = std::move(tokens.access_token);
  session.tokens.refresh_token = std::move(tokens.refresh_token);
  dress(session);

  Secret cookie(random_token(needs_.random, 32));
  GH_CO_DO(co_await store_.insert(cookie_hash(cookie.reveal()), session));
  log_.info("access.signed_in", {{"session", session.id}, {"subject", session.subject}, {"host", session.host}});
  co_return Started{std::move(cookie), std::make_shared<const Session>(std::move(session))};
}

Result<void> Sessions::check_alive(const Session& session, std::string_view host) const {
  const auto now = needs_.clock.now();
  // Session of tenant A at host B (lua-resty-openidc#526): a cookie moved by hand is nobody's.
  if (session.host != host || session.policy != config_.name) return nobody();
  if (now >= session.expires || now >= session.last_seen + config_.idle) return nobody();
  return {};
}

SessionPtr Sessions::at_once(std::string_view cookie, std::string_view host) {
  if (cookie.empty() || cookie.size() > kCookieMax) return nullptr;
  auto session = cache_.find(cookie_hash(cookie), needs_.clock.now());
  if (!session || !check_alive(*session, host)) return nullptr;
  return needs_.clock.now() < session->checked + config_.revalidate ? session : nullptr;
}

Task<SessionPtr> Sessions::find(Secret cookie, std::string host) {
  if (cookie.empty() || cookie.reveal().size() > kCookieMax) co_return nobody();
  const auto hash = cookie_hash(cookie.reveal());
  const auto endings = cache_.endings(hash);
  auto found = co_await store_.select(hash);
  if (!found && found.error().fault() == Fault::missing) {
    cache_.erase(hash);
    co_return nobody();
  }
  if (!found) co_return std::unexpected(std::move(found.error()));
  GH_CO_DO(check_alive(*found, host));
  GH_CO_TRY(auto session, co_await vouched_for(hash, *std::move(found)));

  const auto now = needs_.clock.now();
  if (now >= session.last_seen + kSeenEvery) {
    GH_CO_DO(co_await store_.touch(hash, now));
    session.last_seen = now;
  }
  dress(session);
  auto shared = std::make_shared<const Session>(std::move(session));
  cache_.insert(hash, shared, now, endings);
  co_return shared;
}

// From half the time on, one request takes the question with it; from the whole time on nobody passes without an answer.
Task<Session> Sessions::vouched_for(std::string hash, Session session) {
  if (needs_.clock.now() < session.checked + config_.revalidate / 2) co_return session;
  auto lease = co_await flights_[std::hash<std::string>()(hash) % flights_.size()].enter();
  if (!lease) {   // somebody of this process has just asked: see what came of it
    auto again = co_await store_.select(hash);
    if (!again) co_return nobody();
    session = *std::move(again);
  }
  const auto now = needs_.clock.now();
  const auto age = now - session.checked;
  if (age < config_.revalidate / 2) co_return session;
  if (to_millis(now) < issuer_away_until_.load()) co_return within_grace(std::move(session));

  GH_CO_TRY(const bool claimed, co_await store_.claim_check(hash, now, now + kCheckLease));
  if (!claimed && age < config_.revalidate) co_return session;
  co_return co_await ask_issuer(std::move(hash), std::move(session), claimed);
}

Task<Session> Sessions::ask_issuer(std::string hash, Session session, bool may_refresh) {
  const auto now = needs_.clock.now();
  Result<void> renewed;
  const bool stale = session.tokens.access_expires && now + Seconds(5) >= *session.tokens.access_expires;
  if (stale && may_refresh) renewed = co_await renew_tokens(session);
  else if (stale) renewed = failure(Fault::upstream, "another node is renewing this session");

  Result<json::object> info = json::object();
  if (renewed) {
    info = co_await flow_.userinfo(session.tokens.access_token, session.subject);
    const bool refused = !info && (info.error().fault() == Fault::unauthenticated || info.error().fault() == Fault::missing);
    if (refused && !stale && may_refresh && !session.tokens.refresh_token.empty()) {
      // The access token may have been too short-lived, or there is no userinfo: the refresh token has the last word.
      renewed = co_await renew_tokens(session);
      if (renewed) info = co_await flow_.userinfo(session.tokens.access_token, session.subject);
    }
    if (!info && info.error().fault() == Fault::missing && renewed) info = session.info;
  }
  const Error* no = !renewed ? &renewed.error() : !info ? &info.error() : nullptr;
  if (no == nullptr) {
    session.info = *std::move(info);
    session.checked = now;
    dress(session);
    if (may_refresh) {
      auto saved = co_await store_.save_check(hash, session);
      if (!saved && saved.error().fault() == Fault::missing) co_return nobody();
      if (!saved) co_return std::unexpected(std::move(saved.error()));
    }
    co_return session;
  }
  if (no->fault() == Fault::unauthenticated) {
    log_.info("access.session_ended", {{"session", session.id}, {"subject", session.subject}, {"why", no->message()}});
    cache_.erase(hash);
    GH_CO_DO(co_await store_.remove(hash));
    co_return nobody();
  }
  log_.warn("access.issuer_away", {{"issuer", flow_.issuer()}, {"why", no->message()}});
  issuer_away_until_.store(to_millis(needs_.clock.now() + kIssuerAwayPause));
  co_return within_grace(std::move(session));
}

Task<void> Sessions::renew_tokens(Session& session) {
  if (session.tokens.refresh_token.empty()) co_return failure(Fault::unauthenticated, "the access token has expired and there is no refresh token");
  auto tokens = co_await flow_.refresh(session.tokens.refresh_token);
  if (!tokens) {
    // Only "this grant is over" is about the user; invalid_client and kin are about us.
    auto error = std::move(tokens.error());
    if (error.fault() == Fault::unauthenticated && error.code() != "invalid_grant") co_return failure(Fault::upstream, error.message());
    co_return std::unexpected(std::move(error));
  }
  session.tokens.access_token = std::move(tokens->access_token);
  if (!tokens->refresh_token.empty()) session.tokens.refresh_token = std::move(tokens->refresh_token);
  if (!tokens->id_token.empty()) session.tokens.id_token = std::move(tokens->id_token);
  session.tokens.access_expires = tokens->expires_in ? std::optional(needs_.clock.now() + *tokens->expires_in) : std::nullopt;
  co_return Result<void>();
}

Result<Session> Sessions::within_grace(Session session) const {
  if (needs_.clock.now() < session.checked + config_.revalidate + config_.issuer_outage_grace) return session;
  return failure(Fault::upstream, "the sign-in service has been away for too long");
}

Task<SessionPtr> Sessions::end(Secret cookie, std::string host) {
  if (cookie.empty() || cookie.reveal().size() > kCookieMax) co_return SessionPtr();
  const auto hash = cookie_hash(cookie.reveal());
  auto found = co_await store_.select(hash);
  if (!found && found.error().fault() != Fault::missing) co_return std::unexpected(std::move(found.error()));
  if (!found || found->host != host) co_return SessionPtr();
  GH_CO_DO(co_await store_.remove(hash));
  cache_.erase(hash);
  log_.info("access.signed_out", {{"session", found->id}, {"subject", found->subject}});
  co_return std::make_shared<const Session>(*std::move(found));
}

}  // namespace gatehouse::access
