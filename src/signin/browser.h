// What tells a browser's own request from one that another site made it send, and the cookies of this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/secret.h"
#include "events/event.h"
#include "net/form.h"
#include "net/message.h"

namespace gatehouse::signin {

inline constexpr std::string_view kSessionCookie = "sid";        // Okta's name
inline constexpr std::size_t kBindingCookiesMax = 16;            // sign-ins waiting in one browser; older ones are dropped

events::Origin origin_of(const net::Request& request);

// The Cookie request header taken apart by name; nullopt unless the name stands there exactly once.
std::optional<Secret> session_cookie_of(const net::Request& request);
std::string set_session_cookie(const Secret& handle, bool tls);
std::string clear_session_cookie(bool tls);

// One cookie per sign-in, so that tabs opened at the same moment do not overwrite one another.
std::string binding_cookie_name(std::string_view handle, bool tls);
std::string set_binding_cookie(std::string_view handle, const Secret& binding, bool tls, Seconds lifetime);
std::string clear_binding_cookie(std::string_view handle, bool tls);
// Set-Cookie values that drop the oldest bindings when a browser holds too many.
std::vector<std::string> drop_old_bindings(const net::Request& request);

// Ties a form to the browser that it was shown in; `holder` is the binding or session handle of that browser.
std::string form_token(const Secret& holder, std::string_view purpose);
bool is_form_token(const Secret& holder, std::string_view purpose, std::string_view token);

// Fault::denied when the browser itself says that another site sent this POST (Sec-Fetch-Site, Origin). A client that
// says neither is no browser; the form token still decides.
Result<void> check_same_origin(const net::Request& request);

}  // namespace gatehouse::signin
