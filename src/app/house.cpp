#include "app/house.h"

#include <fmt/format.h>

#include "access/sso.h"
#include "app/demo/upstreams.h"
#include "app/guard.h"
#include "core/spawn.h"

namespace gatehouse::app {
namespace {

constexpr std::size_t kInsideLoops = 0;      // as many as cores
constexpr int kPortTries = 8;                // for a port that is free on IPv4 and IPv6
constexpr std::string_view kWikiHost = "wiki.localhost", kApiHost = "api.localhost";

std::string origin_of(std::string_view host, std::uint16_t port, bool tls) {
  net::Url url;
  url.tls = tls;
  url.host = host;
  url.port = port;
  return url.origin();
}

Exit exit_for_listening(const Error& error) { return error.fault() == Fault::conflict ? Exit::port_taken : Exit::configuration; }

boost::asio::awaitable<void> complete_keys(Org& org, Log log) {
  auto done = co_await org.complete();
  if (!done) log.error("keys.incomplete", {{"why", done.error().message()}});
}

directory::Cause by_the_program() {
  directory::Cause cause;
  cause.actor = events::Party{"system", "SystemPrincipal", "gatehouse", "Gatehouse"};
  return cause;
}

}  // namespace

Started<std::unique_ptr<House>> House::open(Plan plan, LogSink& sink) {
  std::unique_ptr<House> house(new House(std::move(plan)));
  auto ground = Foundation::open(house->plan_.config, sink);
  if (!ground) return std::unexpected(std::move(ground.error()));
  house->ground_ = *std::move(ground);
  house->runtime_ = std::make_unique<net::Runtime>(kInsideLoops);
  house->resolver_ = net::system_resolver(house->ground_->blocking());
  house->ready_.data = house->plan_.config.data.string();
  house->ready_.authority = house->plan_.authority;

  if (auto done = house->listen(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = house->open_org(); !done) return std::unexpected(std::move(done.error()));
  auto filled = house->plan_.content == Content::demo ? house->open_demo() : house->open_configured();
  if (filled) filled = house->sow_seed();
  if (!filled) return std::unexpected(std::move(filled.error()));
  return house;
}

Started<std::unique_ptr<net::Server>> House::listen_at(const ListenerConfig& where, net::Handler& handler) {
  net::ServerOptions options;
  options.address = where.address;
  options.port = where.port;
  options.trusted_proxies = plan_.config.trusted_proxies;
  if (where.tls) options.tls = net::ServerTls{{net::ServerTls::Identity{where.tls->certificate, where.tls->key}}};
  auto server = net::Server::listen(*runtime_, std::move(options), handler, ground_->clock(), ground_->random(), ground_->log());
  if (!server) {
    const auto exit = exit_for_listening(server.error());
    const bool chosen_by_word = exit == Exit::port_taken && plan_.content == Content::demo;
    return std::unexpected(StartFault{exit, server.error().message() + (chosen_by_word ? ": --port NUMBER, or --port 0 for any free one" : "")});
  }
  ground_->log().debug("listening", {{"address", where.address}, {"port", (*server)->port()}, {"tls", where.tls.has_value()}});
  return *std::move(server);
}

// Listeners that share one port number: the first one chooses it.
Started<void> House::listen_together() {
  servers_.clear();
  for (auto where : plan_.config.listeners) {
    if (where.beside_the_first && !servers_.empty()) where.port = servers_.front()->port();
    auto server = listen_at(where, front_);
    if (!server && where.beside_the_first && server.error().exit != Exit::port_taken) continue;   // no IPv6 on this machine
    if (!server) return std::unexpected(std::move(server.error()));
    servers_.push_back(*std::move(server));
  }
  return {};
}

Started<void> House::listen() {
  const bool any_port = plan_.config.listeners.front().port == 0;
  for (int tries = 1;; ++tries) {
    auto done = listen_together();
    if (done || !any_port || done.error().exit != Exit::port_taken || tries == kPortTries) return done;
  }
}

Started<void> House::open_org() {
  if (auto done = run(store::migrate(ground_->database(), all_migrations())); !done) {
    const bool postgres = std::holds_alternative<PostgresAt>(plan_.config.database);
    return start_fault(postgres ? Exit::database : Exit::data, done.error());
  }
  org_ = std::make_unique<Org>(*ground_, runtime_->loop(0), plan_.config.org.name);
  if (auto done = run(org_->open()); !done) return start_fault(Exit::failed, done.error());

  for (const auto& address : plan_.config.org.addresses) ready_.org.push_back(address);
  for (std::size_t i = 0; i < servers_.size(); ++i)
    for (const auto& host : plan_.config.org.hosts)
      ready_.org.push_back(origin_of(host, servers_[i]->port(), plan_.config.listeners[i].tls.has_value()));
  for (const auto& address : ready_.org) org_->add_address(address);
  for (const auto& host : plan_.config.org.hosts) front_.add(host, org_->handler());

  janitor_ = std::make_unique<Janitor>(ground_->database(), ground_->clock(), ground_->log(), all_sweeps());
  return {};
}

Started<void> House::open_demo() {
  if (auto done = open_demo_upstreams(); !done) return done;
  if (auto done = open_demo_accounts(); !done) return done;
  if (auto done = run(fit_demo_to_port()); !done) return start_fault(Exit::failed, done.error());
  std::vector<access::SsoConfig> sign_ons{demo_sso(ready_.accounts, ready_.at)};
  return open_gateway(demo_gateway(ready_.at), std::move(sign_ons), {ready_.at.org, ready_.at.org_alias});
}

Started<void> House::open_demo_upstreams() {
  wiki_ = demo::make_wiki();
  orders_ = demo::make_orders();
  const ListenerConfig anywhere{.address = "127.0.0.1", .port = 0};
  for (auto* handler : {wiki_.get(), orders_.get()}) {
    auto server = listen_at(anywhere, *handler);
    if (!server) return std::unexpected(std::move(server.error()));
    inside_.push_back(*std::move(server));
  }
  const auto port = servers_.front()->port();
  const bool tls = plan_.config.listeners.front().tls.has_value();
  ready_.at = {.org = origin_of("localhost", port, tls),
               .wiki = origin_of(kWikiHost, port, tls),
               .api = origin_of(kApiHost, port, tls),
               .org_alias = origin_of("127.0.0.1", port, tls),
               .wiki_upstream = origin_of("127.0.0.1", inside_[0]->port(), false),
               .api_upstream = origin_of("127.0.0.1", inside_[1]->port(), false)};
  return {};
}

// The accounts are written down before they are made: a crash in between leaves no account that nobody knows.
Started<void> House::open_demo_accounts() {
  const auto& data = plan_.config.data;
  const auto fresh = [&] { return make_accounts(ground_->random()); };
  auto accounts = data.empty() ? Result<DemoAccounts>(fresh()) : load_accounts(data);
  if (!accounts && accounts.error().fault() == Fault::missing) {
    accounts = fresh();
    if (auto done = save_accounts(data, *accounts); !done) return start_fault(Exit::data, done.error());
  }
  if (!accounts) return start_fault(Exit::data, accounts.error());
  ready_.accounts = *std::move(accounts);
  if (auto done = run(org_->sow(demo_seed(ready_.accounts, ready_.at))); !done) return start_fault(Exit::failed, done.error());
  return {};
}

// What in the store depends on this start: addresses of the wiki, and an API token that still works.
Task<void> House::fit_demo_to_port() {
  GH_CO_TRY(auto wiki, co_await org_->apps().find_by_client(ready_.accounts.wiki.client_id));
  if (wiki.redirect_uris != wiki_redirects(ready_.at)) {
    wiki.redirect_uris = wiki_redirects(ready_.at);
    wiki.post_logout_redirect_uris = wiki_logout_redirects(ready_.at);
    wiki.initiate_login_uri = ready_.at.wiki + "/";
    GH_CO_DO(co_await org_->apps().update(std::move(wiki), by_the_program()));
  }
  auto good = co_await org_->api_tokens().check(ready_.accounts.api_token);
  if (good) co_return Result<void>();
  if (good.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(good.error()));
  GH_CO_TRY(const auto admin, co_await org_->users().find_by_login(ready_.accounts.admin.login));
  GH_CO_TRY(ready_.accounts.api_token, co_await org_->api_tokens().create("demo", admin.id, by_the_program()));
  if (plan_.config.data.empty()) co_return Result<void>();
  co_return save_accounts(plan_.config.data, ready_.accounts);
}

// Last, so that it may say otherwise than the demo about what both name (an authorization server).
Started<void> House::sow_seed() {
  if (!plan_.config.seed) return {};
  auto seed = load_seed(*plan_.config.seed);
  if (!seed) return start_fault(Exit::configuration, seed.error());
  if (auto done = run(org_->sow(*std::move(seed))); !done) return start_fault(Exit::configuration, done.error());
  return {};
}

Started<void> House::open_configured() {
  const OpenSecret open = [this](const secrets::Reference& reference) { return run(ground_->references().resolve(reference)); };
  auto plan = plan_guard(plan_.config.gateway, {ground_->clock(), ground_->random(), ground_->blocking(), ground_->log(), open});
  if (!plan) return start_fault(Exit::configuration, plan.error());
  return open_gateway(std::move(plan->gateway), std::move(plan->sign_ons), plan->issuers);
}

Started<void> House::open_gateway(gateway::Config config, std::vector<access::SsoConfig> sign_ons, const std::vector<std::string>& issuers) {
  const net::ClientTls tls{plan_.authority};
  auto rules = net::PeerRules::public_only();
  for (const auto& issuer : issuers)
    if (const auto url = net::Url::parse(issuer)) rules.allow_host(fmt::format("{}:{}", url->host, url->port));
  http_ = net::make_http_client(*resolver_, std::move(rules), tls);

  gateway::Policies policies;
  for (auto& sign_on : sign_ons) {
    const auto name = sign_on.name;
    access::SsoNeeds needs{ground_->database(), ground_->clock(), ground_->random(), *http_, ground_->master_key(), ground_->log()};
    auto policy = access::make_sso(needs, the_org(), std::move(sign_on));
    if (!policy) return start_fault(Exit::configuration, policy.error());
    policies[name] = *std::move(policy);
  }
  const gateway::MakeUpstream make_upstream = [this](net::UpstreamOptions options) {
    return net::make_upstream(*resolver_, net::PeerRules::anyone(), net::ClientTls(), std::move(options));
  };
  witness_ = std::make_unique<OrgWitness>(org_->provider());
  auto snapshot = gateway::Snapshot::build({ground_->clock(), *http_, make_upstream, witness_.get()}, config, policies);
  if (!snapshot) return start_fault(Exit::configuration, snapshot.error());
  gateway_ = std::make_unique<gateway::Gateway>(*std::move(snapshot));
  for (const auto& route : config.routes) front_.add(route.host, *gateway_);
  return {};
}

void House::serve() {
  serving_ = true;
  runtime_->start();
  spawn(runtime_->loop(0), complete_keys(*org_, ground_->log()));
  ground_->log().info("ready", {{"org", ready_.org.front()}, {"loops", runtime_->size()}, {"database", ground_->database().kind()}});
}

void House::reload_certificates() {
  for (const auto& server : servers_) {
    if (auto done = server->reload_certificates(); !done) ground_->log().error("certificates.kept", {{"why", done.error().message()}});
    else ground_->log().info("certificates.reloaded", {{"port", server->port()}});
  }
}

void House::stop() {
  if (!serving_) return;
  serving_ = false;
  ground_->log().info("stopping");
  runtime_->stop();
  runtime_->join();
  if (auto done = run(org_->settle()); !done) ground_->log().error("events.lost", {{"why", done.error().message()}});
  janitor_.reset();
}

House::~House() { stop(); }

}  // namespace gatehouse::app
