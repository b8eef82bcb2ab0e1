// A browser (or any other client) in front of a net::Router, without a socket: for tests of rooms that have pages.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "core/spawn.h"
#include "core/text.h"
#include "net/endpoint.h"
#include "net/form.h"

namespace gatehouse::signin {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Got {
  net::Reply reply;
  int status() const { return reply.status; }
  const std::string& body() const { return reply.body; }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : reply.headers)
      if (equal_ignoring_case(key, name)) return value;
    return "";
  }
  std::string location() const { return header("Location"); }
  json::value json() const { return parse_json(reply.body).value(); }
  std::string text(std::string_view member) const { return find_string(json(), member).value_or(""); }
};

class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(net::Request request, std::string body) : request_(std::move(request)), body_(std::move(body)) {}
  const net::Request& request() const override { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return {}; }   // no row asks for it
  Task<std::string_view> read_some() override {
    if (std::exchange(read_, true)) co_return std::string_view();
    co_return std::string_view(body_);
  }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }
  Task<void> reply(net::Reply reply) override {
    got = std::move(reply);
    co_return Result<void>();
  }
  Task<void> start(net::Reply, std::optional<std::uint64_t>) override { co_return failure(Fault::internal, "not here"); }
  Task<void> send(std::string_view) override { co_return failure(Fault::internal, "not here"); }  // allowed: net's interface
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override { co_return failure(Fault::internal, "not here"); }
  bool started() const override { return false; }
  void close_after() override {}

  net::Reply got;

 private:
  net::Request request_;
  std::string body_;
  bool read_ = false;
  Log log_ = silent_log();
  std::vector<std::pair<std::string, std::string>> trailers_;
};

inline std::string encode(const Fields& fields) {
  net::Form form;
  for (const auto& [name, value] : fields) form.add(name, value);
  return form.encode();
}

class Visitor {
 public:
  explicit Visitor(net::Router& router, std::string authority = "localhost:8080") : router_(router), authority_(std::move(authority)) {}

  Got get(std::string target, Fields headers = {}) { return send(net::Method::get, std::move(target), std::move(headers), ""); }
  // As a browser sends a form of our own page.
  Got post(std::string target, const Fields& fields, Fields headers = {}) {
    if (headers.empty()) headers = {{"Origin", "http://" + authority_}, {"Sec-Fetch-Site", "same-origin"}};
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return send(net::Method::post, std::move(target), std::move(headers), encode(fields));
  }
  Got send(net::Method method, std::string target, Fields headers, std::string body) {
    const auto parsed = net::parse_target(target).value();
    net::Request request;
    request.method = method;
    request.method_name = net::name_of(method);
    request.host = authority_.substr(0, authority_.find(':'));
    request.port = 8080;
    request.authority = authority_;
    request.path = parsed.path;
    request.query = parsed.query;
    request.has_query = parsed.has_query;
    request.client = {.ip = "192.0.2.7", .port = 40000};
    request.id = "req-test";
    request.client_certificate = certificate;
    request.client_certificate_der = certificate_der;
    request.client_certificate_trusted = certificate_trusted;
    request.has_body = !body.empty();
    std::string jar;
    for (const auto& [name, value] : cookies) jar += (jar.empty() ? "" : "; ") + name + "=" + value;
    if (!jar.empty()) headers.emplace_back("Cookie", jar);
    for (const auto& [name, value] : headers) request.fields.add({name, value, net::header_of(name)});
    FakeExchange exchange(std::move(request), std::move(body));
    (void)run(serve(router_, exchange));
    Got got{std::move(exchange.got)};
    for (const auto& [name, value] : got.reply.headers)
      if (equal_ignoring_case(name, "Set-Cookie")) keep(value);
    return got;
  }

  std::map<std::string, std::string> cookies;
  std::string certificate, certificate_der;   // of the connection, as in net::Request
  bool certificate_trusted = false;

 private:
  static Task<bool> serve(net::Router& router, net::Exchange& exchange) {
    co_await router.handle(exchange);
    co_return true;
  }
  void keep(std::string_view cookie) {
    const auto pair = cookie.substr(0, cookie.find(';'));
    const auto name = std::string(pair.substr(0, pair.find('=')));
    if (cookie.contains("Max-Age=0")) cookies.erase(name);
    else cookies[name] = std::string(pair.substr(pair.find('=') + 1));
  }

  net::Router& router_;
  std::string authority_;
};

// The value of a hidden field of a page.
inline std::string hidden(const Got& page, std::string_view name) {
  const auto mark = "name=\"" + std::string(name) + "\" value=\"";
  const auto at = page.body().find(mark);
  if (at == std::string::npos) return "";
  const auto begin = at + mark.size();
  return page.body().substr(begin, page.body().find('"', begin) - begin);
}

}  // namespace gatehouse::signin
