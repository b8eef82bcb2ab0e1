// Okta's way to say no: {"errorCode":"E0000001","errorSummary":…,"errorLink":…,"errorId":"oae…","errorCauses":[…]}.
// A handler that knows Okta's own word for a fault gives it with one of these; everything else is mapped from its Fault.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "net/message.h"

namespace gatehouse::okta {

// E0000007 "Not found: Resource not found: <id> (<Type>)". Types: User, UserGroup, AppInstance, …
Error not_found(std::string_view id, std::string_view type);
// An error of Okta's table (error.cpp) with its one cause; an empty cause gives none.
Error error(std::string_view code, std::string cause = {});

// Gives errors of one fault Okta's word for it: `named(result, Fault::conflict, "E0000016")`.
template <class T>
Result<T> named(Result<T> result, Fault fault, std::string_view code, std::string_view cause = {}) {
  if (result || result.error().fault() != fault) return result;
  return std::unexpected(error(code, cause.empty() ? result.error().message() : std::string(cause)));
}

// The whole answer. `anonymous`: the caller brought no proof of identity at all.
net::Reply answer(const Error& error, bool anonymous, Random& random);

}  // namespace gatehouse::okta
