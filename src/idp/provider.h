// The identity provider of one org: authorization servers, their endpoints, their tokens. Joins the directory (who and
// what exists), signin (who is at the door) and the store of grants. Every check about a person or a client happens when
// something is given or used, never earlier: what is disabled is disabled at once, on every path.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <span>

#include "directory/apps.h"
#include "idp/binding.h"
#include "idp/client_keys.h"
#include "idp/event_batch.h"
#include "idp/grant_store.h"
#include "idp/keys.h"
#include "idp/servers.h"
#include "net/endpoint.h"
#include "oauth/dpop.h"
#include "oauth/params.h"
#include "oauth/responses.h"
#include "secrets/handles.h"
#include "signin/door.h"

namespace gatehouse::idp {

inline constexpr Seconds kAccessLife{3600}, kIdLife{3600};
inline constexpr Seconds kRefreshIdle{7 * 24 * 3600};    // a refresh token unused for so long is dead
inline constexpr Seconds kGrantLife{90 * 24 * 3600};     // the whole family; then the person signs in again
inline constexpr Seconds kClientSkew{60}, kClientSkewMax{300};   // between clients' clocks and ours
inline constexpr secrets::HandleKind kCode{"authorization_code", "ghc_", Seconds(60)};

struct ProviderNeeds {
  store::Database& database;
  events::SystemLog& log;
  const Clock& clock;
  Random& random;
  directory::Users& users;
  directory::Groups& groups;
  directory::Apps& apps;
  directory::Admins& admins;
  signin::Door& door;
  signin::Transactions& transactions;
  secrets::Handles& handles;
  const crypto::Sealer& sealer;
  Pool& crypto;               // RSA
  Executor background;        // where batches of events are written from
  Log out;
  net::HttpClient* http = nullptr;   // public addresses only, or what the configuration allows; without it nothing is fetched
  Seconds client_skew = kClientSkew;
};

// Which certificates of clients the org's listeners take (RFC 8705).
struct CertificatesTaken {
  bool of_authorities = false, self_signed = false;
};

// An access token of ours that is good right now, with what it stands for.
struct AccessToken {
  std::string jti, client_id, grant_id;
  oauth::Scopes scopes;
  std::optional<directory::User> user;        // nobody: a client's own token
  directory::App app;
  json::object claims;
};

class TokenHook;                              // token_hook.h

class Provider {
 public:
  Provider(ProviderNeeds needs, OrgId org);

  // Migrations must have run. Makes the "default" server and the ES256 key.
  Task<void> open();
  // Addresses by which browsers and clients reach the org ("http://localhost:8080"), the main one first. Before serving. A request under
  // another name is refused: the issuer is built from it.
  void add_base(std::string origin);
  const std::string& main_base() const { return main_base_; }
  // What expressions of claims see as org.name. Before serving.
  void set_org_name(std::string name) { org_name_ = std::move(name); }
  const std::string& org_name() const { return org_name_; }
  // Inline token hooks; without one no rule may name a hook. Before serving; outlives this.
  void set_token_hook(TokenHook& hook) { token_hook_ = &hook; }
  TokenHook* token_hook() { return token_hook_; }
  bool has_token_hook(std::string_view id) const;
  // What successors of refresh tokens are made from, likewise.
  void set_refresh_root(Secret root) { refresh_root_ = std::move(root); }
  const Secret& refresh_root() const { return refresh_root_; }
  // What nonces of DPoP are made from: the same at every node, and after a restart. Before serving.
  void set_nonce_root(Secret root);
  const oauth::dpop::Nonces& nonces() const { return nonces_; }
  // Before serving; metadata promises it.
  void take_certificates(CertificatesTaken taken) { certificates_ = taken; }
  // Servers where clients register themselves (RFC 7591); metadata says where. Before serving.
  void open_registration(std::set<std::string, std::less<>> server_ids) { registering_ = std::move(server_ids); }
  bool takes_registrations(const Server& server) const { return registering_.contains(server.id); }
  // Where clients with certificates come, when browsers go elsewhere (RFC 8705 §5): what is asked at `origin` is asked of the
  // issuer under `base`. Before serving.
  void add_certificate_alias(std::string origin, std::string base) { certificate_aliases_.insert_or_assign(std::move(origin), std::move(base)); }
  const std::map<std::string, std::string, std::less<>>& certificate_aliases() const { return certificate_aliases_; }
  const CertificatesTaken& certificates() const { return certificates_; }

  // Who made this access token good for the org's own management API? Only tokens of the org server count there; okta.*
  // scopes of people who are no administrators are dropped. Fault::unauthenticated otherwise.
  Task<net::Principal> principal_of(std::string token, Shown shown = {});
  // Code::invalid_token says why. `server` is the one that is asked; a token of another server is not good here.
  Task<AccessToken> check_access_token(std::string token, Server server);

  Result<std::string> base_of(const net::Request& request) const;
  // Where the issuer of this server begins for somebody who called `base`.
  const std::string& issuer_base(const Server& server, const std::string& base) const;
  Task<void> refused(const Server& server, std::string action, std::string client_id, Error error, events::Origin origin);

  ProviderNeeds& needs() { return needs_; }
  const OrgId& org() const { return org_; }
  Servers& servers() { return servers_; }
  Keys& keys() { return keys_; }
  ClientKeys& client_keys() { return client_keys_; }
  EventBatch& events() { return events_; }
  const std::set<std::string, std::less<>>& bases() const { return bases_; }

 private:
  ProviderNeeds needs_;
  OrgId org_;
  std::string org_name_, main_base_;
  TokenHook* token_hook_ = nullptr;
  Servers servers_;
  Keys keys_;
  ClientKeys client_keys_;
  CertificatesTaken certificates_;
  Secret refresh_root_;
  oauth::dpop::Nonces nonces_;
  std::set<std::string, std::less<>> registering_;
  std::map<std::string, std::string, std::less<>> certificate_aliases_;   // by origin
  EventBatch events_;
  std::set<std::string, std::less<>> bases_;
};

// Rows that answer in JSON, for an OAuthStyle, and rows that answer with pages and redirects, for a signin::PageStyle.
std::span<const net::Endpoint<Provider>> token_rows();
std::span<const net::Endpoint<Provider>> page_rows();

std::vector<store::Migration> migrations();
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::idp
