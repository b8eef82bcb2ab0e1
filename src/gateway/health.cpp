#include "gateway/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/beside.h"
#include "core/wake.h"

namespace gatehouse::gateway {

namespace {

using Body = net::UpstreamExchange::Body;

// Thrown to end a check whose time is over.
struct TooLate {};

class Check {
 public:
  Check(net::Upstream& through, HealthCheck check, std::string authority)
      : through_(through), check_(std::move(check)), authority_(std::move(authority)) {}

  Task<void> run() {
    try {
      co_await run_beside(ask(), watch());
    } catch (const TooLate&) {
      co_return failure(Fault::upstream, fmt::format("no answer within {} ms", check_.timeout.count()));
    }
    co_return std::move(*done_);
  }

 private:
  boost::asio::awaitable<void> ask() { done_ = co_await ask_it(); }
  boost::asio::awaitable<void> watch() {
    const auto loop = co_await boost::asio::this_coro::executor;
    Wake wake(loop);
    co_await wake.after(check_.timeout);  // also woken when ask() has ended
    if (!done_) throw TooLate();
  }

  Task<void> ask_it() {
    GH_CO_TRY(auto exchange, co_await through_.open());
    if (check_.kind == HealthCheck::Kind::tcp) co_return Result<void>();
    const bool grpc = check_.kind == HealthCheck::Kind::grpc;
    const auto body = grpc ? grpc_health_request(check_.service) : std::string();
    auto head = request_head(body.size());
    GH_CO_DO(co_await exchange->send_head(std::move(head), body, Body::ends));
    GH_CO_TRY(const net::Head* answer, co_await exchange->read_head(grpc ? net::Method::post : net::Method::get));
    if (grpc) co_return co_await read_grpc(*exchange, *answer);
    const auto status = answer->status;
    const bool good = std::ranges::any_of(
        check_.statuses, [&](const auto& range) { return range.first <= status && status <= range.second; });
    if (!good) co_return failure(Fault::upstream, fmt::format("answered {}", status));
    co_return Result<void>();
  }

  std::string request_head(std::size_t length) const {
    const auto& host = check_.host.empty() ? authority_ : check_.host;
    if (check_.kind != HealthCheck::Kind::grpc)
      return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: gatehouse-health\r\nAccept: */*\r\n\r\n",
                         check_.path, host);
    return fmt::format(
        "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: {}\r\nUser-Agent: gatehouse-health\r\nContent-Type: "
        "application/grpc\r\n"
        "TE: trailers\r\nContent-Length: {}\r\n\r\n",
        host, length);
  }

  static Task<void> read_grpc(net::UpstreamExchange& exchange, const net::Head& head) {
    if (head.status != 200) co_return failure(Fault::upstream, fmt::format("answered {}", head.status));
    std::string status(head.fields.only("grpc-status").value_or("")), body;
    for (;;) {
      GH_CO_TRY(const auto piece, co_await exchange.read_some());
      if (piece.empty()) break;
      if (body.size() + piece.size() > kHealthBodyMax)
        co_return failure(Fault::upstream, "answered more than a health check has to say");
      body.append(piece);
    }
    for (const auto& [name, value] : exchange.trailers())
      if (name == "grpc-status") status = value;
    if (status != "0")
      co_return failure(Fault::upstream,
                        "answered with grpc-status " + (status.empty() ? std::string("missing") : status));
    if (!grpc_health_serves(body)) co_return failure(Fault::upstream, "says that it is not serving");
    co_return Result<void>();
  }

  net::Upstream& through_;
  HealthCheck check_;
  std::string authority_;
  std::optional<Result<void>> done_;
};

// Base 128, as protobuf has it; nullopt when it does not end.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

}  // namespace

Health::Change Health::learn(const HealthCheck& check, bool passes) {
  (passes ? passed_ : failed_).fetch_add(1, std::memory_order_relaxed);
  const bool sick = is_sick();
  if (passes != sick) {  // as expected
    row_ = 0;
    return Change::none;
  }
  if (++row_ < (sick ? check.healthy_after : check.unhealthy_after)) return Change::none;
  row_ = 0;
  sick_.store(!sick, std::memory_order_relaxed);
  return sick ? Change::is_well : Change::fell_sick;
}

Task<void> ask_health(net::Upstream& through, HealthCheck check, std::string authority) {
  Check one(through, std::move(check), std::move(authority));
  co_return co_await one.run();
}

// HealthCheckRequest {string service = 1}, behind the five bytes of a gRPC message: not compressed, length.
std::string grpc_health_request(std::string service) {
  service.resize(
      std::min<std::size_t>(service.size(), 127));  // one byte of length; longer names are refused by the configuration
  std::string message;
  if (!service.empty()) message.append({'\x0a', static_cast<char>(service.size())}).append(service);
  std::string framed(4, '\0');
  framed.push_back(static_cast<char>(message.size()));
  return framed + message;
}

// HealthCheckResponse {ServingStatus status = 1}; SERVING is 1.
bool grpc_health_serves(std::string_view body) {
  if (body.size() < 5 || body[0] != 0) return false;
  body.remove_prefix(5);
  std::uint64_t status = 0;
  while (!body.empty()) {
    const auto key = take_varint(body);
    if (!key || (*key & 7) != 0) return false;  // it has no other fields than this number
    const auto value = take_varint(body);
    if (!value) return false;
    if (*key >> 3 == 1) status = *value;
  }
  return status == 1;
}

}  // namespace gatehouse::gateway
