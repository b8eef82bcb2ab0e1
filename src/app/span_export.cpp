#include "app/span_export.h"

#include <iterator>

#include "app/seen.h"
#include "core/spawn.h"
#include "core/wake.h"

namespace gatehouse::app {

SpanExport::SpanExport(net::Resolver& resolver, Options options, Log log)
    : options_(std::move(options)), log_(std::move(log)),
      http_(net::make_http_client(resolver, net::PeerRules::anyone(), net::ClientTls())) {   // the address is the administrator's
  spawn(loop_.loop(0), work());
  loop_.start();
}

SpanExport::~SpanExport() {
  leaving_ = true;
  (void)done_.try_acquire_for(kExportFarewell);
  loop_.stop(net::Farewell{std::chrono::milliseconds(0), std::chrono::milliseconds(0)});
  loop_.join();
}

void SpanExport::offer(std::string spans) {
  const std::lock_guard lock(mutex_);
  if (waiting_bytes_ + spans.size() > kSpansBytesMax) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waiting_bytes_ += spans.size();
  waiting_.push_back(std::move(spans));
}

SpanExport::Batch SpanExport::take() {
  std::vector<std::string> taken;
  {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0, bytes = 0;
    while (count < waiting_.size() && (count == 0 || bytes + waiting_[count].size() <= kSpansBatchMax)) bytes += waiting_[count++].size();
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    taken.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    waiting_bytes_ -= bytes;
  }
  Batch batch;
  batch.requests = taken.size();
  for (const auto& spans : taken) batch.spans.append(batch.spans.empty() ? "" : ",").append(spans);
  return batch;
}

boost::asio::awaitable<void> SpanExport::work() {
  Wake nap(loop_.loop(0));
  for (;;) {
    const bool last = leaving_.load();
    auto batch = take();
    if (batch.requests > 0) {
      co_await send(std::move(batch));
      continue;
    }
    if (last) break;
    co_await nap.after(kExportEvery);
  }
  done_.release();
}

boost::asio::awaitable<void> SpanExport::send(Batch batch) {
  const auto body = export_request(options_.service_name, GATEHOUSE_VERSION, batch.spans);
  Wake nap(loop_.loop(0));
  for (int tries = 1;; ++tries) {
    const auto sent = co_await post(body);
    if (sent) {
      exported_.fetch_add(batch.requests, std::memory_order_relaxed);
      if (std::exchange(away_, false)) log_.info("telemetry.back");
      co_return;
    }
    if (!std::exchange(away_, true)) log_.warn("telemetry.away", {{"collector", options_.endpoint.origin()}, {"why", sent.error().message()}});
    // What the collector refuses it will refuse again; only one that is away or busy is asked once more.
    if (sent.error().fault() != Fault::upstream || tries == kExportTries || leaving_.load()) break;
    co_await nap.after(kExportEvery * tries);
  }
  dropped_.fetch_add(batch.requests, std::memory_order_relaxed);
}

Task<void> SpanExport::post(std::string body) {
  net::Outbound request;
  request.method = net::Method::post;
  request.url = options_.endpoint;
  request.headers = options_.headers;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  if (leaving_.load()) request.connect_timeout = request.total_timeout = kExportFarewell / 2;
  GH_CO_TRY(const auto answer, co_await http_->send(std::move(request)));
  if (answer.status >= 200 && answer.status < 300) co_return Result<void>();
  const bool again = answer.status == 429 || answer.status == 502 || answer.status == 503 || answer.status == 504;   // OTLP §HTTP throttling
  co_return failure(again ? Fault::upstream : Fault::invalid, "the collector answered " + std::to_string(answer.status));
}

}  // namespace gatehouse::app
