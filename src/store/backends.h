// For tests of every room that speaks SQL: the same test on every database, each time on an empty one of its own.
//   INSTANTIATE_TEST_SUITE_P(Everywhere, UsersSpec, testing::ValuesIn(store::every_backend()), store::name_of);
// with a fixture over store::BackendTest of store/backend_test.h. Knows no GoogleTest: it is part of the room's library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/database.h"

namespace gatehouse::store {

// PostgreSQL is used when this variable of the environment holds a conninfo; `tools/with_postgres.sh` sets it.
inline constexpr const char* kTestPostgres = "GATEHOUSE_TEST_POSTGRES";

struct Backend {
  enum class Kind { sqlite_memory, sqlite_file, postgres };
  Kind kind;

  std::string name() const;
  // Empty, or why this backend cannot be used here (to be shown by GTEST_SKIP).
  std::string missing() const;
  // A new and empty database, gone with the last owner: a temporary folder, or a schema with a random name.
  Result<std::shared_ptr<Database>> open() const;
};

std::vector<Backend> every_backend();

// Of a testing::TestParamInfo<Backend>.
inline constexpr auto name_of = [](const auto& info) { return info.param.name(); };

// For tests that need more than a Database.
std::string make_temporary_folder();
std::string test_postgres();                          // the conninfo; empty when there is none
std::string with_schema(const std::string& schema);   // the same with a search_path

}  // namespace gatehouse::store
