// The built-in org as one thing: directory, sign-in, identity provider and their pages and APIs behind one handler.
// Owns the services and the order in which they are made; knows no listener and no gateway.
#pragma once

#include <memory>
#include <vector>

#include "app/config.h"
#include "app/foundation.h"
#include "app/seed.h"
#include "directory/apps.h"
#include "directory/groups.h"
#include "directory/users.h"
#include "events/event.h"
#include "idp/provider.h"
#include "idp/style.h"
#include "net/endpoint.h"
#include "orgapi/registration.h"
#include "secrets/handles.h"
#include "signin/door.h"

namespace gatehouse::app {

class Operations;

// One org per installation for now; its id is part of every row.
OrgId the_org();

std::vector<store::Migration> all_migrations();
std::vector<store::Sweep> all_sweeps();

class Org {
 public:
  // Migrations have run. `http` is for what clients publish.
  Org(Foundation& ground, net::HttpClient& http, Executor background, const OrgConfig& config);
  ~Org();
  Org(const Org&) = delete;
  Org& operator=(const Org&) = delete;

  // Addresses by which it is reached ("http://localhost:8080"). Before serving.
  void add_address(std::string origin) { provider_.add_base(std::move(origin)); }
  Task<void> open();
  // What takes a while and need not be there at once.
  Task<void> complete() { return provider_.keys().complete(); }
  Task<void> sow(Seed seed);
  // When the loops are quiet: writes what waits.
  Task<void> settle() { return provider_.events().settle(); }

  net::Handler& handler();
  // Clients may register themselves. Before serving.
  void open_registration(orgapi::RegistrationRules rules);
  // Beside its own API, for those who may do that. Before serving.
  void serve_operations(Operations& operations);
  idp::Provider& provider() { return provider_; }
  directory::Users& users() { return users_; }
  directory::Apps& apps() { return apps_; }
  directory::ApiTokens& api_tokens() { return api_tokens_; }

 private:
  class Edge;              // the management API
  class Front;             // the router, and a page for people who are lost

  Foundation& ground_;
  OrgId org_;
  events::SystemLog log_;
  std::shared_ptr<directory::Memory> memory_;   // the directory's services have it together
  directory::Users users_;
  directory::Groups groups_;
  directory::Apps apps_;
  directory::ApiTokens api_tokens_;
  directory::Admins admins_;
  secrets::Handles handles_;
  signin::Sessions sessions_;
  signin::Transactions transactions_;
  signin::Door door_;
  idp::Provider provider_;
  signin::PageStyle pages_;
  idp::OAuthStyle oauth_;
  std::unique_ptr<Edge> edge_;
  std::unique_ptr<orgapi::Registration> registration_;   // may be absent
  net::Router router_;
  std::unique_ptr<Front> front_;
};

}  // namespace gatehouse::app
