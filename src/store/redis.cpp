#include "store/redis.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/text.h"
#include "store/redis_link.h"
#include "store/redis_scripts.h"

namespace gatehouse::store {

namespace asio = boost::asio;

namespace {

class Redis final : public KeyValue {
 public:
  Redis(const RedisOptions& options, const Log& log) : options_(options) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options.connections, 1); ++i) links_.push_back(std::make_unique<RedisLink>(options, log));
  }

  Task<std::optional<std::string>> get(std::string key) override {
    GH_CO_TRY(auto value, co_await ask(words("GET", std::move(key)), nullptr));
    if (std::holds_alternative<std::monostate>(value)) co_return std::optional<std::string>();
    if (auto* text = std::get_if<std::string>(&value)) co_return std::optional<std::string>(std::move(*text));
    co_return failure(Fault::upstream, "redis: not a text");
  }
  Task<void> put(std::string key, std::string value, Millis life) override {
    GH_CO_DO(co_await ask(words("SET", std::move(key), std::move(value), "PX", in_millis(life)), nullptr));
    co_return Result<void>();
  }
  Task<bool> add(std::string key, std::string value, Millis life) override {
    GH_CO_TRY(const auto done, co_await ask(words("SET", std::move(key), std::move(value), "PX", in_millis(life), "NX"), nullptr));
    co_return !std::holds_alternative<std::monostate>(done);
  }
  Task<void> remove(std::string key) override {
    GH_CO_DO(co_await ask(words("DEL", std::move(key)), nullptr));
    co_return Result<void>();
  }
  Task<Taken> take(std::string key, Rate rate) override {
    const auto per = std::chrono::duration_cast<std::chrono::microseconds>(rate.per).count();
    const bool bucket = rate.way == Rate::Way::bucket;
    const auto interval = std::max<std::int64_t>(per / rate.requests, 1);
    auto command = words("", "", "1", std::move(key), std::to_string(bucket ? interval : per),
                         std::to_string(bucket ? interval * rate.burst : rate.requests));
    GH_CO_TRY(const auto value, co_await ask(std::move(command), bucket ? kTakeFromBucket : kTakeFromWindow));
    const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value);
    if (numbers == nullptr || numbers->size() != 4) co_return failure(Fault::upstream, "redis: not what the script answers");
    co_return Taken{(*numbers)[0] == 1, (*numbers)[1], Millis((*numbers)[2]), Millis((*numbers)[3])};
  }

 private:
  template <class... Words>
  static std::vector<std::string> words(Words&&... all) {
    std::vector<std::string> made;
    made.reserve(sizeof...(all));
    (made.emplace_back(std::forward<Words>(all)), ...);
    return made;
  }
  static std::string in_millis(Millis life) { return std::to_string(std::max<std::int64_t>(life.count(), 1)); }

  // The next link that is up; else any, which then refuses at once.
  RedisLink& link() {
    const auto first = turn_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < links_.size(); ++i)
      if (auto& candidate = *links_[(first + i) % links_.size()]; candidate.is_up()) return candidate;
    return *links_[first % links_.size()];
  }

  Task<RedisValue> ask(std::vector<std::string> command, const char* script) {
    RedisJob job;
    job.words = std::move(command);
    job.script = script;
    job.until = std::chrono::steady_clock::now() + options_.timeout;
    auto start = [this, &job](auto handler) {
      auto executor = asio::get_associated_executor(handler);
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      job.resume = [shared, executor, guard = asio::make_work_guard(executor)] { asio::post(executor, [shared] { std::move (*shared)(); }); };
      if (!link().push(job)) std::exchange(job.resume, nullptr)();
    };
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(start, asio::use_awaitable);
    co_return std::move(job.result);
  }

  const RedisOptions options_;
  std::vector<std::unique_ptr<RedisLink>> links_;
  std::atomic<std::size_t> turn_ = 0;
};

}  // namespace

Result<RedisOptions> parse_redis_url(std::string_view url) {
  const auto wrong = [&] { return failure(Fault::invalid, "'" + std::string(url) + "' is not redis://host[:port][/database] or unix:///path"); };
  RedisOptions options;
  if (url.starts_with("unix:///") && url.size() > 8 && url.size() < 108) {
    options.host = url.substr(7);
    return options;
  }
  if (!url.starts_with("redis://")) return wrong();
  url.remove_prefix(8);
  const auto slash = url.find('/');
  auto place = url.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < url.size()) {
    const auto database = parse_int(url.substr(slash + 1));
    if (!database || *database < 0 || *database > 65'535) return wrong();
    options.database = static_cast<int>(*database);
  }
  const auto colon = place.rfind(':');
  if (colon != std::string_view::npos && !place.ends_with(']')) {
    const auto port = parse_int(place.substr(colon + 1));
    if (!port || *port < 1 || *port > 65'535) return wrong();
    options.port = static_cast<int>(*port);
    place = place.substr(0, colon);
  }
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  if (place.empty() || place.find_first_of("@/ ") != std::string_view::npos) return wrong();   // a password stands elsewhere
  options.host = place;
  return options;
}

std::unique_ptr<KeyValue> redis_key_value(RedisOptions options, Log log) {
  options.connections = std::clamp<std::size_t>(options.connections, 1, kRedisConnectionsMax);
  return std::make_unique<Redis>(options, log);
}

}  // namespace gatehouse::store
