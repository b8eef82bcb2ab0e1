#include "gateway/stages/answers.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>

#include "core/text.h"
#include "gateway/names.h"
#include "gateway/routes.h"
#include "gateway/stages/answer_layer.h"
#include "net/network.h"
#include "net/url.h"

namespace gatehouse::gateway {
namespace {

using net::Reply;

Result<Reply> reply_of(FixedAnswer answer) {
  if (answer.status < 200 || answer.status > 599) return failure(Fault::invalid, "a status from 200 to 599");
  if (answer.body.size() > kFixedBodyMax) return failure(Fault::invalid, "a body of at most 1 MiB");
  if (answer.headers.size() > kFixedHeadersMax) return failure(Fault::invalid, "at most 64 headers");
  if (!is_safe_value(answer.content_type)) return failure(Fault::invalid, "the content type has characters that must not be sent");
  Reply reply;
  reply.status = answer.status;
  reply.body = std::move(answer.body);
  if (!reply.body.empty()) reply.with("Content-Type", std::move(answer.content_type));
  for (auto& [name, value] : answer.headers) {
    if (!may_set_in_answer(name) || !is_safe_value(value)) return failure(Fault::invalid, "the header '" + name + "' or its value is not fit for an answer");
    reply.headers.emplace_back(std::move(name), std::move(value));
  }
  return reply;
}

class Fixed final : public Stage {
 public:
  explicit Fixed(Reply reply) : reply_(std::move(reply)) {}
  Place place() const override { return Place::admitted; }
  bool answers_all() const override { return true; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next) override {
    auto copy = reply_;
    (void)co_await exchange.reply(std::move(copy));
  }

 private:
  const Reply reply_;
};

class Redirecting final : public Stage {
 public:
  explicit Redirecting(Redirect redirect) : redirect_(std::move(redirect)) {}
  Place place() const override { return Place::admitted; }
  bool answers_all() const override { return true; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next) override {
    auto reply = Reply::redirect(where(exchange.request(), journey.route.path), redirect_.status);
    (void)co_await exchange.reply(std::move(reply));
  }

 private:
  // The path is canonical: it has no "//", no backslash and no dot segments, so that "/" + rest stays on `to`'s host.
  std::string where(const net::Request& request, std::string_view route_path) const {
    auto to = redirect_.to;
    if (redirect_.keep_rest) {
      auto rest = std::string_view(request.path);
      rest.remove_prefix(std::min(rest.size(), route_path.ends_with('/') ? route_path.size() - 1 : route_path.size()));
      if (to.ends_with('/') && !rest.empty()) to.pop_back();
      to += rest;
    }
    if (redirect_.keep_query && request.has_query) to.append("?").append(request.query);
    return to;
  }
  const Redirect redirect_;
};

class Closed final : public Stage {
 public:
  // Outlives the stage while somebody looks.
  struct Door {
    std::string file;
    std::atomic<bool> closed = false;
    std::atomic<std::int64_t> look_at = 0;   // ms since 1970
    void look() {
      struct stat found{};
      closed = ::stat(file.c_str(), &found) == 0;
    }
  };

  Closed(Reply page, net::Networks allowed, std::shared_ptr<Door> door, const Clock& clock, Pool& blocking)
      : page_(std::move(page)), allowed_(std::move(allowed)), door_(std::move(door)), clock_(clock), blocking_(blocking) {}
  Place place() const override { return Place::arrived; }
  bool guards() const override { return true; }

  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    if (!is_closed() || is_allowed(exchange.request())) co_return co_await next(exchange);
    auto copy = page_;
    (void)co_await exchange.reply(std::move(copy));
  }

 private:
  bool is_allowed(const net::Request& request) const {
    const auto ip = net::parse_ip(request.client.ip);
    return ip && allowed_.contains(*ip);
  }
  // A file system may be slow: somebody else looks, and until then what was seen last holds.
  bool is_closed() {
    if (door_->file.empty()) return true;
    const auto now = to_millis(clock_.now());
    auto due = door_->look_at.load(std::memory_order_relaxed);
    if (now >= due && door_->look_at.compare_exchange_strong(due, now + kMaintenanceLook.count()))
      (void)blocking_.post([door = door_] { door->look(); });
    return door_->closed.load(std::memory_order_relaxed);
  }

  const Reply page_;
  const net::Networks allowed_;
  const std::shared_ptr<Door> door_;
  const Clock& clock_;
  Pool& blocking_;
};

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

}  // namespace

Result<std::shared_ptr<Stage>> make_fixed_stage(FixedAnswer answer) {
  auto reply = reply_of(std::move(answer));
  if (!reply) return failure(Fault::invalid, "respond: " + reply.error().message());
  return std::make_shared<Fixed>(*std::move(reply));
}

Result<std::shared_ptr<Stage>> make_redirect_stage(Redirect redirect) {
  if (!is_redirect(redirect.status)) return failure(Fault::invalid, "redirect: a status of 301, 302, 303, 307 or 308");
  const auto path_only = redirect.to.starts_with('/');
  const auto url = path_only ? net::Url::parse("http://host" + redirect.to) : net::Url::parse(redirect.to);
  const auto canonical = url ? net::parse_target(url->path) : Result<net::Target>(std::unexpected(url.error()));
  if (!canonical || redirect.to.starts_with("//") || canonical->path != url->path || !is_safe_value(redirect.to) || redirect.to.contains('#'))
    return failure(Fault::invalid, "redirect: '" + redirect.to + "' is neither an http or https address nor a path in its normal form");
  if (url->has_query && (redirect.keep_rest || redirect.keep_query))
    return failure(Fault::invalid, "redirect: '" + redirect.to + "' has a query, so that nothing can be kept behind it");
  return std::make_shared<Redirecting>(std::move(redirect));
}

Result<std::shared_ptr<Stage>> make_maintenance_stage(Maintenance maintenance, const Clock& clock, Pool& blocking) {
  auto networks = net::Networks::parse(maintenance.allow);
  if (!networks) return failure(Fault::invalid, "maintenance: " + networks.error().message());
  if (maintenance.always != maintenance.file.empty()) return failure(Fault::invalid, "maintenance: either always, or while a file is there");
  if (maintenance.retry_after < Seconds(1) || maintenance.retry_after > Seconds(86'400))
    return failure(Fault::invalid, "maintenance: retry_after is from 1 second to 1 day");
  maintenance.page.status = 503;
  if (maintenance.page.body.empty()) maintenance.page.body = "Closed for maintenance. Please come back later.\n";
  auto page = reply_of(std::move(maintenance.page));
  if (!page) return failure(Fault::invalid, "maintenance: " + page.error().message());
  page->with("Retry-After", std::to_string(maintenance.retry_after.count())).with("Cache-Control", "no-store");
  auto door = std::make_shared<Closed::Door>();
  door->file = std::move(maintenance.file);
  if (!door->file.empty()) {
    door->look();
    door->look_at = to_millis(clock.now()) + kMaintenanceLook.count();
  }
  return std::make_shared<Closed>(*std::move(page), *std::move(networks), std::move(door), clock, blocking);
}

}  // namespace gatehouse::gateway
