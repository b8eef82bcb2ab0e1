#include "oauth/error.h"

#include <array>

namespace gatehouse::oauth {
namespace {

struct Row {
  Code code;
  std::string_view name;
  Fault fault;
  int status;
};
constexpr std::array kRows{
    Row{Code::invalid_request, "invalid_request", Fault::invalid, 400},
    Row{Code::invalid_client, "invalid_client", Fault::unauthenticated, 401},
    Row{Code::invalid_grant, "invalid_grant", Fault::invalid, 400},
    Row{Code::unauthorized_client, "unauthorized_client", Fault::denied, 400},
    Row{Code::unsupported_grant_type, "unsupported_grant_type", Fault::invalid, 400},
    Row{Code::unsupported_response_type, "unsupported_response_type", Fault::invalid, 400},
    Row{Code::invalid_scope, "invalid_scope", Fault::invalid, 400},
    Row{Code::access_denied, "access_denied", Fault::denied, 400},
    Row{Code::server_error, "server_error", Fault::internal, 500},
    Row{Code::temporarily_unavailable, "temporarily_unavailable", Fault::upstream, 503},
    Row{Code::invalid_token, "invalid_token", Fault::unauthenticated, 401},
    Row{Code::insufficient_scope, "insufficient_scope", Fault::denied, 403},
    Row{Code::login_required, "login_required", Fault::unauthenticated, 400},
    Row{Code::consent_required, "consent_required", Fault::denied, 400},
    Row{Code::interaction_required, "interaction_required", Fault::denied, 400},
    Row{Code::request_not_supported, "request_not_supported", Fault::invalid, 400},
    Row{Code::request_uri_not_supported, "request_uri_not_supported", Fault::invalid, 400},
    Row{Code::registration_not_supported, "registration_not_supported", Fault::invalid, 400},
    Row{Code::invalid_dpop_proof, "invalid_dpop_proof", Fault::unauthenticated, 400},
    Row{Code::use_dpop_nonce, "use_dpop_nonce", Fault::unauthenticated, 400},
    Row{Code::unmet_authentication_requirements, "unmet_authentication_requirements", Fault::denied, 400},
};

const Row& row_of(Code code) { return kRows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name_of(Code code) { return row_of(code).name; }
Fault fault_of(Code code) { return row_of(code).fault; }
int status_of(Code code) { return row_of(code).status; }

std::optional<Code> code_named(std::string_view name) {
  for (const auto& row : kRows)
    if (row.name == name) return row.code;
  return std::nullopt;
}

std::unexpected<Error> refusal(Code code, std::string description, std::source_location at) {
  for (char& c : description)
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f || static_cast<unsigned char>(c) > 0x7e) c = '\'';
  Error error(fault_of(code), std::move(description), at);
  return std::unexpected(std::move(error).with_code(std::string(name_of(code))));
}

Code code_of(const Error& error) {
  if (auto code = code_named(error.code())) return *code;
  switch (error.fault()) {
    case Fault::invalid: return Code::invalid_request;
    case Fault::unauthenticated: return Code::invalid_client;
    case Fault::denied: return Code::access_denied;
    case Fault::missing: return Code::invalid_request;
    case Fault::conflict: return Code::invalid_grant;
    case Fault::limited: return Code::temporarily_unavailable;
    case Fault::upstream: return Code::temporarily_unavailable;
    case Fault::internal: return Code::server_error;
  }
  return Code::server_error;
}

std::string description_of(const Error& error) {
  if (error.code().empty() && (error.fault() == Fault::internal || error.fault() == Fault::upstream))
    return "The server could not do this now. Please try again.";
  return error.message();
}

json::object error_body(const Error& error) {
  json::object body;
  body["error"] = name_of(code_of(error));
  body["error_description"] = description_of(error);
  return body;
}

}  // namespace gatehouse::oauth
