#include "app/commands.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/attendant.h"
#include "app/checked.h"
#include "app/local_tls.h"
#include "app/log_sink.h"
#include "app/report.h"
#include "app/seed.h"

namespace gatehouse::app {
namespace {

namespace fs = std::filesystem;

int complain(const StartFault& fault) {
  fmt::print(stderr, "gatehouse: {}\n", fault.message);
  return static_cast<int>(fault.exit);
}

Colours colours_of(std::FILE* file) {
  return ::isatty(::fileno(file)) == 1 && std::getenv("NO_COLOR") == nullptr ? Colours::yes : Colours::no;  // NOLINT(concurrency-mt-unsafe)
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int run_house(Plan plan, std::string (*line)(const Ready&), std::string (*page)(const Ready&, Colours), bool json) {
  Attendant attendant;   // first: threads made later inherit that signals are held
  auto sockets = HandedOver::of_this_process();
  if (!sockets) return complain({Exit::configuration, sockets.error().message()});
  plan.sockets = *std::move(sockets);
  const auto sink = make_stderr_sink();
  auto house = House::open(std::move(plan), *sink);
  if (!house) return complain(house.error());
  (*house)->serve();
  attendant.attend(**house, [&] { say(json ? line((*house)->ready()) : page((*house)->ready(), colours_of(stdout))); });
  return static_cast<int>(Exit::ok);
}

std::optional<fs::path> folder_in(const char* variable, const char* below) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value != '/') return std::nullopt;
  return fs::path(value) / below;
}

// The XDG base directory specification; the user's own folder, so that `up` is the same from every directory.
fs::path data_folder(const Up& up) {
  if (up.ephemeral) return {};
  if (up.data) return fs::absolute(*up.data);
  if (auto folder = folder_in("XDG_DATA_HOME", "gatehouse")) return *folder;
  return folder_in("HOME", ".local/share/gatehouse").value_or("/var/lib/gatehouse");
}

// A folder for the time of one run, gone at its end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (fs::temp_directory_path() / "gatehouse-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void apply(LogConfig& log, const LogChoice& choice) {
  if (choice.level) log.level = *choice.level;
  if (choice.form) log.form = *choice.form;
}

int run_up(const Up& up) {
  ::umask(0077);
  Plan plan;
  plan.content = Content::demo;
  plan.config.data = data_folder(up);
  plan.config.database = SqliteFile{up.ephemeral ? "" : (plan.config.data / "gatehouse.db").string()};
  plan.config.log.level = LogLevel::warn;
  apply(plan.config.log, up.log);
  plan.config.seed = up.seed;
  plan.config.listeners = {ListenerConfig{.address = "127.0.0.1", .port = up.port},
                           ListenerConfig{.address = "::1", .port = up.port, .beside_the_first = true}};
  if (up.seed)
    if (auto seed = load_seed(*up.seed); !seed) return complain({Exit::configuration, seed.error().message()});

  std::optional<TemporaryFolder> temporary;
  if (up.tls) {
    if (up.ephemeral) temporary.emplace();
    const auto clock = system_clock();
    const auto random = system_random();
    const auto tls = ensure_local_tls(temporary ? temporary->path() : plan.config.data / "tls", *clock, *random);
    if (!tls) return complain({Exit::data, tls.error().message()});
    for (auto& listener : plan.config.listeners) listener.tls = tls->files;
    plan.authority = tls->authority;
  }
  return run_house(std::move(plan), demo_line, demo_page, up.json);
}

int run_serve(const Serve& serve) {
  ::umask(0077);
  auto config = load_and_check(serve.config, system_clock()->now());
  if (!config) return complain({Exit::configuration, config.error().message()});
  Plan plan;
  plan.config = *std::move(config);
  plan.file = serve.config;
  apply(plan.config.log, serve.log);
  return run_house(std::move(plan), serve_line, serve_page, serve.json);
}

int run_check(const Check& check) {
  const auto config = load_and_check(check.config, system_clock()->now());
  if (!config) return complain({Exit::configuration, config.error().message()});
  say(fmt::format("{}: good; {} listener(s), {} guarded host(s)\n", check.config, config->listeners.size(), config->gateway.size()));
  return static_cast<int>(Exit::ok);
}

struct Runner {
  int operator()(const Up& up) const { return run_up(up); }
  int operator()(const Serve& serve) const { return run_serve(serve); }
  int operator()(const Check& check) const { return run_check(check); }
  int operator()(const Explain& explain) const { return run_explain(explain, colours_of(stdout) == Colours::yes ? Paint::yes : Paint::no); }
  int operator()(GenerateKeys ask) const { return run_generate_keys(std::move(ask)); }
  int operator()(const Version&) const {
    say("gatehouse " GATEHOUSE_VERSION "\n");
    return static_cast<int>(Exit::ok);
  }
  int operator()(const Quit& quit) const {
    std::fputs(quit.out.c_str(), stdout);
    std::fputs(quit.err.c_str(), stderr);
    return quit.code;
  }
};

}  // namespace

int run_command(const Command& command) { return std::visit(Runner(), command); }

}  // namespace gatehouse::app
