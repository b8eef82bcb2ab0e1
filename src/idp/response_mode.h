// By which way an authorization response travels, as `response_mode` names it. Pure.
#pragma once

#include "idp/response_type.h"

namespace gatehouse::idp {

struct ResponseMode {
  // post_message: Okta's okta_post_message, to the window that framed or opened the page.
  enum class By { query, fragment, form_post, post_message } by = By::query;
  bool jwt = false;   // signed, as one parameter (JARM)

  // Tokens never stand in a query: it is sent on, logged and remembered. A message goes to an origin: an address of an app
  // (com.example.app:/cb) has none. Code::invalid_request.
  static Result<ResponseMode> parse(std::string_view name, ResponseType type, std::string_view redirect_uri);
  // Where errors go: as parse() says, or by the usual way when the mode cannot be used.
  static ResponseMode for_errors(std::string_view name, ResponseType type, std::string_view redirect_uri);
};

}  // namespace gatehouse::idp
