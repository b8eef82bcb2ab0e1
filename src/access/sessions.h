// The life of a session at a guarded host: begun at sign-in, vouched for again by the issuer while it is used, ended by
// sign-out, by expiry, or by the issuer's no. Knows nothing of requests and pages.
#pragma once

#include "access/cache.h"
#include "access/session.h"
#include "core/log.h"

namespace gatehouse::access {

inline constexpr Seconds kCheckLease{15};       // one node asks the issuer; the others wait for so long before they may
inline constexpr Seconds kIssuerAwayPause{5};   // after a failure nobody asks for so long

class Sessions {
 public:
  Sessions(SessionNeeds needs, const SsoConfig& config, SessionStore store, oauth::client::CodeFlow& flow, Log log)
      : needs_(needs), config_(config), store_(std::move(store)), flow_(flow), log_(std::move(log)) {}

  struct Started {
    Secret cookie;
    SessionPtr session;
  };
  // Always a new handle: what the browser had before sign-in is never taken over (session fixation).
  Task<Started> start(std::string host, oauth::client::IdToken who, oauth::client::Tokens tokens, json::object info);

  // Without waiting; nullptr: ask find().
  SessionPtr at_once(std::string_view cookie, std::string_view host);
  // Fault::unauthenticated: no live session of this host. Fault::upstream: its issuer is away for longer than allowed.
  Task<SessionPtr> find(Secret cookie, std::string host);
  // Login and identity headers from the claims alone, for a session that exists in thought only.
  void dress_imagined(Session& session) const { dress_from_claims(session); }
  // The session that was ended, if there was one, for the issuer's sign-out.
  Task<SessionPtr> end(Secret cookie, std::string host);

 private:
  Result<void> check_alive(const Session& session, std::string_view host) const;
  Task<Session> vouched_for(std::string hash, Session session);
  Task<Session> ask_issuer(std::string hash, Session session, bool may_refresh);
  Task<void> renew_tokens(Session& session);
  Result<Session> within_grace(Session session) const;
  void dress(Session& session) const;
  void dress_from_claims(Session& session) const;

  SessionNeeds needs_;
  const SsoConfig& config_;
  SessionStore store_;
  oauth::client::CodeFlow& flow_;
  Log log_;
  SessionCache cache_;
  std::array<SingleFlight, 64> flights_;               // per hash: one question to the issuer at a time in this process
  std::atomic<std::int64_t> issuer_away_until_{0};
};

}  // namespace gatehouse::access
