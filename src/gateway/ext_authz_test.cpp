// Envoy's questions over gRPC: bytes that are read in one way or not at all, and the verdicts of the gateway.
#include "gateway/ext_authz.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "gateway/forward_auth.h"
#include "gateway/gateway_fixture.h"

namespace gatehouse::gateway {
namespace {

using protozero::pbf_writer;
using Headers = std::vector<std::pair<std::string, std::string>>;

// What a test wants to be asked; empty strings are not written.
struct Asked {
  std::string method = "GET", path = "/page?a=1", host = "app.test", scheme = "http", source = "192.0.2.9", query = "";
  Headers headers = {}, raw = {};
  std::string more_http = "", more_attributes = "", more = "";  // bytes behind the others
};

std::string message(std::uint32_t number, const std::string& inner) {
  std::string out;
  pbf_writer(out).add_message(number, inner);
  return out;
}
std::string text(std::uint32_t number, const std::string& value) { return value.empty() ? "" : message(number, value); }

std::string bytes(const Asked& asked) {
  std::string http =
      text(2, asked.method) + text(4, asked.path) + text(5, asked.host) + text(6, asked.scheme) + text(7, asked.query);
  for (const auto& [name, value] : asked.headers) http += message(3, text(1, name) + text(2, value));
  std::string raw;
  for (const auto& [name, value] : asked.raw) raw += message(1, text(1, name) + text(3, value));
  http += text(13, raw) + asked.more_http;
  const auto source = asked.source.empty() ? "" : message(1, message(1, message(1, message(2, asked.source))));
  return message(1, source + message(4, message(2, http)) + asked.more_attributes) + asked.more;
}

TEST(CheckRequests, say_what_envoy_holds) {
  const auto encoded = bytes({.headers = {{"accept", "*/*"}, {"x-empty", ""}}});
  const auto check = read_check(encoded);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->method, "GET");
  EXPECT_EQ(check->path, "/page?a=1");
  EXPECT_EQ(check->host, "app.test");
  EXPECT_EQ(check->scheme, "http");
  EXPECT_EQ(check->source, "192.0.2.9");
  const std::vector<std::pair<std::string_view, std::string_view>> wanted{{"accept", "*/*"}, {"x-empty", ""}};
  EXPECT_EQ(check->headers, wanted);
}

TEST(CheckRequests, have_raw_headers_instead) {
  const auto encoded = bytes({.raw = {{"cookie", "a=\xff"}, {"cookie", "b"}}});
  const auto check = read_check(encoded);
  ASSERT_TRUE(check);
  const std::vector<std::pair<std::string_view, std::string_view>> wanted{{"cookie", "a=\xff"}, {"cookie", "b"}};
  EXPECT_EQ(check->headers, wanted);
  EXPECT_FALSE(read_check(bytes({.headers = {{"a", "b"}}, .raw = {{"a", "b"}}}))) << "both";
}

TEST(CheckRequests, of_two_readings_are_none) {
  EXPECT_TRUE(read_check(bytes({.more_http = text(1, "id") + text(10, "HTTP/1.1") + text(11, "body"),
                                .more_attributes = text(10, "extension"),
                                .more = text(9, "later")})))
      << "what we do not need may be there";
  for (const std::uint32_t number : {2, 4, 5, 6})
    EXPECT_FALSE(read_check(bytes({.more_http = message(number, "GET")}))) << number << " twice";
  for (const std::uint32_t number : {1, 4})
    EXPECT_FALSE(read_check(bytes({.more_attributes = message(number, "")}))) << number << " twice";
  EXPECT_FALSE(read_check(bytes({.more = message(1, "")}))) << "attributes twice";
  EXPECT_FALSE(read_check(bytes({.query = "a=2"})));
  EXPECT_FALSE(read_check(bytes({.more_http = message(8, "fragment")})));
  for (const std::uint32_t number : {2, 3, 4, 5, 6, 13}) {
    std::string other;
    pbf_writer(other).add_uint32(number, 7);
    EXPECT_FALSE(read_check(bytes({.more_http = other}))) << number << " of another type";
  }
  EXPECT_FALSE(read_check(bytes({.more_http = message(3, text(1, "a") + text(1, "b"))}))) << "a header of two names";
  EXPECT_FALSE(read_check(bytes({.more_http = message(13, message(1, text(1, "a") + text(2, "b") + text(3, "c")))})))
      << "a header of two values";
}

TEST(CheckRequests, that_are_not_whole_are_none) {
  const auto good = bytes({.headers = {{"accept", "*/*"}}});
  ASSERT_TRUE(read_check(good));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read_check(std::string_view(good).substr(0, size))) << size;
  EXPECT_FALSE(read_check(bytes({.method = ""})));
  EXPECT_FALSE(read_check(bytes({.path = ""})));
  EXPECT_FALSE(read_check(bytes({.host = ""})));
  EXPECT_EQ(read_check(bytes({.source = ""}))->source, "");
}

