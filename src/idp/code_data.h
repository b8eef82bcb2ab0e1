// What an authorization code stands for.
#pragma once

#include "core/json.h"
#include "directory/types.h"
#include "idp/claims_request.h"
#include "oauth/scope.h"

namespace gatehouse::idp {

struct CodeData {
  std::string server_id, client_id, redirect_uri, nonce, challenge, session_id, grant_id;
  directory::UserId user;
  oauth::Scopes scopes;
  Timestamp auth_time;
  std::vector<std::string> amr;
  std::string dpop_key = {};   // `dpop_jkt` of the request (RFC 9449 §10); empty: any
  AskedClaims asked = {};

  json::value to_json() const;
  static Result<CodeData> from_json(const json::value& value);
};

}  // namespace gatehouse::idp
