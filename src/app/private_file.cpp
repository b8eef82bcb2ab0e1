#include "app/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

namespace gatehouse::app {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string why() { return std::system_category().message(errno); }

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> open_private_folder(const std::filesystem::path& folder) {
  std::error_code fault;
  if (std::filesystem::exists(folder, fault) && !std::filesystem::is_directory(folder, fault))
    return failure(Fault::invalid, fmt::format("data folder {}: it is not a folder; name another one with --data", folder.string()));
  const bool made = std::filesystem::create_directories(folder, fault);
  if (fault) return failure(Fault::invalid, fmt::format("data folder {}: {}; name another one with --data", folder.string(), fault.message()));
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, fault);
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0)
    return failure(Fault::invalid, fmt::format("data folder {}: cannot write there ({}); give this user the right to write, or name another folder with --data",
                                               folder.string(), why()));
  return {};
}

Result<void> write_private_file(const std::filesystem::path& file, std::string_view bytes) {
  const auto fresh = file.string() + ".new";
  const auto refuse = [&](std::string_view doing) { return failure(Fault::invalid, fmt::format("{}: cannot {}: {}", file.string(), doing, why())); };
  {
    const Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (out.get() < 0) return refuse("be written");
    if (::fchmod(out.get(), 0600) != 0 || !write_all(out.get(), bytes) || ::fsync(out.get()) != 0) return refuse("be written");
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) return refuse("be put in place");
  const Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return refuse("be put in place");
  return {};
}

}  // namespace gatehouse::app
