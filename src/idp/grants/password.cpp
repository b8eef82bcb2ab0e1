// RFC 6749 §4.3, for old clients that an administrator registers for it: the client shows a person's password. Guessing counts as at the
// sign-in page, in the same counters (CVE-2025-64102, Zitadel: one way in had none), and every failure has the same words.
#include <algorithm>

#include "core/id.h"
#include "idp/gift.h"
#include "idp/system_terms.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

// Scopes that manage the org are for people who were asked, or for services: nobody gives them away with a password.
struct Asked {
  oauth::Scopes scopes;
  AccessAsk::Scopes how = AccessAsk::Scopes::as_asked;
};
Result<Asked> read_scopes(const TokenCall& call) {
  Asked asked;
  GH_TRY(asked.scopes, oauth::Scopes::parse(call.params.text("scope")));
  if (asked.scopes.empty() && call.server.terms) {
    asked.scopes = call.server.terms->default_scopes();
    asked.how = AccessAsk::Scopes::by_default;
  }
  if (asked.scopes.empty()) return oauth::refusal(Code::invalid_scope, "The scope parameter is required, and this server has no default scopes.");
  if (std::ranges::find(call.app.grant_types, "refresh_token") == call.app.grant_types.end()) asked.scopes.remove("offline_access");
  for (const auto& scope : asked.scopes.words())
    if (!is_oidc_scope(scope) && (!call.server.terms || call.server.terms->scope(scope) == nullptr))
      return oauth::refusal(Code::invalid_scope, "One or more scopes are not configured for the authorization server resource.");
  return asked;
}

class Password final : public Grant {
 public:
  std::string_view type() const override { return "password"; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    auto& needs = provider.needs();
    GH_CO_TRY(auto login, call.params.required("username"));
    GH_CO_TRY(auto password, call.params.required("password"));
    // A password in an address ends up in logs.
    if (call.from_address) co_return oauth::refusal(Code::invalid_request, "A password must not be sent in the address.");
    if (call.app.consent_required) co_return oauth::refusal(Code::consent_required, "This client needs the person's consent, and nobody can be asked here.");
    auto asked = read_scopes(call);
    if (!asked) co_return std::unexpected(std::move(asked.error()));
    auto person = co_await needs.users.check_password(std::move(login), Secret(std::move(password)), call.origin);
    if (!person && person.error().fault() == Fault::unauthenticated) co_return wrong();
    if (!person) co_return std::unexpected(std::move(person.error()));
    auto fits = co_await person_for(provider, call.app, person->id);
    if (!fits && fits.error().code().empty()) co_return std::unexpected(std::move(fits.error()));
    if (!fits) co_return wrong();   // who is not assigned learns nothing about the password
    Gift gift{new_id(needs.random, "oar"), std::string(type()), *std::move(fits), std::move(asked->scopes), needs.clock.now(), {"pwd"}};
    gift.how = asked->how;
    co_return co_await give(provider, std::move(call), std::move(gift));
  }

 private:
  static std::unexpected<Error> wrong() { return oauth::refusal(Code::invalid_grant, "The credentials provided were invalid."); }
};

}  // namespace

const Grant& password_grant() {
  static const Password grant;
  return grant;
}

}  // namespace gatehouse::idp
