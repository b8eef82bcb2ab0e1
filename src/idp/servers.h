// Authorization servers of an org: the org's own (no id, /oauth2/v1/*) and custom ones (/oauth2/{id}/v1/*, "default" among
// them), each with an audience, an algorithm and scopes. Knows nothing of tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/task.h"
#include "core/recall.h"
#include "jose/alg.h"
#include "oauth/scope.h"
#include "store/database.h"

namespace gatehouse::idp {

inline constexpr std::string_view kDefaultServer = "default";
inline constexpr std::string_view kDefaultAudience = "api://default";
inline constexpr std::size_t kServerScopesMax = 500;

enum class ServerKind { org, custom };

struct Server {
  std::string id;                          // empty for the org's own
  std::string name, audience;              // the org's own: the audience is the issuer
  jose::Alg alg = jose::Alg::RS256;        // RS256 or ES256
  bool active = true;

  ServerKind kind() const { return id.empty() ? ServerKind::org : ServerKind::custom; }
  std::string path() const { return id.empty() ? "/oauth2" : "/oauth2/" + id; }             // + "/v1/token"
  std::string issuer(std::string_view base) const { return std::string(base) + (id.empty() ? "" : "/oauth2/" + id); }
  std::string audience_for(std::string_view base) const { return id.empty() ? std::string(base) : audience; }
};

struct ServerScope {
  std::string name, description;
  bool by_default = false;                 // given to client credentials that ask for nothing
};

class Servers {
 public:
  Servers(store::Database& database, const Clock& clock, OrgId org)
      : database_(database), clock_(clock), org_(std::move(org)), known_(epoch_, clock), known_scopes_(epoch_, clock) {}

  // At start: "default" exists.
  Task<void> ensure_default();
  // Creates it or brings it to this state, its scopes as well (seed files, later the API).
  Task<void> put(Server server, std::vector<ServerScope> scopes);
  Task<Server> find(std::string id);       // Fault::missing also when inactive; "" is the org's own
  Task<std::vector<ServerScope>> scopes(std::string server_id);
  // The org server's algorithm; RS256 unless told otherwise before serving.
  void set_org_alg(jose::Alg alg) { org_alg_ = alg; }

 private:
  store::Database& database_;
  const Clock& clock_;
  OrgId org_;
  jose::Alg org_alg_ = jose::Alg::RS256;
  Epoch epoch_;                            // turned by put()
  Recall<std::string, Server> known_;
  Recall<std::string, std::vector<ServerScope>> known_scopes_;
};

// openid, profile, email, address, phone, groups, offline_access: known at every server.
bool is_oidc_scope(std::string_view scope);

}  // namespace gatehouse::idp
