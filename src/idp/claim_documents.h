// What expressions of claims see of the world: Okta's documents of the user, their account at the app, the app, the
// org, the session and the token that is being made.
#pragma once

#include <map>

#include "expr/context.h"
#include "idp/claims.h"

namespace gatehouse::idp {

class ClaimDocuments final : public expr::Context {
 public:
  explicit ClaimDocuments(const ClaimSource& source);
  const Clock& clock() const override { return clock_; }
  const json::value* root(std::string_view name) const override;
  std::span<const expr::Group> groups() const override { return groups_; }

 private:
  const Clock& clock_;
  std::map<std::string, json::value, std::less<>> roots_;
  std::vector<json::value> group_documents_;
  std::vector<expr::Group> groups_;  // looks into the source's groups, which outlive this
};

}  // namespace gatehouse::idp
