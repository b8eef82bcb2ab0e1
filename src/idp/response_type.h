// What an authorization response is asked to hold (OAuth 2.0 Multiple Response Type Encoding Practices). Pure.
#pragma once

#include <string_view>

#include "core/error.h"

namespace gatehouse::idp {

struct ResponseType {
  bool code = false, token = false, id_token = false;

  // Words in any order, each once. Code::unsupported_response_type.
  static Result<ResponseType> parse(std::string_view text);
  // Something that is a token already comes through the browser.
  bool front_channel() const { return token || id_token; }
};

}  // namespace gatehouse::idp
