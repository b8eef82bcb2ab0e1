// RFC 6749 §6 with rotation (RFC 9700 §4.14): each refresh token is spent by one compare-and-set; one that comes again
// kills its family. One read, the checks, one write unit.
#include "idp/grants.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> no_good() { return oauth::refusal(oauth::Code::invalid_grant, "The refresh token is invalid or expired."); }

// Public clients always rotate (RFC 9700 §2.2.2): nothing else ties the token to them.
bool rotates(const directory::App& app) { return app.rotate_refresh || app.auth == directory::ClientAuth::none; }

Result<oauth::Scopes> narrowed(const oauth::Scopes& granted, const oauth::Params& params) {
  if (!params.has("scope")) return granted;
  GH_TRY(auto asked, oauth::Scopes::parse(params.text("scope")));
  if (asked.empty() || !asked.within(granted))
    return oauth::refusal(oauth::Code::invalid_scope, "The requested scope is not within what was granted.");
  return asked;
}

Error late() { return Error(Fault::conflict, "refresh token: spent or revoked meanwhile"); }

store::Unit replaced(const OrgId& org, const RefreshRow& old, const RefreshHash& next, RefreshLife life, Timestamp now) {
  store::Unit unit;
  if (old.state == RefreshRow::State::early) {
    unit.push_back(update_early_spent(org, old, now).expect(1, late()));
    unit.push_back(update_first_refresh(org, old.grant.id, next, life).expect(1, late()));
  } else {
    unit.push_back(update_refresh(org, old, next.token, life, now).expect(1, late()));
  }
  return unit;
}

// A family that has an end keeps the one that it was given at the sign-in; one that has none lives on by being used.
RefreshLife life_of(const GrantRow& grant, const Access& access, Timestamp now) {
  const Timestamp idle = now + access.refresh_idle();
  if (!grant.slides) return {now, std::min(idle, grant.expires)};
  return {now, idle, std::max<Timestamp>(idle, now + access.access_life())};
}

store::Unit prolonged(const OrgId& org, const RefreshRow& old, RefreshLife life, Timestamp now) {
  life.created = old.created;
  auto change = old.state == RefreshRow::State::early ? update_early_expiry(org, old, now, life.expires) : update_refresh(org, old, old.hash, life, now);
  store::Unit unit;
  unit.push_back(std::move(change).expect(1, late()));
  return unit;
}

// Within the leeway of the app: the token that was presented is the one before the current one, and the current one was made from it.
// Once that has been used in its turn, or the time is over, whoever comes with the old one has stolen it or was stolen from.
bool is_retry(Provider& provider, const directory::App& app, const RefreshRow& row, std::string_view presented) {
  if (row.state != RefreshRow::State::spent || row.current.empty() || app.refresh_leeway.count() <= 0) return false;
  if (provider.needs().clock.now() >= row.created + app.refresh_leeway) return false;
  return derived_refresh(provider.refresh_root(), presented).hash.token == row.current;
}

class RefreshToken final : public Grant {
 public:
  std::string_view type() const override { return "refresh_token"; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    GH_CO_TRY(auto text, call.params.required("refresh_token"));
    auto key = refresh_key(text);
    if (!key) co_return no_good();
    auto found = co_await select_refresh(provider.needs().database, provider.org(), *std::move(key));
    if (!found && found.error().fault() == Fault::missing) co_return no_good();
    if (!found) co_return std::unexpected(std::move(found.error()));
    auto refresh = *std::move(found);
    const auto now = provider.needs().clock.now();

    if (refresh.grant.client_id != call.app.client_id || refresh.grant.server_id != call.server.id) {
      GH_CO_DO(co_await kill_grant(provider, call.server, refresh.grant.id, call.app.client_id, Killed::by_stranger, call.origin));
      co_return no_good();
    }
    if (refresh.grant.revoked) co_return no_good();
    const bool again = is_retry(provider, call.app, refresh, text);
    if (refresh.state == RefreshRow::State::spent && !again) {
      GH_CO_DO(co_await kill_grant(provider, call.server, refresh.grant.id, call.app.client_id, Killed::by_reuse, call.origin));
      co_return no_good();
    }
    if (now >= refresh.expires || now >= refresh.grant.expires) co_return no_good();
    // RFC 9449 §5. The family lives on: whoever has the token without the key must not be able to end it.
    if (!refresh.grant.dpop_key.empty() && refresh.grant.dpop_key != call.bound_to.dpop_key)
      co_return oauth::refusal(oauth::Code::invalid_grant, "The refresh token is bound to another key than that of the DPoP proof.");
    GH_CO_TRY(auto scopes, narrowed(refresh.grant.scopes, call.params));
    GH_CO_TRY(auto user, co_await person_for(provider, call.app, refresh.grant.user));
    AccessAsk asked{call.app.client_id, refresh.grant.grant_type, scopes, AccessAsk::Scopes::as_asked, Asker{user.id.str(), {}}};
    GH_CO_TRY(auto access, co_await access_for(provider, call.server, std::move(asked)));
    Renewal renewal{std::move(refresh), std::move(access), std::move(user), std::move(text)};
    if (again) co_return co_await repeat(provider, std::move(call), std::move(renewal));
    co_return co_await renew(provider, std::move(call), std::move(renewal));
  }

