// file:/path. Container platforms mount secrets as files that others may read, so modes are not judged here.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "secrets/places.h"

namespace gatehouse::secrets {
namespace {

std::string problem(const std::string& path) {
  return "file:" + path + " cannot be read: " + std::strerror(errno) + "; check the path and the rights of the user that runs gatehouse";
}

// At most one byte more than a secret may have; -1 with errno when it cannot be read.
ssize_t read_some(int file, std::string& text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(size);
}

std::string_view without_line_break(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

Result<Secret> read_secret(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without writer must not hang the start
  if (file < 0) return failure(errno == ENOENT ? Fault::missing : Fault::invalid, problem(path));
  struct stat facts {};
  const bool is_file = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
  std::string text(kSecretFileMax + 1, '\0');
  const auto size = is_file ? read_some(file, text) : 0;
  const auto why = size < 0 ? problem(path) : std::string();
  ::close(file);
  Secret secret(std::string(without_line_break(std::string_view(text).substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))))));
  ::explicit_bzero(text.data(), text.size());
  if (!is_file) return failure(Fault::invalid, "file:" + path + " is not a plain file");
  if (!why.empty()) return failure(Fault::invalid, why);
  if (static_cast<std::size_t>(size) > kSecretFileMax) return failure(Fault::invalid, "file:" + path + " is longer than 64 KiB; is it the right file?");
  if (secret.empty()) return failure(Fault::invalid, "file:" + path + " is empty");
  return secret;
}

}  // namespace

Result<void> check_file(std::string_view place) {
  if (!place.starts_with('/') || place.contains('\0'))
    return failure(Fault::invalid, "secret reference: behind file: stands an absolute path, as in file:/run/secrets/name");
  return {};
}

Task<Secret> resolve_file(const ReferenceNeeds* needs, std::string place) {
  Result<Secret> secret = failure(Fault::internal, "file was not read");
  auto job = [&] { secret = read_secret(place); };
  GH_CO_DO(co_await needs->files.run(job));
  co_return secret;
}

}  // namespace gatehouse::secrets
