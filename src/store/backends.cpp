#include "store/backends.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <filesystem>

#include "core/random.h"
#include "core/spawn.h"
#include "core/text.h"

namespace gatehouse::store {

namespace {

template <class CleanUp>
std::shared_ptr<Database> owned(std::unique_ptr<Database> database, CleanUp clean_up) {
  return std::shared_ptr<Database>(database.release(), [clean_up = std::move(clean_up)](Database* open) {
    delete open;
    clean_up();
  });
}

Result<std::shared_ptr<Database>> open_file() {
  const auto folder = make_temporary_folder();
  GH_TRY(auto database, open_sqlite(SqliteOptions{.path = folder + "/test.db"}));
  return owned(std::move(database), [folder] { std::filesystem::remove_all(folder); });
}

Result<void> administer(const std::string& sql) {
  GH_TRY(auto database, open_postgres(PostgresOptions{.conninfo = test_postgres(), .connections = 1}));
  GH_DO(run(database->write(Unit{Statement(sql)})));
  return {};
}

Result<std::shared_ptr<Database>> open_schema() {
  const auto schema = "gh_test_" + to_lower(random_text(*system_random(), 16));
  GH_DO(administer("create schema " + schema));
  GH_TRY(auto database, open_postgres(PostgresOptions{.conninfo = with_schema(schema)}));
  return owned(std::move(database), [schema] { std::ignore = administer("drop schema " + schema + " cascade"); });
}

}  // namespace

std::string Backend::name() const {
  switch (kind) {
    case Kind::sqlite_memory: return "sqlite_memory";
    case Kind::sqlite_file: return "sqlite_file";
    case Kind::postgres: return "postgres";
  }
  return {};
}

std::string Backend::missing() const {
  if (kind != Kind::postgres || !test_postgres().empty()) return {};
  return fmt::format("{} is not set: run the tests with tools/with_postgres.sh", kTestPostgres);
}

Result<std::shared_ptr<Database>> Backend::open() const {
  switch (kind) {
    case Kind::sqlite_memory: return open_sqlite(SqliteOptions{});
    case Kind::sqlite_file: return open_file();
    case Kind::postgres: return open_schema();
  }
  return failure(Fault::internal, "no such backend");
}

std::vector<Backend> every_backend() {
  return {{Backend::Kind::sqlite_memory}, {Backend::Kind::sqlite_file}, {Backend::Kind::postgres}};
}

std::string make_temporary_folder() {
  auto path = (std::filesystem::temp_directory_path() / "gatehouse-test-XXXXXX").string();
  return ::mkdtemp(path.data()) == nullptr ? std::string() : path;
}

std::string test_postgres() {
  const char* conninfo = std::getenv(kTestPostgres);  // allowed: only tests look for a database there
  return conninfo == nullptr ? std::string() : std::string(conninfo);
}

std::string with_schema(const std::string& schema) {
  std::string conninfo;
  auto* options = PQconninfoParse(test_postgres().c_str(), nullptr);  // of both forms, words and URI
  for (auto* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr) conninfo += fmt::format("{}='{}' ", option->keyword, option->val);
  }
  PQconninfoFree(options);
  return conninfo + fmt::format("options='-c search_path={}'", schema);
}

}  // namespace gatehouse::store
