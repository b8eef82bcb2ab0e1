#include "app/foundation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "app/private_file.h"
#include "core/spawn.h"

namespace gatehouse::app {
namespace {

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

std::unexpected<StartFault> start_fault(Exit exit, const Error& error) { return std::unexpected(StartFault{exit, error.message()}); }

Foundation::Foundation(const Config& config, LogSink& sink)
    : clock_(system_clock()),
      random_(system_random()),
      log_(sink, *clock_, config.log.level, config.log.form),
      blocking_("blocking", kBlockingThreads, kBlockingQueue),
      hashing_("hashing", cores(), kHashingQueue),
      crypto_("crypto", cores(), kCryptoQueue),
      references_(secrets::ReferenceNeeds{environment, blocking_}) {}

Started<std::unique_ptr<Foundation>> Foundation::open(const Config& config, LogSink& sink, int lock) {
  std::unique_ptr<Foundation> made(new Foundation(config, sink));
  if (auto done = made->open_folder(config); !done) return std::unexpected(std::move(done.error()));
  if (auto done = made->open_master_key(config); !done) return std::unexpected(std::move(done.error()));
  if (auto done = made->open_database(config, lock); !done) return std::unexpected(std::move(done.error()));
  return made;
}

void Foundation::end_pools() {
  for (auto* pool : {&blocking_, &hashing_, &crypto_}) pool->end();
}

Started<void> Foundation::open_folder(const Config& config) {
  if (config.data.empty()) return {};
  if (auto open = open_private_folder(config.data); !open) return start_fault(Exit::data, open.error());
  return {};
}

Started<void> Foundation::open_master_key(const Config& config) {
  const auto fault = config.master_key ? Exit::configuration : Exit::data;
  auto key = [&]() -> Result<secrets::MasterKey> {
    if (config.master_key) {
      GH_TRY(const auto text, run(references_.resolve(*config.master_key)));
      return secrets::MasterKey::parse(text);
    }
    if (config.data.empty()) return secrets::MasterKey::ephemeral(*random_);
    return secrets::MasterKey::open_or_create(config.data, *random_);
  }();
  if (!key) return start_fault(fault, key.error());
  master_key_ = *std::move(key);
  auto sealer = master_key_->sealer(*random_);
  if (!sealer) return start_fault(fault, sealer.error());
  sealer_ = *std::move(sealer);
  return {};
}

Started<void> Foundation::open_database(const Config& config, int lock) {
  if (const auto* postgres = std::get_if<PostgresAt>(&config.database)) {
    auto conninfo = run(references_.resolve(postgres->conninfo));
    if (!conninfo) return start_fault(Exit::configuration, conninfo.error());
    store::PostgresOptions options;
    options.conninfo = std::string(conninfo->reveal());
    auto database = store::open_postgres(std::move(options));
    if (!database) return start_fault(Exit::database, database.error());
    database_ = *std::move(database);
    return {};
  }
  store::SqliteOptions options;
  options.path = std::get<SqliteFile>(config.database).path;
  options.lock = lock;
  auto database = store::open_sqlite(std::move(options));
  if (!database) return start_fault(Exit::data, database.error());
  database_ = *std::move(database);
  return {};
}

}  // namespace gatehouse::app
