// What RFC 9111 makes of answers: kept or not, how old, how long fresh, and whether a client has them already.
#include "gateway/stages/cache_rules.h"

#include <gtest/gtest.h>

namespace gatehouse::gateway {
namespace {

const Timestamp kNow = from_seconds(1'700'000'000);
std::string at(std::int64_t offset) { return to_http_date(kNow + Seconds(offset)); }

std::optional<Keeping> keep(HeaderList headers, int status = 200, CacheRules rules = {},
                            std::string_view* told = nullptr) {
  std::string_view why;
  net::Reply head{.status = status, .headers = std::move(headers), .body = {}};
  auto kept = keeping_of(head, rules, {kNow, kNow}, why);
  EXPECT_EQ(kept.has_value(), why.empty()) << why;
  if (told != nullptr) *told = why;
  return kept;
}
std::int64_t lifetime(HeaderList headers, CacheRules rules = {}) {
  const auto kept = keep(std::move(headers), 200, std::move(rules));
  return kept ? kept->freshness.lifetime.count() : -1;
}
std::string why_not(HeaderList headers, int status = 200) {
  std::string_view told;
  keep(std::move(headers), status, {}, &told);
  return std::string(told);
}
HeaderList control(std::string value) { return {{"Cache-Control", std::move(value)}}; }

TEST(CacheRules, freshness_is_told_by_the_most_specific_word) {
  EXPECT_EQ(lifetime(control("max-age=60")), 60);
  EXPECT_EQ(lifetime(control("max-age=60, s-maxage=10")), 10);
  EXPECT_EQ(lifetime({{"Expires", at(90)}, {"Date", at(0)}}), 90);
  EXPECT_EQ(lifetime({{"Expires", at(90)}, {"Date", at(-30)}}), 120);  // by the clock of the upstream
  EXPECT_EQ(lifetime({{"Expires", at(90)}, {"Cache-Control", "max-age=5"}}), 5);
  EXPECT_EQ(lifetime({{"Expires", "0"}}), 0);
  EXPECT_EQ(lifetime({{"Expires", at(90)}, {"Expires", at(80)}}), 0);
  EXPECT_EQ(lifetime({{"Expires", at(-90)}}), 0);
}

TEST(CacheRules, nothing_is_guessed_unless_the_route_says_so) {
  EXPECT_EQ(lifetime({{"Last-Modified", at(-1000)}}), -1);
  EXPECT_EQ(why_not({{"ETag", "\"1\""}}), "no-freshness");
  EXPECT_EQ(lifetime({{"Last-Modified", at(-1000)}}, {.heuristic_most = Seconds(3600)}), 100);
  EXPECT_EQ(lifetime({{"Last-Modified", at(-1000)}}, {.heuristic_most = Seconds(30)}), 30);
  EXPECT_EQ(lifetime({{"Last-Modified", at(1000)}}, {.heuristic_most = Seconds(30)}), -1);
  EXPECT_FALSE(keep({{"Last-Modified", at(-1000)}}, 302, {.heuristic_most = Seconds(30)}));
}

TEST(CacheRules, an_answer_that_forbids_it_is_not_kept) {
  EXPECT_EQ(why_not(control("no-store, max-age=60")), "no-store");
  EXPECT_EQ(why_not(control("private, max-age=60")), "private");
  EXPECT_EQ(why_not(control("public, private, max-age=60")), "private");
  EXPECT_EQ(why_not(control("max-age=60, max-age=x")), "malformed");
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Age", "-1"}}), "malformed");
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Date", "yesterday"}}), "malformed");
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Vary", "*"}}), "vary");
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Content-Type", "text/event-stream; charset=utf-8"}}), "stream");
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-1/2"}}), "partial");
  for (const int status : {101, 201, 202, 206, 304, 400, 401, 404, 413, 431, 500, 503})
    EXPECT_EQ(why_not(control("max-age=60, public"), status), "status") << status;
  EXPECT_TRUE(keep(control("max-age=60"), 302));
  EXPECT_TRUE(keep(control("no-store, must-understand, max-age=60")));  // RFC 9111 §5.2.2.3
}

// CPDoS: what one client breaks must not stay broken for others, unless the route asks for it.
TEST(CacheRules, errors_are_kept_only_when_the_route_and_the_answer_say_so) {
  const CacheRules rules{.heuristic_most = Seconds(60), .errors = {404}};
  EXPECT_TRUE(keep(control("max-age=5"), 404, rules));
  EXPECT_FALSE(keep(control("max-age=5"), 400, rules));
  EXPECT_FALSE(keep({{"Last-Modified", at(-1000)}}, 404, rules));
}

TEST(CacheRules, cookies_are_never_kept_and_only_explicit_words_keep_their_answers) {
  EXPECT_EQ(why_not({{"Cache-Control", "max-age=60"}, {"Set-Cookie", "a=b"}}), "set-cookie");
  for (const auto* words :
       {"public, max-age=60", "max-age=60, private=\"set-cookie\"", "max-age=60, no-cache=\"Set-Cookie, X-Other\""}) {
    const auto kept = keep({{"Cache-Control", words}, {"Set-Cookie", "a=b"}, {"X-Kept", "1"}});
    ASSERT_TRUE(kept) << words;
    EXPECT_EQ(find_in(kept->headers, "set-cookie"), nullptr);
    EXPECT_NE(find_in(kept->headers, "x-kept"), nullptr);
  }
}

TEST(CacheRules, fields_that_are_named_are_left_out) {
  const auto kept = keep({{"Cache-Control", "max-age=60, private=\"X-User\""},
                          {"x-user", "ada"},
                          {"Age", "3"},
                          {"X-Request-Id", "1"},
                          {"Surrogate-Key", "a b"},
                          {"Cache-Tag", "c, d e"}});
  ASSERT_TRUE(kept);
  EXPECT_EQ(find_in(kept->headers, "x-user"), nullptr);
  EXPECT_EQ(find_in(kept->headers, "age"), nullptr);
  EXPECT_EQ(find_in(kept->headers, "x-request-id"), nullptr);
  EXPECT_EQ(kept->tags, (std::vector<std::string>{"a", "b", "c", "d e"}));
  EXPECT_EQ(*find_in(kept->headers, "date"), at(0));
}

TEST(CacheRules, only_three_words_let_the_authorised_share) {
  EXPECT_FALSE(keep(control("max-age=60"))->shared);
  for (const auto* words : {"max-age=60, public", "s-maxage=60", "max-age=60, must-revalidate"})
    EXPECT_TRUE(keep(control(words))->shared) << words;
}

TEST(CacheRules, age_counts_what_others_kept_it_for_and_the_way) {
  std::string_view why;
  const auto age_at = [&](HeaderList headers, Seconds way, Seconds later) {
    headers.emplace_back("Cache-Control", "max-age=60");
    const auto kept =
        keeping_of({.status = 200, .headers = std::move(headers), .body = {}}, {}, {kNow - way, kNow}, why);
    return kept->freshness.age(kNow + later).count();
  };
  EXPECT_EQ(age_at({}, Seconds(0), Seconds(0)), 0);
  EXPECT_EQ(age_at({}, Seconds(0), Seconds(7)), 7);
  EXPECT_EQ(age_at({{"Age", "10"}}, Seconds(0), Seconds(7)), 17);
  EXPECT_EQ(age_at({{"Age", "10"}}, Seconds(3), Seconds(7)), 20);
  EXPECT_EQ(age_at({{"Date", at(-30)}}, Seconds(0), Seconds(7)), 37);
  EXPECT_EQ(age_at({{"Date", at(-30)}, {"Age", "40"}}, Seconds(0), Seconds(0)), 40);
  EXPECT_EQ(age_at({{"Date", at(30)}}, Seconds(0), Seconds(5)), 5);  // the upstream's clock is fast
  EXPECT_EQ(age_at({}, Seconds(0), Seconds(-100)), 0);               // ours was set back
}

struct Case {
  const char* answer;
  const char* request;
  std::int64_t later;
  Use use;
};

TEST(CacheRules, what_may_be_done_with_it_follows_both_sides) {
  const Case cases[] = {
      {"max-age=60", "", 59, Use::fresh},
      {"max-age=60", "", 60, Use::ask},
      {"max-age=60", "no-cache", 1, Use::ask},
      {"max-age=60", "max-age=10", 10, Use::fresh},
      {"max-age=60", "max-age=10", 11, Use::ask},
      {"max-age=60", "max-age=0", 1, Use::ask},
      {"max-age=60", "min-fresh=20", 40, Use::fresh},
      {"max-age=60", "min-fresh=20", 41, Use::ask},
      {"max-age=60", "max-stale=5", 65, Use::stale_allowed},
      {"max-age=60", "max-stale=5", 66, Use::ask},
      {"max-age=60", "max-stale", 100'000, Use::stale_allowed},
      {"max-age=60, must-revalidate", "max-stale", 61, Use::ask},
      {"max-age=60, proxy-revalidate", "max-stale", 61, Use::ask},
      {"s-maxage=60", "max-stale", 61, Use::ask},
      {"max-age=60, no-cache", "", 1, Use::ask},
      {"max-age=60, stale-while-revalidate=10", "", 69, Use::stale_now},
      {"max-age=60, stale-while-revalidate=10", "", 70, Use::ask},
      {"max-age=60, stale-while-revalidate=10, must-revalidate", "", 61, Use::ask},
      {"max-age=60, stale-while-revalidate=10", "max-age=70", 65, Use::ask},
      {"max-age=60, stale-while-revalidate=10", "min-fresh=1", 65, Use::ask},
  };
  for (const auto& one : cases) {
    CacheControl asked;
    asked.add(one.request);
    EXPECT_EQ(use_of(keep(control(one.answer))->freshness, asked, kNow + Seconds(one.later)), one.use)
        << one.answer << " / " << one.request << " / " << one.later;
  }
}

TEST(CacheRules, errors_are_bridged_only_where_nothing_forbids_it) {
  const auto bridges = [](const char* answer, std::int64_t later, CacheRules rules = {}) {
    return bridges_error(keep(control(answer), 200, rules)->freshness, {}, kNow + Seconds(later));
  };
  EXPECT_TRUE(bridges("max-age=60, stale-if-error=30", 89));
  EXPECT_FALSE(bridges("max-age=60, stale-if-error=30", 90));
  EXPECT_FALSE(bridges("max-age=60", 61));
  EXPECT_TRUE(bridges("max-age=60", 61, {.stale_if_error = Seconds(30)}));
  EXPECT_FALSE(bridges("max-age=60, stale-if-error=0", 61, {.stale_if_error = Seconds(30)}));
  for (const auto* word : {"must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"})
    EXPECT_FALSE(bridges((std::string("max-age=60, stale-if-error=30, ") + word + ", public").c_str(), 61,
                         {.stale_if_error = Seconds(30)}))
        << word;
}

TEST(CacheRules, a_304_freshens_what_it_is_about) {
  const HeaderList kept{{"ETag", "\"1\""},
                        {"Cache-Control", "max-age=1"},
                        {"Content-Type", "text/plain"},
                        {"X-A", "old"},
                        {"Date", at(-100)}};
  const auto next = freshened(kept, {{"Cache-Control", "max-age=60"},
                                     {"Content-Type", "text/html"},
                                     {"Content-Length", "0"},
                                     {"X-A", "new"},
                                     {"X-B", "1"},
                                     {"Set-Cookie", "a=b"},
                                     {"Date", at(0)}});
  EXPECT_EQ(*find_in(next, "cache-control"), "max-age=60");
  EXPECT_EQ(*find_in(next, "content-type"), "text/plain");
  EXPECT_EQ(*find_in(next, "x-a"), "new");
  EXPECT_EQ(*find_in(next, "x-b"), "1");
  EXPECT_EQ(*find_in(next, "date"), at(0));
  EXPECT_EQ(find_in(next, "content-length"), nullptr);
  EXPECT_EQ(find_in(next, "set-cookie"), nullptr);
  EXPECT_TRUE(confirms(kept, {}));
  EXPECT_TRUE(confirms(kept, {{"ETag", "\"1\""}}));
  EXPECT_TRUE(confirms(kept, {{"ETag", "W/\"1\""}}));
  EXPECT_FALSE(confirms(kept, {{"ETag", "\"2\""}}));
  EXPECT_FALSE(confirms({{"Last-Modified", at(0)}}, {{"ETag", "\"2\""}}));
}

TEST(CacheRules, a_client_is_told_when_it_has_it_already) {
  const HeaderList kept{{"ETag", "\"1\""}, {"Last-Modified", at(-100)}};
  const auto has = [&](std::string_view name, std::string_view value, const HeaderList& headers) {
    net::Fields fields;
    fields.add({name, value, net::header_of(name)});
    return client_has(fields, headers);
  };
  EXPECT_TRUE(has("If-None-Match", "\"0\", W/\"1\"", kept));
  EXPECT_FALSE(has("If-None-Match", "\"0\"", kept));
  EXPECT_TRUE(has("If-Modified-Since", at(-100), kept));
  EXPECT_FALSE(has("If-Modified-Since", at(-101), kept));
  EXPECT_FALSE(has("If-Modified-Since", "yesterday", kept));
  EXPECT_FALSE(has("If-Modified-Since", at(0), {{"ETag", "\"1\""}}));
  net::Fields both;  // RFC 9110 §13.1.3: the date means nothing beside a tag
  both.add({"If-None-Match", "\"0\"", net::Header::if_none_match});
  const auto date = at(0);
  both.add({"If-Modified-Since", date, net::Header::other});
  EXPECT_FALSE(client_has(both, kept));
  const auto headers = not_modified_headers(
      {{"Content-Type", "a/b"}, {"Content-Location", "/x"}, {"ETag", "\"1\""}, {"Content-Length", "3"}});
  EXPECT_EQ(headers.size(), 2u);
}

}  // namespace
}  // namespace gatehouse::gateway
