#include "idp/claims.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "idp/claim_documents.h"
#include "idp/system_terms.h"

namespace gatehouse::idp {
namespace {

// Okta keeps a lone word that names nothing, and finds no value for it; its Terraform provider's own tests have one.
// Anything longer that cannot be read is a mistake that somebody wants to hear of.
bool is_lone_word(std::string_view text) {
  return !text.empty() && is_alpha(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '_'; });
}

bool opens(const Claim& claim, const oauth::Scopes& scopes) {
  return claim.scopes.empty() ||
         std::ranges::any_of(claim.scopes, [&](const auto& scope) { return scopes.has(scope); });
}

bool stands_in(const Claim& claim, Place place) {
  if (claim.kind == ClaimKind::resource) return place == Place::access_token;
  return place != Place::access_token && (claim.always || place != Place::id_token_beside);
}

bool fits(const Claim& claim, const std::optional<expr::NamePattern>& pattern, std::string_view name) {
  switch (claim.filter) {
    case GroupFilter::starts_with: return name.starts_with(claim.value);
    case GroupFilter::equals: return name == claim.value;
    case GroupFilter::contains: return name.contains(claim.value);
    case GroupFilter::regex: return pattern && pattern->matches(name);
  }
  return false;
}

Result<json::value> filtered(const Claim& claim, const std::optional<expr::NamePattern>& pattern,
                             const ClaimSource& source) {
  json::array names;
  for (const auto& group : source.groups) {
    if (!fits(claim, pattern, group.name)) continue;
    if (names.size() == kGroupsClaimMax)
      return failure(Fault::limited, fmt::format("the filter fits more than {} groups", kGroupsClaimMax));
    names.emplace_back(group.name);
  }
  return names.empty() ? json::value(nullptr) : json::value(std::move(names));
}

}  // namespace

Result<void> check_value(const Claim& claim) {
  std::optional<Error> fault;
  if (claim.type == ClaimValue::expression) {
    if (auto parsed = expr::Expression::parse(claim.value, expr::Vocabulary::claims());
        !parsed && !is_lone_word(claim.value))
      fault = std::move(parsed.error());
  } else if (claim.type == ClaimValue::groups && claim.filter == GroupFilter::regex) {
    if (auto compiled = expr::NamePattern::compile(claim.value); !compiled) fault = std::move(compiled.error());
  }
  if (fault) return failure(Fault::invalid, "value: " + fault->message());
  return {};
}

ClaimSet::Maker ClaimSet::compile(const Claim& claim) {
  Maker maker{claim, {}, {}, {}};
  if (claim.type == ClaimValue::expression) {
    auto parsed = expr::Expression::parse(claim.value, expr::Vocabulary::claims());
    if (parsed) maker.expression = *std::move(parsed);
    else if (!is_lone_word(claim.value)) maker.broken = parsed.error().message();
  } else if (claim.filter == GroupFilter::regex) {
    auto compiled = expr::NamePattern::compile(claim.value);
    if (compiled) maker.pattern = *std::move(compiled);
    else maker.broken = compiled.error().message();
  }
  return maker;
}

ClaimSet::ClaimSet(const std::vector<Claim>& claims) {
  for (const auto& claim : claims) {
    if (claim.type == ClaimValue::system) standard_.push_back(claim);
    else if (claim.active && !is_unchanged_subject(claim)) makers_.push_back(compile(claim));
  }
}

bool ClaimSet::needs_groups(Place place, const oauth::Scopes& scopes) const {
  return std::ranges::any_of(makers_, [&](const Maker& maker) {
    if (!stands_in(maker.claim, place) || !opens(maker.claim, scopes)) return false;
    return maker.claim.type == ClaimValue::groups || (maker.expression && maker.expression->needs().groups);
  });
}

bool ClaimSet::has(ClaimKind kind, std::string_view name) const {
  return std::ranges::any_of(makers_,
                             [&](const Maker& maker) { return maker.claim.kind == kind && maker.claim.name == name; });
}

MadeClaims ClaimSet::make(Place place, const ClaimSource& source) const {
  MadeClaims made;
  std::optional<ClaimDocuments> documents;  // built for the first expression, if there is any
  std::size_t bytes = 0;
  for (const auto& maker : makers_) {
    const auto& claim = maker.claim;
    if (!stands_in(claim, place) || !opens(claim, source.scopes)) continue;
    const auto fail = [&](std::string why) { made.fault = ClaimFault{claim.name, std::move(why), claim.system}; };
    if (!maker.broken.empty()) {
      fail(maker.broken);
      return made;
    }
    Result<json::value> value(nullptr);
    if (claim.type == ClaimValue::groups) {
      value = filtered(claim, maker.pattern, source);
    } else if (maker.expression) {
      if (!documents) documents.emplace(source);
      value = maker.expression->evaluate(*documents, kClaimBudget);
    }
    if (!value) {
      fail(value.error().message());
      return made;
    }
    if (value->is_null()) {
      if (claim.name != "sub") continue;
      fail("its value is null");
      return made;
    }
    bytes += claim.name.size() + to_text(*value).size();
    if (bytes > kClaimBytesMax) {
      fail(fmt::format("the claims of one token are more than {} bytes", kClaimBytesMax));
      return made;
    }
    made.values[claim.name] = *std::move(value);
  }
  return made;
}

const Claim* ClaimSet::standard_claim(std::string_view name) const {
  const auto found = std::ranges::find_if(standard_, [&](const Claim& claim) { return claim.active && claim.name == name; });
  return found == standard_.end() ? nullptr : &*found;
}

json::object ClaimSet::standard(Place place, const json::object& all, const oauth::Scopes& scopes) const {
  json::object out;
  for (const auto& claim : standard_) {
    const auto* value = all.if_contains(claim.name);
    if (value != nullptr && claim.active && stands_in(claim, place) && opens(claim, scopes)) out[claim.name] = *value;
  }
  return out;
}

}  // namespace gatehouse::idp
