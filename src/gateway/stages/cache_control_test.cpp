// The words of Cache-Control, Age, Vary and entity tags, good and bad.
#include "gateway/stages/cache_control.h"

#include <gtest/gtest.h>

namespace gatehouse::gateway {
namespace {

CacheControl read(std::initializer_list<std::string_view> lines) {
  CacheControl control;
  for (const auto line : lines) control.add(line);
  return control;
}
using Names = std::vector<std::string>;

TEST(CacheControl, its_words_are_read_in_any_case_and_on_any_line) {
  const auto control =
      read({"Public, MAX-AGE=60 , s-maxage=\"30\"", ",, stale-while-revalidate=5,unknown=\"a, b\"", "must-understand"});
  EXPECT_TRUE(control.is_public && control.must_understand && !control.malformed);
  EXPECT_EQ(control.max_age, Seconds(60));
  EXPECT_EQ(control.s_maxage, Seconds(30));
  EXPECT_EQ(control.stale_while_revalidate, Seconds(5));
  EXPECT_FALSE(read({}).present);
  EXPECT_FALSE(read({" , "}).present);
}

TEST(CacheControl, of_two_words_the_narrower_one_holds) {
  EXPECT_EQ(read({"max-age=60, max-age=10", "max-age=3600"}).max_age, Seconds(10));
  EXPECT_EQ(read({"min-fresh=5", "min-fresh=7"}).min_fresh, Seconds(7));
  EXPECT_EQ(read({"max-stale, max-stale=7"}).max_stale, Seconds(7));
  EXPECT_EQ(read({"max-stale"}).max_stale, Seconds(kDeltaMax));
  const auto both = read({"public, private, no-cache=\"A\", no-cache"});
  EXPECT_TRUE(both.is_private && both.no_cache);
}

TEST(CacheControl, fields_can_be_named_and_bad_names_mean_the_whole_answer) {
  const auto named = read({"private=\"X-User, set-cookie\", no-cache=X-Token"});
  EXPECT_FALSE(named.is_private || named.no_cache);
  EXPECT_EQ(named.withheld, (Names{"x-user", "set-cookie", "x-token"}));
  EXPECT_TRUE(read({"private=\"\""}).is_private);
  EXPECT_TRUE(read({"private=\"a b\""}).is_private);
  EXPECT_TRUE(read({"no-cache=\" , \""}).no_cache);
}

TEST(CacheControl, what_cannot_be_read_is_malformed) {
  for (const auto* text : {"max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=0x10", "max-age=1 2",
                           "max-age=\"60", "max-age= 60", "max-age=6\"0\"", "=5", "@", "max-age=60; public",
                           "public=\"yes\"", "s-maxage=soon", "stale-if-error=x", "a=\"\x01\"", "a=\"\\"})
    EXPECT_TRUE(read({text}).malformed) << text;
  std::string many;
  for (int i = 0; i < 100; ++i) many += "a,";
  EXPECT_TRUE(read({many}).malformed);
  // What was said before the fault still holds.
  EXPECT_TRUE(read({"no-store, max-age=x"}).no_store);
}

TEST(CacheControl, numbers_beyond_all_bounds_are_cut) {
  EXPECT_EQ(delta_seconds("99999999999999999999999999"), Seconds(kDeltaMax));
  EXPECT_EQ(delta_seconds("0"), Seconds(0));
  EXPECT_EQ(delta_seconds("007"), Seconds(7));
  for (const auto* text : {"", " 1", "1 ", "+1", "1e3", "１"}) EXPECT_FALSE(delta_seconds(text)) << text;
  EXPECT_FALSE(delta_seconds(std::string(101, '1')));
}

TEST(CacheFields, names_of_vary_are_put_in_order) {
  EXPECT_EQ(vary_names({{"Vary", "Cookie, accept-ENCODING"}, {"vary", "cookie,,"}}),
            (Names{"accept-encoding", "cookie"}));
  EXPECT_EQ(vary_names({}), Names{});
  for (const auto* text : {"*", "Cookie, *", "a b", "a;b", "\"a\""}) EXPECT_FALSE(vary_names({{"Vary", text}})) << text;
  std::string many;
  for (int i = 0; i < 20; ++i) many += "a" + std::to_string(i) + ",";
  EXPECT_FALSE(vary_names({{"Vary", many}}));
}

TEST(CacheFields, the_largest_age_counts_and_a_bad_one_is_told) {
  EXPECT_EQ(age_of({}), Seconds(0));
  EXPECT_EQ(age_of({{"Age", "5"}, {"age", "9"}}), Seconds(9));
  EXPECT_FALSE(age_of({{"Age", "5"}, {"Age", "x"}}));
  EXPECT_FALSE(age_of({{"Age", "5, 6"}}));
}

TEST(CacheFields, dates_that_differ_are_none) {
  const std::string one = "Sun, 06 Nov 1994 08:49:37 GMT", other = "Sun, 06 Nov 1994 08:49:38 GMT";
  EXPECT_TRUE(date_field({{"Expires", one}, {"expires", one}}, "expires").value);
  const auto both = date_field({{"Expires", one}, {"Expires", other}}, "expires");
  EXPECT_TRUE(both.present && !both.value);
  EXPECT_TRUE(date_field({{"Expires", "0"}}, "expires").present);
  EXPECT_FALSE(date_field({}, "expires").present);
}

TEST(EntityTags, are_found_in_lists_by_weak_comparison) {
  EXPECT_TRUE(lists_entity_tag("\"a\", W/\"b\"", "\"b\""));
  EXPECT_TRUE(lists_entity_tag("\"b\"", "W/\"b\""));
  EXPECT_TRUE(lists_entity_tag(" * ", "\"x\""));
  EXPECT_TRUE(lists_entity_tag("\"a,b\" ,, \"c\"", "\"a,b\""));
  for (const auto* list : {"", "b", "\"b", "\"b\" x", "w/\"b\"", "\"bb\"", "\"b\" \"c\""})
    EXPECT_FALSE(lists_entity_tag(list, "\"b\"")) << list;
  EXPECT_TRUE(is_entity_tag("W/\"\""));
  for (const auto* tag : {"", "\"", "a", "\"a b\"", "W/a", "\"a\"b\""}) EXPECT_FALSE(is_entity_tag(tag)) << tag;
}

}  // namespace
}  // namespace gatehouse::gateway
