#include "secrets/master_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

namespace gatehouse::secrets {
namespace {

namespace fs = std::filesystem;

class MasterKeySpec : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "gatehouse-master-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(std::string_view text, mode_t mode = 0600) {
    std::ofstream(folder_ / kMasterKeyFile, std::ios::binary | std::ios::trunc) << text;
    ::chmod((folder_ / kMasterKeyFile).c_str(), mode);
  }
  Result<MasterKey> open() { return MasterKey::open_or_create(folder_, *random_); }

  fs::path folder_;
  std::unique_ptr<Random> random_ = system_random();
};

TEST_F(MasterKeySpec, the_first_start_makes_it_and_the_next_finds_it) {
  const auto first = open();
  ASSERT_TRUE(first) << first.error().message();
  struct stat facts {};
  ASSERT_EQ(::stat((folder_ / kMasterKeyFile).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  const auto second = open();
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->id(), first->id());
  EXPECT_EQ(second->derive("x"), first->derive("x"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);  // no draft is left
}

TEST_F(MasterKeySpec, many_starts_at_once_agree_on_one_key) {
  std::array<std::string, 16> ids;
  {
    std::vector<std::jthread> starts;
    for (auto& id : ids) starts.emplace_back([&] { id = open().value().id(); });
  }
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(MasterKeySpec, a_file_that_others_may_read_is_refused_with_what_to_do) {
  const auto text = std::string(MasterKey::ephemeral(*random_).text().reveal());
  for (const mode_t mode : {0640, 0604, 0620, 0777}) {
    write(text, mode);
    const auto key = open();
    ASSERT_FALSE(key) << mode;
    EXPECT_NE(key.error().message().find("chmod 600"), std::string::npos);
  }
  write(text, 0400);
  EXPECT_TRUE(open());
}

TEST_F(MasterKeySpec, a_malformed_file_is_refused_and_left_alone) {
  const auto good = std::string(MasterKey::ephemeral(*random_).text().reveal());
  for (const std::string& text : {std::string(), std::string("\n"), std::string("hello"), good.substr(0, good.size() - 3), good + good, good + "x", std::string(5000, '#'),
                                 std::string("gatehouse-key-1:AAAA\n")}) {
    write(text);
    const auto key = open();
    ASSERT_FALSE(key) << text;
    EXPECT_EQ(key.error().fault(), Fault::invalid);
    EXPECT_EQ(fs::file_size(folder_ / kMasterKeyFile), text.size());
    EXPECT_EQ(key.error().message().find(good.substr(16, 20)), std::string::npos);
  }
}

TEST_F(MasterKeySpec, links_folders_and_missing_data_folders_are_refused) {
  const auto other = folder_ / "other";
  std::ofstream(other) << "x";
  fs::create_symlink(other, folder_ / kMasterKeyFile);
  EXPECT_FALSE(open());
  fs::remove(folder_ / kMasterKeyFile);
  fs::create_directory(folder_ / kMasterKeyFile);
  EXPECT_FALSE(open());
  EXPECT_FALSE(MasterKey::open_or_create(folder_ / "none", *random_));
}

TEST_F(MasterKeySpec, purposes_have_keys_of_their_own) {
  const auto key = MasterKey::ephemeral(*random_);
  EXPECT_EQ(key.derive("cookies").reveal().size(), 32U);
  EXPECT_FALSE(key.derive("cookies") == key.derive("seal"));
  EXPECT_FALSE(key.derive("cookies") == MasterKey::ephemeral(*random_).derive("cookies"));
  EXPECT_EQ(key.id().size(), 16U);
}

TEST_F(MasterKeySpec, after_a_rotation_older_values_still_open) {
  const auto old = MasterKey::ephemeral(*random_), fresh = MasterKey::ephemeral(*random_);
  const auto sealed = old.sealer(*random_)->seal("c", "x").value();
  const auto both = MasterKey::parse(Secret("# made in the year of the rotation\n" + std::string(fresh.text().reveal()) + std::string(old.text().reveal()))).value();
  EXPECT_EQ(both.id(), fresh.id());
  EXPECT_EQ(both.sealer(*random_)->open("c", sealed)->reveal(), "x");
  EXPECT_FALSE(both.sealer(*random_)->is_current(sealed));
  EXPECT_EQ(fresh.sealer(*random_)->open("c", sealed).error().fault(), Fault::missing);
}

}  // namespace
}  // namespace gatehouse::secrets
