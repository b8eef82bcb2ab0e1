// Applications as Okta's API writes and reads them: OPENID_CONNECT (name oidc_client) and BOOKMARK.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

// `secret` only in the answer that made it.
json::object shape(const directory::App& app, const Org& org, const net::Request& request, const Secret* secret);
json::array app_links_json(const std::vector<directory::App>& apps, const directory::User& user, const net::Request& request);

// An application in a request. What nothing here reads is kept in App::more and given back as it came.
struct AppAsk {
  directory::App app;
  std::optional<std::string> client_id;
  std::optional<Secret> client_secret;

  static Result<AppAsk> read(Reader in);
};

}  // namespace gatehouse::orgapi
