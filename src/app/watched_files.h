// Which of a few files changed. Folders are watched, not the files: editors and Kubernetes replace files by renaming.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gatehouse::app {

class WatchedFiles {
 public:
  explicit WatchedFiles(const std::vector<std::string>& files);   // those that cannot be watched are left out
  ~WatchedFiles();
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  int descriptor() const { return descriptor_; }   // readable when something happened; -1: no file
  // Takes what happened; true if it can concern one of the files.
  bool changed();

 private:
  int descriptor_ = -1;
  std::map<int, std::set<std::string>> names_;     // by watch
};

}  // namespace gatehouse::app
