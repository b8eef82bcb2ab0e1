// The endpoint tables. Each endpoint stands twice: for the org's own server and for a custom one.
#include "idp/authorize.h"
#include "idp/discovery.h"
#include "idp/logout.h"
#include "idp/pushed_request.h"
#include "idp/token_endpoints.h"

namespace gatehouse::idp {

using net::Method;

std::span<const net::Endpoint<Provider>> token_rows() {
  static constexpr auto kClient = net::everyone("the client proves itself, as RFC 6749 says");
  static constexpr auto kBearer = net::everyone("the access token is checked by the handler, as RFC 6750 says");
  static constexpr auto kPublic = net::everyone("public metadata and keys");
  static constexpr net::Endpoint<Provider> rows[] = {
      net::on<token>(Method::post, "/oauth2/v1/token", kClient),
      net::on<token>(Method::post, "/oauth2/{authorizationServerId}/v1/token", kClient),
      net::on<push_request>(Method::post, "/oauth2/v1/par", kClient),
      net::on<push_request>(Method::post, "/oauth2/{authorizationServerId}/v1/par", kClient),
      net::on<introspect>(Method::post, "/oauth2/v1/introspect", kClient),
      net::on<introspect>(Method::post, "/oauth2/{authorizationServerId}/v1/introspect", kClient),
      net::on<revoke>(Method::post, "/oauth2/v1/revoke", kClient),
      net::on<revoke>(Method::post, "/oauth2/{authorizationServerId}/v1/revoke", kClient),
      net::on<userinfo>(Method::get, "/oauth2/v1/userinfo", kBearer),
      net::on<userinfo>(Method::post, "/oauth2/v1/userinfo", kBearer),
      net::on<userinfo>(Method::get, "/oauth2/{authorizationServerId}/v1/userinfo", kBearer),
      net::on<userinfo>(Method::post, "/oauth2/{authorizationServerId}/v1/userinfo", kBearer),
      net::on<keys>(Method::get, "/oauth2/v1/keys", kPublic),
      net::on<keys>(Method::get, "/oauth2/{authorizationServerId}/v1/keys", kPublic),
      net::on<metadata>(Method::get, "/.well-known/openid-configuration", kPublic),
      net::on<metadata>(Method::get, "/.well-known/oauth-authorization-server", kPublic),
      net::on<metadata>(Method::get, "/oauth2/{authorizationServerId}/.well-known/openid-configuration", kPublic),
      net::on<metadata>(Method::get, "/oauth2/{authorizationServerId}/.well-known/oauth-authorization-server", kPublic),
      net::on<metadata>(Method::get, "/.well-known/oauth-authorization-server/oauth2/{authorizationServerId}", kPublic),
      net::on<metadata>(Method::get, "/.well-known/openid-configuration/oauth2/{authorizationServerId}", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/token", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/token", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/par", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/par", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/introspect", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/introspect", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/revoke", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/revoke", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/userinfo", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/userinfo", kPublic),
      net::on<preflight>(Method::options, "/oauth2/v1/keys", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/v1/keys", kPublic),
      net::on<preflight>(Method::options, "/.well-known/openid-configuration", kPublic),
      net::on<preflight>(Method::options, "/.well-known/oauth-authorization-server", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/.well-known/openid-configuration", kPublic),
      net::on<preflight>(Method::options, "/oauth2/{authorizationServerId}/.well-known/oauth-authorization-server", kPublic),
  };
  return rows;
}

std::span<const net::Endpoint<Provider>> page_rows() {
  static constexpr auto kBrowser = net::everyone("the browser's session is looked at by the handler");
  static constexpr net::Endpoint<Provider> rows[] = {
      net::on<authorize>(Method::get, "/oauth2/v1/authorize", kBrowser),
      net::on<authorize>(Method::get, "/oauth2/{authorizationServerId}/v1/authorize", kBrowser),
      net::on<authorize_posted>(Method::post, "/oauth2/v1/authorize", kBrowser),
      net::on<authorize_posted>(Method::post, "/oauth2/{authorizationServerId}/v1/authorize", kBrowser),
      net::on<authorize_continued>(Method::get, "/oauth2/v1/authorize/{transaction}", kBrowser),
      net::on<authorize_continued>(Method::get, "/oauth2/{authorizationServerId}/v1/authorize/{transaction}", kBrowser),
      net::on<logout>(Method::get, "/oauth2/v1/logout", kBrowser),
      net::on<logout>(Method::get, "/oauth2/{authorizationServerId}/v1/logout", kBrowser),
      net::on<logout_posted>(Method::post, "/oauth2/v1/logout", kBrowser),
      net::on<logout_posted>(Method::post, "/oauth2/{authorizationServerId}/v1/logout", kBrowser),
  };
  return rows;
}

}  // namespace gatehouse::idp
