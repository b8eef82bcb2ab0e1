// The gateway of a configuration, built to be asked and not to serve.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "access/session.h"
#include "access/sso.h"
#include "app/explain.h"
#include "app/explain_as.h"
#include "app/guard.h"
#include "app/org.h"
#include "core/spawn.h"
#include "core/text.h"
#include "net/client.h"

namespace gatehouse::app {
namespace {

constexpr int kAllowed = 0, kDenied = 1, kMistake = 2;

class FixedClock final : public Clock {
 public:
  explicit FixedClock(Timestamp at) : at_(at) {}
  Timestamp now() const override { return at_; }

 private:
  Timestamp at_;
};

// Everything that a snapshot borrows, for as long as one question takes. Sessions are looked for in an empty store.
class Bench {
 public:
  explicit Bench(std::optional<Timestamp> at) : random_(system_random()), blocking_("blocking", 1, 64), references_(secrets::ReferenceNeeds{environment, blocking_}) {
    if (at) clock_ = std::make_unique<FixedClock>(*at);
    else clock_ = system_clock();
    resolver_ = net::system_resolver(blocking_);
  }

  Result<std::unique_ptr<gateway::Gateway>> build(const Config& config) {
    const OpenSecret open = [this](const secrets::Reference& reference) { return run(references_.resolve(reference)); };
    GH_TRY(auto plan, plan_guard(config, {*clock_, *random_, blocking_, silent_log(), open, nullptr, nullptr, std::make_shared<gateway::Firewalls>(1)}));
    auto rules = net::PeerRules::public_only();
    for (const auto& issuer : plan.issuers)
      if (const auto url = net::Url::parse(issuer)) rules.allow_host(fmt::format("{}:{}", url->host, url->port));
    http_ = net::make_http_client(*resolver_, std::move(rules), net::ClientTls());
    GH_TRY(database_, store::open_sqlite({}));
    GH_DO(run(store::migrate(*database_, access::migrations())));
    master_key_ = secrets::MasterKey::ephemeral(*random_);

    gateway::Policies policies;
    for (auto& sign_on : plan.sign_ons) {
      const auto name = sign_on.name;
      const access::SsoNeeds needs{*database_, *clock_, *random_, *http_, *master_key_, silent_log()};
      GH_TRY(policies[name], access::make_sso(needs, the_org(), std::move(sign_on)));
    }
    const gateway::MakeUpstream make_upstream = [this](net::UpstreamOptions options) {
      return net::make_upstream(*resolver_, net::PeerRules::anyone(), std::move(options));
    };
    GH_TRY(auto snapshot, gateway::Snapshot::build({*clock_, *http_, make_upstream}, plan.gateway, policies));
    return std::make_unique<gateway::Gateway>(std::move(snapshot));
  }

  const Clock& clock() const { return *clock_; }

 private:
  static std::optional<std::string> environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_;
  Pool blocking_;
  secrets::References references_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<store::Database> database_;
  std::optional<secrets::MasterKey> master_key_;
};

Result<ImagineAt> imagine_as(const Config& config, const ExplainRun& asked, const Clock& clock) {
  ImaginedProof proof{.auth_time = clock.now(), .acr = asked.acr, .amr = {"pwd"}, .scopes = split_words(asked.scope)};
  if (!asked.amr.empty()) proof.amr = asked.amr;
  if (asked.auth_time) {
    const auto at = from_iso8601(*asked.auth_time);
    if (!at) return failure(Fault::invalid, fmt::format("--auth-time: '{}' is not a time like 2026-11-21T09:30:00Z", *asked.auth_time));
    proof.auth_time = *at;
  }
  GH_TRY(auto person, find_person(config, *asked.as, clock));
  return imagine_person(config, std::move(person), std::move(proof));
}

int mistake(const std::string& what) {
  fmt::print(stderr, "gatehouse: {}\n", what);
  return kMistake;
}

}  // namespace

int run_explain(const ExplainRun& asked, Paint paint) {
  std::optional<Timestamp> at;
  if (asked.at) {
    at = from_iso8601(*asked.at);
    if (!at) return mistake(fmt::format("--at: '{}' is not a time like 2026-11-21T09:30:00Z", *asked.at));
  }
  if (asked.as && (asked.ask.token || asked.ask.claims)) return mistake("--as, --token and --claims are answers to one question; keep one");
  if (!asked.as && (asked.auth_time || !asked.acr.empty() || !asked.amr.empty() || !asked.scope.empty()))
    return mistake("--auth-time, --acr, --amr and --scope describe somebody: write --as USER, too");
  if (asked.ask.token && asked.ask.claims) return mistake("--token and --claims are two answers to one question; keep one");
  const auto config = load_config(asked.config);
  if (!config) return mistake(config.error().message());
  Bench bench(at);
  auto gateway = bench.build(*config);
  if (!gateway) return mistake(gateway.error().message());
  auto ask = asked.ask;
  if (asked.as) {
    auto imagine = imagine_as(*config, asked, bench.clock());
    if (!imagine) return mistake(imagine.error().message());
    ask.imagine = *std::move(imagine);
  }
  const auto explanation = explain(**gateway, std::move(ask));
  if (!explanation) return mistake(explanation.error().message());
  const auto text = asked.json ? to_text(to_json(*explanation)) + "\n" : to_page(*explanation, paint);
  std::fputs(text.c_str(), stdout);
  return explanation->allowed ? kAllowed : kDenied;
}

}  // namespace gatehouse::app
