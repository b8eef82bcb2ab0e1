// Spans on their way to a collector: a bounded queue, and a loop of its own that sends what waits in batches (OTLP over HTTP,
// JSON). A collector that is away costs spans, which are counted, and nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "core/log.h"
#include "net/client.h"
#include "net/server.h"

namespace gatehouse::app {

inline constexpr std::size_t kSpansBytesMax = 8 * 1024 * 1024;       // that wait
inline constexpr std::size_t kSpansBatchMax = 1024 * 1024;           // bytes of one export
inline constexpr std::chrono::milliseconds kExportEvery{500};
inline constexpr int kExportTries = 4;                               // of one batch
inline constexpr std::chrono::milliseconds kExportFarewell{3000};    // at the end

class SpanExport {
 public:
  struct Options {
    net::Url endpoint;
    std::string service_name;
    std::vector<std::pair<std::string, std::string>> headers;
  };
  // The resolver is borrowed.
  SpanExport(net::Resolver& resolver, Options options, Log log);
  ~SpanExport();   // sends what waits
  SpanExport(const SpanExport&) = delete;
  SpanExport& operator=(const SpanExport&) = delete;

  // The spans of one request, joined by commas; any thread, never blocks.
  void offer(std::string spans);
  std::uint64_t exported() const { return exported_.load(std::memory_order_relaxed); }   // requests whose spans arrived
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Batch {
    std::string spans;
    std::uint64_t requests = 0;
  };
  boost::asio::awaitable<void> work();
  Batch take();
  boost::asio::awaitable<void> send(Batch batch);
  Task<void> post(std::string body);

  const Options options_;
  Log log_;
  std::mutex mutex_;
  std::vector<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::atomic<std::uint64_t> exported_{0}, dropped_{0};
  std::atomic<bool> leaving_{false};
  bool away_ = false;
  std::binary_semaphore done_{0};
  net::Runtime loop_{1};
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace gatehouse::app
