#include "net/endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/clock.h"
#include "core/spawn.h"
#include "core/text.h"

namespace gatehouse::net {
namespace {

namespace asio = boost::asio;

class LinesSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override { lines.append(line).append("\n"); }
  std::string lines;
};

// An exchange without a socket.
class FakeExchange final : public Exchange {
 public:
  FakeExchange(Method method, std::string path, std::string body = "") : body_(std::move(body)) {
    request_.method = method;
    request_.method_name = name_of(method);
    request_.path = std::move(path);
    request_.has_body = !body_.empty();
  }
  const Request& request() const override { return request_; }
  Request& edit() { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return {}; }
  Task<std::string_view> read_some() override {
    read_ = true;
    const std::string_view whole = body_;
    const auto piece = whole.substr(std::exchange(at_, body_.size()));
    co_return piece;
  }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }
  Task<void> reply(Reply reply) override {
    answer = std::move(reply);
    co_return Result<void>();
  }
  Task<void> start(Reply, std::optional<std::uint64_t>) override { co_return failure(Fault::internal, "not here"); }
  Task<void> send(std::string_view) override { co_return failure(Fault::internal, "not here"); }
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override { co_return failure(Fault::internal, "not here"); }
  bool started() const override { return answer.has_value(); }
  void close_after() override {}
  const std::string& lines() const { return sink_.lines; }
  bool body_was_read() const { return read_; }

  std::optional<Reply> answer;

 private:
  Request request_;
  LinesSink sink_;
  ManualClock clock_;
  Log log_{sink_, clock_, LogLevel::info, LogForm::people};
  std::string body_;
  std::size_t at_ = 0;
  bool read_ = false;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

// Callers are named in Authorization: "admin" may everything, "reader" may read, "bad" has a bad proof.
class TestStyle final : public Style {
 public:
  explicit TestStyle(std::string name) : name_(std::move(name)) {}
  Task<Principal> authenticate(const Request& request) override {
    const auto said = request.fields.only(Header::authorization).value_or("");
    if (said == "bad") co_return failure(Fault::unauthenticated, "bad token");
    Principal who;
    if (said.empty()) co_return who;
    who.kind = Principal::Kind::api_token;
    who.login = said;
    who.scopes.insert(said == "admin" ? "*" : "things.read");
    co_return who;
  }
  Reply shape(const Error& error, const Request&) override {
    const int status = error.fault() == Fault::unauthenticated ? 401 : error.fault() == Fault::denied ? 403 : error.fault() == Fault::limited ? 429 : 400;
    return Reply::text(status, name_ + ": " + error.message());
  }
  void decorate(Reply& reply, const Request&, const Principal& who) override { reply.with("X-Style", name_ + "/" + who.login); }
  Result<void> admit(const Request&, const Principal& who) override {
    if (who.login == "greedy") return failure(Fault::limited, "slow down");
    return {};
  }

