// What the security profile of a server demands of clients, requests and keys (FAPI 2.0 Security Profile, final, §5.3.2). Pure;
// every endpoint asks for its part, when it is used.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "directory/types.h"
#include "idp/response_type.h"
#include "idp/server_types.h"

namespace gatehouse::idp {

// Who may ask for tokens at all: confidential, proven by key or certificate, with bound tokens. Code::unauthorized_client.
Result<void> check_client(SecurityProfile profile, const directory::App& app);
// Code::unsupported_grant_type.
Result<void> check_grant(SecurityProfile profile, std::string_view grant_type);

struct RequestShape {
  ResponseType type;
  bool has_challenge = false;          // of PKCE; only S256 is ever taken
  std::string_view redirect_uri;
  bool is_native = false;              // RFC 8252: the loopback will do
};
// Code::invalid_request, unsupported_response_type.
Result<void> check_request(SecurityProfile profile, const RequestShape& shape);

bool is_good_enough(SecurityProfile profile, directory::ClientAuth auth);
bool demands_pushed_requests(SecurityProfile profile);
// In assertions of clients the server has one name, its issuer; otherwise also the addresses of its endpoints.
bool demands_issuer_as_audience(SecurityProfile profile);
// Those of `algs` that may sign, for clients and for the server.
std::vector<jose::Alg> allowed(SecurityProfile profile, std::span<const jose::Alg> algs);

}  // namespace gatehouse::idp