TEST(CheckRequests, have_a_bounded_number_of_headers) {
  EXPECT_TRUE(read_check(bytes({.raw = Headers(kCheckHeadersMax, {"a", "b"})})));
  EXPECT_FALSE(read_check(bytes({.raw = Headers(kCheckHeadersMax + 1, {"a", "b"})})));
  EXPECT_FALSE(read_check(bytes({.headers = Headers(kCheckHeadersMax + 1, {"a", "b"})})));
}

TEST(GrpcFrames, hold_exactly_one_plain_message) {
  EXPECT_EQ(unframe_grpc(frame_grpc("abc")).value(), "abc");
  EXPECT_EQ(unframe_grpc(frame_grpc("")).value(), "");
  EXPECT_EQ(frame_grpc(std::string(0x010203, 'x')).substr(0, 5), std::string("\0\0\1\2\3", 5));
  for (const auto& bad :
       {std::string(), std::string("\0\0\0\0", 4), std::string("\1\0\0\0\1a", 6), std::string("\0\0\0\0\2a", 6),
        std::string("\0\0\0\0\1ab", 7), frame_grpc("a") + frame_grpc("a")})
    EXPECT_FALSE(unframe_grpc(bad));
}

// ---- Answers, read as Envoy would.
struct Told {
  int code = -1, http = 0;
  bool ok = false, denied = false;
  Headers headers;  // name, value
  std::vector<std::string> removed;
  std::string body;
  std::string one(std::string_view name) const {
    std::string value = "-";
    for (const auto& [key, said] : headers)
      if (key == name) value = value == "-" ? said : "twice";
    return value;
  }
  bool removes(std::string_view name) const { return std::ranges::find(removed, name) != removed.end(); }
};

void read_header(Told& told, protozero::pbf_reader option) {
  std::string name, value;
  std::int32_t action = 0;
  while (option.next()) {
    if (option.tag() == 3) action = option.get_enum();
    if (option.tag() != 1) continue;
    for (auto header = option.get_message(); header.next();) {
      auto& into = header.tag() == 1 ? name : value;  // asked for first: protozero forgets the tag with the field
      into = header.get_string();
    }
  }
  EXPECT_EQ(action, told.ok ? 2 : 0) << name
                                     << ": what passes overwrites, what a client sees may be there twice (Set-Cookie)";
  told.headers.emplace_back(name, value);
}

Told read_answer(std::string_view response) {
  Told told;
  for (protozero::pbf_reader in(response.data(), response.size()); in.next();) {
    if (in.tag() == 1) {
      told.code = 0;
      for (auto status = in.get_message(); status.next();) {
        if (status.tag() == 1) told.code = status.get_int32();
        else status.skip();
      }
      continue;
    }
    told.denied = in.tag() == 2;
    told.ok = in.tag() == 3;
    for (auto inner = in.get_message(); inner.next();) {
      switch (inner.tag()) {
        case 2: read_header(told, inner.get_message()); break;
        case 3: told.body = inner.get_string(); break;
        case 5: told.removed.push_back(inner.get_string()); break;
        default:
          for (auto status = inner.get_message(); status.next();) told.http = status.get_enum();
      }
    }
  }
  return told;
}

