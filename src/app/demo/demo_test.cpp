#include <gtest/gtest.h>

#include "app/demo/orders.h"
#include "app/demo/wiki.h"
#include "gateway/gateway_fixture.h"

namespace gatehouse::app::demo {
namespace {

struct Demos : testing::Test {
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(1);
  Wiki wiki{clock};
  Orders orders{clock};
  net::Runtime runtime{1};
  std::unique_ptr<net::Server> wiki_server = serve(wiki), orders_server = serve(orders);

  Demos() { runtime.start(); }
  ~Demos() override {
    runtime.stop();
    runtime.join();
  }
  std::unique_ptr<net::Server> serve(net::Handler& handler) {
    net::ServerOptions options;
    options.port = 0;
    options.grace = std::chrono::milliseconds(100);
    return net::Server::listen(runtime, options, handler, clock, *random, silent_log()).value();
  }
  static gateway::HttpAnswer ask(const net::Server& server, const std::string& line, const std::string& headers = "", const std::string& body = "") {
    gateway::RawClient client(server.port());
    client.send(line + " HTTP/1.1\r\nHost: demo\r\n" + headers + (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
    return client.read();
  }
};

TEST_F(Demos, the_wiki_greets_whom_the_header_names_and_escapes_what_it_shows) {
  const auto page = ask(*wiki_server, "GET /", "X-Remote-User: <b>ada</b>\r\nX-Remote-Groups: a,b\r\n");
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.body.contains("You are &lt;b&gt;ada&lt;/b&gt;"));
  EXPECT_FALSE(page.body.contains("<b>ada</b>"));
  EXPECT_TRUE(page.body.contains("/.gatehouse/sign-out"));
  EXPECT_TRUE(ask(*wiki_server, "GET /me").body.contains("You are nobody"));
}

TEST_F(Demos, a_page_can_be_written_by_somebody_and_by_nobody_it_cannot) {
  EXPECT_EQ(ask(*wiki_server, "POST /pages/Notes", "X-Remote-User: ada\r\n", "text=Hello+%3Cscript%3E").status, 303);
  const auto page = ask(*wiki_server, "GET /pages/Notes", "X-Remote-User: bob\r\n");
  EXPECT_TRUE(page.body.contains("Hello &lt;script&gt;"));
  EXPECT_TRUE(page.body.contains("Last changed by ada"));
  EXPECT_EQ(ask(*wiki_server, "POST /pages/Notes", "", "text=x").status, 403);
  EXPECT_EQ(ask(*wiki_server, "POST /pages/Notes", "X-Remote-User: ada\r\n", "text=" + std::string(40'000, 'x')).status, 413);
  EXPECT_EQ(ask(*wiki_server, "GET /pages/No%20Name").status, 404);
}

TEST_F(Demos, orders_are_listed_found_and_made) {
  EXPECT_EQ(parse_json(ask(*orders_server, "GET /orders").body).value().as_array().size(), 3u);
  EXPECT_EQ(ask(*orders_server, "GET /orders/1").status, 200);
  EXPECT_EQ(ask(*orders_server, "GET /orders/99").status, 404);
  const auto made = ask(*orders_server, "POST /orders", "X-Remote-Subject: ada\r\n", R"({"item":"lamp","quantity":2})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Location"), "/orders/4");
  EXPECT_EQ(find_string(parse_json(made.body).value(), "orderedBy"), "ada");
  EXPECT_EQ(ask(*orders_server, "POST /orders", "", R"({"item":"","quantity":0,"colour":1})").status, 400);
  EXPECT_EQ(ask(*orders_server, "POST /orders", "", "nonsense").status, 400);
  EXPECT_EQ(ask(*orders_server, "DELETE /orders/1").status, 405);
}

}  // namespace
}  // namespace gatehouse::app::demo
