// The seam for inline token hooks (Okta's com.okta.oauth2.tokens.transform): somebody outside may change what tokens
// say, after the claims are made and before anything is signed. How they are asked (HTTP, deadlines, retries) is the
// implementation's business; what they may change, and what happens when they fail, is decided here.
#pragma once

#include "idp/tokens.h"

namespace gatehouse::idp {

inline constexpr std::size_t kHookPatchesMax = 100;                      // of one answer
inline constexpr Seconds kHookLifeMin{5 * 60}, kHookLifeMax{24 * 3600};  // of an access token, as in a rule

struct TokenPatch {
  enum class Token { access, id } token = Token::access;
  enum class Op { add, replace, remove, lifetime } op = Op::add;
  std::string claim = {};
  json::value value = {};  // of add and replace
  Seconds life{0};         // of lifetime; access tokens only
};

// What is told. Borrowed until transform() has returned.
struct TokenHookCall {
  std::string hook;  // its id, as the rule names it
  const Mint& ask;
  const Draft& draft;
};

class TokenHook {
 public:
  virtual ~TokenHook() = default;
  // Is there such a hook, and is it active? Rules may name no other.
  virtual bool knows(std::string_view hook) const = 0;
  virtual Task<std::vector<TokenPatch>> transform(TokenHookCall call) = 0;
  // When it fails, or answers what it must not: tokens without its changes, or none.
  enum class Failure { go_on, refuse };
  virtual Failure on_failure(std::string_view hook) const = 0;
};

// All of them or none. Fault::invalid: a reserved claim, a claim that is there (add) or is not (replace, remove), a
// lifetime out of bounds, too much. Changes of an ID token that there is none of have no effect.
Result<void> apply_patches(Draft& draft, const std::vector<TokenPatch>& patches);

// Asks the hook of the rule, if it names one. Code::access_denied when the hook fails closed, or is not there any more.
Task<Draft> hooked(Provider& provider, const Mint& ask, Draft draft);

}  // namespace gatehouse::idp
