#include "app/log_sink.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>

namespace gatehouse::app {
namespace {

// Colours only on a terminal, and only around the line: the line itself is core::Log's.
spdlog::sink_ptr make_sink() {
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(spdlog::color_mode::automatic);
  sink->set_color(spdlog::level::debug, sink->dark);
  sink->set_color(spdlog::level::info, sink->reset);
  sink->set_color(spdlog::level::warn, sink->yellow);
  sink->set_color(spdlog::level::err, sink->red);
  sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%^%v%$"));
  return sink;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

class StderrSink final : public LogSink {
 public:
  StderrSink() : pool_(std::make_shared<spdlog::details::thread_pool>(kLogQueueMax, 1)) {
    logger_ = std::make_shared<spdlog::async_logger>("gatehouse", make_sink(), pool_, spdlog::async_overflow_policy::overrun_oldest);
    logger_->set_level(spdlog::level::trace);
    logger_->set_error_handler([](const std::string&) {});  // standard error is gone: nobody is left to tell
  }
  ~StderrSink() override {
    if (const auto dropped = pool_->overrun_counter(); dropped > 0) logger_->warn("log.dropped lines={}", dropped);
    logger_->flush();
    pool_.reset();  // writes what is queued, then joins
  }

  void write(LogLevel level, std::string_view line) override {
    logger_->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::unique_ptr<LogSink> make_stderr_sink() { return std::make_unique<StderrSink>(); }

}  // namespace gatehouse::app
