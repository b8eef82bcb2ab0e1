// The endpoint table: a row names method, path, required scope, request type and handler. net::serve does for every row,
// in one order: match, authenticate, scope, rate limit, read (all faults at once), handle, map Fault, log.
// A handler cannot forget one; a row without a guard does not compile.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/json.h"
#include "net/exchange.h"
#include "net/form.h"
#include "net/message.h"

namespace gatehouse::net {

// Who calls, as the edge's Style found out.
struct Principal {
  enum class Kind { nobody, user, api_token, client } kind = Kind::nobody;
  std::string id;                     // user id, client id
  std::string login;
  std::set<std::string, std::less<>> scopes;  // granted; "*" grants every scope (an admin's API token)
};

// What a row demands. Built from a scope's name or from net::everyone("why"): a default does not exist.
class Guard {
 public:
  consteval Guard(const char* scope) : scope_(scope) {
    if (scope_.empty()) throw "a row needs a scope";
  }
  static consteval Guard open(const char* why) { return Guard(why, 0); }
  constexpr bool is_open() const { return open_; }
  constexpr std::string_view scope() const { return scope_; }  // or the reason why it is open

 private:
  consteval Guard(const char* why, int) : scope_(why), open_(true) {}
  std::string_view scope_;
  bool open_ = false;
};
// For rows that do their own proof of identity (a token endpoint, a sign-in page); Style::authenticate is not asked. Say why.
consteval Guard everyone(const char* why) { return Guard::open(why); }

// What a handler is given beside its typed request.
struct Call {
  const Request& request;
  Principal who;
  std::vector<std::pair<std::string_view, std::string>> path;   // {userId} -> value, percent-decoded
  std::string body;                                             // raw
  const Log& log;

  const std::string& path_value(std::string_view name) const;   // throws if the row has no such part
  std::optional<std::string> query(std::string_view name) const;  // decoded, first value
};

// Handlers are free functions:   Task<X> handler(Service&, const Call&[, Ask])
//   X is json::value (200 application/json), Reply, or void (204);
//   Ask has `static Result<Ask> read(Reader)` (JSON body) or `static Result<Ask> read(Form)` (form body, or query when empty).
// (Call is borrowed: serve keeps it alive until the handler is done.)
template <class Service>
struct Endpoint {
  Method method;
  std::string_view path;   // "/api/v1/users/{userId}/lifecycle/activate"
  Guard guard;
  Task<Reply> (*run)(Service&, const Call&);
};

namespace detail {
template <class Ask>
concept FromJson = requires(Reader in) { { Ask::read(in) } -> std::same_as<Result<Ask>>; };
template <class Ask>
concept FromForm = requires(Form in) { { Ask::read(in) } -> std::same_as<Result<Ask>>; };

Result<json::value> json_body(const Call& call);
Result<Form> form_body(const Call& call);
inline Reply to_reply(Reply reply) { return reply; }
Reply to_reply(const json::value& value);

template <class Ask>
Result<Ask> read_ask(const Call& call) {
  if constexpr (FromForm<Ask>) {
    GH_TRY(auto form, form_body(call));
    return Ask::read(std::move(form));
  } else {
    static_assert(FromJson<Ask>, "a request type needs `static Result<Ask> read(Reader)` or `read(Form)`");
    GH_TRY(auto body, json_body(call));
    return Ask::read(Reader(body));
  }
}

template <auto handler, class Service, class X>
Task<Reply> finish(Task<X> task) {
  auto result = co_await std::move(task);
  if (!result) co_return std::unexpected(std::move(result.error()));
  if constexpr (std::is_void_v<X>) co_return Reply::empty();
  else co_return to_reply(*std::move(result));
}

template <auto handler, class Signature>
struct Runner;
template <auto handler, class Service, class X>
struct Runner<handler, Task<X> (*)(Service&, const Call&)> {
  using service = Service;
  static Task<Reply> run(Service& service_, const Call& call) {
    co_return co_await finish<handler, Service, X>(handler(service_, call));
  }
};
template <auto handler, class Service, class X, class Ask>
struct Runner<handler, Task<X> (*)(Service&, const Call&, Ask)> {
  using service = Service;
  static Task<Reply> run(Service& service_, const Call& call) {
    auto ask = read_ask<Ask>(call);
    if (!ask) co_return std::unexpected(std::move(ask.error()));
    co_return co_await finish<handler, Service, X>(handler(service_, call, *std::move(ask)));
  }
};
}  // namespace detail

// One row: on<handler>(Method::post, "/api/v1/users", "okta.users.manage").
template <auto handler>
constexpr auto on(Method method, std::string_view path, Guard guard) {
  using R = detail::Runner<handler, decltype(handler)>;
  return Endpoint<typename R::service>{method, path, guard, &R::run};
}

// How one edge (Okta API, OAuth, pages) speaks. One implementation per wire form.
class Style {
 public:
  virtual ~Style() = default;
  // Who calls? Nobody is an answer; Fault::unauthenticated when the proof is bad.
  virtual Task<Principal> authenticate(const Request& request) = 0;
  // One switch over Fault without default.
  virtual Reply shape(const Error& error, const Request& request) = 0;
  // Headers on every answer (rate limits, request id, caching). Also CORS.
  virtual void decorate(Reply& reply, const Request& request, const Principal& who) = 0;
  // Fault::limited when the caller is over a limit. Called before the body is read.
  virtual Result<void> admit(const Request& request, const Principal& who) = 0;
};

inline constexpr std::size_t kApiBodyMax = 1024 * 1024;

// Rows of several services behind one handler. Longest literal path wins; 404 for an unknown path, 405 with Allow for an
// unknown method, both in the style's own form.
class Router final : public Handler {
 public:
  explicit Router(std::size_t body_max = kApiBodyMax);
  ~Router() override;

  template <class Service>
  void add(std::span<const Endpoint<Service>> rows, Service& service, Style& style) {
    for (const auto& row : rows)
      add_row(row.method, row.path, row.guard, style,
              [run = row.run, &service](const Call& call) { return run(service, call); });
  }
  // router.add(table, users, okta_style) for `constexpr Endpoint<Users> table[]`, which must outlive the router.
  template <class Service, std::size_t size>
  void add(const Endpoint<Service> (&rows)[size], Service& service, Style& style) {
    add(std::span<const Endpoint<Service>>(rows), service, style);
  }
  boost::asio::awaitable<void> handle(Exchange& exchange) override;
  bool knows(std::string_view path) const;

 private:
  using Run = std::function<Task<Reply>(const Call&)>;
  void add_row(Method method, std::string_view path, Guard guard, Style& style, Run run);
  struct Table;
  std::unique_ptr<Table> table_;
};

}  // namespace gatehouse::net
