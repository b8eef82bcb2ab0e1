#include "app/attendant.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <optional>

#include "app/successor.h"
#include "app/watched_files.h"

namespace gatehouse::app {
namespace {

constexpr int kSettle = 200;   // milliseconds without a further change before files are read: whoever writes may write twice

OurCommand& our_command() {
  static OurCommand command;
  return command;
}

void tell_systemd(const std::string& state) { sd_notify(0, state.c_str()); }   // says nothing when there is no systemd

std::string monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000);
}

std::vector<std::string> files_of(const House& house) {
  if (!house.config().reload_on_change) return {};
  std::vector<std::string> files;
  if (!house.file().empty()) files.push_back(house.file());
  for (const auto& listener : house.config().listeners)
    if (listener.tls) files.insert(files.end(), {listener.tls->certificate, listener.tls->key});
  for (const auto& upstream : house.config().upstreams) {
    for (const auto& file : {upstream.ca_file, upstream.certificate_file})
      if (!file.empty()) files.push_back(file);
    if (upstream.key && upstream.key->scheme() == "file") files.push_back(upstream.key->place());
  }
  return files;
}

}  // namespace

void remember_command(int argc, const char* const* argv) { our_command() = OurCommand::of_this_process(argc, argv); }

// One house, from the moment it serves to its end.
class Attendant::Round {
 public:
  Round(House& house, int signals, const sigset_t& held)
      : house_(house), signals_(signals), held_(held), files_(files_of(house)) {}

  void run() {
    tell_predecessor();
    tell_systemd(fmt::format("READY=1\nMAINPID={}", ::getpid()));
    while (!ended_) {
      const auto [signal, file, word] = wait();
      if (signal) take_signal();
      if (file && files_.changed()) changed_ = true;
      else if (!signal && !file && !word && std::exchange(changed_, false)) reload("a file changed");
      if (word) hear_successor();
    }
  }

 private:
  struct Happened {
    bool signal, file, word;
  };
  Happened wait() {
    std::array<pollfd, 3> on{pollfd{signals_, POLLIN, 0}, pollfd{files_.descriptor(), POLLIN, 0}, pollfd{successor_ ? successor_->ready_pipe() : -1, POLLIN, 0}};
    ::poll(on.data(), on.size(), changed_ ? kSettle : -1);
    const auto happened = [&](std::size_t i) { return on[i].revents != 0; };
    return {happened(0), happened(1), happened(2)};
  }

  void take_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) return;
    switch (info.ssi_signo) {
      case SIGHUP: return reload("SIGHUP");
      case SIGUSR2: return bring_up_successor();
      default: return end();
    }
  }

  void reload(std::string_view why) {
    tell_systemd("RELOADING=1\nMONOTONIC_USEC=" + monotonic_now());
    house_.reload_and_tell(why);
    tell_systemd("READY=1");
  }

  void bring_up_successor() {
    const auto& log = house_.log();
    if (successor_) return log.warn("upgrade.refused", {{"why", "a successor is starting already"}});
    if (house_.config().data.empty()) return log.warn("upgrade.refused", {{"why", "what is kept in memory cannot be handed over"}});
    auto started = Successor::start(our_command(), house_.sockets(), house_.database().lock());
    if (!started) return log.error("upgrade.failed", {{"why", started.error().message()}});
    successor_.emplace(*std::move(started));
    log.info("upgrade.started", {{"process", static_cast<std::int64_t>(successor_->process())}});
  }

  void hear_successor() {
    const auto word = successor_->listen();
    const auto process = static_cast<std::int64_t>(successor_->process());
    successor_.reset();
    if (word == Successor::Word::failed) return house_.log().error("upgrade.failed", {{"why", "the successor ended before it served; see its message"}, {"process", process}});
    house_.log().info("upgrade.done", {{"process", process}});
    let_signals_through();
    house_.stop(net::Farewell{kUpgradeQuiet, house_.config().shutdown.upgrade_grace});
    ended_ = true;
  }

  // The second SIGTERM ends the program at once.
  void let_signals_through() { pthread_sigmask(SIG_UNBLOCK, &held_, nullptr); }

  void end() {
    tell_systemd("STOPPING=1");
    let_signals_through();
    house_.announce_end();
    const auto delay = house_.config().shutdown.delay;
    if (delay.count() > 0) ::poll(nullptr, 0, static_cast<int>(delay.count()));
    house_.stop();
    ended_ = true;
  }

  House& house_;
  int signals_;
  const sigset_t& held_;
  WatchedFiles files_;
  std::optional<Successor> successor_;
  bool changed_ = false, ended_ = false;
};

Attendant::Attendant() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR2}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal_descriptor_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
}

Attendant::~Attendant() {
  if (signal_descriptor_ >= 0) ::close(signal_descriptor_);
}

void Attendant::attend(House& house, const std::function<void()>& announce) {
  Round round(house, signal_descriptor_, signals_);
  announce();
  round.run();
}

}  // namespace gatehouse::app
