// The ground floor of a running program: clock, chance, log, threads, master key, database. Everything above borrows it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "app/config.h"
#include "app/exit_code.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/random.h"
#include "crypto/seal.h"
#include "secrets/master_key.h"
#include "secrets/reference.h"
#include "store/database.h"

namespace gatehouse::app {

// Why the program does not start: one message for people, one number for scripts.
struct StartFault {
  Exit exit = Exit::failed;
  std::string message;
};
template <class T>
using Started = std::expected<T, StartFault>;
std::unexpected<StartFault> start_fault(Exit exit, const Error& error);

inline constexpr std::size_t kBlockingThreads = 2, kBlockingQueue = 1024;   // files, names
inline constexpr std::size_t kCryptoQueue = 4096;                           // RSA signatures
inline constexpr std::size_t kHashingQueue = 512;                           // passwords; each running one takes 19 MiB

class Foundation {
 public:
  // Blocks. `data` empty: nothing is kept.
  // `lock`: of the database, from a predecessor that still serves; -1: none.
  static Started<std::unique_ptr<Foundation>> open(const Config& config, LogSink& sink, int lock = -1);

  const Clock& clock() const { return *clock_; }
  Random& random() { return *random_; }
  const Log& log() const { return log_; }
  Pool& blocking() { return blocking_; }
  Pool& hashing() { return hashing_; }
  Pool& crypto() { return crypto_; }
  // Threads that report to loops; when those have ended. The database goes on.
  void end_pools();
  const secrets::References& references() const { return references_; }
  const secrets::MasterKey& master_key() const { return *master_key_; }
  const crypto::Sealer& sealer() const { return *sealer_; }
  store::Database& database() { return *database_; }

 private:
  Foundation(const Config& config, LogSink& sink);
  Started<void> open_folder(const Config& config);
  Started<void> open_master_key(const Config& config);
  Started<void> open_database(const Config& config, int lock);

  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_;
  Log log_;
  Pool blocking_, hashing_, crypto_;
  secrets::References references_;
  std::optional<secrets::MasterKey> master_key_;
  std::optional<crypto::Sealer> sealer_;
  std::unique_ptr<store::Database> database_;
};

}  // namespace gatehouse::app
