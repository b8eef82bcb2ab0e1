#include "net/client_connection.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <utility>

#include "net/drain.h"

namespace gatehouse::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kWait = asio::as_tuple(asio::use_awaitable);
// A peer that always has bytes ready must not keep the loop to itself.
constexpr int kInlineReadsMax = 8;

using Buffers = std::array<asio::const_buffer, ClientConnection::kPiecesMax>;

Buffers buffers_of(const ClientConnection::Pieces& pieces) {
  Buffers buffers;
  std::ranges::transform(pieces, buffers.begin(), [](std::string_view piece) { return asio::buffer(piece.data(), piece.size()); });
  return buffers;
}

std::size_t size_of(const ClientConnection::Pieces& pieces) {
  std::size_t sum = 0;
  for (const auto piece : pieces) sum += piece.size();
  return sum;
}

void drop_front(ClientConnection::Pieces& pieces, std::size_t bytes) {
  for (auto& piece : pieces) {
    const auto part = std::min(bytes, piece.size());
    piece.remove_prefix(part);
    bytes -= part;
  }
}

// The name (or address) that the certificate must be for, and the name sent as SNI (RFC 6066 §3: never an address).
bool expect_host(SSL* ssl, const std::string& host) {
  Errc no_address;
  asio::ip::make_address(host, no_address);
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  if (!no_address) return X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

ClientConnection::ClientConnection(const Executor& loop)
    : socket_(loop), buffer_(std::make_unique_for_overwrite<char[]>(kRoom)) {}

ClientConnection::ClientConnection(tcp::socket connected)
    : socket_(std::move(connected)), buffer_(std::make_unique_for_overwrite<char[]>(kRoom)) {
  Errc ignored;
  socket_.non_blocking(true, ignored);
}

ClientConnection::~ClientConnection() = default;

asio::awaitable<Errc> ClientConnection::connect(tcp::endpoint peer, SteadyTime until) {
  Errc code;
  socket_.open(peer.protocol(), code);
  if (code) co_return code;
  socket_.set_option(tcp::no_delay(true), code);
  if (!code) socket_.non_blocking(true, code);
  if (code) co_return code;
  write_until_ = until;
  std::tie(code) = co_await socket_.async_connect(peer, kWait);
  write_until_ = SteadyTime::max();
  co_return verdict(code);
}

asio::awaitable<Errc> ClientConnection::handshake(asio::ssl::context& context, std::string host, SteadyTime until, std::string* why) {
  tls_.emplace(socket_, context);
  if (!expect_host(tls_->native_handle(), host)) co_return asio::error::invalid_argument;
  write_until_ = until;
  const auto [code] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kWait);
  write_until_ = SteadyTime::max();
  if (code) {
    const auto found = SSL_get_verify_result(tls_->native_handle());
    *why = found == X509_V_OK ? code.message() : X509_verify_cert_error_string(found);
  }
  co_return verdict(code);
}

// Tried at once: a request fits into the socket's buffer, and a completion through the loop costs a system call more.
std::optional<Errc> ClientConnection::write_now(Pieces& pieces) {
  written_ = 0;
  if (tls_) return std::nullopt;
  Errc code;
  const auto whole = size_of(pieces);
  if (whole > 0) written_ = socket_.write_some(buffers_of(pieces), code);
  if (code == asio::error::would_block || (!code && written_ < whole)) {
    drop_front(pieces, written_);
    return std::nullopt;
  }
  return verdict(code);
}

asio::awaitable<Errc> ClientConnection::write(Pieces pieces, std::chrono::milliseconds timeout) {
  Errc code;
  while (size_of(pieces) > 0) {
    std::size_t took = 0;
    write_until_ = steady_now() + timeout;
    if (tls_) {
      const auto buffers = buffers_of(pieces);
      std::tie(code, took) = co_await tls_->async_write_some(buffers, kWait);
    } else {
      took = socket_.write_some(buffers_of(pieces), code);
      if (code == asio::error::would_block) {
        wait_again_ = false;
        std::tie(code) = co_await socket_.async_wait(tcp::socket::wait_write, kWait);
        if (code == asio::error::operation_aborted && std::exchange(wait_again_, false)) code.clear();
      }
    }
    if (code) break;
    written_ += took;
    drop_front(pieces, took);
  }
  write_until_ = SteadyTime::max();
  co_return verdict(code);
}

