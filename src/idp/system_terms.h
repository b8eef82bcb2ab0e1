// What every custom server has by itself: OpenID Connect's scopes and claims. They are not stored; what an
// administrator changed of them is, and lies over them.
#pragma once

#include "idp/server_types.h"

namespace gatehouse::idp {

// Puts the system scopes and claims beside what is stored, gives ids to what has none, and sorts.
Terms complete(Terms stored, std::string_view server_id);

// The "sub" of access tokens as it is before anybody changes it: it is made without evaluating anything.
bool is_unchanged_subject(const Claim& claim);

// openid, profile, email, address, phone, offline_access; "groups" is known everywhere, too, and stands in no list.
bool is_oidc_scope(std::string_view scope);

}  // namespace gatehouse::idp
