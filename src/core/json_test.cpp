// JSON documents and the Reader: all faults at once, and no document that two readers could read differently.
#include "core/json.h"

#include <gtest/gtest.h>

namespace gatehouse {
namespace {

TEST(ParseJson, refuses_what_two_readers_may_read_differently) {
  for (const auto* text : {"", "{", "{} x", "{\"a\":1,\"a\":2}", "{\"x\":{\"a\":1,\"\\u0061\":2}}", "[1,]", "{'a':1}", "// c\n{}", "nan", "{\"a\":{\"x\":1,\"y\":2},\"a\":{}}",
                           "{\"a\":{},\"a\":{\"x\":1}}", "[[{\"b\":[],\"c\":{},\"b\":[{\"c\":1}]}]]"})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_TRUE(parse_json("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}"));
}

TEST(ParseJson, keeps_every_kind_of_value_as_it_was) {
  const std::string text = R"({"k\u00e9\ny":"a\tb\"","n":[null,true,false,-1,18446744073709551615,1.5E0,""],"o":{"":{}}})";
  const auto value = parse_json(text).value();
  EXPECT_EQ(to_text(value), R"({"ké\ny":"a\tb\"","n":[null,true,false,-1,18446744073709551615,1.5E0,""],"o":{"":{}}})");
  for (const auto* scalar : {"1", "\"x\"", "null", "[]", "{}"}) EXPECT_EQ(to_text(parse_json(scalar).value()), scalar);
}

TEST(ParseJson, has_a_depth_limit) {
  EXPECT_TRUE(parse_json(std::string(20, '[') + std::string(20, ']')));
  EXPECT_FALSE(parse_json(std::string(10'000, '[') + std::string(10'000, ']')));
}

struct Person {
  std::string name;
  std::int64_t age;
  static Result<Person> read(Reader in) {
    auto name = in.required<std::string>("name");
    auto age = in.optional("age", std::int64_t{7});
    auto home = in.object("home");
    auto street = home.required<std::string>("street");
    GH_DO(home.done());
    GH_DO(in.done());
    return Person{*name, age};
  }
};

std::string fault_of(std::string_view text) {
  const auto body = parse_json(text).value();
  auto person = Person::read(Reader(body));
  return person ? "" : person.error().message();
}

TEST(ReaderSpec, reads_what_is_right) { EXPECT_EQ(fault_of(R"({"name":"Ada","home":{"street":"x"}})"), ""); }

TEST(ReaderSpec, names_every_fault_with_its_place) {
  EXPECT_EQ(fault_of(R"({"age":"old","home":{"streat":"x"}})"),
            "name: is required; age: must be a whole number; home.street: is required; home.streat: is not known here");
}

TEST(ReaderSpec, wants_an_object) { EXPECT_NE(fault_of("[]").find("body: must be a JSON object"), std::string::npos); }

TEST(ReaderSpec, parses_into_types_and_keeps_their_words) {
  const auto body = parse_json(R"({"n":"x"})").value();
  Reader in(body);
  auto number = in.required("n", [](std::string_view) -> Result<int> { return failure(Fault::invalid, "must be blue"); });
  EXPECT_FALSE(number);
  EXPECT_EQ(in.done().error().message(), "n: must be blue");
}

}  // namespace
}  // namespace gatehouse
