#include "secrets/reference.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "core/spawn.h"

namespace gatehouse::secrets {
namespace {

namespace fs = std::filesystem;

class ReferenceSpec : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "gatehouse-reference-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return "file:" + (folder_ / name).string();
  }
  Result<Secret> resolve(const std::string& text) {
    auto reference = Reference::parse(text);
    if (!reference) return std::unexpected(std::move(reference.error()));
    return run(references_.resolve(*std::move(reference)));
  }

  fs::path folder_;
  std::map<std::string, std::string> variables_;
  Pool pool_{"files", 1, 8};
  References references_{{[this](const std::string& name) -> std::optional<std::string> {
                            const auto found = variables_.find(name);
                            return found == variables_.end() ? std::nullopt : std::optional(found->second);
                          },
                          pool_}};
};

TEST_F(ReferenceSpec, a_variable_is_resolved) {
  variables_["DB_PASSWORD"] = "from the environment";
  EXPECT_EQ(resolve("env:DB_PASSWORD")->reveal(), "from the environment");
  EXPECT_EQ(Reference::parse("env:DB_PASSWORD")->str(), "env:DB_PASSWORD");
}

TEST_F(ReferenceSpec, a_variable_that_is_not_there_is_told_with_what_to_do) {
  EXPECT_EQ(resolve("env:DB_PASSWORD").error().fault(), Fault::missing);
  EXPECT_EQ(resolve("env:DB_PASSWORD").error().message(), "env:DB_PASSWORD is not set: set the variable DB_PASSWORD and start again");
  variables_["DB_PASSWORD"] = "";
  EXPECT_EQ(resolve("env:DB_PASSWORD").error().fault(), Fault::invalid);
}

TEST_F(ReferenceSpec, a_file_is_resolved_without_its_last_line_break) {
  EXPECT_EQ(resolve(file("a", "secret\n"))->reveal(), "secret");
  EXPECT_EQ(resolve(file("b", "secret\r\n"))->reveal(), "secret");
  EXPECT_EQ(resolve(file("c", " two\nlines\n\n"))->reveal(), " two\nlines\n");
  EXPECT_EQ(resolve(file("d", std::string("\0\xff", 2)))->reveal(), std::string_view("\0\xff", 2));
  EXPECT_EQ(resolve(file("e", std::string(kSecretFileMax, 'x')))->reveal().size(), kSecretFileMax);
}

TEST_F(ReferenceSpec, files_that_hold_no_secret_are_refused) {
  EXPECT_EQ(resolve("file:" + (folder_ / "none").string()).error().fault(), Fault::missing);
  EXPECT_EQ(resolve("file:" + folder_.string()).error().fault(), Fault::invalid);
  EXPECT_EQ(resolve(file("empty", "\n")).error().fault(), Fault::invalid);
  EXPECT_EQ(resolve(file("large", std::string(kSecretFileMax + 1, 'x'))).error().fault(), Fault::invalid);
  const auto pipe = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(resolve("file:" + pipe).error().fault(), Fault::invalid);  // and does not wait for a writer
}

TEST_F(ReferenceSpec, a_literal_secret_is_refused_and_not_repeated) {
  for (const std::string text : {"hunter2", "literal:hunter2", "ENV:hunter2", "", ":hunter2", "vault:hunter2", "https://hunter2", "env:", "env:hunter-2", "env:1hunter2",
                                 "env:hunter2 ", "file:hunter2", "file:../hunter2", "file:"}) {
    const auto reference = Reference::parse(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().fault(), Fault::invalid) << text;
    EXPECT_EQ(reference.error().message().find("hunter"), std::string::npos) << text;
  }
  EXPECT_FALSE(Reference::parse("file:/" + std::string(kReferenceMax, 'x')));
}

}  // namespace
}  // namespace gatehouse::secrets
