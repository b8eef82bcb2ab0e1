#include "app/successor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/text.h"

extern char** environ;

namespace gatehouse::app {
namespace {

// What posix_spawn does in the child, in order, before the new program begins.
class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  void give(int descriptor, int as) { posix_spawn_file_actions_adddup2(&actions_, descriptor, as); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// The child begins with no signal blocked, as any program that a shell starts.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment_with(std::vector<std::string> more) {
  for (char** line = environ; *line != nullptr; ++line) {
    const std::string_view text(*line);
    const auto name = text.substr(0, text.find('='));
    if (name != kSocketsVariable && name != kReadyVariable && name != "LISTEN_FDS" && name != "LISTEN_PID" && name != "LISTEN_FDNAMES")
      more.emplace_back(text);
  }
  return more;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

OurCommand OurCommand::of_this_process(int argc, const char* const* argv) {
  std::error_code ignored;
  OurCommand command;
  command.file = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  command.words.assign(argv, argv + argc);
  return command;
}

Result<Successor> Successor::start(const OurCommand& command, const std::vector<Listening>& sockets, int lock) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failure(Fault::internal, fmt::format("no pipe to a successor: {}", std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
  // The numbers that the child gets may be in use here for something that is still to be given: so high copies first.
  const int floor = kFirstHandedOver + static_cast<int>(sockets.size()) + 2;
  std::vector<int> copies;
  Actions actions;
  const auto give = [&](int descriptor, int as) {
    copies.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, floor));
    actions.give(copies.back(), as);
  };
  for (std::size_t i = 0; i < sockets.size(); ++i) give(sockets[i].socket, kFirstHandedOver + static_cast<int>(i));
  const int ready = kFirstHandedOver + static_cast<int>(sockets.size());
  give(ends[1], ready);
  if (lock >= 0) give(lock, ready + 1);

  auto words = command.words;
  auto variables = environment_with({fmt::format("{}={}", kSocketsVariable, sockets.size()), fmt::format("{}={}", kReadyVariable, ready)});
  if (lock >= 0) variables.push_back(fmt::format("{}={}", kLockVariable, ready + 1));
  const Attributes attributes;
  pid_t process = 0;
  const int code = ::posix_spawn(&process, command.file.c_str(), actions.get(), attributes.get(), pointers(words).data(), pointers(variables).data());
  for (const int copy : copies) ::close(copy);
  ::close(ends[1]);
  if (code != 0) {
    ::close(ends[0]);
    return failure(Fault::internal, fmt::format("{} cannot be started: {}", command.file, std::strerror(code)));  // NOLINT(concurrency-mt-unsafe)
  }
  return Successor(process, ends[0]);
}

Successor::Successor(Successor&& other) noexcept : process_(other.process_), pipe_(std::exchange(other.pipe_, -1)) {}

Successor::~Successor() {
  if (pipe_ >= 0) ::close(pipe_);
}

Successor::Word Successor::listen() {
  char word = 0;
  ssize_t got = 0;
  while ((got = ::read(pipe_, &word, 1)) < 0 && errno == EINTR) {}
  if (got == 1 && word == 'r') return Word::ready;
  ::waitpid(process_, nullptr, 0);   // it ended, and its own message says why
  return Word::failed;
}

void tell_predecessor() {
  const char* text = std::getenv(kReadyVariable);  // NOLINT(concurrency-mt-unsafe): the main thread alone changes the environment
  if (text == nullptr) return;
  if (const auto descriptor = parse_int(text)) {
    (void)!::write(static_cast<int>(*descriptor), "r", 1);
    ::close(static_cast<int>(*descriptor));
  }
  ::unsetenv(kReadyVariable);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace gatehouse::app
