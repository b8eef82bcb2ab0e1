// The command line, word by word.
#include "app/cli.h"

#include <gtest/gtest.h>

namespace gatehouse::app {
namespace {

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), "gatehouse");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}
int code_of(std::vector<const char*> words) {
  const auto command = parse(std::move(words));
  const auto* quit = std::get_if<Quit>(&command);
  return quit == nullptr ? -1 : quit->code;
}

TEST(CommandLine, up_has_good_defaults) {
  const auto up = std::get<Up>(parse({"up"}));
  EXPECT_EQ(up.port, 8080);
  EXPECT_FALSE(up.data || up.ephemeral || up.seed || up.tls || up.json || up.log.level);
}

TEST(CommandLine, up_takes_all_its_words) {
  const auto up = std::get<Up>(parse({"up", "--port", "0", "--data", "d", "--seed", "s.yaml", "--tls", "--json", "--log-level", "debug", "--log-form", "json"}));
  EXPECT_EQ(up.port, 0);
  EXPECT_EQ(up.data, "d");
  EXPECT_EQ(up.seed, "s.yaml");
  EXPECT_TRUE(up.tls && up.json);
  EXPECT_EQ(up.log.level, LogLevel::debug);
  EXPECT_EQ(up.log.form, LogForm::json);
}

TEST(CommandLine, serve_and_check_need_a_file) {
  EXPECT_EQ(std::get<Serve>(parse({"serve", "-c", "g.yaml"})).config, "g.yaml");
  EXPECT_EQ(std::get<Check>(parse({"check", "--config", "g.yaml"})).config, "g.yaml");
  EXPECT_EQ(code_of({"serve"}), 2);
  EXPECT_EQ(code_of({"check"}), 2);
}

TEST(CommandLine, what_makes_no_sense_is_code_2_with_a_hint) {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {}, {"upp"}, {"up", "--prot", "1"}, {"up", "--port", "70000"}, {"up", "--data", "d", "--ephemeral"}, {"up", "--log-level", "loud"}, {"up", "extra"}}) {
    const auto command = parse(words);
    const auto& quit = std::get<Quit>(command);
    EXPECT_EQ(quit.code, 2);
    EXPECT_NE(quit.err.find("--help"), std::string::npos);
    EXPECT_TRUE(quit.out.empty());
  }
}

TEST(CommandLine, help_tells_the_exit_codes) {
  const auto command = parse({"--help"});
  const auto& quit = std::get<Quit>(command);
  EXPECT_EQ(quit.code, 0);
  EXPECT_NE(quit.out.find("4 port taken"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::app
