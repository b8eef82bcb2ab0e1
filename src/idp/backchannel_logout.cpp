#include "idp/backchannel_logout.h"

#include "core/bytes.h"
#include "idp/clients.h"
#include "idp/logout_store.h"

namespace gatehouse::idp {
namespace {

constexpr int kRoundMax = 64;
constexpr std::chrono::milliseconds kConnect{2000}, kTotal{5000};
constexpr std::size_t kAnswerMax = 16 * 1024;
constexpr std::string_view kEvent = "http://schemas.openid.net/event/backchannel-logout";

// 10 s, 40 s, 160 s, 640 s: an attempt that was cut short by a crash is made again then, too.
Seconds until_next(std::int64_t attempts) { return Seconds(10 << (2 * attempts)); }

struct Addressee {
  Server server;
  directory::App app;
};

// Nobody: the server, the client or its wish to be told is gone.
Task<std::optional<Addressee>> addressee_of(Provider& provider, LogoutRow row) {
  const auto id = row.server_id;
  auto server = co_await provider.servers().find(id);
  if (!server && server.error().fault() == Fault::missing) co_return std::optional<Addressee>();
  if (!server) co_return std::unexpected(std::move(server.error()));
  auto app = co_await provider.needs().apps.find_by_client(row.client_id);
  if (!app && app.error().fault() == Fault::missing) co_return std::optional<Addressee>();
  if (!app) co_return std::unexpected(std::move(app.error()));
  if (!is_client(*app) || app->backchannel_logout_uri.empty()) co_return std::optional<Addressee>();
  co_return std::optional<Addressee>(Addressee{*std::move(server), *std::move(app)});
}

// §2.4. No nonce: that is how nobody takes it for an ID token; and its jti is none of an ID token's, so that it is no hint here.
Task<std::string> logout_token(Provider& provider, Addressee to, LogoutRow row) {
  const auto now = to_seconds(provider.needs().clock.now());
  json::object claims;
  claims["iss"] = to.server.issuer(provider.main_base());
  claims["aud"] = to.app.client_id;
  claims["iat"] = now;
  claims["exp"] = now + kLogoutTokenLife.count();
  claims["jti"] = "LT." + random_token(provider.needs().random, 32);
  claims["sub"] = row.user.str();
  claims["sid"] = row.session_id;
  claims["events"] = {{kEvent, json::object()}};
  return provider.keys().sign(to.server.alg, std::move(claims), "logout+jwt");
}

// Why it was not taken, and whether to come again.
struct Sent {
  std::string why;        // empty: it was
  bool again = false;
};

Task<Sent> send(Provider& provider, Addressee to, LogoutRow row) {
  auto url = net::Url::parse(to.app.backchannel_logout_uri);
  if (!url) co_return Sent{"the address cannot be read", false};
  GH_CO_TRY(auto token, co_await logout_token(provider, to, std::move(row)));
  net::Form form;
  form.add("logout_token", std::move(token));
  net::Outbound request;
  request.method = net::Method::post;
  request.url = *std::move(url);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = form.encode();
  request.connect_timeout = kConnect;
  request.total_timeout = kTotal;
  request.answer_max = kAnswerMax;
  auto answer = co_await provider.needs().http->send(std::move(request));
  if (!answer) co_return Sent{answer.error().message(), answer.error().fault() != Fault::denied};
  if (answer->status == 200 || answer->status == 204) co_return Sent{};
  // §2.8: 400 is the client's last word.
  co_return Sent{"the client answered with status " + std::to_string(answer->status), answer->status != 400};
}

events::Event told(const Addressee& to, const LogoutRow& row, const Sent& sent) {
  auto event = event_of(to.server, "app.oauth2.as.backchannel_logout", "A client is told that a session has ended");
  if (!sent.why.empty()) {
    event.outcome = events::Outcome::failure;
    event.reason = sent.why.substr(0, events::kTextMax);
  }
  event.actor = events::Party{"system", "SystemPrincipal", "gatehouse", "Gatehouse"};
  event.targets.push_back(events::Party{to.app.client_id, "PublicClientApp", "", to.app.label});
  event.targets.push_back(events::Party{row.user.str(), "User", "", ""});
  event.debug["externalSessionId"] = row.session_id;
  event.debug["attempt"] = std::to_string(row.attempts + 1);
  return event;
}

Task<void> tell(Provider& provider, LogoutRow row) {
  auto& needs = provider.needs();
  const Error taken(Fault::conflict, "logout: another node tells it");
  store::Unit take;
  take.push_back(update_logout_taken(provider.org(), row, needs.clock.now() + until_next(row.attempts)).expect(1, taken));
  auto mine = co_await needs.database.write(std::move(take));
  if (!mine && mine.error().fault() == Fault::conflict) co_return Result<void>();
  if (!mine) co_return std::unexpected(std::move(mine.error()));

  GH_CO_TRY(auto to, co_await addressee_of(provider, row));
  store::Unit unit;
  if (to) {
    GH_CO_TRY(auto sent, co_await send(provider, *to, row));
    unit.push_back(needs.log.statement(provider.org(), told(*to, row, sent)));
    const bool again = !sent.why.empty() && sent.again && row.attempts + 1 < kLogoutAttempts;
    if (!again) unit.push_back(delete_logout(provider.org(), row));
  } else {
    unit.push_back(delete_logout(provider.org(), row));
  }
  GH_CO_DO(co_await needs.database.write(std::move(unit)));
  co_return Result<void>();
}

}  // namespace

store::Unit logouts_for(Provider& provider, const std::string& session_id) {
  const auto now = provider.needs().clock.now();
  store::Unit unit;
  unit.push_back(insert_logouts(provider.org(), session_id, now, now + kLogoutPatience));
  return unit;
}

Task<void> send_logout_tokens(Provider& provider) {
  if (provider.needs().http == nullptr) co_return Result<void>();
  const auto now = provider.needs().clock.now();
  GH_CO_TRY(auto rows, co_await select_logouts(provider.needs().database, provider.org(), now, kRoundMax));
  for (auto& row : rows) GH_CO_DO(co_await tell(provider, std::move(row)));
  co_return Result<void>();
}

}  // namespace gatehouse::idp
