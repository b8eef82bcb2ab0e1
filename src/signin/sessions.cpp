#include "signin/sessions.h"

#include "core/bytes.h"
#include "crypto/hash.h"
#include "signin/session_store.h"
#include "signin/transaction_store.h"

namespace gatehouse::signin {
namespace {

constexpr std::string_view kCookiePrefix = "ghs_";
constexpr std::size_t kCookieLength = 4 + 43;      // prefix and 32 random bytes
constexpr Seconds kTouchEvery{60};

std::unexpected<Error> over() { return failure(Fault::unauthenticated, "The session is over. Please sign in."); }

std::string hash_of(const Secret& cookie) { return base64url_encode(crypto::sha256(cookie.reveal())); }

events::Event session_event(std::string type, std::string message, const directory::UserId& user, std::string session_id, events::Origin origin) {
  events::Event event;
  event.type = std::move(type);
  event.message = std::move(message);
  event.actor = events::Party{user.str(), "User", "", ""};
  event.origin = std::move(origin);
  event.debug["externalSessionId"] = session_id;
  return event;
}

}  // namespace

Task<Sessions::Started> Sessions::start(directory::UserId user, std::vector<std::string> amr, events::Origin origin) {
  const auto now = needs_.clock.now();
  Session session{new_id(needs_.random, "102"), user, now, now, now + kSessionAbsolute, now, std::move(amr)};
  Secret cookie(std::string(kCookiePrefix) + random_token(needs_.random, 32));
  const auto event = session_event("user.session.start", "User login to Okta", user, session.id, std::move(origin));
  store::Unit unit;
  unit.push_back(insert_session(org_, session, hash_of(cookie)));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Started{std::move(session), std::move(cookie)};
}

Task<Session> Sessions::alive(Session session) {
  const auto now = needs_.clock.now();
  if (now >= session.expires || now >= session.last_seen + kSessionIdle) co_return over();
  auto user = co_await needs_.users.find(session.user);
  if (!user && user.error().fault() == Fault::missing) co_return over();
  if (!user) co_return std::unexpected(std::move(user.error()));
  if (!directory::may_act(user->status)) co_return over();
  co_return session;
}

Task<Session> Sessions::find(Secret cookie) {
  const auto text = cookie.reveal();
  if (text.size() != kCookieLength || !text.starts_with(kCookiePrefix)) co_return over();
  auto found = co_await select_session_by_cookie(needs_.database, org_, hash_of(cookie));
  if (!found && found.error().fault() == Fault::missing) co_return over();
  if (!found) co_return std::unexpected(std::move(found.error()));
  GH_CO_TRY(auto session, co_await alive(*std::move(found)));

  const auto now = needs_.clock.now();
  if (now - session.last_seen >= kTouchEvery) {
    store::Unit unit;
    unit.push_back(touch_session(org_, session.id, now, now - kTouchEvery + Millis(1)));
    GH_CO_DO(co_await needs_.database.write(std::move(unit)));
    session.last_seen = now;
  }
  co_return session;
}

Task<Session> Sessions::find_by_id(std::string id) {
  auto found = co_await select_session(needs_.database, org_, std::move(id));
  if (!found && found.error().fault() == Fault::missing) co_return over();
  if (!found) co_return std::unexpected(std::move(found.error()));
  co_return co_await alive(*std::move(found));
}

Task<void> Sessions::end(std::string id, events::Origin origin) {
  auto found = co_await select_session(needs_.database, org_, id);
  if (!found && found.error().fault() == Fault::missing) co_return Result<void>();
  if (!found) co_return std::unexpected(std::move(found.error()));
  const auto event = session_event("user.session.end", "User logout from Okta", found->user, id, std::move(origin));
  const Error already(Fault::conflict, "session: already ended");
  store::Unit unit;
  unit.push_back(delete_session(org_, id).expect(1, already));
  for (auto& also : at_end_(id)) unit.push_back(std::move(also));
  unit.push_back(needs_.log.statement(org_, event));
  auto done = co_await needs_.database.write(std::move(unit));
  if (!done && done.error().fault() != Fault::conflict) co_return std::unexpected(std::move(done.error()));
  co_return Result<void>();   // somebody else ended it at the same moment: it has ended
}

Task<void> Sessions::end_all(directory::UserId user, events::Origin origin, store::Unit also) {
  const auto event = session_event("user.session.clear", "Clear user session", user, "", std::move(origin));
  GH_CO_TRY(const auto ids, co_await select_session_ids(needs_.database, org_, user));
  store::Unit unit;
  unit.push_back(delete_sessions_of(org_, user));
  for (const auto& id : ids)
    for (auto& told : at_end_(id)) unit.push_back(std::move(told));
  for (auto& each : also) unit.push_back(std::move(each));
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

std::vector<store::Migration> migrations() {
  store::Migration first{"signin", 1,
                         {"create table sessions (org_id text not null, id text not null, cookie_hash text not null, user_id text not null,"
                          " created bigint not null, last_seen bigint not null, expires bigint not null, auth_time bigint not null,"
                          " amr text not null, primary key (org_id, id))",
                          "create unique index sessions_by_cookie on sessions (org_id, cookie_hash)",
                          "create index sessions_by_user on sessions (org_id, user_id)",
                          "create index sessions_by_expiry on sessions (expires)"}};
  for (auto step : transaction_tables()) first.steps.push_back(step);
  return {first};
}

std::vector<store::Sweep> sweeps() {
  return {store::Sweep{"sessions", "expires", {"org_id", "id"}}, store::Sweep{"signin_transactions", "expires", {"org_id", "id"}}};
}

}  // namespace gatehouse::signin
