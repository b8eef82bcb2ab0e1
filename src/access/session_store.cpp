// The only file that knows the table access_sessions.
#include "access/session.h"
#include "core/bytes.h"
#include "core/json.h"
#include "crypto/hash.h"

namespace gatehouse::access {

namespace {

using store::Statement;

std::optional<Timestamp> time_of(const json::value& object, std::string_view name) {
  const auto millis = find_int(object, name);
  return millis ? std::optional(from_millis(*millis)) : std::nullopt;
}

Result<std::string> claims_text(const Session& session) {
  json::object both;
  both["id"] = session.id_claims;
  both["info"] = session.info;
  auto text = to_text(both);
  if (text.size() > kClaimsMax) return failure(Fault::limited, "The sign-in service says more about this user than a session can hold.");
  return text;
}

}  // namespace

void merge_claims(Session& session) {
  session.claims = session.id_claims;
  for (const auto& member : session.info) session.claims[member.key()] = member.value();
}

std::string cookie_hash(std::string_view cookie) { return base64url_encode(crypto::sha256(cookie)); }

std::vector<store::Migration> migrations() {
  return {store::Migration{"access", 1,
                           {R"(create table access_sessions (
                                 org text not null, hash text not null, id text not null, host text not null, policy text not null,
                                 subject text not null, login text not null, sid text not null, claims text not null, sealed text not null,
                                 created bigint not null, last_seen bigint not null, expires bigint not null, checked bigint not null,
                                 checking_until bigint not null, primary key (org, hash)))",
                            "create index access_sessions_subject on access_sessions (org, policy, subject)",
                            "create index access_sessions_expires on access_sessions (expires)"}}};
}

std::vector<store::Sweep> sweeps() { return {store::Sweep{"access_sessions", "expires", {"org", "hash"}}}; }

Result<std::string> SessionStore::seal_tokens(const std::string& hash, const SessionTokens& tokens) const {
  json::object plain;
  plain["id"] = std::string(tokens.id_token.reveal());
  plain["access"] = std::string(tokens.access_token.reveal());
  plain["refresh"] = std::string(tokens.refresh_token.reveal());
  if (tokens.access_expires) plain["until"] = to_millis(*tokens.access_expires);
  return sealer_.seal("access.sessions/" + org_.str() + "/" + hash, to_text(plain));
}

Result<SessionTokens> SessionStore::open_tokens(const std::string& hash, const std::string& sealed) const {
  GH_TRY(auto plain, sealer_.open("access.sessions/" + org_.str() + "/" + hash, sealed));
  GH_TRY(auto object, parse_json(plain.reveal()));
  SessionTokens tokens;
  tokens.id_token = Secret(find_string(object, "id").value_or(""));
  tokens.access_token = Secret(find_string(object, "access").value_or(""));
  tokens.refresh_token = Secret(find_string(object, "refresh").value_or(""));
  tokens.access_expires = time_of(object, "until");
  return tokens;
}

Task<void> SessionStore::insert(std::string hash, Session session) {
  GH_CO_TRY(auto claims, claims_text(session));
  GH_CO_TRY(auto sealed, seal_tokens(hash, session.tokens));
  std::vector<store::Param> params{org_, hash, session.id, session.host, session.policy, session.subject, session.login, session.sid,
                                   claims, sealed, session.created, session.last_seen, session.expires, session.checked};
  store::Unit unit;
  unit.emplace_back("insert into access_sessions (org, hash, id, host, policy, subject, login, sid, claims, sealed, created, last_seen, "
                    "expires, checked, checking_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)",
                    std::move(params));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<Session> SessionStore::select(std::string hash) {
  std::vector<store::Param> params{org_, hash};
  Statement select("select id, host, policy, subject, login, sid, claims, sealed, created, last_seen, expires, checked "
                   "from access_sessions where org = $1 and hash = $2", std::move(params));
  GH_CO_TRY(auto rows, co_await needs_.database.read(std::move(select)));
  if (rows.empty()) co_return failure(Fault::missing, "session: not found");
  const auto& row = rows.front();
  Session session;
  session.id = row.text(0);
  session.host = row.text(1);
  session.policy = row.text(2);
  session.subject = row.text(3);
  session.login = row.text(4);
  session.sid = row.text(5);
  GH_CO_TRY(auto claims, parse_json(row.text(6)));
  if (const auto* part = find(claims, "id"); part != nullptr && part->is_object()) session.id_claims = part->get_object();
  if (const auto* part = find(claims, "info"); part != nullptr && part->is_object()) session.info = part->get_object();
  merge_claims(session);
  GH_CO_TRY(session.tokens, open_tokens(hash, row.text(7)));
  session.created = row.time(8);
  session.last_seen = row.time(9);
  session.expires = row.time(10);
  session.checked = row.time(11);
  co_return session;
}

Task<void> SessionStore::remove(std::string hash) {
  std::vector<store::Param> params{org_, hash};
  store::Unit unit;
  unit.emplace_back("delete from access_sessions where org = $1 and hash = $2", std::move(params));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> SessionStore::touch(std::string hash, Timestamp seen) {
  std::vector<store::Param> params{org_, hash, seen};
  store::Unit unit;
  unit.emplace_back("update access_sessions set last_seen = $3 where org = $1 and hash = $2 and last_seen < $3", std::move(params));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<bool> SessionStore::claim_check(std::string hash, Timestamp now, Timestamp until) {
  std::vector<store::Param> params{org_, hash, now, until};
  store::Unit unit;
  unit.emplace_back("update access_sessions set checking_until = $4 where org = $1 and hash = $2 and checking_until <= $3", std::move(params));
  GH_CO_TRY(auto done, co_await needs_.database.write(std::move(unit)));
  co_return done.front().affected == 1;
}

Task<void> SessionStore::save_check(std::string hash, Session session) {
  GH_CO_TRY(auto claims, claims_text(session));
  GH_CO_TRY(auto sealed, seal_tokens(hash, session.tokens));
  std::vector<store::Param> params{org_, hash, claims, sealed, session.checked, session.login};
  Statement update("update access_sessions set claims = $3, sealed = $4, checked = $5, login = $6, checking_until = 0 "
                   "where org = $1 and hash = $2", std::move(params));
  store::Unit unit;
  unit.push_back(std::move(update).expect(1, Error(Fault::missing, "session: ended meanwhile")));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<std::int64_t> SessionStore::remove_subject(std::string policy, std::string subject) {
  std::vector<store::Param> params{org_, policy, subject};
  store::Unit unit;
  unit.emplace_back("delete from access_sessions where org = $1 and policy = $2 and subject = $3", std::move(params));
  GH_CO_TRY(auto done, co_await needs_.database.write(std::move(unit)));
  co_return done.front().affected;
}

}  // namespace gatehouse::access
