// /api/v1/authorizationServers: custom authorization servers with their scopes, claims, access policies, rules, keys
// and what they have given. A file per noun; what is allowed is decided in idp/server_edits.h.
#pragma once

#include "idp/provider.h"
#include "orgapi/org.h"

namespace gatehouse::orgapi {

struct ServerApi {  // borrowed, as Org
  Org& org;
  idp::Provider& provider;
};
using ServerRows = std::span<const net::Endpoint<ServerApi>>;
ServerRows authorization_server_rows();
ServerRows server_scope_rows();
ServerRows server_claim_rows();
ServerRows server_policy_rows();
ServerRows server_rule_rows();
ServerRows server_client_rows();
ServerRows server_preview_rows();
void serve_authorization_servers(net::Router& router, ServerApi& api, net::Style& style);

}  // namespace gatehouse::orgapi
