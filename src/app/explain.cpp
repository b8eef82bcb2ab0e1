#include "app/explain.h"

#include <fmt/format.h>

#include "core/spawn.h"
#include "core/text.h"
#include "gateway/heads.h"
#include "gateway/inquiry.h"

namespace gatehouse::app {
namespace {

using gateway::Inquiry;
using gateway::Journey;

constexpr std::size_t kHeadMax = 64 * 1024;   // bytes of an upstream head that is shown

std::string_view name_of(policy::Said::What what) {
  switch (what) {
    case policy::Said::What::applies: return "applies";
    case policy::Said::What::does_not_apply: return "does not apply";
    case policy::Said::What::not_asked: return "not asked";
    case policy::Said::What::in_the_shadow: return "in the shadow";
  }
  return "";
}

std::string_view status_of(Found::Verdict verdict) {
  switch (verdict) {
    case Found::Verdict::passed: return "passed";
    case Found::Verdict::refused: return "refused";
    case Found::Verdict::told: return "told";
  }
  return "";
}

// A request that came from nowhere: its answer is kept, its way is written down.
class Imagined final : public net::Exchange, public Inquiry {
 public:
  Imagined(net::Request request, Executor executor, std::shared_ptr<const json::object> caller, ImagineAt imagine)
      : request_(std::move(request)), executor_(std::move(executor)), caller_(std::move(caller)), imagine_(std::move(imagine)) {}

  const net::Request& request() const override { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return executor_; }
  Task<std::string_view> read_some() override { co_return std::string_view(); }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return no_trailers_; }
  Task<void> reply(net::Reply reply) override {
    status_ = reply.status;
    co_return Result<void>();
  }
  Task<void> start(net::Reply head, std::optional<std::uint64_t>) override { return reply(std::move(head)); }
  Task<void> send(std::string_view) override { co_return Result<void>(); }
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override { co_return Result<void>(); }
  bool started() const override { return status_ != 0; }
  void close_after() override {}

  boost::asio::awaitable<void> arrive(net::Exchange& exchange, const Journey& journey) override {
    out.allowed = true;
    const auto* target = journey.route.pool ? journey.route.pool->preview() : nullptr;
    if (target != nullptr) out.upstream = journey.route.pool->name() + " → " + target->authority();
    else out.upstream = journey.route.pool ? journey.route.pool->name() + ": every target is out of service" : "none: another proxy serves it";
    std::string head;
    gateway::write_upstream_head({exchange.request(), journey, target == nullptr ? std::string_view() : std::string_view(target->authority())}, head);
    head.resize(std::min(head.size(), kHeadMax));
    out.head = redact(head);
    auto done = net::Reply::empty(200);
    (void)co_await exchange.reply(std::move(done));
  }
  bool passes_by(const gateway::Stage&) const override { return false; }
  void chose(const gateway::Route& route) override {
    out.route = route.demand.route;
    out.kind = route.policy->kind();
    add(Found::Verdict::passed, "route", route.host + route.path + ", access: " + out.kind);
    if (!imagine_) return;
    auto caller = imagine_(route);
    caller_ = std::move(caller.claims);
    barred_ = !caller.barred.empty();
    if (!caller.told.empty()) add(Found::Verdict::told, "as", std::move(caller.told));
    if (barred_) add(Found::Verdict::refused, "as", std::move(caller.barred));
  }
  void passed(std::string_view phase, std::string_view what) override {
    add(Found::Verdict::passed, phase, phase == "policy" ? (what.empty() ? "nobody in particular" : "recognised " + std::string(what)) : std::string(what));
  }
  void refused(std::string_view phase, int status, std::string_view why) override {
    add(Found::Verdict::refused, phase, fmt::format("{} {}: {}", status, net::reason_of(status), why));
  }
  void judged(Which which, const policy::Trace& trace, const policy::Decision& decision) override {
    const std::string where = which == Which::enforced ? "rule" : "shadow policy";
    for (const auto& said : trace)
      add(Found::Verdict::told, where, fmt::format("{} ({}): {}; {}", said.rule->name, said.rule->effect == policy::Effect::allow ? "allow" : "deny", name_of(said.what), said.why));
    add(which == Which::shadow ? Found::Verdict::told : decision.allowed() ? Found::Verdict::passed : Found::Verdict::refused,
        which == Which::enforced ? "rules" : "shadow policy", std::string(policy::name_of(decision.outcome)) + (decision.by == nullptr ? "" : " by " + decision.by->name));
  }
  std::shared_ptr<const json::object> imagined() const override { return caller_; }

  Explanation finished() {
    out.status = status_;
    if (barred_ && out.allowed) {   // what follows is what would be, were they let in
      out.allowed = false;
      out.status = 403;
      out.upstream.clear();
      out.head.clear();
    }
    return std::move(out);
  }
  Explanation out;

