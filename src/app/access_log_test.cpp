#include "app/access_log.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace gatehouse::app {
namespace {

namespace fs = std::filesystem;

class AccessLogs : public testing::Test {
 protected:
  AccessLogs() {
    std::string pattern = (fs::temp_directory_path() / "gatehouse-log-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~AccessLogs() override { fs::remove_all(folder_); }
  std::string place(const char* name = "access.log") const { return (folder_ / name).string(); }
  static std::size_t lines_of(const std::string& file) {
    std::ifstream in(file);
    std::string line;
    std::size_t count = 0;
    while (std::getline(in, line)) ++count;
    return count;
  }
  fs::path folder_;
};

TEST_F(AccessLogs, every_line_is_there_at_the_end) {
  auto log = AccessLog::open(place(), silent_log());
  ASSERT_TRUE(log);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) (*log)->write("{\"a\":1}\n");
    });
  for (auto& thread : threads) thread.join();
  log->reset();
  EXPECT_EQ(lines_of(place()), 4000U);
}

TEST_F(AccessLogs, only_we_may_write_the_file_and_only_our_group_may_read_it) {
  { const auto log = AccessLog::open(place(), silent_log()); ASSERT_TRUE(log); }
  struct stat about{};
  ASSERT_EQ(::stat(place().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0027U, 0U);
}

TEST_F(AccessLogs, after_a_rotation_it_goes_on_in_a_new_file) {
  auto log = AccessLog::open(place(), silent_log());
  ASSERT_TRUE(log);
  (*log)->write("old\n");
  while ((*log)->written() < 1) std::this_thread::yield();
  fs::rename(place(), place("access.log.1"));
  (*log)->reopen();
  while (!fs::exists(place())) std::this_thread::yield();
  (*log)->write("new\n");
  log->reset();
  EXPECT_EQ(lines_of(place("access.log.1")), 1U);
  EXPECT_EQ(lines_of(place()), 1U);
}

TEST_F(AccessLogs, a_pipe_that_nobody_reads_costs_lines_and_holds_nobody_up) {
  ASSERT_EQ(::mkfifo(place("pipe").c_str(), 0600), 0);
  const int reader = ::open(place("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  auto log = AccessLog::open(place("pipe"), silent_log());
  ASSERT_TRUE(log);
  const std::string line = std::string(1023, 'x') + "\n";
  for (std::size_t i = 0; i < 4 * AccessLog::kWaitingMax / line.size(); ++i) (*log)->write(line);
  EXPECT_GT((*log)->dropped(), 0U);
  log->reset();   // ends although nobody reads
  ::close(reader);
}

TEST_F(AccessLogs, a_file_that_cannot_be_written_is_named) {
  const auto log = AccessLog::open(place("no/such/folder.log"), silent_log());
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message().find("no/such/folder.log"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::app
