// Every example of Okta's two reference pages, as they stand there (2026-08). Where a page contradicts itself, the row says so.
#include <gtest/gtest.h>

#include "expr/sample_context.h"

namespace gatehouse::expr {
namespace {

struct Row {
  const char* expression;
  const char* result;  // as JSON
};

void check(std::span<const Row> table) {
  const SampleContext context;
  const auto vocabulary = sample_vocabulary();
  for (const auto& row : table) {
    const auto expression = Expression::parse(row.expression, vocabulary);
    ASSERT_TRUE(expression) << row.expression << "\n" << expression.error().message();
    const auto result = expression->evaluate(context);
    ASSERT_TRUE(result) << row.expression << "\n" << result.error().message();
    EXPECT_EQ(to_text(*result), row.result) << row.expression;
    const auto again = Expression::parse(expression->canonical(), vocabulary);
    ASSERT_TRUE(again) << expression->canonical() << "\n" << again.error().message();
    EXPECT_EQ(again->canonical(), expression->canonical());
    EXPECT_EQ(to_text(again->evaluate(context).value()), row.result) << expression->canonical();
  }
}

TEST(Documented, attributes_of_user_app_org_and_session) {
  const Row table[] = {
      {"user.firstName", R"("John")"}, {"user.profile.firstName", R"("John")"}, {"user.id", R"("00u1")"}, {"user.status", R"("ACTIVE")"},
      {R"(user.getInternalProperty("id"))", R"("00u1")"}, {"user.getInternalProperty('status') == \"ACTIVE\"", "true"},
      {"zendesk.firstName", R"("Zoe")"}, {"appuser.firstName", R"("Jo")"}, {"appuser.entitlements.role", R"("admin")"},
      {"idpuser.subjectAltNameEmail", R"("jd@example.com")"}, {"org.subDomain", R"("acme")"}, {"app.clientId", R"("0oa1")"},
      {"app.profile.label", R"("My app")"}, {"session.amr", R"(["mfa","pwd","kba"])"}, {"access.scope", R"(["openid","profile"])"},
      {R"(String.replace(Arrays.toCsvString(access.scope),","," "))", R"("openid profile")"},
      {"security.risk.level == 'HIGH'", "true"}, {"security.behaviors.contains('New IP') && security.behaviors.contains('New Device')", "true"},
      {"device.profile.platform == 'MACOS'", "true"}, {"device.profile.osVersion.versionGreaterThan('14.2.1') == true", "true"},
      {"device.profile.osVersion.versionLessThan('14.9')", "false"}, {"device.provider.wsc.fireWall", R"("GOOD")"},
      {"user.getLinkedObject(\"manager\").lastName", R"("Gates")"}, {"user.getLinkedObject('mentor').lastName", "null"},
  };
  check(table);
}

TEST(Documented, string_functions) {
  const Row table[] = {
      {R"(String.append("This is", " a test"))", R"("This is a test")"},
      {R"(String.join(",", "This", "is", "a", "test"))", R"("This,is,a,test")"},
      {R"(String.join("", "This", "is", "a", "test"))", R"("Thisisatest")"},
      {R"(String.len("This"))", "4"},
      {R"(String.removeSpaces("This is a test"))", R"("Thisisatest")"},
      {R"(String.replace("This is a test", "is", "at"))", R"("That at a test")"},
      {R"(String.replaceFirst("This is a test", "is", "at"))", R"("That is a test")"},
      {R"(String.startsWith("Kiss", "K"))", "true"},
      {R"(String.stringContains("This is a test", "test"))", "true"},
      {R"(String.stringContains("This is a test", "doesn'tExist"))", "false"},
      {R"(String.stringSwitch("This is a test", "default", "key1", "value1"))", R"("default")"},
      {R"(String.stringSwitch("This is a test", "default", "test", "value1"))", R"("value1")"},
      {R"(String.stringSwitch("First match wins", "default", "absent", "value1", "wins", "value2", "match", "value3"))", R"("value2")"},
      {R"(String.stringSwitch("Substrings count", "default", "ring", "value1"))", R"("value1")"},
      {R"(String.substring("This is a test", 2, 9))", R"("is is a")"},
      {R"(String.substringAfter("abc@okta.com", "@"))", R"("okta.com")"},
      {R"(String.substringBefore("abc@okta.com", "@"))", R"("abc")"},
      {R"(String.toUpperCase("This"))", R"("THIS")"},
      {R"(String.toLowerCase("ThiS"))", R"("this")"},
      {"toUpperCase(source.firstName)", R"("ALEXANDER")"},
      {"toLowerCase(source.lastName)", R"("alexander")"},
      {"substringBefore(user.email, '@')", R"("john.doe")"},
      {"substringAfter(user.email, '@')", R"("okta.com")"},
      {"substring(source.firstName, 1, 4)", R"("lex")"},
      {"'test'.toUpperCase()", R"("TEST")"},
      {"user.profile.firstName.toUpperCase()", R"("JOHN")"},
      {"'TEST'.toLowerCase()", R"("test")"},
      {"'test'.substring(1)", R"("est")"},  // the page writes 'test.substring(1)'
      {"user.profile.firstName.substring(1,3)", R"("oh")"},
      {"'hello'.replace('l', 'p')", R"("heppo")"},
      {"user.profile.firstName.replace('ohn', 'ames')", R"("James")"},
      {"'hello'.replaceFirst('l', 'p')", R"("heplo")"},
      {"'test'.length()", "4"},
      {"'This is a test'.removeSpaces()", R"("Thisisatest")"},
      {"'This is a test'.contains('test')", "true"},
      {"'This is a test'.contains('Test')", "false"},
      {"user.profile.email.substringBefore('@')", R"("john.doe")"},
      {"user.profile.email.substringAfter('@')", R"("okta.com")"},
      {"user.profile.email.substringAfter('.')", R"("doe@okta.com")"},
  };
  check(table);
}

TEST(Documented, array_functions) {
  const Row table[] = {
      {"Arrays.add(user.arrayAttribute, 40)", "[10,20,30,40]"},
      {"Arrays.remove(user.arrayAttribute, 20)", "[10,30]"},
      {"Arrays.clear(user.arrayAttribute)", "[]"},
      {"Arrays.get({0, 1, 2}, 0)", "0"},
      {"Arrays.flatten(10, {20, 30}, 40)", "[10,20,30,40]"},
      {"Arrays.flatten('10, 20, 30, 40')", R"(["10","20","30","40"])"},  // the page does not say that these stay strings
      {"Arrays.contains({10, 20, 30}, 10)", "true"},
      {"Arrays.contains({10, 20, 30}, 50)", "false"},
      {"Arrays.size({10, 20, 30})", "3"},
      {"Arrays.size(NULL)", "0"},
      {"Arrays.isEmpty({10, 20})", "false"},
      {"Arrays.isEmpty(NULL)", "true"},
      {R"(Arrays.toCsvString({"This", "is", " a ", "test"}))", R"("This,is, a ,test")"},
      {"Arrays.contains('a, b', 'b')", "true"},
      {"user.profile.intArray.contains(3)", "true"},
      {"{1, 2, 3}.contains('one')", "false"},
      {"user.profile.strArray.size()", "2"},
      {"{}.isEmpty()", "true"},
      {"user.profile.strArray.add('zero')", R"(["one","two","zero"])"},
      {"{'one', 'two'}.add('two')", R"(["one","two","two"])"},
      {"user.profile.intArray.remove(1)", "[2,3]"},
      {"{2, 3}.remove(1)", "[2,3]"},
      {"{{1}, {2, 3}}.flatten()", "[1,2,3]"},
      {"user.profile.intArray.flatten()", "[1,2,3]"},
      {"{1, 2, 3}[0]", "1"},
      {"user.arrayAttribute[0]", "10"},
  };
  check(table);
}

TEST(Documented, conversions) {
  const Row table[] = {
      {"Convert.toInt('1234')", "1234"}, {"Convert.toInt(123.4)", "123"}, {"Convert.toInt(123.6)", "124"}, {"Convert.toNum('3.141')", "3.141E0"},
      {"user.profile.stringDouble.toInteger()", "1"}, {"'-2147483649'.toInteger()", "2147483647"}, {"user.profile.stringDouble.toNumber()", "1.1E0"},
      {"'1.7'.toNumber()", "1.7E0"}, {"1.1.toInteger()", "1"}, {"-1.6.toInteger()", "-2"}, {"2147483647.7.toInteger()", "-2147483648"},
      {R"(Iso3166Convert.toAlpha2("IND"))", R"("IN")"}, {R"(Iso3166Convert.toAlpha3("840"))", R"("USA")"},
      {R"(Iso3166Convert.toNumeric("USA"))", R"("840")"}, {R"(Iso3166Convert.toName("IN"))", R"("India")"},
      {"user.profile.country.parseCountryCode()", R"("US")"}, {"user.profile.countryAlpha2.parseCountryCode()", R"("US")"},
      {"user.profile.countryAlpha3.parseCountryCode()", R"("US")"}, {"'840'.parseCountryCode()", R"("US")"},
      {"'USA'.parseCountryCode().toAlpha2()", R"("US")"}, {"'840'.parseCountryCode().toAlpha3()", R"("USA")"},
      {"'United States'.parseCountryCode().toNumeric()", R"("840")"}, {"'US'.parseCountryCode().toName()", R"("United States")"},
  };
  check(table);
}

TEST(Documented, group_functions) {
  const Row table[] = {
      {R"(getFilteredGroups({"00gjitX9HqABSoqTB0g3"}, "group.name", 40))", R"(["Engineering Users"])"},
      {R"(getFilteredGroups(app.profile.groupallowlist, "group.name", 40))", R"(["Everyone","Engineering Users"])"},
      {R"(getFilteredGroups(app.profile.groupallowlist, "group.id", 1))", R"(["00gak46y5hydV6NdM0g4"])"},
      {R"(getFilteredGroups({"00gak46y5hydV6NdM0g4"}, "(group.objectClass[0] == 'okta:windows_security_principal') ? 'AD: ' + group.profile.windowsDomainQualifiedName : 'Okta: ' + group.name", 40))", R"(["Okta: Everyone"])"},
      {"isMemberOfGroupName('Everyone')", "true"}, {"isMemberOfGroupName('everyone')", "false"},
      {"isMemberOfGroup('00gjitX9HqABSoqTB0g3')", "true"}, {"isMemberOfGroup('00gother')", "false"},
      {"isMemberOfAnyGroup('00gother', '00gjitX9HqABSoqTB0g3')", "true"}, {"isMemberOfAnyGroup('00gother')", "false"},
      {"isMemberOfGroupNameStartsWith('West')", "true"}, {"isMemberOfGroupNameStartsWith('Coast')", "false"},
      {"isMemberOfGroupNameContains('Admin')", "true"}, {"isMemberOfGroupNameContains('admin')", "false"},
      {R"(isMemberOfGroupNameRegex("/.*Admin.*"))", "true"}, {R"(isMemberOfGroupNameRegex("Admin"))", "false"},
      {"user.getGroups({'group.id': {'00gjitX9HqABSoqTB0g3'}}, {'group.profile.name': 'West Coast.*'}).![id]", "[]"},
      {"user.getGroups({'group.id': {'00gjitX9HqABSoqTB0g3'}}, {'group.profile.name': 'Engineering.*'}).![id]", R"(["00gjitX9HqABSoqTB0g3"])"},
      {"user.getGroups({'group.type': {'OKTA_GROUP'}}, {'group.profile.name': {'Everyone', 'West Coast Admins'}}).![id]", R"(["00garwpuyxHaWOkdV0g4"])"},
      {"user.getGroups({'group.profile.name': 'East Coast.*'}).![id]", "[]"},
      {"user.getGroups({'group.type': {'OKTA_GROUP', 'APP_GROUP'}}).![id]",
       R"(["00g1emaKYZTWRYYRRTSK","00garwpuyxHaWOkdV0g4","00gjitX9HqABSoqTB0g3","00gnftmgQxC2L19j6I9c"])"},
      {"user.getGroups({'group.source.id': '0aae4be2456eb62f7c3d'} , {'group.profile.name': {'Engineering Users'}} ).![id]", R"(["00gjitX9HqABSoqTB0g3"])"},
      {R"(user.getGroups({"group.profile.name": "Everyone", "operator": "STARTS_WITH"}).![name])", R"(["Everyone"])"},
      {"user.getGroups({'group.profile.name': 'Everyone'}).![profile.name]", R"(["Everyone"])"},
      {"user.getGroups({'group.profile.name': 'Everyone'}).![type]", R"(["BUILT_IN"])"},
      {"user.getGroups({'group.profile.name': 'Everyone'}).![created]", R"(["2015-01-01T00:00:00.000Z"])"},
      {"user.getGroups({'group.profile.name': 'Everyone'}).![profile.description]", R"(["All users"])"},
      {"user.getGroups({'group.profile.name': 'Engineering'}).![profile.name]", R"(["Engineering Users","Engineering Users"])"},
      {"user.isMemberOf({'group.id': {'00gjitX9HqABSoqTB0g3', '00garwpuyxHaWOkdV0g4'}}, {'group.type': 'APP_GROUP'})", "true"},
      {"user.isMemberOf({'group.id': {'00gjitX9HqABSoqTB0g3', '00garwpuyxHaWOkdV0g4'}}, {'group.type': 'BUILT_IN'})", "false"},
      {"user.isMemberOf({'group.profile.name': 'West Coast', 'operator': 'STARTS_WITH' })", "true"},
      {"user.isMemberOf({'group.profile.name': 'West Coast', 'operator': 'EXACT' })", "false"},
      {"user.isMemberOf({'group.source.id': '0aae4be2456eb62f7c3d'} , {'group.profile.name': {'Engineering Users'}} )", "true"},
      {"user.isMemberOf({\"group.type\": {\"OKTA_GROUP\"}}, {\"group.profile.name\": \"West\", \"operator\": \"STARTS_WITH\"})", "true"},
      {R"(Groups.startsWith("OKTA", "TEST", 100) ?: {})", "[]"},
      {R"(Groups.startsWith("OKTA", "West", 10))", R"(["West Coast Users","West Coast Admins"])"},
      {R"(Groups.endsWith("OKTA", "Users", 1))", R"(["West Coast Users"])"},
      {R"(Groups.contains("active_directory", "gineer", 10))", R"(["Engineering Users"])"},
      {R"(Groups.contains("0a61c8dacb58b3c0716e", "Eng", 10))", R"(["Engineering Users"])"},
  };
  check(table);
}

TEST(Documented, time_functions) {
  const Row table[] = {
      {"Time.now()", R"("2015-07-31T17:18:37.979Z")"},
      {R"(Time.now("EST"))", R"("2015-07-31T13:18:37.979-04:00")"},
      {R"(Time.now("EST", "YYYY-MM-dd HH:mm:ss"))", R"("2015-07-31 13:18:37")"},
      {"Time.fromWindowsToIso8601('130828367179790000')", R"("2015-07-31T17:18:37.979Z")"},
      {"Time.fromUnixToIso8601('1438377580979')", R"("2015-07-31T21:19:40.979Z")"},
      {"Time.fromStringToIso8601('17 June 2015 00:23:19', 'dd MMMM yyyy HH:mm:ss')", R"("2015-06-17T00:23:19.000Z")"},
      {"Time.fromIso8601ToWindows('2015-07-30T23:58:32.000Z')", R"("130827743120000000")"},
      {"Time.fromIso8601ToUnix('2015-07-31T17:18:37.979Z')", R"("1438363117979")"},
      {"Time.fromIso8601ToString('2015-07-30T23:58:32.000Z', 'MM/dd/yyyy')", R"("07/30/2015")"},
      // From Okta's support page on derived dates.
      {R"(String.substring(Time.fromUnixToIso8601((Convert.toInt(String.substring(Time.fromIso8601ToUnix("2021-09-20" +"T00:00:00.000Z"),0,10)) + 31536000)+"000"),0,10))", R"("2022-09-20")"},
      {"DateTime.now()", R"("2015-07-31T17:18:37.979Z")"},
      {"'130828367179790000'.parseWindowsTime()", R"("2015-07-31T17:18:37.979Z")"},
      {"'1438377580979'.parseUnixTime()", R"("2015-07-31T21:19:40.979Z")"},
      {"'2015-06-17T00:23:19.676Z'.parseStringTime()", R"("2015-06-17T00:23:19.676Z")"},
      {"'17 June 2015 00:23:19'.parseStringTime('dd MMMM yyyy HH:mm:ss').toString()", R"("2015-06-17T00:23:19Z")"},
      {"user.created.toWindows()", R"("130827743120000000")"},
      {"DateTime.now().toUnix()", R"("1438363117979")"},
      {"user.created.toString()", R"("2015-07-30T23:58:32Z")"},
      {"user.created.toString('MM/dd/yyyy')", R"("07/30/2015")"},
      {"Time.now().toZone('Asia/Tokyo')", R"("2015-08-01T02:18:37.979+09:00[Asia/Tokyo]")"},
      {"user.created.plusDays(2)", R"("2015-08-01T23:58:32.000Z")"},
      {"user.created.plusHours(-1)", R"("2015-07-30T22:58:32.000Z")"},
      {"user.created.plusMinutes(0)", R"("2015-07-30T23:58:32.000Z")"},
      {"user.created.plusSeconds(0)", R"("2015-07-30T23:58:32.000Z")"},
      {"Time.now().minusDays(3)", R"("2015-07-28T17:18:37.979Z")"},
      {"Time.now().minusHours(100)", R"("2015-07-27T13:18:37.979Z")"},
      {"Time.now().minusMinutes(-1)", R"("2015-07-31T17:19:37.979Z")"},
      {"Time.now().minusSeconds(2)", R"("2015-07-31T17:18:35.979Z")"},
      {"user.created.withinDays(1)", "true"}, {"user.created.withinHours(100)", "true"},
      {"user.created.withinMinutes(2)", "false"}, {"user.created.withinSeconds(100)", "false"},
  };
  check(table);
}

TEST(Documented, managers_and_directories) {
  const Row table[] = {
      {R"(getManagerUser("active_directory").firstName)", R"("Bill")"},
      {R"(getManagerAppUser("active_directory", "google").firstName)", R"("Bill")"},
      {R"(getAssistantUser("active_directory").firstName)", R"("Bill")"},
      {R"(getAssistantAppUser("active_directory", "google").firstName)", R"("Bill")"},
      {"hasWorkdayUser() ? findWorkdayUser().employeeID : null", R"("123456")"},
      {"hasDirectoryUser() ? findDirectoryUser().managerUpn : null", "null"},  // two of them: none
      {"findDirectoryUser().managerUpn", "null"},
  };
  check(table);
}

TEST(Documented, conditions_and_popular_expressions) {
  const Row table[] = {
      {"'Hello world'", R"("Hello world")"}, {"1234", "1234"}, {"3.141", "3.141E0"}, {"true", "true"},
      {"user.firstName + \" \" + user.lastName", R"("John Doe")"},
      {"user.groupCode == 123 ? 'Sales' : 'Other'", R"("Sales")"},
      {R"(firstName + " " + (String.len(middleInitial) == 0 ? "" : (String.substring(middleInitial, 0, 1) + ". ")) + lastName)", R"("Alexander Q. AlexANDER")"},
      {R"((courtesyTitle != "" ? (courtesyTitle + " ") : honorificPrefix != "" ? (honorificPrefix + " ") : "") + firstName)", R"("Dr. Alexander")"},
      {R"(String.stringContains(user.department, "Sales"))", "true"}, {R"(user.city == "San Francisco")", "true"},
      {"user.salary >= 1000000", "true"}, {"!user.isContractor", "true"}, {"user.salary > 1000000 AND !user.isContractor", "true"},
      {R"(user.department matches "California-[a-zA-Z]+-Sales")", "true"},
      {R"(user.primaryPhone matches "(\+\d{1,2}\s)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}")", "true"},
      {"'ENGINEER' matches '(?i)engineer'", "true"},
      {R"(user.employeeNumber != "" AND user.employeeNumber != null ? user.employeeNumber : user.nonEmployeeNumber)", "null"},
      {"user.employeeNumber == null", "true"}, {R"(user.middleInitial == "")", "true"},
      {R"(winston.firstName + "." + winston.lastName)", R"("Winston.Churchill")"},
      {"substring(winston.firstName, 0, 1) + substring(winston.lastName, 0, 6)", R"("WChurch")"},
      {R"(toLowerCase(substring( winston.firstName, 0, 1)) + "." + toLowerCase(winston.lastName))", R"("w.churchill")"},
      {R"(toUpperCase(substringBefore( substringAfter(winston.email, "@"), ".")) + "\" + substringBefore( winston.email, "@"))", R"("GMAIL\\winston.churchill")"},
      {R"("XDOMAIN\" + toLowerCase(substring( winston.firstName, 0, 1)) + toLowerCase(winston.lastName))", R"("XDOMAIN\\wchurchill")"},
      {R"(user.profile.country == "United States")", "true"}, {"user.profile.intArray.contains(0)", "false"},
      {"user.profile.isContractor || user.created.withinSeconds(0)", "false"},
      {R"(user.profile.firstName + " " + (user.profile.middleInitial.length() == 0 ? "" : (user.profile.middleInitial.substring(0, 1) + ". ")) + user.profile.lastName)", R"("John Doe")"},
      {R"(user.profile.isContractor && user.isMemberOf({'group.profile.name': 'West Coast Users'}) ? "West coast contractors" : "Others")", R"("Others")"},
      {R"(Arrays.contains(user.favoriteColors, "blue"))", "true"},
      {"String.substring(idpuser.subjectCn, String.len(idpuser.subjectCn)-20, String.len(idpuser.subjectCn))", R"("0123456789abcdefghij")"},
      {"event.target.?[type eq 'UserGroup'].size()>0 && event.target.?[displayName eq 'Sales'].size()>0", "true"},
      {"event.target.?[type eq 'UserGroup' && displayName eq 'Ada'].size()>0", "false"},
  };
  check(table);
}

}  // namespace
}  // namespace gatehouse::expr