// A call as the HTTP/2 server would bring it.
class Call final : public net::Exchange {
 public:
  Call(boost::asio::io_context& io, std::string body) : executor_(io.get_executor()), body_(std::move(body)) {
    request_.method = net::Method::post;
    request_.method_name = "POST";
    request_.host = request_.authority = "gatehouse.internal";
    request_.path = kCheckPath;
    request_.major_version = 2;
    request_.client.ip = "127.0.0.1";
    with("content-type", "application/grpc");
  }
  void with(std::string_view name, std::string_view value) {
    request_.fields.add({.name = name, .value = value, .id = net::header_of(name)});
  }
  const net::Request& request() const override { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return executor_; }
  Task<std::string_view> read_some() override { co_return read_++ == 0 ? std::string_view(body_) : std::string_view(); }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return none_; }
  Task<void> reply(net::Reply) override { co_return failure(Fault::internal, "a call ends with trailers"); }
  Task<void> start(net::Reply, std::optional<std::uint64_t>) override {
    started_ = true;
    co_return Result<void>();
  }
  Task<void> send(std::string_view piece) override {
    sent += piece;
    co_return Result<void>();
  }
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override {
    ended = std::move(trailers);
    co_return Result<void>();
  }
  bool started() const override { return started_; }
  void close_after() override {}

  std::string sent;
  Headers ended;

 private:
  net::Request request_;
  Log log_ = silent_log();
  Executor executor_;
  std::string body_;
  Headers none_;
  int read_ = 0;
  bool started_ = false;
};

class ByHeader final : public Policy {
 public:
  std::vector<std::string> managed_headers() const override { return {"x-remote-user", "X-Remote-Groups", "X-Odd"}; }
  std::vector<std::string> own_cookies() const override { return {"gh_session"}; }
  std::optional<Verdict> at_once(const net::Request& request, const Demand&) override {
    const auto who = request.fields.only("x-test-who");
    if (!who)
      return net::Reply::redirect("https://login.test/?to=" + request.origin() + request.target(), 302)
          .with("Set-Cookie", "a=1")
          .with("Set-Cookie", "b=2");
    Pass pass;
    pass.header_lines = std::make_shared<const std::string>("X-Remote-User: " + std::string(*who) + "\r\n");
    pass.who = *who;
    pass.authorization = Pass::Authorization::remove;
    return pass;
  }
  Task<Verdict> check(net::Exchange&, const Demand&) override { co_return failure(Fault::internal, "never asked"); }
};

struct Checks : testing::Test {
  House house;
  std::unique_ptr<net::HttpClient> http = house.http();

  void open(ForwardAuthConfig config = {.callers = {"127.0.0.1"}, .secret = {}}) {
    house.open(house.needs(*http), configuration(std::move(config)), {{"known", std::make_shared<ByHeader>()}});
  }
  Config configuration(ForwardAuthConfig config) {
    using policy::Condition, policy::Effect;
    const policy::Zones zones{{"tor", std::make_shared<const Networks>(Networks::parse({"203.0.113.0/24"}).value())}};
    std::vector<policy::Rule> rules;
    rules.push_back({.name = "tor", .effect = Effect::deny, .when = Condition::zones(zones, {"tor"}).value()});
    rules.push_back({.name = "admin", .effect = Effect::deny, .when = Condition::paths({"/admin"}).value()});
    rules.push_back({.name = "all", .when = Condition::everybody()});
    Config gateway;
    gateway.forward_auth = std::move(config);
    RouteConfig route;
    route.host = "app.test";
    route.policy = "known";
    route.rules = policy::Rules::make(std::move(rules)).value();
    route.serves = RouteConfig::Upstream::elsewhere;
    gateway.routes.push_back(route);
    return gateway;
  }
  Told ask(const Asked& asked, Headers metadata = {}) {
    return ask_bytes(frame_grpc(bytes(asked)), std::move(metadata));
  }
  Told ask_bytes(std::string body, Headers metadata = {}) {
    boost::asio::io_context io;
    Call call(io, std::move(body));
    for (const auto& [name, value] : metadata) call.with(name, value);
    boost::asio::co_spawn(io, house.gateway().handle(call), boost::asio::detached);
    io.run();
    const Headers ended{{"grpc-status", "0"}};
    EXPECT_EQ(call.ended, ended) << "a failed call is Envoy's to judge; a verdict is not";
    const auto message = unframe_grpc(call.sent);
    if (!message) return {};
    const auto told = read_answer(*message);
    EXPECT_NE(told.ok, told.denied);
    EXPECT_EQ(told.ok, told.code == 0);
    return told;
  }
};
const Headers kAda{{"x-test-who", "ada"}};
Headers plus(Headers headers, std::string name, std::string value) {
  headers.emplace_back(std::move(name), std::move(value));
  return headers;
}

