// RFC 6749 §4.1.3 with RFC 7636: a code is redeemed once, by the client it was made for, with the verifier it was asked with.
#include "idp/code_data.h"
#include "idp/gift.h"
#include "idp/grants.h"
#include "oauth/error.h"
#include "oauth/pkce.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> no_good() {
  return oauth::refusal(oauth::Code::invalid_grant, "The authorization code is invalid or has expired.");
}

// Somebody has a code who should not, or sends it again: it is spent now, and what it gave is gone.
Task<void> burn(Provider& provider, TokenCall call, Secret code, Killed why) {
  auto& handles = provider.needs().handles;
  auto spent = co_await handles.spend(provider.org(), kCode, code);
  if (spent) co_return Result<void>();   // nothing had been given for it
  auto data = co_await handles.data_of_spent(provider.org(), kCode, std::move(code));
  if (!data) co_return Result<void>();
  GH_CO_TRY(auto stood_for, CodeData::from_json(*data));
  co_return co_await kill_grant(provider, call.server, stood_for.grant_id, call.app.client_id, why, call.origin);
}

Result<void> check_proof(const CodeData& data, const oauth::Params& params) {
  const auto verifier = params.get("code_verifier");
  if (data.challenge.empty()) {
    // RFC 9700 §4.8.2: a verifier without a challenge is a sign of a downgrade.
    if (verifier) return oauth::refusal(oauth::Code::invalid_grant, "A code_verifier was sent, but the code was asked for without a code_challenge.");
    return {};
  }
  GH_TRY(auto challenge, oauth::Challenge::parse(data.challenge, "S256"));
  if (!verifier || !challenge.met_by(*verifier)) return oauth::refusal(oauth::Code::invalid_grant, "PKCE verification failed.");
  return {};
}

class AuthorizationCode final : public Grant {
 public:
  std::string_view type() const override { return type_name; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    auto& needs = provider.needs();
    GH_CO_TRY(auto text, call.params.required("code"));
    Secret code(std::move(text));
    auto peeked = co_await needs.handles.peek(provider.org(), kCode, code);
    if (!peeked) {
      const auto fault = peeked.error().fault();
      if (fault == Fault::upstream || fault == Fault::internal || fault == Fault::limited) co_return std::unexpected(std::move(peeked.error()));
      if (fault == Fault::conflict) GH_CO_DO(co_await burn(provider, call, code, Killed::by_reuse));
      co_return no_good();
    }
    GH_CO_TRY(auto data, CodeData::from_json(*peeked));
    if (data.client_id != call.app.client_id || data.server_id != call.server.id) {
      GH_CO_DO(co_await burn(provider, call, code, Killed::by_stranger));
      co_return no_good();
    }
    auto fits = check_redirect(data, call.params);
    if (fits) fits = check_proof(data, call.params);
    if (fits) fits = check_key(data, call.bound_to);
    if (!fits) {
      GH_CO_DO(co_await burn(provider, call, code, Killed::by_stranger));
      co_return std::unexpected(std::move(fits.error()));
    }
    co_return co_await redeem_once(provider, std::move(call), std::move(code), std::move(data));
  }

 private:
  static constexpr std::string_view type_name = "authorization_code";

  static Result<void> check_redirect(const CodeData& data, const oauth::Params& params) {
    if (params.text("redirect_uri") == data.redirect_uri) return {};
    return oauth::refusal(oauth::Code::invalid_grant, "The redirect_uri is not the one of the authorization request.");
  }

  static Result<void> check_key(const CodeData& data, const Binding& bound_to) {
    if (data.dpop_key.empty() || data.dpop_key == bound_to.dpop_key) return {};
    return oauth::refusal(oauth::Code::invalid_grant, "The DPoP proof is not of the key that the authorization request named (dpop_jkt).");
  }

  static Task<oauth::TokenResponse> redeem_once(Provider& provider, TokenCall call, Secret code, CodeData data) {
    GH_CO_TRY(auto user, co_await person_for(provider, call.app, data.user));
    GH_CO_TRY(auto spend, provider.needs().handles.spend_statement(provider.org(), kCode, code));
    Gift gift{data.grant_id, std::string(type_name), std::move(user), data.scopes, data.auth_time, data.amr, data.session_id, data.nonce};
    gift.asked = data.asked;
    gift.spend.push_back(std::move(spend));
    auto given = co_await give(provider, call, std::move(gift));
    if (given || given.error().fault() != Fault::conflict) co_return given;
    GH_CO_DO(co_await burn(provider, call, std::move(code), Killed::by_reuse));
    co_return no_good();
  }
};

}  // namespace

const Grant& authorization_code_grant() {
  static const AuthorizationCode grant;
  return grant;
}

}  // namespace gatehouse::idp
