#include "oauth/client/token_facts.h"

#include <algorithm>

#include "jose/flaw.h"

namespace gatehouse::oauth::client {

namespace {

Result<std::optional<Timestamp>> time_of(const jose::Claims& claims, std::string_view name) {
  if (!claims.has(name)) return std::nullopt;
  auto time = claims.time(name);
  if (!time) return jose::flawed(jose::Flaw::bad_time);
  return time;
}

// RFC 7800 §3: a token that says "only with proof of …" must not pass because nobody here understood which proof.
Result<void> read_confirmation(const jose::Claims& claims, TokenFacts& facts) {
  const auto* member = claims.object().if_contains("cnf");
  if (member == nullptr) return {};
  const auto unknown = [] { return failure(Fault::unauthenticated, "The token is bound to its sender in a way that is not understood here."); };
  if (!member->is_object() || member->get_object().empty()) return unknown();
  for (const auto& [name, value] : member->get_object()) {
    if (!value.is_string() || value.get_string().empty()) return unknown();
    if (name == "jkt") facts.key_thumbprint = value.get_string();
    else if (name == "x5t#S256") facts.certificate_thumbprint = value.get_string();
    else return unknown();
  }
  return {};
}

}  // namespace

TokenFacts::~TokenFacts() {
  for (auto* block = blocks_.load(); block != nullptr;) delete std::exchange(block, block->next);
}

Result<std::shared_ptr<TokenFacts>> TokenFacts::of(jose::Claims claims) {
  auto facts = std::make_shared<TokenFacts>();
  facts->subject = claims.subject();
  facts->client_id = claims.text("cid").value_or(claims.text("client_id").value_or(""));
  facts->id = claims.text("jti").value_or("");
  facts->session = claims.text("sid").value_or("");
  facts->acr = claims.text("acr").value_or("");
  if (claims.has("aud") && !claims.texts("aud")) return jose::flawed(jose::Flaw::bad_audience);
  facts->audiences = claims.texts("aud").value_or(std::vector<std::string>());
  facts->scopes = claims.scopes();
  std::ranges::sort(facts->scopes);
  GH_TRY(const auto expires, time_of(claims, "exp"));
  if (!expires) return jose::flawed(jose::Flaw::expiry_missing);
  facts->expires = facts->remember_until = *expires;
  GH_TRY(facts->not_before, time_of(claims, "nbf"));
  GH_TRY(facts->issued, time_of(claims, "iat"));
  GH_TRY(facts->auth_time, time_of(claims, "auth_time"));
  GH_DO(read_confirmation(claims, *facts));
  facts->claims = std::move(claims);
  return facts;
}

bool TokenFacts::has_scope(std::string_view scope) const { return std::ranges::binary_search(scopes, scope); }

const std::string* TokenFacts::header_block(std::uint64_t kind) const {
  for (const auto* block = blocks_.load(std::memory_order_acquire); block != nullptr; block = block->next)
    if (block->kind == kind) return &block->lines;
  return nullptr;
}

const std::string* TokenFacts::header_block(std::uint64_t kind, const std::function<std::string()>& make) const {
  if (const auto* known = header_block(kind)) return known;
  auto* first = blocks_.load(std::memory_order_acquire);
  int count = 0;
  for (const auto* block = first; block != nullptr; block = block->next) ++count;
  if (count >= kHeaderBlocksMax) return nullptr;
  auto* made = new Block{kind, make(), first};   // two that come at once leave two equal blocks: harmless
  while (!blocks_.compare_exchange_weak(made->next, made, std::memory_order_acq_rel)) {}
  return &made->lines;
}

}  // namespace gatehouse::oauth::client
