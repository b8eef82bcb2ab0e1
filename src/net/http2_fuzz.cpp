// Frames and header blocks of any shape, in pieces of any size, against handlers that read, answer, stream and tunnel: no
// crash, no hang, and never more memory than the windows and limits allow.
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "core/clock.h"
#include "core/random.h"
#include "net/http2_session.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::net;
using boost::asio::awaitable;

void check(bool fine) {
  if (!fine) std::abort();
}

// What the path says is what the handler does.
class Scripted final : public Handler {
 public:
  awaitable<void> handle(Exchange& exchange) override {
    const auto& request = exchange.request();
    check(request.path.starts_with('/') || request.path == "*");
    check(!request.host.empty() && request.fields.count(Header::host) == 1);
    for (const auto& field : request.fields.all()) {
      check(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      check(field.id != Header::connection && field.id != Header::transfer_encoding && field.id != Header::upgrade);
    }
    if (request.upgrade != Upgrade::none) {
      auto head = Reply::empty(200);
      (void)co_await exchange.start_tunnel(std::move(head));
      co_return co_await pass_on(exchange);
    }
    if (request.path == "/s") {
      (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
      co_return co_await pass_on(exchange);
    }
    if (request.path == "/n") co_return;
    if (request.path == "/r") {
      auto body = co_await exchange.read_all(4096);
      check(!body || !request.content_length || body->size() == *request.content_length);
      auto reply = Reply::text(200, body ? *body : "?");
      (void)co_await exchange.reply(std::move(reply));
      co_return;
    }
    auto reply = Reply::text(200, std::string(20'000, 'x'));
    (void)co_await exchange.reply(std::move(reply));
  }

 private:
  static awaitable<void> pass_on(Exchange& exchange) {
    for (;;) {
      auto piece = co_await exchange.read_some();
      if (!piece || piece->empty() || !co_await exchange.send(*piece)) break;
    }
    std::vector<std::pair<std::string, std::string>> trailers{{"x", "y"}};
    (void)co_await exchange.finish(std::move(trailers));
  }
};

class Wire final : public Http2Session {
 public:
  using Http2Session::Http2Session;

 private:
  void output_ready() override {}
  void went_quiet() override {}
};

void drain(Wire& wire, boost::asio::io_context& io) {
  static char out[33 * 1024];
  for (std::size_t i = 0; i < 64; ++i) {
    io.poll();
    if (wire.pull(out, sizeof out) == 0) break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  static const auto clock = system_clock();
  static const auto random = system_random();
  static Scripted handler;
  boost::asio::io_context io(1);
  ServerOptions options;
  options.limits = {.start_line = 256, .head = 1024, .fields = 20, .body = 4096, .chunk_line = 32, .trailers = 256};
  options.http2 = {.enabled = true, .streams_max = 10, .stream_window = 65535, .connection_window = 128 * 1024};
  const auto shared = std::shared_ptr<ServerShared>(
      new ServerShared{.options = options, .handler = handler, .clock = *clock, .random = *random, .log = silent_log(), .trusted = {}, .balancers = {}, .tls = nullptr});
  {
    const auto loop = std::make_shared<LoopState>(shared, io.get_executor());
    const auto wire = std::make_shared<Wire>(loop, Arrival{.tls = false, .peer = {.ip = "192.0.2.1", .port = 1}, .trusted = &shared->trusted});
    wire->open();
    // The first byte: in which pieces the rest comes. The preface is given, so that no run is spent on guessing it.
    const std::size_t step = data[0] == 0 ? size : data[0];
    bool going = wire->feed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (std::size_t at = 1; at < size && going && !wire->over(); at += step) {
      going = wire->feed({reinterpret_cast<const char*>(data) + at, std::min(step, size - at)});
      drain(*wire, io);
    }
    wire->abandon();
    io.restart();
    for (int i = 0; i < 64 && !wire->quiet(); ++i) io.poll();
    check(wire->quiet() && wire->idle());
  }
  return 0;
}
