#include "app/operations.h"

#include "app/house.h"

namespace gatehouse::app {
namespace {

Task<json::value> health(Operations&, const net::Call&) { co_return json::object{{"status", "alive"}}; }

Task<net::Reply> readiness(Operations& operations, const net::Call&) {
  auto& house = operations.house();
  store::Statement ask("select 1", {});
  const auto answered = co_await house.database().read(std::move(ask));
  const char* status = house.is_leaving() ? "leaving" : answered ? "ready" : "database away";
  const bool ready = !house.is_leaving() && answered;
  co_return net::Reply::json_text(ready ? 200 : 503, to_text(json::object{{"status", status}})).with("Cache-Control", "no-store");
}

Task<net::Reply> metrics(Operations& operations, const net::Call&) {
  GH_CO_TRY(auto text, co_await operations.house().metrics_from_loop());
  net::Reply reply;
  reply.body = std::move(text);
  co_return std::move(reply.with("Content-Type", "text/plain; version=0.0.4; charset=utf-8").with("Cache-Control", "no-store"));
}

json::object shape(const House::Configuration& configuration) {
  json::object body{{"generation", configuration.generation}, {"since", to_iso8601(configuration.since)}};
  if (!configuration.refused.empty()) body["lastRefusal"] = configuration.refused;
  return body;
}

Task<json::value> configuration(Operations& operations, const net::Call&) { co_return shape(operations.house().configuration()); }

Task<json::value> reload(Operations& operations, const net::Call& call) {
  auto& house = operations.house();
  std::string why = "asked by " + (call.who.login.empty() ? call.who.id : call.who.login);
  GH_CO_DO(co_await house.reload_from_loop(std::move(why)));
  co_return shape(house.configuration());
}

struct AskPurge {
  gateway::Purge wanted;
  static Result<AskPurge> read(Reader in) {
    AskPurge ask;
    ask.wanted.url = in.optional<std::string>("url", "");
    ask.wanted.prefix = in.optional<std::string>("prefix", "");
    ask.wanted.tag = in.optional<std::string>("tag", "");
    ask.wanted.route = in.optional<std::string>("route", "");
    GH_DO(in.done());
    return ask;
  }
};

Task<json::value> purge(Operations& operations, const net::Call& call, AskPurge ask) {
  GH_CO_TRY(const auto purged, co_await operations.house().purge_from_loop(ask.wanted));
  call.log.info("cache.purged", {{"count", purged}, {"by", call.who.login.empty() ? call.who.id : call.who.login}});
  co_return json::object{{"purged", purged}};
}

constexpr net::Endpoint<Operations> kHealth[] = {
    net::on<health>(net::Method::get, "/healthz", net::everyone("machines that start and balance this program have no accounts")),
    net::on<readiness>(net::Method::get, "/readyz", net::everyone("machines that start and balance this program have no accounts")),
};
constexpr net::Endpoint<Operations> kMetrics[] = {
    net::on<metrics>(net::Method::get, "/metrics", net::everyone("this listener is for machines alone, and no number tells of a person")),
};
constexpr net::Endpoint<Operations> kConfiguration[] = {
    net::on<configuration>(net::Method::get, "/gatehouse/v1/configuration", "gatehouse.configuration.read"),
    net::on<reload>(net::Method::post, "/gatehouse/v1/configuration/reload", "gatehouse.configuration.manage"),
    net::on<purge>(net::Method::post, "/gatehouse/v1/cache/purge", "gatehouse.cache.manage"),
};

// For the listener of machines: plain JSON, no accounts.
class MachineStyle final : public net::Style {
 public:
  Task<net::Principal> authenticate(const net::Request&) override { co_return net::Principal(); }
  net::Reply shape(const Error& error, const net::Request&) override {
    const int status = error.fault() == Fault::missing ? 404 : error.fault() == Fault::denied || error.fault() == Fault::unauthenticated ? 403 : 500;
    return net::Reply::json_text(status, to_text(json::object{{"error", error.message()}}));
  }
  void decorate(net::Reply&, const net::Request&, const net::Principal&) override {}
  Result<void> admit(const net::Request&, const net::Principal&) override { return {}; }
};

class MachineEdge final : public net::Handler {
 public:
  explicit MachineEdge(Operations& operations) {
    router_.add(health_rows(), operations, style_);
    router_.add(std::span<const net::Endpoint<Operations>>(kMetrics), operations, style_);
  }
  boost::asio::awaitable<void> handle(net::Exchange& exchange) override { co_await router_.handle(exchange); }

 private:
  MachineStyle style_;
  net::Router router_;
};

}  // namespace

std::span<const net::Endpoint<Operations>> health_rows() { return kHealth; }
std::span<const net::Endpoint<Operations>> configuration_rows() { return kConfiguration; }
std::unique_ptr<net::Handler> operations_handler(Operations& operations) { return std::make_unique<MachineEdge>(operations); }

}  // namespace gatehouse::app