 private:
  void add(Found::Verdict verdict, std::string_view phase, std::string what) { out.found.push_back({verdict, std::string(phase), std::move(what)}); }
  net::Request request_;
  Executor executor_;
  std::shared_ptr<const json::object> caller_;
  const ImagineAt imagine_;
  bool barred_ = false;
  Log log_ = silent_log();
  std::vector<std::pair<std::string, std::string>> no_trailers_;
  int status_ = 0;
};

// "http://host/path" as it would stand in a request; not net::Url, which would tidy up what the gateway is asked about.
Result<net::Request> request_of(const ExplainAsk& ask) {
  const auto colon = ask.url.find("://");
  const auto scheme = ask.url.substr(0, std::min(colon, ask.url.size()));
  if (scheme != "http" && scheme != "https") return failure(Fault::invalid, "the address begins with http:// or https://");
  const auto rest = std::string_view(ask.url).substr(colon + 3);
  const auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  GH_TRY(const auto authority, net::parse_authority(rest.substr(0, slash)));
  auto target = net::parse_target(slash == rest.size() ? "/" : rest.substr(slash));
  if (!target) return std::unexpected(std::move(target.error()));

  net::Request request;
  request.method = net::method_of(ask.method);
  request.method_name = ask.method;
  request.tls = scheme == "https";
  request.host = authority.host;
  const std::uint16_t usual = request.tls ? 443 : 80;
  request.port = authority.port.value_or(usual);
  request.authority = request.host.contains(':') ? "[" + request.host + "]" : request.host;
  if (request.port != usual) request.authority += fmt::format(":{}", request.port);
  request.path = target->path;
  request.query = target->query;
  request.has_query = target->has_query;
  request.client.ip = ask.client_ip;
  request.id = "explain";
  for (const auto& [name, value] : ask.headers) (void)request.fields.add({name, value, net::header_of(name)});
  return request;
}

}  // namespace

Result<Explanation> explain(gateway::Gateway& gateway, ExplainAsk ask) {
  if (ask.method.empty() || !std::ranges::all_of(ask.method, [](char c) { return is_alnum(c) || c == '-' || c == '_'; }))
    return failure(Fault::invalid, "'" + ask.method + "' is not a method");
  if (!ask.url.starts_with("http://") && !ask.url.starts_with("https://"))
    return failure(Fault::invalid, "'" + ask.url + "' is not an address like https://wiki.example.com/page");
  if (!ask.client_ip.empty() && !parse_ip(ask.client_ip)) return failure(Fault::invalid, "'" + ask.client_ip + "' is not an address");
  if (ask.token) ask.headers.emplace_back("Authorization", "Bearer " + *ask.token);
  std::shared_ptr<const json::object> caller;
  if (ask.claims) {
    GH_TRY(auto value, parse_json(*ask.claims));
    if (!value.is_object()) return failure(Fault::invalid, "--claims is a JSON object");
    caller = std::make_shared<const json::object>(std::move(value.as_object()));
  }
  auto request = request_of(ask);
  if (!request) {   // what the server refuses before the gateway sees it
    Explanation out;
    out.status = 400;
    out.found.push_back({Found::Verdict::refused, "request", "400 Bad Request: " + request.error().message()});
    return out;
  }
  return run([](gateway::Gateway& to, net::Request of, std::shared_ptr<const json::object> who, ImagineAt imagine) -> Task<Explanation> {
    auto host = of.host, path = of.path;
    auto executor = co_await boost::asio::this_coro::executor;
    Imagined imagined(std::move(of), executor, std::move(who), std::move(imagine));
    co_await to.inquire(imagined, imagined);
    auto out = imagined.finished();
    out.host = std::move(host);
    out.path = std::move(path);
    co_return out;
  }(gateway, *std::move(request), std::move(caller), std::move(ask.imagine)));
}

json::object to_json(const Explanation& explanation) {
  json::array phases;
  for (const auto& [verdict, phase, what] : explanation.found) phases.push_back(json::object{{"phase", phase}, {"verdict", status_of(verdict)}, {"what", what}});
  json::array head;
  for (const auto line : split(explanation.head, '\n'))
    if (const auto text = line.substr(0, line.find('\r')); !text.empty()) head.emplace_back(text);
  return {{"allowed", explanation.allowed}, {"status", explanation.status}, {"host", explanation.host}, {"path", explanation.path}, {"route", explanation.route},
          {"access", explanation.kind}, {"phases", std::move(phases)}, {"upstream", explanation.upstream}, {"upstream_request", std::move(head)}};
}

std::string to_page(const Explanation& explanation, Paint paint) {
  const auto colour = [&](std::string_view code) { return paint == Paint::yes ? std::string(code) : std::string(); };
  const auto good = colour("\x1b[32m"), bad = colour("\x1b[31m"), dim = colour("\x1b[2m"), plain = colour("\x1b[0m");
  std::string page;
  for (const auto& [verdict, phase, what] : explanation.found) {
    const auto& mark = verdict == Found::Verdict::passed ? good : verdict == Found::Verdict::refused ? bad : dim;
    const auto* sign = verdict == Found::Verdict::passed ? "✓" : verdict == Found::Verdict::refused ? "✗" : "·";
    page += fmt::format("{}{}{} {:<14} {}\n", mark, sign, plain, phase, what);
  }
  if (explanation.allowed) page += fmt::format("\n{}allowed{}, to {}\n{}{}{}", good, plain, explanation.upstream, dim, explanation.head, plain);
  else page += fmt::format("\n{}denied{} with status {}\n", bad, plain, explanation.status);
  return page;
}

}  // namespace gatehouse::app
