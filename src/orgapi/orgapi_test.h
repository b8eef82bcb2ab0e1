// The API as a client sees it: requests go through the Router and Okta's style, only the socket is missing.
#pragma once

#include <algorithm>

#include "core/text.h"
#include "directory/directory_test.h"
#include "orgapi/org.h"
#include "orgapi/sessions.h"

namespace gatehouse::orgapi {

class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(net::Request request, std::string body) : request_(std::move(request)), body_(std::move(body)) {}
  const net::Request& request() const override { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return {}; }
  Task<std::string_view> read_some() override {
    piece_ = std::exchange(body_, {});
    co_return std::string_view(piece_);
  }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }
  Task<void> reply(net::Reply reply) override {
    answered = std::move(reply);
    co_return Result<void>();
  }
  Task<void> start(net::Reply, std::optional<std::uint64_t>) override {
    co_return failure(Fault::internal, "not here");
  }
  Task<void> send(std::string_view) override {  // allowed: net's interface
    co_return failure(Fault::internal, "not here");
  }
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override {
    co_return failure(Fault::internal, "not here");
  }
  bool started() const override { return false; }
  void close_after() override {}

  net::Reply answered;

 private:
  net::Request request_;
  std::string body_, piece_;
  Log log_ = silent_log();
  std::vector<std::pair<std::string, std::string>> trailers_;
};

// "Bearer <client id> <scope> <scope> …" stands for an access token with these scopes.
class PlainAccessTokens final : public okta::AccessTokenCheck {
 public:
  Task<net::Principal> check(Secret token, const net::Request&) override {
    const auto words = split_words(token.reveal());
    net::Principal who{net::Principal::Kind::client, words.at(0), "", {words.begin() + 1, words.end()}};
    co_return who;
  }
};

struct Answer {
  int status;
  json::value body;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (equal_ignoring_case(key, name)) return value;
    return {};
  }
  std::string link(std::string_view relation) const {  // path and query
    for (const auto& [key, value] : headers)
      if (key == "Link" && value.ends_with("rel=\"" + std::string(relation) + "\""))
        return value.substr(std::string("<http://localhost:8080").size(),
                            value.find('>') - std::string("<http://localhost:8080").size());
    return {};
  }
  std::string text(std::string_view name) const { return find_string(body, name).value_or(""); }
  const json::value& value_at(std::string_view pointer) const { return body.at_pointer(pointer); }
  std::string at(std::string_view pointer) const {  // a string as it is, anything else as JSON
    const auto& found = value_at(pointer);
    return found.is_string() ? std::string(found.get_string()) : to_text(found);
  }
  std::size_t size() const { return body.as_array().size(); }
  std::string cause() const {
    return text("errorCode") + " " + text("errorSummary") + " " + to_text(body.at("errorCauses"));
  }
};

class OrgApiTest : public directory::DirectoryTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    admin.emplace(given_user("admin@example.com"));
    ASSERT_TRUE(run(admins->grant(admin->id, cause)));
    token = std::string(run(tokens->create("tests", admin->id, cause)).value().reveal());
    org_api.emplace(Org{org, "Acme", clock.now(), *users, *groups, *apps, *tokens, *admins, *log, clock, *random});
    checks.emplace(*tokens, *users);
    style.emplace(okta::StyleNeeds{*checks, access, clock, *random}, okta::StyleOptions());
    serve(router, *org_api, *style);
    ASSERT_TRUE(run(store::migrate(database(), signin::migrations())));
    sessions.emplace(signin::SessionNeeds{database(), *log, *users, clock, *random}, org);
    auto end_tokens = [this](const directory::UserId& user) {
      tokens_ended.push_back(user.str());
      return store::Unit();
    };
    session_api.emplace(SessionApi{*org_api, *sessions, std::move(end_tokens)});
    serve_sessions(router, *session_api, *style);
  }

  Answer ask(net::Method method, std::string target, std::string body = "", std::string authorization = "default") {
    net::Request request;
    request.method = method;
    request.method_name = name_of(method);
    request.host = "localhost";
    request.authority = "localhost:8080";
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    request.has_query = mark != std::string::npos;
    if (request.has_query) request.query = target.substr(mark + 1);
    request.client.ip = "192.0.2.1";
    request.id = "req-9";
    request.has_body = !body.empty();
    request.content_length = body.size();
    if (authorization == "default") authorization = "SSWS " + token;
    if (!authorization.empty()) request.fields.add({"Authorization", authorization, net::Header::authorization});
    if (!if_match.empty()) request.fields.add({"If-Match", if_match, net::Header::if_match});
    FakeExchange exchange(std::move(request), std::move(body));
    (void)run([](net::Router& to, FakeExchange& of) -> Task<void> {
      co_await to.handle(of);
      co_return Result<void>();
    }(router, exchange));
    auto& reply = exchange.answered;
    auto parsed = reply.body.empty() ? Result<json::value>(nullptr) : parse_json(reply.body);
    return {reply.status, parsed ? *parsed : json::value(reply.body), reply.headers};
  }
  Answer get(std::string target) { return ask(net::Method::get, std::move(target)); }
  Answer post(std::string target, std::string body = "") {
    return ask(net::Method::post, std::move(target), std::move(body));
  }
  Answer put(std::string target, std::string body = "") {
    return ask(net::Method::put, std::move(target), std::move(body));
  }
  Answer del(std::string target) { return ask(net::Method::delete_, std::move(target)); }

  static std::string person(std::string login, std::string more = "") {
    return R"({"profile":{"firstName":"Ada","lastName":"Lovelace","email":")" + login + R"(","login":")" + login +
           R"("})" + more + "}";
  }
  static constexpr std::string_view kPassword = R"(,"credentials":{"password":{"value":"analytical-Engine1"}})";
  std::string given(std::string login) {
    return post("/api/v1/users", person(std::move(login), std::string(kPassword))).text("id");
  }
  static std::set<std::string> links_of(const json::value& user) {
    std::set<std::string> names;
    for (const auto& link : user.at("_links").as_object()) names.emplace(link.key());
    return names;
  }

  std::optional<directory::User> admin;
  std::string token, if_match;
  PlainAccessTokens access;
  std::optional<DirectoryTokens> checks;
  std::optional<okta::ApiStyle> style;
  std::optional<Org> org_api;
  std::optional<signin::Sessions> sessions;
  std::optional<SessionApi> session_api;
  std::vector<std::string> tokens_ended;
  net::Router router;
};
using Links = std::set<std::string>;

}  // namespace gatehouse::orgapi
