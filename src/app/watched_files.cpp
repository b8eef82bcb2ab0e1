#include "app/watched_files.h"

#include <sys/inotify.h>
#include <unistd.h>

namespace gatehouse::app {
namespace {

constexpr auto kKubernetesLink = "..data";   // what is renamed when a mounted ConfigMap or Secret changes

}  // namespace

WatchedFiles::WatchedFiles(const std::vector<std::string>& files) {
  if (files.empty()) return;
  descriptor_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  for (const auto& file : files) {
    const auto path = std::filesystem::absolute(file);
    const int watch = ::inotify_add_watch(descriptor_, path.parent_path().c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE);
    if (watch < 0) continue;
    names_[watch].insert(path.filename().string());
    names_[watch].insert(kKubernetesLink);
  }
}

WatchedFiles::~WatchedFiles() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool WatchedFiles::changed() {
  bool ours = false;
  alignas(inotify_event) char buffer[16 * 1024];
  for (ssize_t got = 0; (got = ::read(descriptor_, buffer, sizeof buffer)) > 0;) {
    for (const char* at = buffer; at < buffer + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      const auto names = names_.find(event->wd);
      if (event->mask & IN_Q_OVERFLOW) ours = true;
      else if (names != names_.end() && event->len > 0 && names->second.contains(event->name)) ours = true;
      at += sizeof(inotify_event) + event->len;
    }
  }
  return ours;
}

}  // namespace gatehouse::app
