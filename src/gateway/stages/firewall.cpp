#include "gateway/stages/firewall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "gateway/gateway.h"
#include "gateway/grpc.h"
#include "gateway/inquiry.h"
#include "gateway/names.h"
#include "gateway/routes.h"
#include "gateway/stages/firewall_gate.h"

namespace gatehouse::gateway {
namespace {

using Counted = Firewalls::Counted;
using Mode = FirewallConfig::Mode;
using Outcome = Inspected::Outcome;

// Bytes of one request's body that are held, counted among those of all.
class Held {
 public:
  explicit Held(Firewalls& all) : all_(all) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { all_.release(bytes_); }
  bool add(std::size_t bytes) {
    if (!all_.hold(bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  Firewalls& all_;
  std::size_t bytes_ = 0;
};

// One request at the firewall. The thread that inspects it has a share in it: the client may be gone before it is done.
struct Visit {
  explicit Visit(std::shared_ptr<const RuleSet> rules) : inspection(std::move(rules)) {}
  Inspection inspection;
  InspectedRequest request;
  Inspected found;
};

// The body that was inspected, once more: the very bytes. Then what was not inspected, if anything was left.
class Again final : public ExchangeLayer {
 public:
  Again(net::Exchange& below, std::string_view body, bool rest) : ExchangeLayer(below), body_(body), rest_(rest) {}
  Task<std::string_view> read_some() override {
    if (!body_.empty()) {
      const auto piece = std::exchange(body_, {});
      return at_once(piece);
    }
    if (rest_) return inner_.read_some();
    return at_once({});
  }
  // Trailer fields came after the inspection began and go no further (RFC 9110 §6.5.1 lets us drop them).
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return none_; }
  bool relays() const override { return inner_.relays(); }
  Result<bool> relay(const net::Borrowed& answer) override { return inner_.relay(answer); }
  Task<void> relayed() override { return inner_.relayed(); }

 private:
  static Task<std::string_view> at_once(std::string_view piece) { co_return piece; }
  std::string_view body_;
  const bool rest_;
  const std::vector<std::pair<std::string, std::string>> none_;
};

// A refusal that no rule is needed for: nobody could inspect such a body.
struct Unreadable {
  int status;
  std::string_view advice;
};
std::optional<Unreadable> unreadable(const net::Request& request) {
  if (request.fields.count(net::Header::content_type) > 1)
    return Unreadable{400, "This request has more than one Content-Type."};
  const auto coding = request.fields.only(net::Header::content_encoding);
  if (request.fields.has(net::Header::content_encoding) && !(coding && equal_ignoring_case(*coding, "identity")))
    return Unreadable{415, "A compressed body cannot be inspected here. Send it as it is."};
  return std::nullopt;
}

class FirewallStage final : public Stage {
 public:
  FirewallStage(FirewallConfig config, std::shared_ptr<const RuleSet> rules, std::shared_ptr<Firewalls> all)
      : config_(std::move(config)), rules_(std::move(rules)), all_(std::move(all)) {}
  Place place() const override { return Place::arrived; }
  bool guards() const override { return true; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) override;

 private:
  bool blocks() const { return config_.mode == Mode::block; }
  Task<void> read_body(net::Exchange& exchange, Visit& visit, Held& held) const;
  boost::asio::awaitable<void> inspect(std::shared_ptr<Visit> visit) const;
  Task<std::optional<net::Reply>> judge_answer(net::Exchange& exchange, const Journey& journey,
                                               std::shared_ptr<Visit> visit, InspectedAnswer answer) const;
  boost::asio::awaitable<void> go_on(net::Exchange& exchange, Journey& journey, Next next, std::shared_ptr<Visit> visit,
                                     Held& held) const;
  void tell(net::Exchange& exchange, const Journey& journey, const Inspected& found) const;
  static boost::asio::awaitable<void> refuse(net::Exchange& exchange, const Journey& journey, net::Reply reply,
                                             std::string_view why);
  static boost::asio::awaitable<void> refuse_for(net::Exchange& exchange, const Journey& journey, const Error& error);

  const FirewallConfig config_;
  const std::shared_ptr<const RuleSet> rules_;
  const std::shared_ptr<Firewalls> all_;
};

// The canonical request, of which the upstream gets the same words; without the gateway's own cookies, which it never
// gets.
void describe(const net::Exchange& exchange, const Journey& journey, InspectedRequest& out) {
  const auto& request = exchange.request();
  out.id = request.id;
  out.client = request.client.ip;
  out.client_port = request.client.port;
  out.server = request.host;
  out.server_port = request.port;
  out.method = request.method_name;
  out.target = request.target();
  out.version = request.major_version == 2 ? "2.0" : request.minor_version == 0 ? "1.0" : "1.1";
  if (!request.fields.has(net::Header::host)) out.fields.emplace_back("Host", request.authority);
  for (const auto& field : request.fields.all()) {
    auto value = field.id == net::Header::cookie ? without_cookies(field.value, journey.snapshot.own_cookies())
                                                 : std::string(field.value);
    if (field.id != net::Header::cookie || !value.empty()) out.fields.emplace_back(field.name, std::move(value));
  }
  // Who asks for another proxy does not show how long the body is; a POST of nothing known is not an attack for that.
  if (journey.inquiry != nullptr && !request.fields.has(net::Header::content_length))
    out.fields.emplace_back("Content-Length", "0");
}

// Fault::limited: longer than may be. Fault::upstream: too much is held already.
Task<void> FirewallStage::read_body(net::Exchange& exchange, Visit& visit, Held& held) const {
  const auto most = config_.body_max;
  const bool refuses = blocks() && config_.over_body_max == FirewallConfig::OverBodyMax::refuse;
  const auto& announced = exchange.request().content_length;
  auto& body = visit.request.body;
  visit.request.most = most;
  const auto too_large = [] { return failure(Fault::limited, "request body: larger than this firewall inspects"); };
  if (refuses && announced && *announced > most) co_return too_large();
  while (body.size() <= most) {
    if (announced && body.size() >= *announced) co_return Result<void>();
    GH_CO_TRY(const auto piece, co_await exchange.read_some());
    if (piece.empty()) co_return Result<void>();
    if (!held.add(piece.size())) co_return failure(Fault::upstream, "too many bodies are held");
    body += piece;
  }
  if (refuses) co_return too_large();
  visit.request.cut = true;
  co_return Result<void>();
}

boost::asio::awaitable<void> FirewallStage::inspect(std::shared_ptr<Visit> visit) const {
  std::move_only_function<void()> job = [visit] { visit->found = visit->inspection.request(visit->request); };
  // A full queue leaves `found` as it is: failed.
  (void)co_await all_->pool().run(std::move(job));
}

void FirewallStage::tell(net::Exchange& exchange, const Journey& journey, const Inspected& found) const {
  const auto what = found.outcome == Outcome::failed  ? Counted::failed
                    : found.outcome == Outcome::clean ? Counted::matched
                    : blocks()                        ? Counted::blocked
                                                      : Counted::would_block;
  if (what == Counted::matched && found.rules.empty()) return;
  all_->count(what, found.rules);
  static constexpr std::array<std::string_view, 4> kNames{"blocked", "would block", "matched", "failed"};
  // Numbers only: what matched may be a password.
  exchange.log().write(what == Counted::failed ? LogLevel::warn : LogLevel::info, "gateway.firewall",
                       {{"verdict", kNames[static_cast<std::size_t>(what)]},
                        {"route", journey.route.demand.route},
                        {"rules", fmt::format("{}", fmt::join(found.rules, ","))},
                        {"score", found.score}, {"given_up", found.given_up}});
}

boost::asio::awaitable<void> FirewallStage::refuse(net::Exchange& exchange, const Journey& journey, net::Reply reply,
                                                   std::string_view why) {
  const auto& request = exchange.request();
  if (journey.inquiry != nullptr) journey.inquiry->refused("firewall", reply.status, why);
  if (auto* notes = exchange.notes()) notes->refused = why;
  if (request.has_body) exchange.close_after();
  (void)co_await exchange.reply(std::move(reply));
}

boost::asio::awaitable<void> FirewallStage::refuse_for(net::Exchange& exchange, const Journey& journey,
                                                       const Error& error) {
  const auto& request = exchange.request();
  net::Reply reply;
  if (error.fault() == Fault::limited)
    reply = refusal_page(request, 413, "Too large",
                         "The body of this request is larger than the rule for this address allows.");
  else if (error.fault() == Fault::upstream)
    reply = refusal_page(request, 503, "Too busy", "Try again in a moment.").with("Retry-After", "1");
  else reply = refusal_page(request, 400, "Bad request", "The body of this request could not be read.");
  exchange.log().info("gateway.firewall",
                      {{"verdict", "not inspected"}, {"route", journey.route.demand.route}, {"why", error.message()}});
  co_await refuse(exchange, journey, std::move(reply), "firewall: " + error.message());
}

boost::asio::awaitable<void> FirewallStage::pass(net::Exchange& exchange, Journey& journey, Next next) {
  const auto& request = exchange.request();
  auto visit = std::make_shared<Visit>(rules_);
  describe(exchange, journey, visit->request);
  Held held(*all_);
  // Messages of WebSocket are the application's, and those of gRPC where the administrator says that such is spoken here: a
  // type is easily claimed. Forward-auth sees no body.
  const bool passes_unseen = config_.grpc && is_grpc(request);
  const bool with_body =
      request.has_body && request.upgrade == net::Upgrade::none && !passes_unseen && journey.inquiry == nullptr;
  if (with_body) {
    if (const auto why = blocks() ? unreadable(request) : std::nullopt) {
      auto reply = refusal_page(request, why->status, net::reason_of(why->status), why->advice);
      co_return co_await refuse(exchange, journey, std::move(reply), "firewall: the body cannot be inspected");
    }
    auto read = co_await read_body(exchange, *visit, held);
    if (!read) co_return co_await refuse_for(exchange, journey, read.error());
  }

  co_await inspect(visit);
  const auto& found = visit->found;
  tell(exchange, journey, found);
  if (blocks() && found.outcome != Outcome::clean) {
    const bool failed = found.outcome == Outcome::failed;
    auto reply =
        failed ? refusal_page(request, 503, "Too busy", "This request could not be inspected. Try again in a moment.")
                     .with("Retry-After", "1")
        : found.status == 400
            ? refusal_page(request, 400, "Bad request", "The body of this request is not what its type says.")
            : refusal_page(
                  request, 403, "Not allowed",
                  "This request looks like an attack. Should it be none, tell the administrator the number below.");
    const auto why = failed ? std::string("firewall: not inspected")
                            : fmt::format("firewall: rules {}", fmt::join(found.rules, ","));
    co_return co_await refuse(exchange, journey, std::move(reply), why);
  }
  if (journey.inquiry != nullptr) journey.inquiry->passed("firewall", fmt::format("score {}", found.score));
  if (!with_body) co_return co_await go_on(exchange, journey, next, visit, held);
  Again again(exchange, visit->request.body, visit->request.cut);
  co_await go_on(again, journey, next, visit, held);
}

boost::asio::awaitable<void> FirewallStage::go_on(net::Exchange& exchange, Journey& journey, Next next,
                                                  std::shared_ptr<Visit> visit, Held& held) const {
  const auto& request = exchange.request();
  if (!config_.answers || journey.inquiry != nullptr || request.upgrade != net::Upgrade::none || (config_.grpc && is_grpc(request)))
    co_return co_await next(exchange);
  AskAnswer ask = [&](InspectedAnswer answer) {
    return judge_answer(exchange, journey, visit, std::move(answer));
  };
  HoldBytes hold = [&](std::size_t bytes) { return held.add(bytes); };
  const auto gate = make_answer_gate(exchange, config_.answer_max, std::move(ask), std::move(hold));
  co_await next(*gate);
}

// What the client gets instead.
Task<std::optional<net::Reply>> FirewallStage::judge_answer(net::Exchange& exchange, const Journey& journey,
                                                            std::shared_ptr<Visit> visit,
                                                            InspectedAnswer answer) const {
  const auto shared = std::make_shared<const InspectedAnswer>(std::move(answer));
  visit->found = {};
  std::move_only_function<void()> job = [visit, shared] { visit->found = visit->inspection.answer(*shared); };
  (void)co_await all_->pool().run(std::move(job));
  const auto& found = visit->found;
  tell(exchange, journey, found);
  if (!blocks() || found.outcome == Outcome::clean) co_return std::nullopt;
  const auto& request = exchange.request();
  if (auto* notes = exchange.notes())
    notes->refused = fmt::format("firewall: answer, rules {}", fmt::join(found.rules, ","));
  if (found.outcome == Outcome::failed)
    co_return refusal_page(request, 503, "Too busy", "The answer could not be inspected. Try again in a moment.")
        .with("Retry-After", "1");
  co_return refusal_page(request, 403, "Not shown",
                         "The answer of the application has something in it that should not leave the house.");
}

// What the compiled rules depend on. Data files lie beside the rules that name them.
Result<std::string> fingerprint(const std::vector<RuleText>& texts) {
  std::string all;
  std::set<std::filesystem::path> folders;
  const auto add = [&](std::string_view part) { all.append(std::to_string(part.size())).append(":").append(part); };
  for (const auto& [text, file] : texts) {
    add(file);
    add(text);
    if (file.starts_with('/')) folders.insert(std::filesystem::path(file).parent_path());
  }
  for (const auto& folder : folders) {
    std::error_code fault;
    std::set<std::string> data;
    for (std::filesystem::directory_iterator at(folder, fault), end; !fault && at != end; at.increment(fault)) {
      std::error_code ignored;
      if (at->path().extension() == ".conf" || !at->is_regular_file(ignored)) continue;
      data.insert(fmt::format("{} {} {}", at->path().string(), at->file_size(ignored),
                              at->last_write_time(ignored).time_since_epoch().count()));
    }
    for (const auto& one : data) add(one);
  }
  return base64url_encode(crypto::sha256(all));
}

}  // namespace

std::string_view group_of_rule(int id) {
  static constexpr std::pair<int, std::string_view> kGroups[] = {
      {200, "body"},
      {911, "method"},
      {913, "scanner"},
      {920, "protocol"},
      {921, "protocol-attack"},
      {922, "multipart"},
      {930, "lfi"},
      {931, "rfi"},
      {932, "rce"},
      {933, "php"},
      {934, "nodejs"},
      {941, "xss"},
      {942, "sqli"},
      {943, "session-fixation"},
      {944, "java"},
      {950, "leak"},
      {951, "leak"},
      {952, "leak"},
      {953, "leak"},
      {954, "leak"},
  };
  const auto* found = std::ranges::find(kGroups, id / 1000, &std::pair<int, std::string_view>::first);
  return found == std::end(kGroups) ? "own" : found->second;
}

Firewalls::Firewalls(std::size_t threads, std::size_t queue_max)
    : threads_(threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency())),
      queue_max_(queue_max),
      matches_("gatehouse_firewall_matches_total", "Requests that rules of a firewall matched, by kind of attack.",
               {"group", "verdict"}, 32, 256) {}

Pool& Firewalls::pool() {
  std::call_once(opening_, [this] { pool_ = std::make_unique<Pool>("firewall", threads_, queue_max_); });
  return *pool_;
}

bool Firewalls::hold(std::size_t bytes) {
  if (held_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= kFirewallHeldMax) return true;
  release(bytes);
  return false;
}

void Firewalls::count(Counted what, std::span<const int> rules) {
  static constexpr std::array<std::string_view, 4> kVerdicts{"blocked", "would_block", "matched", "failed"};
  const auto verdict = kVerdicts[static_cast<std::size_t>(what)];
  if (rules.empty()) return matches_.at({"none", verdict}).add();
  std::set<std::string_view> groups;
  for (const int rule : rules) groups.insert(group_of_rule(rule));
  for (const auto group : groups) matches_.at({group, verdict}).add();
}

Result<std::shared_ptr<const RuleSet>> Firewalls::rules(const FirewallConfig& config) {
  GH_TRY(const auto texts, read_rule_texts(config));
  GH_TRY(const auto id, fingerprint(texts));
  const std::lock_guard lock(mutex_);
  std::erase_if(compiled_, [](const auto& entry) { return entry.second.expired(); });
  if (auto known = compiled_[id].lock()) return known;
  auto compiled = RuleSet::compile(texts);
  if (!compiled.rules) return failure(Fault::invalid, "firewall: " + compiled.fault);
  compiled_[id] = compiled.rules;
  return std::move(compiled.rules);
}

Result<std::shared_ptr<Stage>> make_firewall_stage(const FirewallConfig& config, std::shared_ptr<Firewalls> firewalls) {
  GH_TRY(auto rules, firewalls->rules(config));
  return std::make_shared<FirewallStage>(config, std::move(rules), std::move(firewalls));
}

}  // namespace gatehouse::gateway
