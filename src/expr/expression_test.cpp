// What Okta's pages leave open, faults and their places, and what is not let in.
#include "expr/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "expr/sample_context.h"

namespace gatehouse::expr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Row {
  const char* expression;
  const char* result;
};

std::string evaluated(std::string_view text) {
  const SampleContext context;
  const auto expression = Expression::parse(text, sample_vocabulary());
  if (!expression) return "unread: " + expression.error().message();
  const auto result = expression->evaluate(context);
  return result ? to_text(*result) : "fault: " + result.error().message();
}

void check(std::span<const Row> table) {
  for (const auto& row : table) EXPECT_EQ(evaluated(row.expression), row.result) << row.expression;
}

TEST(Expression, operators_bind_as_in_spel) {
  const Row table[] = {
      {"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"7 - 2 - 1", "4"}, {"7 / 2", "3"}, {"7.0 / 2", "3.5E0"}, {"7 % 4", "3"}, {"-2 + 3", "1"}, {"- -2", "2"}, {"1 + +1", "2"},
      {"true || false && false", "true"}, {"not false and true", "true"}, {"!true || true", "true"}, {"1 < 2 && 2 <= 2", "true"},
      {"2 gt 1 and 1 lt 2 and 1 le 1 and 1 ge 1 and 1 ne 2 and 1 eq 1", "true"}, {"1 == 1.0", "true"}, {"'1' == 1", "false"}, {"'a' < 'b'", "true"},
      {"false ? 1 : true ? 2 : 3", "2"}, {"true ? false ? 1 : 2 : 3", "2"}, {"null ?: 'x'", R"("x")"}, {"'' ?: 'x'", R"("x")"}, {"'y' ?: 'x'", R"("y")"},
      {"null ?: null ?: 3", "3"}, {"{1, {2}} == {1, {2}}", "true"}, {"{1} == {2}", "false"}, {"'it''s'", R"("it's")"}, {"\"say \"\"hi\"\"\"", R"("say \"hi\"")"},
      {"'a' + 1 + true + 2.0", R"("a1true2.0")"}, {"1 + 2 + 'a'", R"("3a")"}, {"'\\n'", R"("\\n")"}, {"{'a': 1, b: {2}}", R"({"a":1,"b":[2]})"},
      {"{'a': 1}.a", "1"}, {"{'a': 1}['a']", "1"}, {"{:}", "{}"}, {"user?.firstName", R"("John")"}, {"{1,2,3}.![#this * 2]", "[2,4,6]"},
      {"{1,2,3}.?[#this > 1]", "[2,3]"}, {"{{1,2},{3}}.![#this.![#this + 1]]", "[[2,3],[4]]"}, {"user.big > 1", "true"}, {"user.half + 1", "1.5E0"},
      {"{'john.doe@okta.com', 'x'}.?[#this == user.email].size()", "1"}, {"TRUE and not False", "true"}, {"user . firstName\n\t+ 'x'", R"("Johnx")"},
  };
  check(table);
}

TEST(Expression, missing_attributes_are_null_and_null_goes_a_long_way) {
  const Row table[] = {
      {"user.nothing", "null"}, {"user.nothing.deeper.still", "null"}, {"user.profile.nothing.toUpperCase()", "null"}, {"user.nothing[0]", "null"},
      {"user.arrayAttribute[9]", "null"}, {"user.arrayAttribute[-1]", "null"}, {"user.address.zip", R"("94107")"}, {"user.address.town", "null"},
      {"user.nothing + 'x'", R"("x")"}, {"'x' + user.nothing", R"("x")"}, {"user.nothing + user.nothing", "null"}, {"user.nothing + 1", "null"},
      {"user.nothing == null", "true"}, {"user.nothing != null", "false"}, {"user.nothing > 1", "false"}, {"user.nothing <= 1", "false"},
      {"String.append(user.nothing, 'x')", R"("x")"}, {"String.toUpperCase(user.nothing)", "null"}, {"String.len(user.nothing)", "0"},
      {"String.stringContains(user.nothing, '')", "false"}, {"String.startsWith(user.nothing, '')", "false"}, {"String.stringSwitch(user.nothing, 'd', 'k', 'v')", R"("d")"},
      {"String.join('-', 'a', user.nothing, 'b')", R"("a--b")"}, {"Arrays.add(user.nothing, 1)", "[1]"}, {"Arrays.toCsvString(user.nothing)", "null"},
      {"Convert.toInt(user.nothing)", "null"}, {"Time.fromUnixToIso8601(user.nothing)", "null"}, {"Iso3166Convert.toName('XX')", "null"},
      {"user.nothing matches '.*'", "false"}, {"isMemberOfGroupName(user.nothing)", "false"}, {"isMemberOfGroupNameStartsWith('')", "false"},
      {"isMemberOfGroupNameContains(user.nothing)", "false"}, {"isMemberOfGroup('')", "false"}, {"isMemberOfGroupNameRegex('')", "false"},
      {"user.isMemberOf({'group.profile.name': user.nothing})", "false"}, {"user.isMemberOf({'group.profile.name': ''})", "false"},
      {"getFilteredGroups(user.nothing, 'group.name', 5)", "[]"}, {"Groups.startsWith('OKTA', '', 5)", "null"}, {"user.lastUpdated", "null"},
  };
  check(table);
}

TEST(Expression, texts_are_counted_in_characters_and_places_are_cut_to_the_text) {
  const Row table[] = {
      {"String.len('Zoë Müller')", "10"}, {"String.toUpperCase('žluťoučký ñandú αβγ привет')", "\"ŽLUŤOUČKÝ ÑANDÚ ΑΒΓ ПРИВЕТ\""},
      {"String.toLowerCase('ÅNGSTRÖM ΑΒΓ ПРИВЕТ')", "\"ångström αβγ привет\""}, {"String.toUpperCase('straße')", "\"STRAßE\""}, {"'Žofie'.substring(0, 1)", "\"Ž\""},
      {"String.substring('abc', 1, 99)", R"("bc")"}, {"String.substring('abc', -5, 2)", R"("ab")"}, {"String.substring('abc', 2, 1)", R"("")"}, {"String.len('日本語😀')", "4"},
      {"String.substringBefore('abc', '@')", R"("abc")"}, {"String.substringAfter('abc', '@')", R"("")"}, {"String.replace('abc', '', 'x')", R"("abc")"},
      {"String.endsWith('abc', 'bc')", "true"}, {"'abc'.startsWith('b')", "false"}, {"String.stringSwitch('k', 'd', 'k', null)", "null"},
      {"Iso3166Convert.toName('ci')", "\"Côte d'Ivoire\""}, {"Iso3166Convert.toNumeric(4)", R"("004")"}, {"'bolivia'.parseCountryCode().toAlpha2()", R"("BO")"},
  };
  check(table);
}

TEST(Expression, time_patterns_are_those_of_joda_time) {
  const Row table[] = {
      {"Time.fromIso8601ToString('2015-01-05T15:04:05.678Z', 'G C YYYY yy x w e E EEEE y D M MM MMM MMMM d dd a K h hh H k m s S SSS Z ZZ ZZZ z')",
       R"("AD 20 2015 15 2015 2 1 Mon Monday 2015 5 1 01 Jan January 5 05 PM 3 3 03 15 15 4 5 6 678 +0000 +00:00 UTC UTC")"},
      {"Time.fromIso8601ToString('2016-01-01T00:00:00Z', \"x-'W'ww hh 'o''clock' k\")", R"("2015-W53 12 o'clock 24")"},
      {"Time.now('America/New_York', 'z ZZ ZZZ XXX')", R"("EDT -04:00 America/New_York -04:00")"}, {"Time.now('+05:30')", R"("2015-07-31T22:48:37.979+05:30")"},
      {"Time.now('PST')", R"("2015-07-31T10:18:37.979-07:00")"}, {"Time.now('US/Pacific-New', 'HH')", R"("10")"}, {"Time.now(null, 'yyyy')", R"("2015")"},
      {"Time.fromStringToIso8601('20150617', 'yyyyMMdd')", R"("2015-06-17T00:00:00.000Z")"}, {"Time.fromStringToIso8601('6/7/15 1:02 pm', 'M/d/yy h:mm a')", R"("2015-06-07T13:02:00.000Z")"},
      {"Time.fromStringToIso8601('2015-06-17 10:00 +0200', 'yyyy-MM-dd HH:mm Z')", R"("2015-06-17T08:00:00.000Z")"}, {"Time.fromStringToIso8601('Wed, 17 jun 2015', 'EEE, dd MMM yyyy')", R"("2015-06-17T00:00:00.000Z")"},
      {"Time.fromStringToIso8601('2015-07-01 12:00 Europe/Berlin', 'yyyy-MM-dd HH:mm ZZZ')", R"("2015-07-01T10:00:00.000Z")"}, {"Time.fromStringToIso8601('2015-365', 'yyyy-DDD')", R"("2015-12-31T00:00:00.000Z")"},
      {"Time.fromStringToIso8601('12:30:15.25', 'HH:mm:ss.SSS')", R"("2000-01-01T12:30:15.250Z")"}, {"Time.fromIso8601ToUnix('2015-07-31T19:18:37+02:00')", R"("1438363117000")"},
      {"Time.fromIso8601ToUnix('2015-07-31')", R"("1438300800000")"}, {"DateTime.now().toZone('EST').toString('HH:mm')", R"("13:18")"}, {"user.created < DateTime.now()", "true"},
      {"DateTime.now().plusDays(30).withinDays(29)", "false"}, {"user.created.withinDays(-1)", "false"},
  };
  check(table);
}

// Okta's own claim `sub` of every custom authorization server.
TEST(Expression, whether_there_is_somebody_can_be_asked) {
  EXPECT_EQ(evaluated("(user != null) ? user.email : 'nobody'"), evaluated("user.email"));
  EXPECT_EQ(evaluated("user == null"), "false");
  EXPECT_EQ(evaluated("(idpuser != null) ? 'x' : 'none'"), evaluated("idpuser == null ? 'none' : 'x'"));
}

TEST(Expression, a_profile_attribute_never_passes_for_a_property_of_the_user) {
  EXPECT_EQ(evaluated("user.status"), R"("ACTIVE")");
  EXPECT_EQ(evaluated("user.profile.status"), R"("SPOOFED")");
}

struct Fault_ {
  const char* expression;
  std::size_t line, column;
  const char* says;
};

TEST(Expression, what_cannot_be_read_is_told_with_its_place) {
  const Fault_ table[] = {
      {"", 1, 1, "empty"}, {"  ", 1, 1, "empty"}, {"user.firstName +", 1, 17, "ends too early"}, {"user.firstName = 'x'", 1, 16, "compare with =="},
      {"'abc", 1, 1, "not closed"}, {"1 2", 1, 3, "operator or a comma missing"}, {"(1", 1, 3, "expected ')'"}, {"1)", 1, 2, "closes nothing"},
      {"'ü' +\n  usr.email", 2, 3, "did you mean 'user'?"}, {"String.uppercase('x')", 1, 1, "no function String.uppercase()"},
      {"String.toUppercase('x')", 1, 1, "did you mean"}, {"Groups.startWith('OKTA', 'x', 1)", 1, 1, "did you mean Groups.startsWith()?"}, {"foo('x')", 1, 1, "no function foo()"},
      {"'x'.toUper()", 1, 5, "no function .toUper()"}, {"String.len()", 1, 1, "0 arguments given; write String.len(text)"}, {"String.len('a', 'b')", 1, 1, "2 arguments given"},
      {"user", 1, 1, "name an attribute"}, {"user[0]", 1, 1, "name an attribute"}, {"user.profile", 1, 6, "name an attribute"}, {"user.profile['email']", 1, 6, "name an attribute"}, {"user.", 1, 6, "expected a name"}, {"true ? 1", 1, 9, "expected ':'"},
      {"1 < 2 < 3", 1, 7, "cannot be chained"}, {"new Date()", 1, 1, "constructors"}, {"T(java.lang.Runtime)", 1, 1, "type references"}, {"@bean", 1, 1, "bean and variable"},
      {"#var", 1, 1, "bean and variable"}, {"#this", 1, 1, "means nothing elsewhere"}, {"#thisx", 1, 1, "variable references"}, {"user.salary between {1, 2}", 1, 13, "not part of the language"}, {"'a' instanceof x", 1, 5, "not part"},
      {"1++", 1, 2, "++"}, {"--1", 1, 2, "-- is not"}, {"'a' matches '('", 1, 13, "regular expression"}, {"'a' matches '(a)\\1'", 1, 13, "back references"},
      {"isMemberOfGroupNameRegex('(?=x)')", 1, 26, "look-around"}, {"{1, 'a': 2}", 1, 8, "a list cannot have keys"}, {"{'a': 1, 2}", 1, 11, "needs a key"}, {"99999999999999999999", 1, 1, "too large"},
      {"getFilteredGroups({'x'}, 'group.', 5)", 1, 26, "in the expression about the group, at character 7"}, {"getFilteredGroups({'x'}, 'user.email', 5)", 1, 26, "'user' is not known here"},
      {"user.getStuff()", 1, 6, "no function user.getStuff()"}, {"a; b", 1, 2, "statements"}, {"\xE2\x80\x9Chi\xE2\x80\x9D", 1, 1, "typographic"}, {"String.len", 1, 11, "expected '('"},
      {"\xFF", 1, 1, "UTF-8"}, {"1 & 2", 1, 3, "write &&"}, {"'a'.![", 1, 7, "ends too early"}, {"{1,}", 1, 4, "closes nothing"},
  };
  for (const auto& row : table) {
    Position where;
    const auto made = Expression::parse(row.expression, Vocabulary::claims(), &where);
    ASSERT_FALSE(made) << row.expression;
    EXPECT_EQ(made.error().fault(), Fault::invalid);
    EXPECT_THAT(made.error().message(), HasSubstr(row.says)) << row.expression;
    EXPECT_EQ(std::pair(where.line, where.column), std::pair(row.line, row.column)) << row.expression << "\n" << made.error().message();
  }
}

TEST(Expression, what_cannot_be_evaluated_is_told_with_its_place) {
  const Fault_ table[] = {
      {"user.firstName ? 1 : 2", 1, 6, "a string, and must be true or false"}, {"!user.nothing", 1, 7, "null"}, {"true && user.firstName", 1, 14, "true or false"},
      {"1 +\n 1 / 0", 2, 4, "division by zero"}, {"9223372036854775807 + 1", 1, 21, "too large"}, {"-9223372036854775807 - 2", 1, 22, "too large"}, {"'a' < 1", 1, 5, "cannot be compared"},
      {"'a' * 2", 1, 5, "needs two numbers"}, {"{1} + {2}", 1, 5, "Arrays.flatten"}, {"user.email.toInteger()", 1, 12, "not a number"}, {"'123This is a test'.toNumber()", 1, 21, "not a number"},
      {"'inf'.toNumber()", 1, 7, "not a number"}, {"user.email.length.size", 1, 12, "no attribute 'length'"}, {"event.target.type", 1, 14, "take one element with [0]"}, {"1.0 / 0", 1, 5, "not a number"},
      {"Time.now('Mars/Base')", 1, 1, "not a known time zone"}, {"Time.now('../../etc/passwd')", 1, 1, "not a known time zone"}, {"Time.now('UTC', 'qq')", 1, 1, "means nothing in a time pattern"},
      {"Time.fromStringToIso8601('x', 'yyyy')", 1, 1, "does not fit its pattern at character 1"}, {"'2015-02-30'.parseStringTime()", 1, 14, "no such day"}, {"user.created.plusDays(99999999999)", 1, 14, "years 0 to 9999"},
      {"Time.fromUnixToIso8601('')", 1, 1, "not a whole number"}, {"user.getGroups('x')", 1, 6, "look like"}, {"user.getGroups({'group.name': 'x'})", 1, 6, "cannot be searched"},
      {"user.getGroups({'group.id': 'x', 'operator': 'EXACT'})", 1, 6, "group.profile.name only"}, {"user.getGroups({'group.profile.name': 'x', 'operator': 'LIKE'})", 1, 6, "'EXACT' or 'STARTS_WITH'"},
      {"getFilteredGroups({'00gak46y5hydV6NdM0g4'}, 'group.name * 2', 1)", 1, 1, "at character 12"}, {"getFilteredGroups({'x'}, 'group.name', 0)", 1, 1, "limit of 1 or more"},
      {"String.stringSwitch('a', 'b', 'c')", 1, 1, "pairs"}, {"user.getInternalProperty('password')", 1, 6, "knows \"id\" and \"status\""}, {"'a' matches user.email + '('", 1, 5, "regular expression"},
      {"user.getLinkedObject('manager')", 1, 6, "the result is a user"}, {"{getManagerUser('active_directory')}", 1, 1, "the result is a user"},
      {"user.firstName[0]", 1, 15, "a string has no element [0]"}, {"String.substring('a', 'b', 'c')", 1, 1, "needs an integer, and got a string"}, {"{1}.toString()", 1, 5, "cannot be used as text"},
  };
  const SampleContext context;
  for (const auto& row : table) {
    const auto made = Expression::parse(row.expression, sample_vocabulary());
    ASSERT_TRUE(made) << row.expression << "\n" << made.error().message();
    Position where;
    const auto result = made->evaluate(context, {}, &where);
    ASSERT_FALSE(result) << row.expression << " gave " << to_text(*result);
    EXPECT_EQ(result.error().fault(), Fault::invalid);
    EXPECT_THAT(result.error().message(), HasSubstr(row.says)) << row.expression;
    EXPECT_EQ(std::pair(where.line, where.column), std::pair(row.line, row.column)) << row.expression << "\n" << result.error().message();
  }
}

TEST(Expression, conditions_hold_only_for_true) {
  const SampleContext context;
  const auto holds = [&](std::string_view text) { return Expression::parse(text, Vocabulary::claims()).value().holds(context); };
  EXPECT_TRUE(holds("user.hasBadge").value());
  EXPECT_FALSE(holds("user.isContractor").value());
  EXPECT_FALSE(holds("user.nothing").value());
  EXPECT_FALSE(holds("'true'"));
  EXPECT_FALSE(holds("1"));
}

TEST(Expression, a_vocabulary_decides_what_can_be_said_where) {
  const auto unread = [](std::string_view text, const Vocabulary& vocabulary) {
    const auto made = Expression::parse(text, vocabulary);
    return made ? std::string() : made.error().message();
  };
  const auto rules = Vocabulary::group_rules().with_attributes("user", {"email", "hasBadge", "favoriteColors", "yearJoined"});
  for (const auto* good : {"user.hasBadge", "String.stringContains(user.email, \"@example.com\")", "Arrays.contains(user.favoriteColors, \"blue\")",
                           "user.getInternalProperty(\"status\") == \"ACTIVE\"", "isMemberOfGroupName('x') OR user.profile.hasBadge"})
    EXPECT_EQ(unread(good, rules), "") << good;
  EXPECT_THAT(unread("Convert.toInt(\"2018\") == user.yearJoined", rules), HasSubstr("Convert.toInt() is not available"));
  EXPECT_THAT(unread("Time.now() == 'x'", rules), HasSubstr("not available"));
  EXPECT_THAT(unread("user.status == 'ACTIVE'", rules), HasSubstr("getInternalProperty"));
  EXPECT_THAT(unread("user.emial == 'x'", rules), HasSubstr("did you mean 'email'?"));
  EXPECT_THAT(unread("user.profile.emial == 'x'", rules), HasSubstr("did you mean 'email'?"));
  EXPECT_THAT(unread("app.id == 'x'", rules), HasSubstr("'app' is not known here"));
  EXPECT_THAT(unread("zendesk.firstName", Vocabulary::claims()), HasSubstr("not known here"));
  EXPECT_EQ(unread("zendesk.firstName", Vocabulary::mappings().with_root("zendesk")), "");
  EXPECT_THAT(unread("Groups.contains('OKTA', 'x', 1)", Vocabulary::mappings()), HasSubstr("not available"));
  EXPECT_EQ(unread("security.risk.level == 'HIGH'", Vocabulary::policies()), "");
  EXPECT_EQ(unread("event.target.?[type eq 'UserGroup'].size() > 0", Vocabulary::event_filters()), "");
  EXPECT_THAT(unread("user.email", Vocabulary::event_filters()), HasSubstr("not known here"));
}

TEST(Expression, tells_what_it_will_ask_for) {
  const auto needs = Expression::parse("user.email + app.id + user.getLinkedObject('manager').x + user.getLinkedObject(user.y).x", sample_vocabulary()).value().needs();
  EXPECT_THAT(needs.roots, ElementsAre("app", "user"));
  EXPECT_THAT(needs.linked, ElementsAre("", "manager"));
  EXPECT_FALSE(needs.groups || needs.managers || needs.directories);
  EXPECT_TRUE(Expression::parse("isMemberOfGroupName('x')", sample_vocabulary())->needs().groups);
  EXPECT_TRUE(Expression::parse("hasWorkdayUser()", sample_vocabulary())->needs().directories);
}

TEST(Expression, is_evaluated_by_many_threads_at_once) {
  const SampleContext context;
  const auto expression = Expression::parse("user.email matches '.*@okta[.]com' && isMemberOfGroupNameRegex('West.*') ? Time.now('EST') : 'no'", sample_vocabulary()).value();
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 200; ++n) good += expression.evaluate(context).value().as_string() == "2015-07-31T13:18:37.979-04:00" ? 1 : 0;
      });
  }
  EXPECT_EQ(good, 800);
}

}  // namespace
}  // namespace gatehouse::expr
