// The fixture for tests on every database; see store/backends.h. Only for *_test.cpp: it needs GoogleTest.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "core/spawn.h"
#include "store/backends.h"

namespace gatehouse::store {

inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name(); }

class BackendTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (const auto missing = GetParam().missing(); !missing.empty()) GTEST_SKIP() << missing;
    auto opened = GetParam().open();
    ASSERT_TRUE(opened) << opened.error().message();
    database_ = *std::move(opened);
  }

  Database& database() { return *database_; }
  bool on(Backend::Kind kind) const { return GetParam().kind == kind; }

  Result<std::vector<Done>> write(Unit unit) { return run(database_->write(std::move(unit))); }
  Result<std::vector<Done>> write(Statement statement) { return write(Unit{std::move(statement)}); }
  Result<std::vector<Done>> write(std::string_view sql) { return write(Statement(sql)); }
  Result<Rows> read(Statement statement) { return run(database_->read(std::move(statement))); }
  Result<Rows> read(std::string_view sql) { return read(Statement(sql)); }

 private:
  std::shared_ptr<Database> database_;
};

}  // namespace gatehouse::store
