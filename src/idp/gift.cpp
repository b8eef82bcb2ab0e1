#include "idp/gift.h"

#include <algorithm>

namespace gatehouse::idp {
namespace {

GrantRow row_for(const TokenCall& call, const Gift& gift, const Access& access, Timestamp now) {
  const bool offline = access.scopes().has("offline_access");
  const auto idle = access.refresh_idle();
  const auto life = access.family_life().value_or(std::max(idle, access.access_life()));
  GrantRow row{gift.grant_id, call.server.id, call.app.client_id, gift.user.id, gift.session_id, access.scopes(), gift.auth_time, gift.amr,
          now, now + (offline ? life : access.access_life()), false, gift.grant_type, offline && !access.family_life()};
  // For as long as a client may be told that the session has ended, it stands there that it got something in it.
  if (!offline && !gift.session_id.empty() && !call.app.backchannel_logout_uri.empty()) row.expires = std::max<Timestamp>(row.expires, now + signin::kSessionAbsolute);
  // RFC 9449 §5: a confidential client's refresh token is bound to the client already.
  if (call.app.auth == directory::ClientAuth::none) row.dpop_key = call.bound_to.dpop_key;
  row.asked_claims = gift.asked.userinfo;
  return row;
}

Seconds refresh_life(const Access& access) {
  return access.family_life() ? std::min(access.refresh_idle(), *access.family_life()) : access.refresh_idle();
}

}  // namespace

Task<oauth::TokenResponse> give(Provider& provider, TokenCall call, Gift gift) {
  auto& needs = provider.needs();
  AccessAsk asked{call.app.client_id, gift.grant_type, gift.scopes, gift.how, Asker{gift.user.id.str(), {}}};
  GH_CO_TRY(auto access, co_await access_for(provider, call.server, std::move(asked)));
  const auto scopes = access.scopes();
  const auto now = needs.clock.now();
  const auto grant = row_for(call, gift, access, now);
  std::optional<NewRefresh> refresh;
  if (scopes.has("offline_access")) refresh = first_refresh(needs.random, grant.id);
  auto unit = std::move(gift.spend);
  const RefreshLife life{now, now + refresh_life(access)};
  unit.push_back(refresh ? insert_grant(provider.org(), grant, refresh->hash, life) : insert_grant(provider.org(), grant));
  unit.push_back(needs.log.statement(provider.org(), granted_event(call.server, gift.event, call.app, gift.user, scopes, call.origin)));
  GH_CO_DO(co_await needs.database.write(std::move(unit)));
  Mint ask{call.server, call.base, call.app, scopes, Person{std::move(gift.user), gift.auth_time, gift.amr, gift.session_id}, grant.id, gift.nonce, std::move(access), call.bound_to, gift.wanted, std::move(gift.asked)};
  GH_CO_TRY(auto answer, co_await mint(provider, std::move(ask)));
  if (refresh) answer.refresh_token = std::string(refresh->token.reveal());
  co_return answer;
}

}  // namespace gatehouse::idp
