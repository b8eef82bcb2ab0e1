#include "secrets/master_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"

namespace gatehouse::secrets {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLinePrefix = "gatehouse-key-1:";
constexpr std::size_t kKeySize = 32, kFileMax = 4096;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::unexpected<Error> refused(const fs::path& path, const std::string& why) {
  return failure(Fault::invalid, "master key " + path.string() + ": " + why);
}

std::unexpected<Error> not_done(const fs::path& path, const char* what) {
  return refused(path, std::string(what) + " failed: " + std::strerror(errno) + "; check that the data folder exists and belongs to the user that runs gatehouse");
}

Secret random_key(Random& random) {
  std::string bytes(kKeySize, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return Secret(std::move(bytes));
}

std::string id_of(const Secret& key) { return hex_encode(crypto::hmac_sha256(key.reveal(), "id")).substr(0, 16); }

Secret derived(const Secret& key, std::string_view purpose) {
  return Secret(crypto::hmac_sha256(key.reveal(), "derive:" + std::string(purpose)));
}

Result<void> check_facts(const File& file, const fs::path& path) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return not_done(path, "looking at it");
  if (!S_ISREG(facts.st_mode)) return refused(path, "is not a plain file");
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0) return refused(path, "belongs to another user; make it yours with chown");
  if ((facts.st_mode & 077) != 0) return refused(path, "others may read it; run: chmod 600 " + path.string());
  return {};
}

Result<MasterKey> read_key(const File& file, const fs::path& path) {
  GH_DO(check_facts(file, path));
  std::string text(kFileMax + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<std::size_t>(got)) {
    got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0) return not_done(path, "reading");
  }
  Secret secret(text.substr(0, size));
  ::explicit_bzero(text.data(), text.size());
  if (size > kFileMax) return refused(path, "is longer than any master key; restore it from a backup");
  auto key = MasterKey::parse(secret);
  if (!key) return refused(path, key.error().message() + "; restore it from a backup (a new one cannot open what the old one sealed)");
  return key;
}

bool write_whole(int file, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

bool sync_folder(const fs::path& folder) {
  const File opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened && ::fsync(opened.get()) == 0;
}

// Written and synced under another name, then linked to its own: it appears whole, and never over another one.
// EEXIST is success here: somebody else was first, and theirs is read afterwards.
Result<void> create(const fs::path& data, const fs::path& path, const MasterKey& key, Random& random) {
  const auto draft = data / (std::string(kMasterKeyFile) + ".new-" + random_text(random, 12));
  {
    const File file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return not_done(path, "making it");
    const bool written = ::fchmod(file.get(), 0600) == 0 && write_whole(file.get(), key.text().reveal()) && ::fsync(file.get()) == 0;
    if (!written) {
      auto error = not_done(path, "writing it");
      ::unlink(draft.c_str());
      return error;
    }
  }
  bool placed = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  // Some file systems have no hard links.
  if (!placed) placed = ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0 || errno == EEXIST;
  auto error = not_done(path, "putting it in place");
  ::unlink(draft.c_str());
  if (!placed) return error;
  if (!sync_folder(data)) return not_done(path, "syncing its folder");
  return {};
}

}  // namespace

Result<MasterKey> MasterKey::parse(const Secret& text) {
  std::vector<Secret> keys;
  for (auto line : split(text.reveal(), '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    if (!line.starts_with(kLinePrefix)) return failure(Fault::invalid, "a line does not begin with gatehouse-key-1:");
    auto bytes = base64url_decode(line.substr(kLinePrefix.size()));
    if (!bytes || bytes->size() != kKeySize) return failure(Fault::invalid, "a key is not 32 bytes as base64url");
    keys.emplace_back(*std::move(bytes));
    if (std::ranges::count(keys, keys.back()) > 1) return failure(Fault::invalid, "a key stands there twice");
  }
  if (keys.empty()) return failure(Fault::invalid, "there is no key");
  if (keys.size() > kMasterKeysMax) return failure(Fault::invalid, "there are more than 8 keys");
  return MasterKey(std::move(keys));
}

Result<MasterKey> MasterKey::open_or_create(const fs::path& data, Random& random) {
  const auto path = data / kMasterKeyFile;
  for (const bool again : {false, true}) {
    const File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file) return read_key(file, path);
    if (errno == ELOOP) return refused(path, "is a symbolic link; name the file itself by a reference instead");
    if (errno != ENOENT || again) return not_done(path, "opening it");
    GH_DO(create(data, path, ephemeral(random), random));
  }
  std::unreachable();
}

MasterKey MasterKey::ephemeral(Random& random) {
  std::vector<Secret> keys;
  keys.push_back(random_key(random));
  return MasterKey(std::move(keys));
}

std::string MasterKey::id() const { return id_of(keys_.front()); }
Secret MasterKey::derive(std::string_view purpose) const { return derived(keys_.front(), purpose); }

Result<crypto::Sealer> MasterKey::sealer(Random& random) const {
  std::vector<crypto::SealKey> keys;
  for (const auto& key : keys_) keys.push_back({id_of(key), derived(key, "seal")});
  return crypto::Sealer::make(std::move(keys), random);
}

Secret MasterKey::text() const {
  std::string text;
  for (const auto& key : keys_) text.append(kLinePrefix).append(base64url_encode(key.reveal())).append("\n");
  return Secret(std::move(text));
}

}  // namespace gatehouse::secrets
