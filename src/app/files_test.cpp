// What the program keeps beside its database: accounts of the demo, and the local authority.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "app/accounts.h"
#include "app/local_tls.h"
#include "app/private_file.h"
#include "crypto/x509.h"

namespace gatehouse::app {
namespace {

namespace fs = std::filesystem;

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    auto pattern = (fs::temp_directory_path() / "gatehouse-files-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~FilesTest() override { fs::remove_all(folder); }

  static mode_t mode_of(const fs::path& file) {
    struct stat about {};
    return ::stat(file.c_str(), &about) == 0 ? about.st_mode & 0777 : 0;
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder;
  std::unique_ptr<Random> random = system_random();
};

TEST_F(FilesTest, accounts_come_back_as_they_were) {
  EXPECT_EQ(load_accounts(folder).error().fault(), Fault::missing);
  auto accounts = make_accounts(*random);
  accounts.api_token = Secret("00token");
  ASSERT_TRUE(save_accounts(folder, accounts));
  const auto again = load_accounts(folder);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->admin.password == accounts.admin.password);
  EXPECT_TRUE(again->web.secret == accounts.web.secret && again->wiki.secret == accounts.wiki.secret && again->api_token == accounts.api_token);
  EXPECT_EQ(again->spa.client_id, accounts.spa.client_id);
  EXPECT_EQ(mode_of(folder / "demo.json"), 0600);
}

TEST_F(FilesTest, two_houses_have_different_secrets) {
  const auto a = make_accounts(*random), b = make_accounts(*random);
  EXPECT_FALSE(a.user.password == b.user.password);
  EXPECT_FALSE(a.web.secret == b.web.secret);
  EXPECT_FALSE(a.user.password == a.admin.password);
}

TEST_F(FilesTest, broken_accounts_are_not_replaced) {
  ASSERT_TRUE(write_private_file(folder / "demo.json", "{\"admin\":"));
  EXPECT_EQ(load_accounts(folder).error().fault(), Fault::invalid);
  EXPECT_EQ(text_of(folder / "demo.json"), "{\"admin\":");
}

TEST_F(FilesTest, a_private_file_is_replaced_whole) {
  ASSERT_TRUE(write_private_file(folder / "x", "first, and long"));
  ASSERT_TRUE(write_private_file(folder / "x", "second"));
  EXPECT_EQ(text_of(folder / "x"), "second");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

TEST_F(FilesTest, a_data_folder_is_made_for_the_owner_alone) {
  ASSERT_TRUE(open_private_folder(folder / "a" / "b"));
  EXPECT_EQ(mode_of(folder / "a" / "b"), 0700);
}

TEST_F(FilesTest, a_data_folder_that_is_a_file_says_what_to_do) {
  ASSERT_TRUE(write_private_file(folder / "f", ""));
  const auto done = open_private_folder(folder / "f");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("--data"), std::string::npos);
}

TEST_F(FilesTest, the_authority_stays_and_its_certificate_is_renewed_in_time) {
  ManualClock clock(from_seconds(1'760'000'000));
  const auto first = ensure_local_tls(folder, clock, *random);
  ASSERT_TRUE(first) << first.error().message();
  const auto authority = text_of(first->authority), leaf = text_of(first->files.certificate);
  EXPECT_EQ(mode_of(first->files.key), 0600);
  ASSERT_TRUE(check_certificate(first->files, clock.now()));

  clock.advance(Millis(kLeafLife - kLeafRenew) - Seconds(60));
  ASSERT_TRUE(ensure_local_tls(folder, clock, *random));
  EXPECT_EQ(text_of(first->files.certificate), leaf) << "still good for long enough";
  clock.advance(Seconds(120));
  ASSERT_TRUE(ensure_local_tls(folder, clock, *random));
  EXPECT_NE(text_of(first->files.certificate), leaf);
  EXPECT_EQ(text_of(first->authority), authority) << "browsers that trust it go on trusting it";
}

TEST_F(FilesTest, an_expired_and_a_foreign_certificate_are_named) {
  ManualClock clock(from_seconds(1'760'000'000));
  const auto made = ensure_local_tls(folder, clock, *random);
  ASSERT_TRUE(made);
  const auto late = check_certificate(made->files, clock.now() + Millis(kLeafLife) + Seconds(1));
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message().find("expired on 2026-01-07"), std::string::npos) << late.error().message();
  const TlsFiles mixed{made->files.certificate, (folder / "ca.key").string()};
  EXPECT_FALSE(check_certificate(mixed, clock.now()));
  EXPECT_FALSE(check_certificate(TlsFiles{(folder / "none.pem").string(), made->files.key}, clock.now()));
}

TEST_F(FilesTest, the_certificate_names_the_hosts_of_the_demo) {
  ManualClock clock(from_seconds(1'760'000'000));
  const auto made = ensure_local_tls(folder, clock, *random);
  const auto facts = crypto::read_certificate(text_of(made->files.certificate));
  ASSERT_TRUE(facts);
  for (const auto* name : {"localhost", "wiki.localhost", "api.localhost", "127.0.0.1"})
    EXPECT_NE(std::ranges::find(facts->names, name), facts->names.end()) << name;
}

}  // namespace
}  // namespace gatehouse::app