TEST_F(Checks, who_passes_gets_its_identity_and_loses_what_is_ours) {
  open();
  const auto told = ask({.headers = {{"x-test-who", "ada"},
                                     {"cookie", "gh_session=s; theme=dark"},
                                     {"x-remote-groups", "forged"},
                                     {"authorization", "Bearer x"}}});
  EXPECT_TRUE(told.ok);
  EXPECT_EQ(told.one("x-remote-user"), "ada");
  EXPECT_EQ(told.one("cookie"), "theme=dark");
  EXPECT_TRUE(told.removes("x-remote-groups")) << "CVE-2026-30851";
  EXPECT_TRUE(told.removes("authorization"));
  EXPECT_FALSE(told.removes("x-remote-user"));
  EXPECT_TRUE(ask({.headers = plus(kAda, "cookie", "gh_session=s")}).removes("cookie"));
  EXPECT_EQ(ask({.headers = plus(kAda, "cookie", "theme=dark")}).one("cookie"), "-") << "nothing to change";
}

TEST_F(Checks, who_is_not_known_is_sent_to_sign_in) {
  open();
  const auto told = ask({.scheme = "https"});
  EXPECT_TRUE(told.denied);
  EXPECT_EQ(told.http, 302);
  EXPECT_EQ(told.code, 16);
  EXPECT_EQ(told.one("location"), "https://login.test/?to=https://app.test/page?a=1");
  EXPECT_EQ(told.one("set-cookie"), "twice");
  EXPECT_EQ(told.one("content-length"), "-");
}

TEST_F(Checks, the_verdict_is_that_of_the_gateway) {
  open();
  EXPECT_TRUE(ask({.headers = kAda}).ok);
  EXPECT_TRUE(ask({.raw = kAda}).ok);
  for (const auto* path : {"/admin",
                           "/admin/x",
                           "/public/../admin",
                           "/open/%2e%2e/admin",
                           "/x%2fadmin",
                           "/%252e/admin",
                           "/x/..;foo=bar/admin",
                           "/admin;x=y",
                           "/x#/admin",
                           "/admin?x=/open",
                           "/%zz",
                           "/ADMIN",
                           "//admin",
                           "/admin/%FF",
                           "page",
                           "*",
                           "http://app.test/page",
                           "/.gatehouse/sign-out",
                           "/a b",
                           "/a\r\nb"})
    EXPECT_FALSE(ask({.path = path, .headers = kAda}).ok) << path;
  EXPECT_EQ(ask({.method = "TRACE", .headers = kAda}).http, 405);
  EXPECT_EQ(ask({.host = "evil.test", .headers = kAda}).http, 421);
}

TEST_F(Checks, the_source_is_the_client) {
  open();
  EXPECT_FALSE(ask({.source = "203.0.113.7", .headers = kAda}).ok);
  EXPECT_FALSE(ask({.source = "203.0.113.7", .headers = plus(kAda, "x-forwarded-for", "192.0.2.1")}).ok);
  EXPECT_TRUE(ask({.headers = plus(kAda, "x-forwarded-for", "203.0.113.7")}).ok);
  for (const auto* unknown : {"", "/run/socket", "nonsense"})
    EXPECT_FALSE(ask({.source = unknown, .headers = kAda}).ok) << "a rule about networks that cannot be told denies";
}

TEST_F(Checks, what_contradicts_the_fields_is_denied) {
  open();
  EXPECT_TRUE(ask({.headers = {{"x-test-who", "ada"},
                               {":method", "GET"},
                               {":path", "/page?a=1"},
                               {":authority", "app.test"},
                               {":scheme", "http"},
                               {"host", "app.test"},
                               {"x-forwarded-proto", "http"}}})
                  .ok);
  for (const auto& [name, value] : Headers{{":method", "POST"},
                                           {":path", "/other"},
                                           {":authority", "evil.test"},
                                           {":scheme", "https"},
                                           {":protocol", "websocket"},
                                           {"host", "evil.test"},
                                           {"x-forwarded-proto", "https"},
                                           {"x-envoy-original-path", "/open"},
                                           {"x-original-uri", "/open"},
                                           {"x-forwarded-uri", "/open"},
                                           {"x-forwarded-method", "HEAD"},
                                           {"x-original-method", "HEAD"},
                                           {"x-original-host", "app.test"},
                                           {"X-Upper", "x"},
                                           {"a b", "x"},
                                           {"", "x"},
                                           {"x", "a\r\nb"},
                                           {"x", std::string("a\0b", 3)},
                                           {"x_remote_user", "root"},
                                           {"x.remote.user", "root"}}) {
    EXPECT_FALSE(ask({.headers = plus(kAda, name, value)}).ok) << name << " " << value;
    EXPECT_FALSE(ask({.raw = plus(kAda, name, value)}).ok) << name << " " << value;
  }
  EXPECT_FALSE(ask({.raw = plus(kAda, "x-test-who", "eve")}).ok) << "two of one name are nobody";
  for (const auto* scheme : {"", "ftp", "HTTP"}) EXPECT_FALSE(ask({.scheme = scheme, .headers = kAda}).ok) << scheme;
}

