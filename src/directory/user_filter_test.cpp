#include "directory/user_filter.h"

#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

TEST(UserFilter, values_become_parameters) {
  const auto made = compile_user_filter(R"(status eq "ACTIVE" and (profile.login eq "Ada@Example.com" or id eq "x"))", 4);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->sql, "u.status = $4 and (u.login_folded = $5 or u.id = $6)");
  EXPECT_EQ(std::get<std::string>(made->params.at(1).value()), "ada@example.com");
}

TEST(UserFilter, words_are_understood_in_any_case_and_values_may_hold_quotes) {
  const auto made = compile_user_filter(R"(NOT (profile.lastName SW "O\"%_x") OR lastUpdated Gt "2026-01-01T00:00:00.000Z")", 1);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->sql, "not (u.last_folded like $1 escape '\\') or u.updated > $2");
  EXPECT_EQ(std::get<std::string>(made->params.at(0).value()), R"(o"\%\_x%)");
}

TEST(UserFilter, everything_else_is_refused) {
  std::string deep;
  for (std::size_t i = 0; i < kFilterDepthMax + 2; ++i) deep += "(";
  std::string many = R"(id eq "a")";
  for (std::size_t i = 0; i < kFilterComparisonsMax; ++i) many += R"( or id eq "a")";
  for (const auto& text :
       {std::string(""), std::string("status"), std::string("status eq"), std::string("status eq ACTIVE"), std::string(R"(status ne "ACTIVE")"),
        std::string(R"(Status eq "ACTIVE")"), std::string(R"(profile.shoe eq "42")"), std::string(R"(status eq "ACTIVE)"),
        std::string(R"(status eq "ACTIVE" and)"), std::string(R"((status eq "ACTIVE")"), std::string(R"(status eq "ACTIVE"))"),
        std::string(R"(status eq "A" status eq "B")"), std::string(R"(lastUpdated gt "yesterday")"), std::string(R"(status gt "A")"),
        std::string(R"(id eq "a\)"), std::string(R"(not status eq "A")"), std::string("id eq \"a\"; drop table users"),
        std::string("id eq \"\\u0000\""), deep, many, std::string(kFilterBytesMax + 1, ' ')}) {
    const auto made = compile_user_filter(text, 1);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().fault(), Fault::invalid);
  }
}

class UserFilterSpec : public DirectoryTest {
 protected:
  std::vector<std::string> logins(std::string query, std::string filter) {
    std::vector<std::string> found;
    auto listed = run(users->list({}, std::move(query), std::move(filter)));
    if (!listed) return {listed.error().message()};
    for (const auto& user : *listed) found.push_back(user.profile.login);
    std::ranges::sort(found);
    return found;
  }
};

using Logins = std::vector<std::string>;

TEST_P(UserFilterSpec, finds_what_it_says) {
  given_user("ada@example.com");
  clock.advance(Seconds(10));
  const auto later = to_iso8601(clock.now());
  const auto bob = given_user("Bob@Example.com");
  ASSERT_TRUE(run(users->suspend(bob.id, cause)));

  EXPECT_EQ(logins("", R"(status eq "SUSPENDED")"), (Logins{"Bob@Example.com"}));
  EXPECT_EQ(logins("", R"(profile.login eq "bob@example.com")"), (Logins{"Bob@Example.com"}));
  EXPECT_EQ(logins("", R"(profile.login co "EXAMPLE")"), (Logins{"Bob@Example.com", "ada@example.com"}));
  EXPECT_EQ(logins("", R"(profile.login co "%")"), Logins{});
  EXPECT_EQ(logins("", "lastUpdated lt \"" + later + "\""), (Logins{"ada@example.com"}));
  EXPECT_EQ(logins("", R"(not (status eq "ACTIVE") and activated pr)"), (Logins{"Bob@Example.com"}));
  EXPECT_EQ(logins("", "id eq \"" + bob.id.str() + "\" or profile.email eq \"ada@example.com\""),
            (Logins{"Bob@Example.com", "ada@example.com"}));
}

TEST_P(UserFilterSpec, a_query_is_a_prefix_of_a_name_or_address) {
  given_user("ada@example.com");
  given_user("bob@example.com");
  EXPECT_EQ(logins("bo", ""), (Logins{"bob@example.com"}));
  EXPECT_EQ(logins("LOVE", ""), (Logins{"ada@example.com", "bob@example.com"}));
  EXPECT_EQ(logins("example", ""), Logins{});
  EXPECT_EQ(logins("_da", ""), Logins{});
}

INSTANTIATE_TEST_SUITE_P(Everywhere, UserFilterSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
