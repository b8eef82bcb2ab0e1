// What an administrator lets a custom server say in its tokens. Compiled once per version of a server, evaluated for
// each token from documents that are loaded before; nothing waits in between.
#pragma once

#include "directory/types.h"
#include "expr/expression.h"
#include "expr/name_pattern.h"
#include "idp/server_types.h"
#include "oauth/scope.h"

namespace gatehouse::idp {

inline constexpr std::size_t kGroupsClaimMax = 100;  // names of one claim; a GROUPS claim with more fails, as at Okta
inline constexpr expr::Budget kClaimBudget{10'000, 256 * 1024};
inline constexpr std::size_t kClaimBytesMax = 16 * 1024;  // of all added claims of one token, as text

// Fault::invalid with the place ("value: line 1, column 7: …"): what cannot be compiled is refused when it is saved.
Result<void> check_value(const Claim& claim);

// Where a claim about a person is to stand: an ID token beside an access token holds the fewest.
enum class Place { access_token, id_token_beside, id_token_alone, userinfo };

// What claims are made from. `user` is nobody for a service.
struct ClaimSource {
  const Clock& clock;
  const directory::App& app;
  const oauth::Scopes& scopes;
  std::string org_id, org_name, subdomain;
  const directory::User* user = nullptr;
  std::vector<std::string> amr = {};
  std::vector<directory::Group> groups = {};  // loaded only where ClaimSet::needs_groups()
};

struct ClaimFault {
  std::string claim, why;  // why: with the place in the expression, for log and preview
  bool system = false;
};
struct MadeClaims {
  json::object values;
  std::optional<ClaimFault> fault;  // a claim that cannot be made: no token
};

class ClaimSet {
 public:
  explicit ClaimSet(const std::vector<Claim>& claims);

  bool needs_groups(Place place, const oauth::Scopes& scopes) const;
  // Does an administrator's claim take the place of the built-in one?
  bool has(ClaimKind kind, std::string_view name) const;
  // Claims that are to be added. Without value: left out. "sub" is among them only where its expression was changed.
  MadeClaims make(Place place, const ClaimSource& source) const;
  // The one of OpenID Connect's standard claims that has this name; none: there is no such, or it is switched off.
  const Claim* standard_claim(std::string_view name) const;
  // OpenID Connect's standard claims: `all` cut down to what the scopes open and the place holds.
  json::object standard(Place place, const json::object& all, const oauth::Scopes& scopes) const;

 private:
  struct Maker {
    Claim claim;
    std::optional<expr::Expression> expression;
    std::optional<expr::NamePattern> pattern;
    std::string broken;  // why it could not be compiled (written by another program)
  };
  static Maker compile(const Claim& claim);
  std::vector<Maker> makers_;
  std::vector<Claim> standard_;
};

}  // namespace gatehouse::idp
