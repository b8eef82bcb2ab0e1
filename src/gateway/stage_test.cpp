// Stages stand around the policy and the upstream in the order of the configuration.
#include "gateway/stage.h"

#include <gtest/gtest.h>

#include "gateway/gateway_fixture.h"

namespace gatehouse::gateway {
namespace {

using Place = Stage::Place;

// Writes down when it was passed, and marks the answer.
class Marking : public Stage {
 public:
  Marking(std::string name, Place place, std::vector<std::string>& order) : name_(std::move(name)), place_(place), order_(order) {}
  Place place() const override { return place_; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) override {
    class Layer final : public ExchangeLayer {
     public:
      Layer(net::Exchange& below, const std::string& name) : ExchangeLayer(below), name_(name) {}
      Task<void> reply(net::Reply reply) override { return inner_.reply(std::move(reply.with("X-Stage", name_))); }

     private:
      const std::string& name_;
    };
    order_.push_back(name_ + (journey.admitted ? " knows" : " does not know"));
    journey.edits.path = "/changed";
    journey.edits.remove.push_back("x-secret");
    journey.edits.set.emplace_back("X-Added", name_);
    Layer layer(exchange, name_);
    co_await next(layer);
  }

 private:
  std::string name_;
  Place place_;
  std::vector<std::string>& order_;
};

class Closing : public Stage {
 public:
  Place place() const override { return Place::arrived; }
  bool answers_all() const override { return true; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next) override {
    auto closed = net::Reply::text(503, "closed for repairs");
    (void)co_await exchange.reply(std::move(closed));
  }
};

struct StageTest : testing::Test {
  House house;
  std::unique_ptr<net::HttpClient> http = house.http();
  std::vector<std::string> order;

  Config config(std::vector<std::shared_ptr<Stage>> stages) {
    Config config;
    config.pools.push_back({.name = "app", .targets = {house.app_url()}});
    RouteConfig route;
    route.host = "app.test";
    route.policy = "public";
    route.upstream = "app";
    route.methods = {"GET"};
    route.stages = std::move(stages);
    config.routes.push_back(std::move(route));
    return config;
  }
  HttpAnswer ask(std::string_view method = "GET") {
    RawClient client(house.port());
    client.send(std::string(method) + " /page?x=1 HTTP/1.1\r\nHost: app.test\r\nX-Secret: 1\r\nx-added: forged\r\n\r\n");
    return client.read();
  }
};

TEST_F(StageTest, those_before_the_policy_go_around_those_behind_it) {
  house.open(house.needs(*http), config({std::make_shared<Marking>("inner", Place::admitted, order), std::make_shared<Marking>("outer", Place::arrived, order)}));
  const auto answer = ask();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(order, (std::vector<std::string>{"outer does not know", "inner knows"}));
  EXPECT_EQ(answer.all("X-Stage"), (std::vector<std::string>{"inner", "outer"}));
}

TEST_F(StageTest, edits_reach_the_upstream_instead_of_what_the_client_sent) {
  house.open(house.needs(*http), config({std::make_shared<Marking>("one", Place::arrived, order)}));
  ask();
  EXPECT_EQ(house.app.last().target, "/changed?x=1");
  EXPECT_EQ(house.app.last().all("x-added"), std::vector<std::string>{"one"});
  EXPECT_TRUE(house.app.last().all("x-secret").empty());
}

TEST_F(StageTest, refusals_pass_the_stages_around_the_policy_only) {
  house.open(house.needs(*http), config({std::make_shared<Marking>("outer", Place::arrived, order), std::make_shared<Marking>("inner", Place::admitted, order)}));
  const auto answer = ask("DELETE");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.all("X-Stage"), std::vector<std::string>{"outer"});
  EXPECT_EQ(order.size(), 1u);
}

TEST_F(StageTest, a_route_whose_stage_answers_everything_needs_no_upstream) {
  auto closed = config({std::make_shared<Closing>()});
  closed.routes[0].upstream.clear();
  house.open(house.needs(*http), closed);
  EXPECT_EQ(ask().body, "closed for repairs");
}

TEST_F(StageTest, without_such_a_stage_it_does) {
  auto open = config({});
  open.routes[0].upstream.clear();
  EXPECT_FALSE(Snapshot::build(house.needs(*http), open));
}

}  // namespace
}  // namespace gatehouse::gateway