TEST_F(Checks, bytes_that_are_no_text_break_no_answer) {
  open();
  EXPECT_TRUE(ask({.raw = plus(kAda, "x-any", "\xff\xfe")}).ok) << "CVE-2026-73552, GHSA-9g5w-hqr3-w2ph";
  EXPECT_TRUE(ask({.raw = plus(kAda, "cookie", "gh_session=s; a=\xff")}).removes("cookie"));
  EXPECT_FALSE(ask({.raw = {{"x-test-who", "\xff"}}}).ok) << "an identity that cannot be told";
}

TEST_F(Checks, what_is_no_question_is_an_invalid_argument) {
  open();
  const auto good = frame_grpc(bytes({.headers = kAda}));
  EXPECT_TRUE(ask_bytes(good).ok);
  for (const auto& bad : {std::string(), good.substr(0, 9), good + "x", frame_grpc(""), frame_grpc("\xff\xff\xff"),
                          frame_grpc(bytes({.headers = kAda, .more = message(1, "")}))}) {
    const auto told = ask_bytes(bad);
    EXPECT_EQ(told.code, 3);
    EXPECT_EQ(told.http, 400);
  }
  EXPECT_EQ(ask_bytes(std::string(kCheckMessageMax + 1, '\0')).code, 7) << "too large";
  EXPECT_EQ(ask({.headers = Headers(99, {"a", "b"})}).code, 16);
  EXPECT_EQ(ask({.headers = Headers(101, {"a", "b"})}).code, 7) << "more than a request may have";
}

TEST_F(Checks, only_named_callers_may_ask) {
  open({.callers = {"10.0.0.0/8"}, .secret = {}});
  EXPECT_EQ(ask({.headers = kAda}).code, 7) << "CVE-2026-76835";
  EXPECT_EQ(ask({.source = "10.0.0.1", .headers = kAda}).code, 7) << "its own word";
}

TEST_F(Checks, a_secret_or_a_signature_is_asked_for_when_configured) {
  open({.callers = {"127.0.0.1"}, .proof = ForwardAuthConfig::Proof::secret, .secret = Secret("0123456789abcdef")});
  EXPECT_EQ(ask({.headers = kAda}).code, 7);
  EXPECT_EQ(ask({.headers = kAda}, {{"x-gatehouse-secret", "0123456789abcdeg"}}).code, 7);
  EXPECT_EQ(ask({.headers = plus(kAda, "x-gatehouse-secret", "0123456789abcdef")}).code, 7) << "the client's word";
  EXPECT_TRUE(ask({.headers = kAda}, {{"x-gatehouse-secret", "0123456789abcdef"}}).ok);

  const Secret secret("fedcba9876543210");
  const auto by_signature =
      configuration({.callers = {"127.0.0.1"}, .proof = ForwardAuthConfig::Proof::signature, .secret = secret});
  house.gateway().swap(
      Snapshot::build(house.needs(*http), by_signature, {{"known", std::make_shared<ByHeader>()}}).value());
  const auto now = to_seconds(house.clock.now());
  const auto signed_for = [&](std::string_view target, std::string_view client) {
    return Headers{
        {"x-gatehouse-signature",
         "t=" + std::to_string(now) + ",v1=" + sign_context(secret, {now, "GET", "http", "app.test", target, client})}};
  };
  EXPECT_TRUE(ask({.headers = kAda}, signed_for("/page?a=1", "192.0.2.9")).ok);
  EXPECT_FALSE(ask({.headers = kAda}, signed_for("/page", "192.0.2.9")).ok);
  EXPECT_FALSE(ask({.headers = kAda}, signed_for("/page?a=1", "192.0.2.8")).ok);
  EXPECT_FALSE(ask({.headers = kAda}).ok);
}

}  // namespace
}  // namespace gatehouse::gateway
