// What a custom server would give: which policy and rule, what the tokens would say, or why there would be none.
// Nothing is written, no hook is asked, nothing that comes out is signed.
#pragma once

#include "idp/tokens.h"

namespace gatehouse::idp {

struct PreviewAsk {
  std::string client_id, grant_type;
  std::optional<std::string> user;  // id or login; none for client credentials
  std::vector<std::string> scopes;  // none: the default ones
  std::string base;                 // the issuer begins with it
};
struct Preview {
  std::optional<Access> access;
  std::optional<Draft> draft;
  struct Refusal {  // as the client would hear it
    std::string error, description;
  };
  std::optional<Refusal> refusal;
  AccessTrace trace;
};
// Fault::missing: there is no such client or person.
Task<Preview> preview(Provider& provider, Server server, PreviewAsk ask);

}  // namespace gatehouse::idp
