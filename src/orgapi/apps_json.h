// Applications as Okta's API writes and reads them: OPENID_CONNECT (name oidc_client) and BOOKMARK.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

// `secret` only in the answer that made it.
json::object shape(const directory::App& app, const Org& org, const net::Request& request, const Secret* secret);
json::array app_links_json(const std::vector<directory::App>& apps, const directory::User& user, const net::Request& request);

// What OAuth says of a client: settings.oauthClient, whose members RFC 7591 §2 has too.
json::object oauth_client_json(const directory::App& app);
void read_oauth_client(Reader& client, directory::App& app);
void read_method(Reader& in, directory::App& app);   // token_endpoint_auth_method; after `kind` is known
directory::App blank_app();

// An application in a request. What nothing here reads is kept in App::more and given back as it came.
struct AppAsk {
  directory::App app;
  std::optional<std::string> client_id;
  std::optional<Secret> client_secret;

  static Result<AppAsk> read(Reader in);
};

}  // namespace gatehouse::orgapi
