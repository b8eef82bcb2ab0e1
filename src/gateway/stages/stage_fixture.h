// For tests of stages: a gateway with one route and these stages, before an application that answers as a test wants.
// Never part of the program.
#pragma once

#include <gtest/gtest.h>

#include "gateway/gateway_fixture.h"
#include "gateway/stage.h"

namespace gatehouse::gateway {

// Answers with one reply, whole or in pieces, and remembers what it was asked.
class AnsweringApp final : public net::Handler {
 public:
  net::Reply reply = net::Reply::text(200, "app");
  std::vector<std::string> pieces;      // not empty: streamed instead of reply.body
  std::vector<std::string> targets;
  std::vector<std::vector<std::pair<std::string, std::string>>> headers;
  std::atomic<int> asked = 0;

  boost::asio::awaitable<void> handle(net::Exchange& exchange) override {
    const auto& request = exchange.request();
    ++asked;
    targets.push_back(request.target());
    auto& seen = headers.emplace_back();
    for (const auto& field : request.fields.all()) seen.emplace_back(to_lower(field.name), field.value);
    (void)co_await exchange.read_all(64 << 20);
    auto copy = reply;
    if (pieces.empty()) {
      (void)co_await exchange.reply(std::move(copy));
      co_return;
    }
    (void)co_await exchange.start(std::move(copy), std::nullopt);
    for (const auto& piece : pieces)
      if (!co_await exchange.send(piece)) co_return;
    (void)co_await exchange.finish();
  }
  std::vector<std::string> all(std::string_view name) const {   // of the last request
    std::vector<std::string> values;
    for (const auto& [other, value] : headers.back())
      if (other == name) values.push_back(value);
    return values;
  }
};

// Knows who calls by a header that only tests send.
class NamingPolicy final : public Policy {
 public:
  std::optional<Verdict> at_once(const net::Request& request, const Demand&) override {
    const auto who = request.fields.only("x-who");
    if (!who) return net::Reply::text(401, "who are you?");
    Pass pass;
    pass.who = *who;
    json::object claims;
    claims["iss"] = "https://issuer.test";
    claims["sub"] = pass.who;
    claims["cid"] = "app-of-" + pass.who;
    claims["tenant"] = pass.who.substr(0, 1);
    pass.attributes = std::make_shared<const json::object>(std::move(claims));
    pass.header_lines = std::make_shared<const std::string>("X-Remote-User: " + pass.who + "\r\n");
    return pass;
  }
  Task<Verdict> check(net::Exchange&, const Demand&) override { co_return failure(Fault::internal, "asked twice"); }
  std::vector<std::string> managed_headers() const override { return {"X-Remote-User"}; }
};

struct StageFixture : testing::Test {
  House house;
  AnsweringApp app;
  std::unique_ptr<net::Server> app_server = house.serve(app);
  std::unique_ptr<net::HttpClient> http = house.http();
  Pool blocking{"blocking", 1, 16};

  Config config(Stages stages, std::string policy = "public", std::string path = "/") {
    Config made;
    made.pools.push_back({.name = "app", .targets = {"http://127.0.0.1:" + std::to_string(app_server->port())}});
    RouteConfig route;
    route.host = "app.test";
    route.path = std::move(path);
    route.policy = std::move(policy);
    route.upstream = "app";
    route.stages = std::move(stages);
    made.routes.push_back(std::move(route));
    return made;
  }
  void open(Stages stages, std::string policy = "public", std::string path = "/") { open_all(config(std::move(stages), std::move(policy), std::move(path))); }
  void open_all(const Config& whole) {
    house.open(house.needs(*http), whole, {{"named", std::make_shared<NamingPolicy>()}});
  }
  static std::shared_ptr<Stage> made(Result<std::shared_ptr<Stage>> stage) {
    if (!stage) throw std::runtime_error(stage.error().message());
    return *std::move(stage);
  }
  HttpAnswer ask(std::string_view line, const std::vector<std::string>& lines = {}, std::string_view body = {}) { return house.ask(line, "app.test", lines, body); }
  HttpAnswer get(const std::vector<std::string>& lines = {}) { return ask("GET /", lines); }
};

}  // namespace gatehouse::gateway
