// Who is kept apart from whom: keys, credentials and subjects as tables, without sockets.
#include "gateway/stages/cache_question.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/snapshot.h"

namespace gatehouse::gateway {
namespace {

struct CacheQuestionTest : testing::Test {
  Route route;
  std::shared_ptr<const Snapshot> snapshot = Snapshot::nothing();
  net::Request request;
  Journey journey{.route = route, .snapshot = *snapshot, .pass = {}, .edits = {}};
  CacheConfig config;

  CacheQuestionTest() {
    route.demand.route = "app.test/";
    request.host = request.authority = "app.test";
    request.path = "/a";
    config.per_subject = true;
  }
  CacheQuestion question() { return question_of(request, journey, config); }
  void is(std::string_view issuer, std::string_view subject) {
    json::object claims;
    if (!issuer.empty()) claims["iss"] = issuer;
    claims["sub"] = subject;
    journey.pass.attributes = std::make_shared<const json::object>(std::move(claims));
  }
  void sends(std::string_view name, std::string_view value) { request.fields.add({name, value, net::header_of(name)}); }
};

TEST_F(CacheQuestionTest, every_part_of_the_canonical_request_makes_another_key) {
  std::set<std::string> keys{question().shared_key};
  const auto is_new = [&] { return keys.insert(question().shared_key).second; };
  request.tls = true;
  EXPECT_TRUE(is_new());
  request.authority = "app.test:8443";
  EXPECT_TRUE(is_new());
  request.path = "/b";
  EXPECT_TRUE(is_new());
  request.has_query = true;
  EXPECT_TRUE(is_new());
  request.query = "x=1";
  EXPECT_TRUE(is_new());
  journey.edits.path = "/v2/b";
  EXPECT_TRUE(is_new());
  journey.edits.query = "x=1&source=gateway";
  EXPECT_TRUE(is_new());
  journey.edits.host = "inside.test";
  EXPECT_TRUE(is_new());
  route.demand.route = "app.test/b";
  EXPECT_TRUE(is_new());
  route.fixed_lines = "X-Env: test\r\n";
  EXPECT_TRUE(is_new());
}

TEST_F(CacheQuestionTest, no_part_can_be_shifted_into_the_next) {
  request.path = "/a";
  request.has_query = true;
  request.query = "b";
  const auto one = question().shared_key;
  request.path = "/a?b";  // cannot come from the edge, and would not help
  request.query = "";
  request.has_query = false;
  EXPECT_NE(question().shared_key, one);
  is("https://issuer.test", "ada");
  const auto ada = question().own_key;
  is("https://issuer.testa", "da");
  EXPECT_NE(question().own_key, ada);
  is("", "https://issuer.testada");
  EXPECT_NE(question().own_key, ada);
}

TEST_F(CacheQuestionTest, whatever_the_application_may_know_somebody_by_makes_somebody) {
  EXPECT_FALSE(question().recognised);
  for (const auto* name : {"Authorization", "Cookie", "X-API-Key", "x-auth-token", "Private-Token"}) {
    request.fields.clear();
    sends(name, "1");
    EXPECT_TRUE(question().recognised) << name;
    EXPECT_EQ(question().way, CacheQuestion::Way::bypass) << name;  // no subject: whose would it be?
    EXPECT_EQ(question().why, "authorised") << name;
  }
  journey.edits.remove = {"Cookie"};
  request.fields.clear();
  sends("Cookie", "theme=dark");
  EXPECT_FALSE(question().recognised);  // it does not get there
  request.fields.clear();
  journey.pass.header_lines = std::make_shared<const std::string>("X-User: ada\r\n");
  EXPECT_TRUE(question().recognised);
  journey.pass = Pass{};
  journey.pass.who = "ada";
  EXPECT_TRUE(question().recognised);
}

TEST_F(CacheQuestionTest, a_subjects_key_has_all_that_it_was_authorised_by) {
  is("https://issuer.test", "ada");
  std::set<std::string> keys{question().own_key};
  const auto is_new = [&] { return keys.insert(question().own_key).second; };
  EXPECT_TRUE(question().shared_key.empty());
  is("https://other.test", "ada");
  EXPECT_TRUE(is_new());
  sends("Authorization", "Bearer wide");
  EXPECT_TRUE(is_new());
  request.fields.clear();
  sends("Authorization", "Bearer narrow");
  EXPECT_TRUE(is_new());
  sends("Cookie", "session=1");
  EXPECT_TRUE(is_new());
  journey.pass.header_lines = std::make_shared<const std::string>("X-Groups: admins\r\n");
  EXPECT_TRUE(is_new());
  for (const auto& key : keys)
    EXPECT_FALSE(key.contains("Bearer") || key.contains("session")) << "no secret lies in the memory of a cache";
  config.per_subject = false;
  EXPECT_EQ(question().why, "authorised");
}

TEST_F(CacheQuestionTest, only_the_answer_and_the_route_together_share_it) {
  is("https://issuer.test", "ada");
  Keeping keeping;
  for (const bool route_shares : {false, true})
    for (const bool answer_shares : {false, true}) {
      config.share_authorised = route_shares;
      keeping.shared = answer_shares;
      const auto asked = question();
      EXPECT_EQ(asked.key_for(keeping, config) == asked.shared_key, route_shares && answer_shares);
      config.per_subject = false;
      EXPECT_EQ(question().key_for(keeping, config).empty(), !(route_shares && answer_shares));
      config.per_subject = true;
    }
}

TEST_F(CacheQuestionTest, what_cannot_be_kept_goes_past) {
  const auto why_of = [&](std::string_view name, std::string_view value) {
    request.fields.clear();
    sends(name, value);
    return std::string(question().why);
  };
  for (const auto* name : {"Range", "If-Range", "If-Match", "If-Unmodified-Since"})
    EXPECT_EQ(why_of(name, "x"), "range") << name;
  EXPECT_EQ(why_of("Accept", "text/event-stream"), "stream");
  EXPECT_EQ(why_of("Cache-Control", "no-store"), "no-store");
  EXPECT_EQ(why_of("Upgrade", "websocket"), "upgrade");
  request.fields.clear();
  request.has_body = true;
  EXPECT_EQ(question().why, "body");
  request.method = net::Method::post;
  EXPECT_EQ(question().way, CacheQuestion::Way::method);
}

TEST_F(CacheQuestionTest, locations_of_the_same_origin_are_named_and_others_are_not) {
  request.path = "/dir/page";
  const auto url = [&](std::string_view location) { return named_by(request, journey, location).url; };
  EXPECT_EQ(url("/x?y=1#z"), "http://app.test/x?y=1");
  EXPECT_EQ(url("x"), "http://app.test/dir/x");
  EXPECT_EQ(url("http://APP.test:80/x"), "http://app.test/x");
  for (const auto* other : {"https://app.test/x", "http://other.test/x", "//other.test/x", "", "/a/../b",
                            "javascript:1", "http://app.test:81/x", "\\x"})
    EXPECT_EQ(url(other), "") << other;
}

TEST_F(CacheQuestionTest, a_rewritten_path_is_translated_back) {
  request.path = "/api/items/1";
  journey.edits.path = "/v2/items/1";
  EXPECT_EQ(named_by(request, journey, "/v2/items/2").translated, "http://app.test/api/items/2");
  EXPECT_EQ(named_by(request, journey, "/other").translated, "");
}

}  // namespace
}  // namespace gatehouse::gateway
