#include "idp/token_hook.h"

#include <fmt/format.h>

#include "idp/server_edits.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> wrong(std::string why) { return failure(Fault::invalid, std::move(why)); }

Result<void> apply(json::object& claims, ClaimKind kind, const TokenPatch& patch) {
  if (patch.claim.empty() || patch.claim.size() > kClaimNameMax)
    return wrong("a claim needs a name that is not too long");
  // In the shape of RFC 9068 `scope` is what the token opens; in Okta's it is a claim like others.
  const bool is_right = patch.claim == "scope" && claims.contains("client_id");
  if (is_right || is_reserved_claim(kind, patch.claim)) return wrong(fmt::format("'{}' is reserved", patch.claim));
  const bool there = claims.contains(patch.claim);
  switch (patch.op) {
    case TokenPatch::Op::add:
      if (there) return wrong(fmt::format("'{}' is there already", patch.claim));
      claims[patch.claim] = patch.value;
      return {};
    case TokenPatch::Op::replace:
      if (!there) return wrong(fmt::format("there is no '{}'", patch.claim));
      claims[patch.claim] = patch.value;
      return {};
    case TokenPatch::Op::remove:
      if (!there || patch.claim == "sub") return wrong(fmt::format("'{}' cannot be removed", patch.claim));
      claims.erase(patch.claim);
      return {};
    case TokenPatch::Op::lifetime: break;
  }
  return wrong("unknown operation");
}

Result<void> live(json::object& access, Seconds life) {
  if (life < kHookLifeMin || life > kHookLifeMax) return wrong("the lifetime of an access token is 5 minutes to 1 day");
  access["exp"] = find_int(access, "iat").value_or(0) + life.count();
  return {};
}

std::size_t size_of(const Draft& draft) {
  return to_text(draft.access).size() + (draft.id ? to_text(*draft.id).size() : 0);
}

events::Event told(const Mint& ask, const std::string& hook, std::string why) {
  auto event = event_of(ask.server, "inline_hook.executed", "Inline hook executed");
  event.outcome = events::Outcome::failure;
  event.reason = std::move(why);
  event.actor = events::Party{ask.app.client_id, "PublicClientApp", "", ask.app.label};
  event.targets.push_back(events::Party{hook, "InlineHook", "", ""});
  return event;
}

}  // namespace

Result<void> apply_patches(Draft& draft, const std::vector<TokenPatch>& patches) {
  if (patches.size() > kHookPatchesMax) return wrong(fmt::format("more than {} changes", kHookPatchesMax));
  Draft next = draft;
  for (const auto& patch : patches) {
    if (patch.op == TokenPatch::Op::lifetime) {
      if (patch.token != TokenPatch::Token::access) return wrong("only the lifetime of an access token can be changed");
      GH_DO(live(next.access, patch.life));
    } else if (patch.token == TokenPatch::Token::access) {
      GH_DO(apply(next.access, ClaimKind::resource, patch));
    } else if (next.id) {
      GH_DO(apply(*next.id, ClaimKind::identity, patch));
    }
  }
  if (size_of(next) > size_of(draft) + kClaimBytesMax)
    return wrong(fmt::format("more than {} bytes of claims", kClaimBytesMax));
  draft = std::move(next);
  return {};
}

bool Provider::has_token_hook(std::string_view id) const { return token_hook_ != nullptr && token_hook_->knows(id); }

Task<Draft> hooked(Provider& provider, const Mint& ask, Draft draft) {
  const auto& id = ask.access.hook();
  if (id.empty()) co_return draft;
  auto* hook = provider.token_hook();
  Result<void> done;
  auto otherwise = TokenHook::Failure::refuse;  // a hook that is not there cannot say what it thinks of that
  if (hook == nullptr || !hook->knows(id)) {
    done = failure(Fault::missing, "there is no such inline hook");
  } else {
    otherwise = hook->on_failure(id);
    TokenHookCall call{id, ask, draft};
    auto patches = co_await hook->transform(std::move(call));
    done = patches ? apply_patches(draft, *patches) : std::unexpected(std::move(patches.error()));
  }
  if (done) co_return draft;
  GH_CO_DO(co_await provider.events().add(told(ask, id, done.error().message())));
  if (otherwise == TokenHook::Failure::go_on) co_return draft;
  co_return oauth::refusal(oauth::Code::access_denied, "The inline hook of this server did not allow the token.");
}

}  // namespace gatehouse::idp
