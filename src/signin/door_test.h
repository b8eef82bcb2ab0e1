// A door in front of an empty directory, for tests of this room and of those above it.
#pragma once

#include "directory/directory_test.h"
#include "signin/door.h"
#include "signin/visitor_test.h"

namespace gatehouse::signin {

inline constexpr const char* kPassword = "analytical-Engine1";

class DoorTest : public directory::DirectoryTest {
 protected:
  void SetUp() override {
    random = system_random();   // these tests run things at the same time
    DirectoryTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(run(store::migrate(database(), migrations())));
    sessions = std::make_unique<Sessions>(SessionNeeds{database(), *log, *users, clock, *random}, org);
    transactions = std::make_unique<Transactions>(TransactionNeeds{database(), clock, *random}, org);
    door = std::make_unique<Door>(DoorNeeds{*sessions, *transactions, *users, *apps, *log}, org);
    router.add(door_rows(), *door, pages);
  }
  // From wherever the browser is to signed in: the last answer of the door.
  Got sign_in(Visitor& browser, std::string at, std::string login, std::string password = kPassword) {
    const auto page = browser.get(at);
    return browser.post(at, {{"username", login}, {"password", password}, {"token", hidden(page, "token")}});
  }

  std::unique_ptr<Sessions> sessions;
  std::unique_ptr<Transactions> transactions;
  std::unique_ptr<Door> door;
  PageStyle pages;
  net::Router router;
};

}  // namespace gatehouse::signin