// True: `code` and `got` tell what came without waiting. The last read filled all its room, or an end is likely: fetch it
// without a turn through the loop.
bool ClientConnection::read_now(char* into, std::size_t room, Errc& code, std::size_t& got) {
  if (inline_reads_ == 0) return false;
  --inline_reads_;
  got = socket_.read_some(asio::buffer(into, room), code);
  if (code != asio::error::would_block) return true;
  code.clear();
  return false;
}

asio::awaitable<Errc> ClientConnection::fill(std::chrono::milliseconds timeout, bool hasty) {
  if (begin_ == end_) begin_ = end_ = floor_;
  if (end_ == kRoom && begin_ > floor_) {
    std::memmove(buffer_.get() + floor_, buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_ - floor_;
    begin_ = floor_;
  }
  if (end_ == kRoom) co_return asio::error::no_buffer_space;
  read_until_ = steady_now() + timeout;
  if (hasty && inline_reads_ == 0) inline_reads_ = 1;
  auto* const into = buffer_.get() + end_;
  const auto room = kRoom - end_;
  Errc code;
  std::size_t got = 0;
  if (tls_) {
    std::tie(code, got) = co_await tls_->async_read_some(asio::buffer(into, room), kWait);
  } else if (!read_now(into, room, code, got)) {
    const DrainBuffer drain(into, room);
    look_in_ = kLookAfterTicks;
    looked_ = false;
    for (;;) {
      std::tie(code, got) = co_await socket_.async_read_some(drain, kWait);
      if (!code || !std::exchange(looked_, false)) break;
      got = socket_.read_some(asio::buffer(into, room), code);
      if (code != asio::error::would_block) break;
    }
    look_in_ = 0;
    if (got < room) inline_reads_ = 0;
    else if (inline_reads_ == 0) inline_reads_ = kInlineReadsMax;
  }
  read_until_ = SteadyTime::max();
  end_ += got;
  co_return verdict(code);
}

void ClientConnection::keep_reading_alive(std::chrono::milliseconds timeout) {
  if (read_until_ != SteadyTime::max()) read_until_ = steady_now() + timeout;
}

bool ClientConnection::quiet() {
  if (!socket_.is_open() || has_hidden_bytes()) return false;
  char byte = 0;
  // Silence is EAGAIN. An end of stream, an error, and bytes that nobody asked for all make the connection unfit.
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool ClientConnection::has_hidden_bytes() { return tls_ && SSL_has_pending(tls_->native_handle()) == 1; }

bool ClientConnection::speaks_http2() {
  if (!tls_) return false;
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(tls_->native_handle(), &name, &size);
  return size == 2 && std::memcmp(name, "h2", 2) == 0;
}

void ClientConnection::end() {
  Errc ignored;
  // Under TLS too: Asio's own shutdown would wait for the peer's, and end the direction that is to go on.
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void ClientConnection::cancel() {
  Errc ignored;
  socket_.cancel(ignored);
}

SteadyTime ClientConnection::deadline() const { return std::min({read_until_, write_until_, total_until_}); }

void ClientConnection::tick() {
  if (look_in_ == 0 || --look_in_ > 0 || tls_ || !has_something(socket_.native_handle())) return;
  looked_ = wait_again_ = true;   // a write that waits is cancelled with it
  Errc ignored;
  socket_.cancel(ignored);
}

void ClientConnection::expire() {
  expired_ = true;
  looked_ = wait_again_ = false;
  Errc ignored;
  socket_.close(ignored);
}

Errc ClientConnection::verdict(Errc code) const {
  return expired_ ? Errc(asio::error::timed_out) : code;
}

}  // namespace gatehouse::net
