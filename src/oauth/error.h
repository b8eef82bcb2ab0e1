// The error codes of OAuth 2.0 and OpenID Connect, and how an Error of ours becomes one of them.
// Knows nothing of HTML and of who is asking.
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"

namespace gatehouse::oauth {

enum class Code {
  // RFC 6749 §4.1.2.1 and §5.2
  invalid_request, invalid_client, invalid_grant, unauthorized_client, unsupported_grant_type, unsupported_response_type,
  invalid_scope, access_denied, server_error, temporarily_unavailable,
  // RFC 6750 §3.1
  invalid_token, insufficient_scope,
  // OpenID Connect Core §3.1.2.6
  login_required, consent_required, interaction_required, request_not_supported, request_uri_not_supported,
  registration_not_supported,
  // RFC 9449 §5 and §8
  invalid_dpop_proof, use_dpop_nonce,
  // OpenID Connect Core Unmet Authentication Requirements 1.0
  unmet_authentication_requirements,
};

std::string_view name_of(Code code);                     // "invalid_request"
std::optional<Code> code_named(std::string_view name);
Fault fault_of(Code code);
int status_of(Code code);                                // of a JSON answer, RFC 6749 §5.2, RFC 6750 §3.1

// An Error that carries the code: return refusal(Code::invalid_grant, "The authorization code is invalid …");
// Descriptions hold only characters of RFC 6749 §5.2 (%x20-21 / %x23-5B / %x5D-7E); others become '\''.
std::unexpected<Error> refusal(Code code, std::string description,
                               std::source_location at = std::source_location::current());
// The code an Error carries, or the one that fits its Fault.
Code code_of(const Error& error);
// What may be told of an Error: its message, or a neutral sentence where the fault is ours.
std::string description_of(const Error& error);

json::object error_body(const Error& error);             // {"error":…,"error_description":…}

}  // namespace gatehouse::oauth
