// The nouns of the directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/secret.h"

namespace gatehouse::directory {

using UserId = Id<struct UserTag>;    // 00u…
using GroupId = Id<struct GroupTag>;  // 00g…
using AppId = Id<struct AppTag>;      // 0oa…, also the OAuth client_id unless one was given

// Okta's user statuses.
enum class Status { staged, provisioned, active, recovery, password_expired, locked_out, suspended, deprovisioned };
std::string_view name_of(Status status);             // "ACTIVE"
Result<Status> parse_status(std::string_view name);
// May this user sign in or keep using tokens and sessions?
bool may_act(Status status);                         // active only (password_expired may only change the password)

struct Profile {
  std::string login, email, first_name, last_name;   // login: unique in the org, any case, ≤ 100 characters
  json::object more;                                 // the other attributes of Okta's default profile, all texts
};

struct User {
  UserId id;
  Status status;
  Profile profile;
  Timestamp created, updated;
  std::optional<Timestamp> activated, status_changed, last_login, password_changed;
  std::int64_t version = 0;                          // grows with each change; ETag and optimistic locking
};

struct Group {
  GroupId id;
  std::string name, description;
  bool built_in = false;                             // Everyone
  Timestamp created, updated, membership_updated;
};

enum class AppKind { web, spa, native, service };    // Okta's application_type: web, browser, native, service
// How a client proves itself; names of the IANA registry "OAuth Token Endpoint Authentication Methods".
enum class ClientAuth { none, secret_basic, secret_post, secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls };
inline constexpr int kClientAuths = static_cast<int>(ClientAuth::self_signed_tls) + 1;
std::string_view name_of(ClientAuth auth);                        // "client_secret_basic"
std::optional<ClientAuth> client_auth_named(std::string_view name);
bool has_secret(ClientAuth auth);
// Does a client that turns from one to the other need another secret? (client_secret_jwt needs one that can be opened.)
bool needs_new_secret(ClientAuth before, ClientAuth after);

// The public half of a key by which a client signs what it says. Never anything else: Apps refuses private members.
struct ClientKey {
  std::string id;                                    // pks…
  std::string jwk;                                   // RFC 7517, as JSON
  bool active = true;
  Timestamp created{}, updated{};
};
// Whom the certificate of a client must name (RFC 8705 §2.1.2), in one way.
struct TlsSubject {
  enum class Kind { dn, dns, uri, ip, email } kind = Kind::dn;
  std::string value;
  friend bool operator==(const TlsSubject&, const TlsSubject&) = default;
};

struct App {
  AppId id;
  std::string label;
  AppKind kind;
  bool active = true;
  std::string client_id;
  ClientAuth auth = ClientAuth::secret_basic;
  std::vector<std::string> redirect_uris, post_logout_redirect_uris;
  std::vector<std::string> grant_types;              // "authorization_code", "refresh_token", "client_credentials"
  std::vector<std::string> scopes;                   // okta.* scopes granted to this client (org authorization server)
  bool pkce_required = true;
  bool consent_required = false;
  bool rotate_refresh = true;
  std::string initiate_login_uri;
  Timestamp created, updated;
  std::string sign_on_mode = "OPENID_CONNECT";       // others ("BOOKMARK") are links only, never OAuth clients
  json::object more;                                 // Okta's settings that nothing here reads (client_uri, logo_uri …)
  std::int64_t version = 0;                          // grows with each change
  std::vector<ClientKey> keys = {};                  // or:
  std::string jwks_uri = {};                         // where the client publishes them
  std::string auth_signing_alg = {};                 // of its assertions; empty: any that its keys are for
  std::optional<TlsSubject> tls_subject = {};        // tls_client_auth
  std::string registration_hash = {};                // of the token with which it manages itself (RFC 7592); empty: others do
  bool certificate_bound = false;                    // its access tokens are good only with its certificate (RFC 8705 §3)
  Seconds refresh_leeway{0};                         // for how long a rotated refresh token is answered with its successor
  bool require_pushed = false;                       // its authorization requests come by RFC 9126 only
  bool dpop_bound = false;                           // its access tokens are good only with a proof of its key (RFC 9449)
  std::string backchannel_logout_uri = {};           // is told when a session ends in which it got tokens; empty: is not
  bool backchannel_logout_session_required = false;  // it wants to be told which one (`sid`)
};

}  // namespace gatehouse::directory
