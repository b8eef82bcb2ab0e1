#include "app/org.h"

#include "access/session.h"
#include "app/operations.h"
#include "idp/backchannel_logout.h"
#include "idp/grants.h"
#include "idp/possession.h"
#include "orgapi/authorization_servers.h"
#include "orgapi/org.h"
#include "orgapi/sessions.h"

namespace gatehouse::app {
namespace {

directory::Needs directory_needs(Foundation& ground, events::SystemLog& log, const std::shared_ptr<directory::Memory>& memory) {
  return {ground.database(), log, ground.clock(), ground.random(), ground.hashing(), {}, memory, &ground.sealer()};
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

OrgId the_org() { return OrgId::parse("00oGatehouse00000001").value(); }

std::vector<store::Migration> all_migrations() {
  auto all = events::migrations();
  append(all, secrets::migrations());
  append(all, directory::migrations());
  append(all, signin::migrations());
  append(all, idp::migrations());
  append(all, access::migrations());
  return all;
}

std::vector<store::Sweep> all_sweeps() {
  auto all = events::sweeps();
  append(all, secrets::sweeps());
  append(all, directory::sweeps());
  append(all, signin::sweeps());
  append(all, idp::sweeps());
  append(all, access::sweeps());
  return all;
}

// Who calls the management API: an API token of the directory, or an access token of the org's own authorization server.
class Org::Edge final : public okta::AccessTokenCheck {
 public:
  Edge(Org& org, Foundation& ground, std::string name)
      : provider_(org.provider_),
        api_tokens_(org.api_tokens_, org.users_),
        style_(okta::StyleNeeds{api_tokens_, *this, ground.clock(), ground.random()}, okta::StyleOptions()),
        service_{org.org_,        std::move(name), ground.clock().now(), org.users_, org.groups_,     org.apps_,
                 org.api_tokens_, org.admins_,     org.log_,             ground.clock(), ground.random()},
        servers_{service_, provider_},
        sessions_{service_, org.sessions_, [this](const directory::UserId& user) { return idp::end_grants_of(provider_, user); }} {
    provider_.set_org_name(service_.name);
  }

  orgapi::Org& service() { return service_; }
  void add_to(net::Router& router) {
    orgapi::serve(router, service_, style_);
    orgapi::serve_authorization_servers(router, servers_, style_);
    orgapi::serve_sessions(router, sessions_, style_);
  }
  void add_to(net::Router& router, Operations& operations) {
    router.add(health_rows(), operations, style_);
    router.add(configuration_rows(), operations, style_);
  }
  Task<net::Principal> check(Secret token, const net::Request& request) override {
    std::string text(token.reveal());
    auto shown = idp::shown_by(provider_, request);
    co_return co_await provider_.principal_of(std::move(text), std::move(shown));
  }
  std::string challenge(const Error& error, const net::Request& request) override { return idp::challenge_for(error, request); }

 private:
  idp::Provider& provider_;
  orgapi::DirectoryTokens api_tokens_;
  okta::ApiStyle style_;
  orgapi::Org service_;
  orgapi::ServerApi servers_;
  orgapi::SessionApi sessions_;
};

class Org::Front final : public net::Handler {
 public:
  explicit Front(net::Router& router) : router_(router) {}

  boost::asio::awaitable<void> handle(net::Exchange& exchange) override {
    const auto& request = exchange.request();
    if (router_.knows(request.path) || !wants_page(request)) {
      co_await router_.handle(exchange);
      co_return;
    }
    const Error nothing(Fault::missing, "There is no such page here.");
    auto page = signin::error_page(nothing, request.id);
    (void)co_await exchange.reply(std::move(page));
  }

 private:
  static bool wants_page(const net::Request& request) {
    return request.fields.only(net::Header::accept).value_or("").find("text/html") != std::string_view::npos;
  }
  net::Router& router_;
};

Org::Org(Foundation& ground, net::HttpClient& http, Executor background, const OrgConfig& config)
    : ground_(ground),
      org_(the_org()),
      log_(events::Needs{ground.database(), ground.clock(), ground.random()}),
      memory_(directory::make_memory(ground.clock())),
      users_(directory_needs(ground, log_, memory_), org_),
      groups_(directory_needs(ground, log_, memory_), org_),
      apps_(directory_needs(ground, log_, memory_), org_),
      api_tokens_(directory_needs(ground, log_, memory_), org_),
      admins_(directory_needs(ground, log_, memory_), org_),
      handles_(secrets::HandleNeeds{ground.database(), ground.clock(), ground.random()}),
      sessions_(signin::SessionNeeds{ground.database(), log_, users_, ground.clock(), ground.random()}, org_),
      transactions_(signin::TransactionNeeds{ground.database(), ground.clock(), ground.random()}, org_),
      door_(signin::DoorNeeds{sessions_, transactions_, users_, apps_, log_}, org_),
      provider_(idp::ProviderNeeds{ground.database(), log_, ground.clock(), ground.random(), users_, groups_, apps_, admins_, door_, transactions_,
                                   handles_, ground.sealer(), ground.crypto(), std::move(background), ground.log(), &http, config.client_skew},
                org_) {
  provider_.set_refresh_root(Secret(ground.master_key().derive("successors of refresh tokens")));
  sessions_.at_end([this](const std::string& session_id) { return idp::logouts_for(provider_, session_id); });
  provider_.set_nonce_root(Secret(ground.master_key().derive("dpop nonces of the org")));
  oauth_.offer_nonces([this] { return provider_.nonces().make(ground_.clock().now()); });
  router_.add(signin::door_rows(), door_, pages_);
  router_.add(idp::token_rows(), provider_, oauth_);
  router_.add(idp::page_rows(), provider_, pages_);
  edge_ = std::make_unique<Edge>(*this, ground, config.name);
  edge_->add_to(router_);
  front_ = std::make_unique<Front>(router_);
}

Org::~Org() = default;

net::Handler& Org::handler() { return *front_; }

void Org::open_registration(orgapi::RegistrationRules rules) {
  provider_.open_registration({rules.servers.begin(), rules.servers.end()});
  okta::RateLimits limits;
  limits.per_window = rules.per_minute;
  registration_.reset(new orgapi::Registration{edge_->service(), provider_, std::move(rules), okta::RateLimiter(ground_.clock(), limits)});
  orgapi::serve_registration(router_, *registration_, oauth_);
}

void Org::serve_operations(Operations& operations) { edge_->add_to(router_, operations); }

Task<void> Org::open() {
  GH_CO_DO(co_await groups_.ensure_everyone());
  co_return co_await provider_.open();
}

Task<void> Org::sow(Seed seed) {
  for (auto& server : seed.authorization_servers) {
    idp::Server shape;
    shape.id = server.id;
    shape.name = server.name;
    shape.audience = server.audience;
    shape.alg = jose::alg_named(server.signing_alg).value_or(jose::Alg::RS256);
    std::vector<idp::ServerScope> scopes;
    for (const auto& scope : server.scopes) scopes.push_back({scope.name, scope.description, scope.by_default});
    GH_CO_DO(co_await provider_.servers().put(std::move(shape), std::move(scopes)));
  }
  SeedNeeds needs{users_, groups_, apps_, admins_, ground_.references()};
  co_return co_await apply_seed(needs, std::move(seed));
}

}  // namespace gatehouse::app
