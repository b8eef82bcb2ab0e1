#include "gateway/stages/cors.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "gateway/names.h"
#include "gateway/stages/answer_layer.h"
#include "net/url.h"

namespace gatehouse::gateway {
namespace {

using net::Reply;

// "https://*.example.com" as what stands before and behind the star.
struct Below {
  std::string scheme, suffix;   // "https://", ".example.com"
  bool covers(std::string_view origin) const {
    if (origin.size() <= scheme.size() + suffix.size() || !origin.starts_with(scheme) || !origin.ends_with(suffix)) return false;
    const auto name = origin.substr(scheme.size(), origin.size() - scheme.size() - suffix.size());
    // Labels only: "https://evil.test/.example.com" and "https://evil.test:1.example.com" are not names below it.
    return std::ranges::all_of(name, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.'; }) && !name.starts_with('.');
  }
};

Result<void> check_origin(const std::string& origin) {
  const auto url = net::Url::parse(origin);
  if (!url || url->origin() != origin)
    return failure(Fault::invalid, "cors: '" + origin + "' is not an origin; write scheme://host[:port] in lower case, without a path");
  return {};
}

class Cors final : public Stage {
 public:
  explicit Cors(CorsConfig config) : config_(std::move(config)) {
    for (const auto& origin : config_.origins) {
      if (origin == "*") any_ = true;
      else if (const auto star = origin.find("*"); star != std::string::npos) below_.push_back({origin.substr(0, star), origin.substr(star + 1)});
      else exact_.insert(origin);
    }
    methods_ = join(config_.methods, ", ");
    headers_ = join(config_.headers, ", ");
    expose_ = join(config_.expose, ", ");
  }
  Place place() const override { return Place::arrived; }

  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    const auto& request = exchange.request();
    if (request.method == net::Method::options && request.fields.has(net::Header::origin) &&
        request.fields.has(net::Header::access_control_request_method)) {
      auto preflight = answer_preflight(request);
      (void)co_await exchange.reply(std::move(preflight));
      co_return;
    }
    Layer layer(exchange, *this);
    co_await next(layer);
  }

 private:
  class Layer final : public AnswerLayer {
   public:
    Layer(net::Exchange& below, const Cors& cors) : AnswerLayer(below), cors_(cors) {}

   private:
    void on_head(Reply& head) override {
      remove_headers_with_prefix(head, "Access-Control-");
      cors_.add_origin(request(), head);
      if (!cors_.expose_.empty() && find_header(head, "Access-Control-Allow-Origin") != nullptr)
        head.headers.emplace_back("Access-Control-Expose-Headers", cors_.expose_);
    }
    const Cors& cors_;
  };

  bool lists(std::string_view origin) const {
    return exact_.contains(origin) || std::ranges::any_of(below_, [&](const Below& below) { return below.covers(origin); });
  }

  // True when the origin may read the answer.
  bool add_origin(const net::Request& request, Reply& head) const {
    if (any_) {
      head.headers.emplace_back("Access-Control-Allow-Origin", "*");
      return true;
    }
    add_vary(head, "Origin");   // also without one: a cache must not give this answer to a page
    const auto origin = request.fields.only(net::Header::origin);
    if (!origin || !lists(*origin)) return false;
    head.headers.emplace_back("Access-Control-Allow-Origin", *origin);
    if (config_.credentials) head.headers.emplace_back("Access-Control-Allow-Credentials", "true");
    return true;
  }

  Reply answer_preflight(const net::Request& request) const {
    auto reply = Reply::empty(204);
    const bool listed = add_origin(request, reply);
    add_vary(reply, "Access-Control-Request-Method");
    add_vary(reply, "Access-Control-Request-Headers");
    if (!listed) {
      reply.status = 403;
      return reply;
    }
    reply.with("Access-Control-Allow-Methods", methods_);
    if (!headers_.empty()) reply.with("Access-Control-Allow-Headers", headers_);
    reply.with("Access-Control-Max-Age", std::to_string(config_.max_age.count()));
    // https://wicg.github.io/private-network-access/
    if (config_.private_network && request.fields.only("access-control-request-private-network") == "true")
      reply.with("Access-Control-Allow-Private-Network", "true");
    return reply;
  }

  CorsConfig config_;
  std::set<std::string, std::less<>> exact_;
  std::vector<Below> below_;
  bool any_ = false;
  std::string methods_, headers_, expose_;
};

}  // namespace

Result<std::shared_ptr<Stage>> make_cors_stage(CorsConfig config) {
  if (config.origins.empty() || config.origins.size() > kCorsOriginsMax) return failure(Fault::invalid, "cors: from 1 to 256 origins");
  for (const auto& origin : config.origins) {
    if (origin == "*") {
      if (config.credentials) return failure(Fault::invalid, "cors: any origin with credentials would open the route to every page; list the origins");
      if (config.origins.size() > 1) return failure(Fault::invalid, "cors: '*' stands alone");
      continue;
    }
    const auto star = origin.find("://*.");
    auto whole = origin;
    // Two labels behind the star at least: "https://*.com" is everybody.
    if (star != std::string::npos) {
      whole.erase(star + 3, 2);
      if (!std::string_view(whole).substr(star + 3).contains('.')) return failure(Fault::invalid, "cors: '" + origin + "' covers a whole top-level domain");
    }
    GH_DO(check_origin(whole));
  }
  for (const auto* names : {&config.methods, &config.headers, &config.expose}) {
    if (names->size() > kCorsNamesMax) return failure(Fault::invalid, "cors: at most 64 methods or headers");
    for (const auto& name : *names)
      if (!is_field_name(name)) return failure(Fault::invalid, "cors: '" + name + "' is not a name");
      else if (name == "*" && config.credentials) return failure(Fault::invalid, "cors: with credentials '*' means nothing; list the names");
  }
  if (config.max_age < Seconds(0) || config.max_age > Seconds(86'400)) return failure(Fault::invalid, "cors: max_age is at most a day");
  return std::make_shared<Cors>(std::move(config));
}

}  // namespace gatehouse::gateway
