// What the handlers of authorization servers share, and how Okta's API writes and reads these nouns.
#pragma once

#include "idp/server_edits.h"
#include "orgapi/authorization_servers.h"
#include "orgapi/calls.h"

namespace gatehouse::orgapi {

inline constexpr int kServersUsual = 200, kServerItemsMax = 1000;  // per page

std::string server_url(const net::Call& call, std::string_view server_id);
// {authServerId} of the path, active or not; "Not found: Resource not found: <id> (AuthorizationServer)".
Task<idp::Server> server_in_path(ServerApi& api, const net::Call& call);
// Changes it. When `decide` misses something, that is told as missing: `what` of type `type`.
Task<idp::Server> edit_server(ServerApi& api, const net::Call& call, idp::Servers::Decide decide, std::string what = {},
                              std::string type = {});
idp::EditAt edit_at(ServerApi& api);
template <class T>
Result<T> found_or(Result<T> found, std::string_view id, std::string_view type) {
  if (!found && found.error().fault() == Fault::missing) return std::unexpected(okta::not_found(id, type));
  return found;
}

inline constexpr const char *kScopeType = "AuthorizationServerScope", *kClaimType = "AuthorizationServerClaim",
                            *kPolicyType = "AuthorizationServerPolicy", *kRuleType = "AuthorizationServerPolicyRule";

json::object shape(const idp::Server& server, const idp::KeyInfo& key, std::string_view issuer, const net::Call& call);
json::object shape(const idp::ServerScope& scope, const std::string& server_url);
json::object shape(const idp::Claim& claim, const std::string& server_url);
json::object shape(const idp::AccessPolicy& policy, const std::string& server_url);
json::object shape(const idp::AccessRule& rule, const std::string& policy_url);

struct ServerAsk {
  idp::Server server;
  bool says_mode = false, says_rotation = false, says_format = false, says_profile = false;
  static Result<ServerAsk> read(Reader in);
};
struct ScopeAsk {
  idp::ServerScope scope;
  static Result<ScopeAsk> read(Reader in);
};
struct ClaimAsk {
  idp::Claim claim;
  static Result<ClaimAsk> read(Reader in);
};
struct PolicyAsk {
  idp::AccessPolicy policy;
  bool says_status = false;
  static Result<PolicyAsk> read(Reader in);
};
struct RuleAsk {
  idp::AccessRule rule;
  bool says_status = false;
  static Result<RuleAsk> read(Reader in);
};

}  // namespace gatehouse::orgapi