 private:
  std::string name_;
};

struct Things { std::string made; };

struct MakeThing {
  std::string name;
  static Result<MakeThing> read(Reader in) {
    auto name = in.required<std::string>("name");
    GH_DO(in.done());
    return MakeThing{std::move(*name)};
  }
};
struct AskToken {
  std::string grant;
  static Result<AskToken> read(Form form) {
    GH_TRY(auto grant, form.only("grant_type"));
    return AskToken{grant.value_or("none")};
  }
};

Task<json::value> get_thing(Things&, const Call& call) { co_return json::value(call.path_value("id")); }
Task<json::value> get_special(Things&, const Call&) { co_return json::value("special"); }
Task<Reply> make_thing(Things& things, const Call&, MakeThing ask) {
  things.made = ask.name;
  co_return Reply::text(201, ask.name);
}
Task<void> delete_thing(Things&, const Call&) { co_return Result<void>(); }
Task<Reply> token(Things&, const Call& call, AskToken ask) { co_return Reply::text(200, ask.grant + call.query("q").value_or("")); }
Task<json::value> part_of(Things&, const Call& call) { co_return json::value(call.path_value("a") + "/" + call.path_value("b")); }

constexpr Endpoint<Things> kRows[] = {
    on<get_thing>(Method::get, "/api/things/{id}", "things.read"),
    on<get_special>(Method::get, "/api/things/special", "things.read"),
    on<part_of>(Method::get, "/api/{a}/special/{b}", "things.read"),
    on<make_thing>(Method::post, "/api/things", "things.manage"),
    on<delete_thing>(Method::delete_, "/api/things/{id}", "things.manage"),
};
constexpr Endpoint<Things> kOpenRows[] = {on<token>(Method::post, "/oauth/token", everyone("clients prove themselves here"))};

class RouterTest : public testing::Test {
 protected:
  RouterTest() : router(100) {
    router.add(kRows, things, api);
    router.add(kOpenRows, things, oauth);
  }
  Reply ask(FakeExchange& exchange) {
    auto work = [&]() -> Task<void> {
      co_await router.handle(exchange);
      co_return Result<void>();
    };
    EXPECT_TRUE(run(work()));
    return *exchange.answer;
  }
  Reply ask(Method method, std::string path, std::string_view caller = "admin", std::string body = "") {
    FakeExchange exchange(method, std::move(path), std::move(body));
    if (!caller.empty()) exchange.edit().fields.add({.name = "Authorization", .value = caller, .id = Header::authorization});
    return ask(exchange);
  }
  Things things;
  TestStyle api{"api"}, oauth{"oauth"};
  Router router;
};

std::string header(const Reply& reply, std::string_view name) {
  for (const auto& [key, value] : reply.headers)
    if (equal_ignoring_case(key, name)) return value;
  return "";
}

TEST_F(RouterTest, the_most_literal_row_wins_and_parameters_are_decoded) {
  EXPECT_EQ(ask(Method::get, "/api/things/1").body, "\"1\"");
  EXPECT_EQ(ask(Method::get, "/api/things/a%40b%20c").body, "\"a@b c\"");
  EXPECT_EQ(ask(Method::get, "/api/things/special").body, "\"special\"");
  EXPECT_EQ(ask(Method::get, "/api/things/special/x").body, "\"things/x\"");  // the literal led nowhere
  EXPECT_EQ(ask(Method::get, "/api/things/1/").body, "\"1\"");
  EXPECT_EQ(ask(Method::head, "/api/things/1").status, 200);
  EXPECT_EQ(ask(Method::delete_, "/api/things/1").status, 204);
  EXPECT_TRUE(router.knows("/api/things"));
  EXPECT_FALSE(router.knows("/api"));
}

TEST_F(RouterTest, who_may_not_is_told_before_the_body_is_read) {
  EXPECT_EQ(ask(Method::get, "/api/things/1", "").status, 401);
  EXPECT_EQ(ask(Method::get, "/api/things/1", "bad").status, 401);
  EXPECT_EQ(ask(Method::get, "/api/things/1", "reader").status, 200);
  FakeExchange exchange(Method::post, "/api/things", R"({"name":"x"})");
  exchange.edit().fields.add({.name = "Authorization", .value = "reader", .id = Header::authorization});
  EXPECT_EQ(ask(exchange).status, 403);
  EXPECT_FALSE(exchange.body_was_read());
  EXPECT_EQ(ask(Method::get, "/api/things/1", "greedy").status, 429);
}

TEST_F(RouterTest, bodies_are_read_as_the_row_says) {
  EXPECT_EQ(ask(Method::post, "/api/things", "admin", R"({"name":"lamp"})").status, 201);
  EXPECT_EQ(things.made, "lamp");
  EXPECT_EQ(ask(Method::post, "/api/things", "admin", R"({"nam":"lamp"})").status, 400);
  EXPECT_EQ(ask(Method::post, "/api/things", "admin", "{").status, 400);
  EXPECT_EQ(ask(Method::post, "/api/things", "admin", std::string(101, ' ')).status, 413);
  FakeExchange form(Method::post, "/oauth/token", "grant_type=password");
  form.edit().fields.add({.name = "Content-Type", .value = "application/x-www-form-urlencoded; charset=utf-8", .id = Header::content_type});
  form.edit().query = "q=+1";
  EXPECT_EQ(ask(form).body, "password 1");
  EXPECT_EQ(ask(Method::post, "/oauth/token", "", "grant_type=password").status, 400);  // no content type
  FakeExchange query(Method::post, "/oauth/token");
  query.edit().query = "grant_type=a&grant_type=b";
  EXPECT_EQ(ask(query).status, 400);
}

TEST_F(RouterTest, open_rows_do_not_ask_who_it_is) { EXPECT_EQ(ask(Method::post, "/oauth/token", "bad").status, 200); }

TEST_F(RouterTest, unknown_paths_and_methods_are_answered_by_the_nearest_edge) {
  const auto missing = ask(Method::get, "/api/things/1/2/3/4");
  EXPECT_EQ(missing.status, 404);
  EXPECT_TRUE(missing.body.starts_with("api: "));
  EXPECT_TRUE(ask(Method::get, "/oauth/zzz").body.starts_with("oauth: "));
  EXPECT_EQ(ask(Method::get, "/elsewhere").body, "404 Not Found\n");
  const auto wrong = ask(Method::put, "/api/things/1");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "Allow"), "GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(header(wrong, "X-Style"), "api/");
  const auto options = ask(Method::options, "/oauth/token", "");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(header(options, "Allow"), "POST, OPTIONS");
  EXPECT_EQ(header(options, "X-Style"), "oauth/");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "/a";
  EXPECT_EQ(ask(Method::get, deep).status, 404);
}

TEST_F(RouterTest, the_answer_names_who_asked_through_the_style) {
  EXPECT_EQ(header(ask(Method::get, "/api/things/1", "reader"), "X-Style"), "api/reader");
}

TEST_F(RouterTest, every_request_leaves_one_line) {
  FakeExchange exchange(Method::get, "/api/things/1");
  exchange.edit().fields.add({.name = "Authorization", .value = "reader", .id = Header::authorization});
  exchange.edit().query = "token=hush";
  ask(exchange);
  const auto& lines = exchange.lines();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 1);
  for (const std::string_view part : {"request ", "method=GET", "path=/api/things/1", "status=200", "ms=", "caller=reader"})
    EXPECT_NE(lines.find(part), std::string::npos) << part << " in " << lines;
  EXPECT_EQ(lines.find("hush"), std::string::npos);
}

TEST_F(RouterTest, two_rows_for_one_place_are_a_mistake) {
  EXPECT_THROW(router.add(kOpenRows, things, oauth), std::logic_error);
}

}  // namespace
}  // namespace gatehouse::net