 private:
  struct Renewal {
    RefreshRow old;
    Access access;
    directory::User user;
    std::string presented;
  };

  static events::Event event_for(const TokenCall& call, const Renewal& renewal) {
    return granted_event(call.server, "token.grant.refresh_token", call.app, renewal.user, renewal.access.scopes(), call.origin);
  }

  static Task<oauth::TokenResponse> answer(Provider& provider, TokenCall call, Renewal renewal, std::string refresh_token) {
    const auto& grant = renewal.old.grant;
    auto scopes = renewal.access.scopes();
    Mint ask{call.server, call.base, call.app, std::move(scopes), Person{std::move(renewal.user), grant.auth_time, grant.amr, grant.session_id}, grant.id, "",
             std::move(renewal.access), call.bound_to};
    GH_CO_TRY(auto answer, co_await mint(provider, std::move(ask)));
    answer.refresh_token = std::move(refresh_token);
    co_return answer;
  }

  // The successor is there and nobody has used it: the client did not hear of it, or asks twice at once.
  static Task<oauth::TokenResponse> repeat(Provider& provider, TokenCall call, Renewal renewal) {
    auto event = event_for(call, renewal);
    event.debug["retry"] = "true";
    GH_CO_DO(co_await provider.events().add(std::move(event)));
    const auto next = derived_refresh(provider.refresh_root(), renewal.presented);
    co_return co_await answer(provider, std::move(call), std::move(renewal), std::string(next.token.reveal()));
  }

  // Somebody was faster: with the same token (then this is a retry), or with a revocation.
  static Task<oauth::TokenResponse> overtaken(Provider& provider, TokenCall call, Renewal renewal) {
    auto found = co_await select_refresh(provider.needs().database, provider.org(), *refresh_key(renewal.presented));
    if (!found && found.error().fault() != Fault::missing) co_return std::unexpected(std::move(found.error()));
    if (found && !found->grant.revoked && is_retry(provider, call.app, *found, renewal.presented))
      co_return co_await repeat(provider, std::move(call), std::move(renewal));
    GH_CO_DO(co_await kill_grant(provider, call.server, renewal.old.grant.id, call.app.client_id, Killed::by_reuse, call.origin));
    co_return no_good();
  }

  static NewRefresh next_of(Provider& provider, const directory::App& app, const Renewal& renewal) {
    auto& random = provider.needs().random;
    if (renewal.old.state == RefreshRow::State::early) return first_refresh(random, renewal.old.grant.id);
    if (app.refresh_leeway.count() > 0) return derived_refresh(provider.refresh_root(), renewal.presented);
    return next_refresh(random, renewal.presented);
  }

  static Task<oauth::TokenResponse> renew(Provider& provider, TokenCall call, Renewal renewal) {
    auto& needs = provider.needs();
    const auto now = needs.clock.now();
    const auto life = life_of(renewal.old.grant, renewal.access, now);
    std::optional<NewRefresh> fresh;
    store::Unit unit;
    if (rotates(call.app)) {
      fresh = next_of(provider, call.app, renewal);
      unit = replaced(provider.org(), renewal.old, fresh->hash, life, now);
    } else {
      unit = prolonged(provider.org(), renewal.old, life, now);
    }
    unit.push_back(needs.log.statement(provider.org(), event_for(call, renewal)));
    auto done = co_await needs.database.write(std::move(unit));
    if (!done && done.error().fault() == Fault::conflict) co_return co_await overtaken(provider, std::move(call), std::move(renewal));
    if (!done) co_return std::unexpected(std::move(done.error()));
    auto token = fresh ? std::string(fresh->token.reveal()) : renewal.presented;
    co_return co_await answer(provider, std::move(call), std::move(renewal), std::move(token));
  }
};

}  // namespace

const Grant& refresh_token_grant() {
  static const RefreshToken grant;
  return grant;
}

}  // namespace gatehouse::idp
