// The master key of an installation: everything sealed at rest hangs on it. Comes from a reference, from
// <data>/master.key (made on first start), or from memory. Lose the file and sealed values are lost: back it up.
// Start-up code: the file functions block.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "core/secret.h"
#include "crypto/seal.h"

namespace gatehouse::secrets {

inline constexpr std::string_view kMasterKeyFile = "master.key";
inline constexpr std::size_t kMasterKeysMax = 8;

class MasterKey {
 public:
  // One line per key: "gatehouse-key-1:" and 32 bytes as base64url. The first is in use; older ones below it still open.
  static Result<MasterKey> parse(const Secret& text);
  // Reads <data>/master.key, or makes it: mode 0600, whole or not at all, synced before it is used. Refuses a file
  // that others may read, that is not a plain file, or that is malformed; never overwrites one.
  static Result<MasterKey> open_or_create(const std::filesystem::path& data, Random& random);
  static MasterKey ephemeral(Random& random);

  // Tells keys apart in logs and sealed values; says nothing about the key.
  std::string id() const;
  // A key of 32 bytes for one purpose ("cookies"), HMAC-SHA256 of the current key. Purposes never share a key.
  Secret derive(std::string_view purpose) const;
  // Seals with the current key and opens with all. Borrows `random`.
  Result<crypto::Sealer> sealer(Random& random) const;
  Secret text() const;  // as parse() reads it

 private:
  explicit MasterKey(std::vector<Secret> keys) : keys_(std::move(keys)) {}
  std::vector<Secret> keys_;
};

}  // namespace gatehouse::secrets
