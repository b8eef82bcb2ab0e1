#include "app/config.h"

#include <gtest/gtest.h>

namespace gatehouse::app {
namespace {

constexpr std::string_view kGood = R"(
data: ./data
master_key: file:/run/secrets/master
database:
  postgres: env:GATEHOUSE_DATABASE
listeners:
  - port: 8080
  - address: "::"
    port: 8443
    tls: {certificate: tls/server.pem, key: /etc/keys/server.key}
trusted_proxies: [10.0.0.0/8]
log: {level: debug, form: json}
org: {name: Example, hosts: [login.example.com, Localhost]}
seed: seed.yaml
gateway:
  hosts:
    - host: Wiki.example.com
      routes:
        - path: /
          upstream: http://127.0.0.1:9001
          sign_in:
            issuer: https://login.example.com
            client_id: wiki
            client_secret: env:WIKI_SECRET
            headers: {X-Remote-User: preferred_username}
        - path: /health
          methods: [GET]
          upstream: http://127.0.0.1:9001
          open: true
    - host: api.example.com
      routes:
        - upstream: http://127.0.0.1:9002
          token: {issuer: https://login.example.com/oauth2/default, audience: api://default, scopes: [orders:read]}
)";

// What is wrong with the text, as the user reads it.
std::string faults(std::string_view text) {
  const auto config = parse_config(text, "dir/g.yaml");
  return config ? "" : config.error().message();
}
// A file that is good but for what is added.
std::string faults_with(std::string_view more) { return faults("data: d\nlisteners: [{port: 1}]\n" + std::string(more)); }

TEST(Config, certificates_of_clients) {
  const auto tls_of = [](std::string more) {
    const auto config = parse_config("data: d\nlisteners: [{port: 1, tls: {certificate: c.pem, key: k.pem" + more + "}}]\n", "/etc/g.yaml");
    return config ? std::optional(*config->listeners.at(0).tls) : std::nullopt;
  };
  EXPECT_FALSE(tls_of("")->any_client);
  EXPECT_EQ(tls_of(", client_ca: ca.pem")->client_ca, "/etc/ca.pem");
  EXPECT_FALSE(tls_of(", client_ca: ca.pem, client_certificates: trusted")->any_client);
  EXPECT_TRUE(tls_of(", client_certificates: any")->any_client);
  const auto wrong = [](std::string more) { return faults("data: d\nlisteners: [{port: 1, tls: {certificate: c, key: k, " + more + "}}]\n"); };
  EXPECT_NE(wrong("client_certificates: trusted").find("there is no client_ca; name the file"), std::string::npos) << wrong("client_certificates: trusted");
  EXPECT_NE(wrong("client_certificates: all").find("dir/g.yaml:2:"), std::string::npos) << wrong("client_certificates: all");
}

TEST(Config, who_may_register_clients) {
  const auto with = [](std::string words) { return "data: d\nlisteners: [{port: 1}]\norg: {registration: {" + words + "}}\n"; };
  const auto config = parse_config(with("servers: [default], initial_access_token: env:REGISTER, most: 5, per_minute: 2, groups: [Everyone]"), "g.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->org.registration->servers, (std::vector<std::string>{"default"}));
  EXPECT_EQ(config->org.registration->initial_access_token->str(), "env:REGISTER");
  EXPECT_EQ(config->org.registration->most, 5);
  EXPECT_FALSE(parse_config("data: d\nlisteners: [{port: 1}]\n", "g.yaml")->org.registration) << "closed";
  EXPECT_TRUE(parse_config(with("servers: [default], open: true"), "g.yaml"));
  EXPECT_NE(faults(with("open: true")).find("servers: is missing; name authorization servers"), std::string::npos) << faults(with("open: true"));
  EXPECT_NE(faults(with("servers: [default]")).find("there is no initial_access_token; give a reference"), std::string::npos) << faults(with("servers: [default]"));
  EXPECT_NE(faults(with("servers: [default], open: true, initial_access_token: env:REGISTER")), "");
  EXPECT_NE(faults(with("servers: [default], open: true, most: 0")).find("g.yaml:3:"), std::string::npos);
}

TEST(Config, how_far_clocks_of_clients_may_be_off) {
  EXPECT_EQ(parse_config("data: d\nlisteners: [{port: 1}]\n", "g.yaml")->org.client_skew, Seconds(60));
  EXPECT_EQ(parse_config("data: d\nlisteners: [{port: 1}]\norg: {client_clock_skew: 5s}\n", "g.yaml")->org.client_skew, Seconds(5));
  EXPECT_NE(faults_with("org: {client_clock_skew: 6m}\n").find("g.yaml:3:"), std::string::npos) << faults_with("org: {client_clock_skew: 6m}\n");
}

TEST(Config, where_clients_with_certificates_come) {
  const auto config = parse_config("data: d\nlisteners: [{port: 1}]\norg: {certificates_at: \"https://login.example.com:8443/\"}\n", "g.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->org.certificates_at, "https://login.example.com:8443");
  for (const auto* bad : {"http://login.example.com", "https://login.example.com/oauth2", "login.example.com"}) {
    const auto told = faults_with("org: {certificates_at: \"" + std::string(bad) + "\"}\n");
    EXPECT_NE(told.find("is not https://host[:port]; for example"), std::string::npos) << told;
  }
}

TEST(Config, where_the_org_may_fetch_from) {
  const auto config = parse_config("data: d\nlisteners: [{port: 1}]\norg: {fetch_from: [10.1.0.0/16, \"keys.internal:8443\"]}\n", "g.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->org.fetch_from.size(), 2U);
  for (const auto* bad : {"keys.internal", "10.1.0.0/33", "https://keys.internal/", "a b"}) {
    const auto told = faults_with("org: {fetch_from: [\"" + std::string(bad) + "\"]}\n");
    EXPECT_NE(told.find("is neither a network nor host:port; for example"), std::string::npos) << bad << ": " << told;
  }
}

TEST(Config, reads_every_key) {
  const auto config = parse_config(kGood, "/etc/gatehouse/gatehouse.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->data, "/etc/gatehouse/data");
  EXPECT_EQ(config->master_key->str(), "file:/run/secrets/master");
  EXPECT_EQ(std::get<PostgresAt>(config->database).conninfo.str(), "env:GATEHOUSE_DATABASE");
  ASSERT_EQ(config->listeners.size(), 2u);
  EXPECT_EQ(config->listeners[0].address, "127.0.0.1");
  EXPECT_EQ(config->listeners[1].tls->certificate, "/etc/gatehouse/tls/server.pem");
  EXPECT_EQ(config->listeners[1].tls->key, "/etc/keys/server.key");
  EXPECT_EQ(config->log.level, LogLevel::debug);
  EXPECT_EQ(config->log.form, LogForm::json);
  EXPECT_EQ(config->org.hosts, (std::vector<std::string>{"login.example.com", "localhost"}));
  ASSERT_EQ(config->gateway.size(), 2u);
  EXPECT_EQ(config->gateway[0].host, "wiki.example.com");
  const auto& wiki = std::get<SignInAccess>(config->gateway[0].routes[0].access);
  EXPECT_EQ(wiki.scopes, (std::vector<std::string>{"openid", "profile", "email"}));
  EXPECT_TRUE(std::holds_alternative<OpenAccess>(config->gateway[0].routes[1].access));
  EXPECT_EQ(std::get<TokenAccess>(config->gateway[1].routes[0].access).issuers.at(0).trusted.audiences, std::vector<std::string>{"api://default"});
}

TEST(Config, needs_only_a_folder_and_a_listener) {
  const auto config = parse_config("data: /var/lib/gatehouse\nlisteners: [{port: 8080}]\n", "g.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(std::get<SqliteFile>(config->database).path, "/var/lib/gatehouse/gatehouse.db");
}

TEST(Config, tells_all_faults_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(faults("data: d\nlistners:\n  - port: 1\nlog:\n  level: debgu\nlisteners:\n  - port: 99999\n"),
            "dir/g.yaml:2:1: unknown key 'listners'; did you mean 'listeners'?\n"
            "dir/g.yaml:5:10: log.level: 'debgu' is not known; did you mean 'debug'?\n"
            "dir/g.yaml:7:11: listeners[0].port: '99999' is not a number from 0 to 65535");
}

TEST(Config, tells_where_the_yaml_is_broken) {
  EXPECT_TRUE(faults("data: d\nlisteners: [ {port: 1\n").starts_with("dir/g.yaml:"));
  EXPECT_NE(faults("a: b: c\n").find("dir/g.yaml:1:5: not YAML"), std::string::npos) << faults("a: b: c\n");
}

TEST(Config, a_key_must_not_stand_there_twice) {
  EXPECT_NE(faults_with("data: e\n").find("g.yaml:3:1: key 'data' stands here twice"), std::string::npos);
}

TEST(Config, a_secret_is_a_reference_and_is_not_repeated_in_the_fault) {
  const auto said = faults_with("database: {postgres: 'host=db password=hunter2'}\n");
  EXPECT_NE(said.find("g.yaml:3:22: database.postgres"), std::string::npos) << said;
  EXPECT_EQ(said.find("hunter2"), std::string::npos);
}

TEST(Config, a_route_that_says_nothing_about_access_is_a_fault) {
  EXPECT_NE(faults_with("gateway: {hosts: [{host: a.example, routes: [{upstream: 'http://127.0.0.1:1'}]}]}\n").find("says nothing about access"),
            std::string::npos);
}

TEST(Config, open_false_does_not_open) {
  EXPECT_NE(faults_with("gateway: {hosts: [{host: a.example, routes: [{upstream: 'http://127.0.0.1:1', open: false}]}]}\n").find("cannot be false"),
            std::string::npos);
}

TEST(Config, a_host_belongs_to_one_place) {
  EXPECT_NE(faults_with("gateway: {hosts: [{host: LocalHost, routes: [{upstream: 'http://127.0.0.1:1', open: true}]}]}\n").find("host of the org"),
            std::string::npos);
}

TEST(Config, headers_of_http_itself_cannot_be_injected) {
  for (const auto* name : {"Host", "cookie", "Transfer-Encoding", "X Remote", ""}) {
    const auto text = std::string("gateway: {hosts: [{host: a.example, routes: [{upstream: 'http://127.0.0.1:1', sign_in: "
                                  "{issuer: 'http://i.example', client_id: c, headers: {'") + name + "': sub}}}]}]}\n";
    EXPECT_NE(faults_with(text).find("cannot be injected"), std::string::npos) << name;
  }
}

TEST(Config, paths_are_written_in_the_form_in_which_requests_are_compared) {
  for (const auto* path : {"wiki", "/a/../b", "/%61", "/a?b=c"}) {
    const auto text = std::string("gateway: {hosts: [{host: a.example, routes: [{path: '") + path + "', upstream: 'http://127.0.0.1:1', open: true}]}]}\n";
    EXPECT_NE(faults_with(text).find("not a path in its normal form"), std::string::npos) << path;
  }
}

TEST(Config, aliases_cannot_make_it_large) {
  std::string bomb = "data: d\na: &a [1,2,3,4,5,6,7,8,9]\n";
  for (char c = 'b'; c < 'z'; ++c) bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + "]\n";
  EXPECT_NE(faults(bomb).find("nested too deeply or too large"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::app
