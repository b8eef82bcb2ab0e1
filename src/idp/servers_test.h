// Custom servers, changed as the API changes them, for the tests of this room.
#pragma once

#include "idp/idp_test.h"
#include "idp/server_edits.h"
#include "idp/server_store.h"

namespace gatehouse::idp {

class ServersTest : public IdpTest {
 protected:
  Servers& servers() { return provider->servers(); }
  EditAt at() { return {org, clock.now()}; }
  Server given_server(std::string name = "Orders", std::string audience = "api://orders") {
    Server asked{"", std::move(name), std::move(audience), jose::Alg::ES256, true};
    return run(servers().create(std::move(asked), cause)).value();
  }
  // `edit(server)` gives Changes; it must succeed.
  template <class Edit>
  Server edited(const std::string& id, Edit edit) {
    auto done = run(servers().edit(id, edit, cause));
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    return done ? *done : Server();
  }
  ServerScope given_scope(const std::string& server, std::string name, bool by_default = false) {
    ServerScope scope{std::move(name), "", by_default, new_id(*random, "scp")};
    edited(server, [&](const Server& now) { return add_scope(at(), now, scope); });
    return scope;
  }
  AccessPolicy given_policy(const std::string& server, std::string name,
                            std::vector<std::string> clients = {std::string(kAllClients)}, int priority = 0) {
    AccessPolicy policy{new_id(*random, "00p"), std::move(name), "", priority};
    policy.clients = std::move(clients);
    edited(server, [&](const Server& now) { return add_policy(at(), now, policy); });
    return policy;
  }
  static AccessRule everything(std::string name) {
    AccessRule rule{"", std::move(name), 0};
    rule.groups = {std::string(kEverybody)};
    rule.grant_types = {"authorization_code", "client_credentials"};
    rule.scopes = {std::string(kAnyScope)};
    return rule;
  }
  AccessRule given_rule(const std::string& server, const std::string& policy, AccessRule rule) {
    rule.id = new_id(*random, "0pr");
    edited(server, [&](const Server& now) { return add_rule(at(), now, policy, rule); });
    return rule;
  }
  // A server with one scope, a policy for everybody and a rule for everything.
  Server given_open_server(std::string name = "Orders") {
    auto server = given_server(std::move(name));
    given_scope(server.id, "orders.read");
    open_policy = given_policy(server.id, "All");
    open_rule = given_rule(server.id, open_policy.id, everything("Any"));
    return run(servers().look(server.id)).value();
  }
  static std::string at_server(const Server& server) { return "/oauth2/" + server.id; }
  Got service_token(const Client& client, const Server& server, std::string scope = "orders.read") {
    return call(client, at_server(server) + "/v1/token",
                {{"grant_type", "client_credentials"}, {"scope", std::move(scope)}});
  }
  Client given_service(std::string label = "Service") {
    return given_client(std::move(label), directory::ClientAuth::secret_basic, directory::AppKind::service);
  }

  AccessPolicy open_policy;  // of the last given_open_server
  AccessRule open_rule;
};

}  // namespace gatehouse::idp
