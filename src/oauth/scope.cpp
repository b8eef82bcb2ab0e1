#include "oauth/scope.h"

#include <algorithm>

#include "core/text.h"
#include "oauth/error.h"

namespace gatehouse::oauth {

bool is_scope(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

Result<Scopes> Scopes::parse(std::string_view text) {
  if (text.size() > kScopeTextMax) return refusal(Code::invalid_scope, "The scope parameter is too long.");
  Scopes scopes;
  for (const auto& word : split_words(text)) {
    if (!is_scope(word)) return refusal(Code::invalid_scope, "The scope parameter holds a character that no scope may have.");
    scopes.add(word);
  }
  if (scopes.words_.size() > kScopesMax) return refusal(Code::invalid_scope, "Too many scopes.");
  return scopes;
}

Scopes Scopes::of(const std::vector<std::string>& words) {
  Scopes scopes;
  for (const auto& word : words)
    if (is_scope(word)) scopes.add(word);
  return scopes;
}

bool Scopes::has(std::string_view scope) const { return std::ranges::find(words_, scope) != words_.end(); }

bool Scopes::within(const Scopes& larger) const {
  return std::ranges::all_of(words_, [&](const auto& word) { return larger.has(word); });
}

void Scopes::add(std::string_view scope) {
  if (!has(scope)) words_.emplace_back(scope);
}

void Scopes::remove(std::string_view scope) { std::erase(words_, scope); }

std::string Scopes::text() const { return join(words_, " "); }

}  // namespace gatehouse::oauth
