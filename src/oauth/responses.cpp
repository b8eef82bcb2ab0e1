#include "oauth/responses.h"

namespace gatehouse::oauth {

json::object TokenResponse::to_json() const {
  json::object body;
  body["token_type"] = with_proof ? "DPoP" : "Bearer";
  body["expires_in"] = expires_in.count();
  body["access_token"] = access_token;
  body["scope"] = scope.text();
  if (refresh_token) body["refresh_token"] = *refresh_token;
  if (id_token) body["id_token"] = *id_token;
  return body;
}

}  // namespace gatehouse::oauth
