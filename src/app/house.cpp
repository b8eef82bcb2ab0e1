#include "app/house.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/demo/upstreams.h"
#include "app/checked.h"
#include "app/guard.h"
#include "core/spawn.h"
#include "idp/backchannel_logout.h"
#include "store/redis.h"

namespace gatehouse::app {
namespace {

constexpr std::size_t kInsideLoops = 0;      // as many as cores
constexpr std::chrono::milliseconds kKeysEvery{1000}, kUpstreamsEvery{100}, kLogoutsEvery{1000};
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

boost::asio::awaitable<void> tell_logouts(Org& org, Log log) {
  auto done = co_await idp::send_logout_tokens(org.provider());
  if (!done) log.error("logout.untold", {{"why", done.error().message()}});
}

directory::Cause by_the_program() {
  directory::Cause cause;
  cause.actor = events::Party{"system", "SystemPrincipal", "gatehouse", "Gatehouse"};
  return cause;
}

// Written in the configuration, and therefore checked by it.
net::PeerRules rules_for(const std::vector<std::string>& fetch_from) {
  auto rules = net::PeerRules::public_only();
  for (const auto& each : fetch_from)
    if (!rules.allow_network(each)) rules.allow_host(each);
  return rules;
}

idp::CertificatesTaken certificates_taken(const std::vector<ListenerConfig>& listeners) {
  idp::CertificatesTaken taken;
  for (const auto& listener : listeners) {
    if (!listener.tls) continue;
    taken.of_authorities |= !listener.tls->client_ca.empty();
    taken.self_signed |= listener.tls->any_client;
  }
  return taken;
}

}  // namespace

Started<std::unique_ptr<House>> House::open(Plan plan, LogSink& sink) {
  std::unique_ptr<House> house(new House(std::move(plan)));
  auto ground = Foundation::open(house->plan_.config, sink, house->plan_.sockets.lock());
  if (!ground) return std::unexpected(std::move(ground.error()));
  house->ground_ = *std::move(ground);
  house->runtime_ = std::make_unique<net::Runtime>(kInsideLoops);
  house->resolver_ = net::system_resolver(house->ground_->blocking());
  house->caches_ = std::make_shared<gateway::CacheStores>(house->ground_->random());
  house->ready_.data = house->plan_.config.data.string();
  house->ready_.authority = house->plan_.authority;

  if (auto done = house->open_watch(); !done) return std::unexpected(std::move(done.error()));
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
  options.proxy_protocol = where.proxy_protocol;
  options.http2 = where.http2.options();
  options.grace = plan_.config.shutdown.grace;
  options.inherited = plan_.sockets.take(where.address, where.port);
  if (where.tls)
    options.tls = net::ServerTls{.identities = {net::ServerTls::Identity{where.tls->certificate, where.tls->key}},
                                 .client_ca_file = where.tls->client_ca,
                                 .any_client_certificate = where.tls->any_client};
  auto server = net::Server::listen(*runtime_, std::move(options), handler, ground_->clock(), ground_->random(), ground_->log());
  if (!server) {
    const auto exit = exit_for_listening(server.error());
    const bool chosen_by_word = exit == Exit::port_taken && plan_.content == Content::demo;
    return std::unexpected(StartFault{exit, server.error().message() + (chosen_by_word ? ": --port NUMBER, or --port 0 for any free one" : "")});
  }
  ground_->log().debug("listening", {{"address", where.address}, {"port", (*server)->port()}, {"tls", where.tls.has_value()}});
  return *std::move(server);
}

Started<void> House::open_watch() {
  const auto knows_host = [this, org = plan_.config.org.hosts](std::string_view host) {
    return std::ranges::find(org, host) != org.end() || (door_ && door_->gateway().guards(host));
  };
  auto watch = Watch::open({*ground_, *resolver_, front_, knows_host}, plan_.config.observe, plan_.config.operations.has_value());
  if (!watch) return std::unexpected(std::move(watch.error()));
  watch_ = *std::move(watch);
  return {};
}

// Listeners that share one port number: the first one chooses it.
Started<void> House::listen_together() {
  servers_.clear();
  for (auto where : plan_.config.listeners) {
    if (where.beside_the_first && !servers_.empty()) where.port = servers_.front()->port();
    auto server = listen_at(where, watch_->face());
    if (!server && where.beside_the_first && server.error().exit != Exit::port_taken) continue;   // no IPv6 on this machine
    if (!server) return std::unexpected(std::move(server.error()));
    servers_.push_back(*std::move(server));
  }
  return {};
}

Started<void> House::listen() {
  const auto left = [this](Started<void> done) -> Started<void> {
    if (done && !plan_.sockets.empty()) return std::unexpected(StartFault{Exit::configuration, plan_.sockets.complaint()});
    return done;
  };
  if (!plan_.sockets.empty()) return left(listen_together());
  const bool any_port = plan_.config.listeners.front().port == 0;
  for (int tries = 1;; ++tries) {
    auto done = listen_together();
    if (done || !any_port || done.error().exit != Exit::port_taken || tries == kPortTries) return done;
  }
}

Started<void> House::open_registration() {
  const auto& config = plan_.config.org.registration;
  if (!config) return {};
  orgapi::RegistrationRules rules{.servers = config->servers, .initial_access_token = {}, .most = static_cast<int>(config->most), .per_minute = config->per_minute, .groups = config->groups};
  if (config->initial_access_token) {
    auto token = run(ground_->references().resolve(*config->initial_access_token));
    if (!token) return start_fault(Exit::configuration, token.error());
    rules.initial_access_token = *std::move(token);
  }
  org_->open_registration(std::move(rules));
  return {};
}

Started<void> House::open_org() {
  if (auto done = run(store::migrate(ground_->database(), all_migrations())); !done) {
    const bool postgres = std::holds_alternative<PostgresAt>(plan_.config.database);
    return start_fault(postgres ? Exit::database : Exit::data, done.error());
  }
  org_http_ = net::make_http_client(*resolver_, rules_for(plan_.config.org.fetch_from), net::ClientTls{plan_.authority});
  org_ = std::make_unique<Org>(*ground_, *org_http_, runtime_->loop(0), plan_.config.org);
  org_->provider().take_certificates(certificates_taken(plan_.config.listeners));
  if (auto done = run(org_->open()); !done) return start_fault(Exit::failed, done.error());

  if (auto done = open_registration(); !done) return done;

  for (const auto& address : plan_.config.org.addresses) ready_.org.push_back(address);
  for (std::size_t i = 0; i < servers_.size(); ++i)
    for (const auto& host : plan_.config.org.hosts)
      ready_.org.push_back(origin_of(host, servers_[i]->port(), plan_.config.listeners[i].tls.has_value()));
  for (const auto& address : ready_.org) org_->add_address(address);
  if (const auto& alias = plan_.config.org.certificates_at; !alias.empty()) org_->provider().add_certificate_alias(alias, ready_.org.front());
  for (const auto& host : plan_.config.org.hosts) front_.add(host, org_->handler());
  door_ = std::make_unique<FrontDoor>(FrontDoorNeeds{*ground_, *resolver_, org_->provider(), plan_.authority});
  front_.otherwise(door_->handler());   // a reload may bring hosts

  operations_ = std::make_unique<Operations>(*this);
  org_->serve_operations(*operations_);
  if (const auto& at = plan_.config.operations) {
    operations_handler_ = operations_handler(*operations_);
    auto server = listen_at(*at, *operations_handler_);
    if (!server) return std::unexpected(std::move(server.error()));
    inside_.push_back(*std::move(server));
  }
  janitor_ = std::make_unique<Janitor>(ground_->database(), ground_->clock(), ground_->log(), all_sweeps());
  return {};
}

Started<void> House::open_demo() {
  if (auto done = open_demo_upstreams(); !done) return done;
  if (auto done = open_demo_accounts(); !done) return done;
  if (auto done = run(fit_demo_to_port()); !done) return start_fault(Exit::failed, done.error());
  GuardPlan plan{.gateway = demo_gateway(ready_.at), .sign_ons = {demo_sso(ready_.accounts, ready_.at)}, .issuers = {ready_.at.org, ready_.at.org_alias}};
  if (auto done = door_->install(std::move(plan)); !done) return start_fault(Exit::configuration, done.error());
  return {};
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

// Not waited for: without it limits are counted as configured.
Started<void> House::open_shared() {
  if (const auto& config = plan_.config.shared) {
    auto options = store::parse_redis_url(config->redis);
    if (!options) return start_fault(Exit::configuration, options.error());
    options->user = config->user;
    if (config->password) {
      auto password = run(ground_->references().resolve(*config->password));
      if (!password) return start_fault(Exit::configuration, password.error());
      options->password = *std::move(password);
    }
    options->connections = static_cast<std::size_t>(config->connections);
    options->timeout = config->timeout;
    shared_ = store::redis_key_value(*std::move(options), ground_->log());
  }
  limits_ = std::make_shared<gateway::LimitTables>(ground_->random(), shared_.get());
  return {};
}

Result<GuardPlan> House::plan_gateway(const Config& config) {
  const OpenSecret open = [this](const secrets::Reference& reference) { return run(ground_->references().resolve(reference)); };
  GH_TRY(auto plan, plan_guard(config, {ground_->clock(), ground_->random(), ground_->blocking(), ground_->log(), open, limits_, caches_, firewalls_}));
  GH_TRY(plan.gateway.forward_auth, open_forward_auth(config.forward_auth, open));
  return plan;
}

Started<void> House::open_configured() {
  if (auto done = open_shared(); !done) return done;
  auto plan = plan_gateway(plan_.config);
  if (!plan) return start_fault(Exit::configuration, plan.error());
  if (auto done = door_->install(*std::move(plan)); !done) return start_fault(Exit::configuration, done.error());
  return {};
}

void House::serve() {
  serving_ = true;
  configuration_.since = ground_->clock().now();
  runtime_->start();
  // So that no request waits for keys while all is well.
  key_rounds_ = std::make_unique<Rounds>(runtime_->loop(0), kKeysEvery, [door = door_.get()] { return door->issuers().refresh_due(); });
  upstream_rounds_ = std::make_unique<Rounds>(runtime_->loop(0), kUpstreamsEvery, [door = door_.get()] { return door->look_after_upstreams(); });
  logout_rounds_ = std::make_unique<Rounds>(runtime_->loop(0), kLogoutsEvery, [this] { return tell_logouts(*org_, ground_->log()); });
  spawn(runtime_->loop(0), complete_keys(*org_, ground_->log()));
  ground_->log().info("ready", {{"org", ready_.org.front()}, {"loops", runtime_->size()}, {"database", ground_->database().kind()}});
}

Result<void> House::reload() {
  std::optional<Config> next;
  if (!plan_.file.empty()) {
    GH_TRY(next, load_and_check(plan_.file, ground_->clock().now()));
    if (const auto key = first_fixed_change(plan_.config, *next); !key.empty())
      return failure(Fault::conflict, fmt::format("{}: `{}` is another one than at the start; that takes a restart, or SIGUSR2; nothing was changed", plan_.file, key));
    GH_TRY(auto plan, plan_gateway(*next));
    GH_DO(door_->install(std::move(plan)));
    const std::lock_guard tell(telling_);
    plan_.config = *std::move(next);
  }
  for (const auto& server : servers_) GH_DO(server->reload_certificates());
  return {};
}

Result<void> House::reload_and_tell(std::string_view why) {
  const std::lock_guard lock(reloading_);
  watch_->rotate();   // first: whoever rotates logs does not wait for a good configuration
  auto done = reload();
  const std::lock_guard tell(telling_);
  if (done) {
    configuration_ = {configuration_.generation + 1, ground_->clock().now(), {}};
    ground_->log().info("configuration.loaded", {{"because", why}, {"generation", configuration_.generation}});
  } else {
    configuration_.refused = done.error().message();
    ground_->log().error("configuration.refused", {{"because", why}, {"why", done.error().message()}});
  }
  return done;
}

Task<void> House::reload_from_loop(std::string why) {
  Result<void> done;
  std::move_only_function<void()> job = [&] { done = reload_and_tell(why); };
  GH_CO_DO(co_await operator_.run(std::move(job)));
  co_return done;
}

Task<std::size_t> House::purge_from_loop(gateway::Purge wanted) {
  Result<std::size_t> purged;
  std::move_only_function<void()> job = [&] { purged = gateway::purge(*caches_, wanted); };
  GH_CO_DO(co_await operator_.run(std::move(job)));
  co_return purged;
}

Readings House::readings() const {
  Readings now;
  const auto listeners = config().listeners;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    now.listeners.push_back({fmt::format("{}:{}", listeners[i].address, servers_[i]->port()), servers_[i]->connections()});
  now.snapshot = door_->gateway().snapshot();
  const auto configuration = this->configuration();
  now.generation = configuration.generation;
  now.last_reload_good = configuration.refused.empty();
  now.loaded = configuration.since;
  now.database = ground_->database().stats();
  now.caches = caches_->all();
  now.firewalls = firewalls_;
  return now;
}

Task<std::string> House::metrics_from_loop() {
  if (!watch_->counts()) co_return failure(Fault::missing, "metrics: they are switched off");
  std::string text;
  std::move_only_function<void()> job = [&] { text = watch_->metrics(readings()); };
  GH_CO_DO(co_await operator_.run(std::move(job)));
  co_return text;
}

Config House::config() const {
  const std::lock_guard tell(telling_);
  return plan_.config;
}

House::Configuration House::configuration() const {
  const std::lock_guard tell(telling_);
  return configuration_;
}

std::vector<Listening> House::sockets() const {
  std::vector<Listening> all;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    for (const int socket : servers_[i]->sockets()) all.push_back({plan_.config.listeners[i].address, servers_[i]->port(), socket});
  return all;
}

void House::stop(std::optional<net::Farewell> farewell) {
  if (!serving_) return;
  serving_ = false;
  leaving_ = true;
  ground_->log().info("stopping");
  key_rounds_.reset();
  upstream_rounds_.reset();
  logout_rounds_.reset();
  runtime_->stop(farewell);
  runtime_->join([this] { ground_->end_pools(); });
  if (auto done = run(org_->settle()); !done) ground_->log().error("events.lost", {{"why", done.error().message()}});
  janitor_.reset();
}

House::~House() { stop(); }

}  // namespace gatehouse::app
