// Scopes: words of RFC 6749 §3.3, in the order asked for, each once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gatehouse::oauth {

inline constexpr std::size_t kScopesMax = 100;
inline constexpr std::size_t kScopeTextMax = 4096;  // bytes of the parameter

// scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
bool is_scope(std::string_view word);

class Scopes {
 public:
  Scopes() = default;
  static Result<Scopes> parse(std::string_view text);          // Code::invalid_scope
  static Scopes of(const std::vector<std::string>& words);     // from our own tables: what is no scope is left out

  bool has(std::string_view scope) const;
  bool empty() const { return words_.empty(); }
  bool within(const Scopes& larger) const;
  void add(std::string_view scope);
  void remove(std::string_view scope);
  const std::vector<std::string>& words() const { return words_; }
  std::string text() const;
  friend bool operator==(const Scopes&, const Scopes&) = default;

 private:
  std::vector<std::string> words_;
};

}  // namespace gatehouse::oauth
