// What an HTTP/2 upstream may send us: frames and header blocks of any shape, in pieces of any size, at a session with
// requests that wait, send, read slowly and are given up. No crash, no hang; nobody waits on a dead connection; and
// what is kept for each stays within its window and limits.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>

#include "net/http2_client_session.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::net;
using Head = std::vector<std::pair<std::string, std::string>>;

void check(bool fine) {
  if (!fine) std::abort();
}

// The upstream's end of the connection.
class Upstream {
 public:
  explicit Upstream(int socket) : socket_(socket) {}
  ~Upstream() { hang_up(); }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return;  // it has been hung up on
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void hear() {
    char bytes[16384];
    while (::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  }
  void hang_up() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  int socket_;
};

struct Asked {
  explicit Asked(const Executor& loop) : stream(loop) {}
  Http2ClientStream stream;
  bool submitted = false;
};

void look_at(const Http2ClientStream& stream) {
  check(stream.in.size() <= static_cast<std::size_t>(Http2ClientSession::kStreamWindow));
  for (const auto* fields : {&stream.head, &stream.late}) {
    check(fields->size() <= Http2Fields::kCountMax);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < fields->size(); ++i) {
      bytes += fields->name(i).size() + fields->value(i).size();
      check(fields->value(i).find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      check(!fields->name(i).empty());
    }
    check(bytes <= Http2Fields::kBytesMax);
  }
}

void settle(boost::asio::io_context& io, Upstream& upstream) {
  for (int i = 0; i < 64; ++i) {
    upstream.hear();
    if (io.poll() == 0) break;
  }
}

void talk(boost::asio::io_context& io, std::unique_ptr<ClientConnection> connection, Upstream& upstream,
          std::string_view bytes) {
  const Executor loop = io.get_executor();
  const auto session = Http2ClientSession::start(loop, std::move(connection), {});
  // Its SETTINGS are given, so that no run is spent on guessing them; it takes WebSockets.
  upstream.say(std::string_view("\0\0\6\4\0\0\0\0\0\0\10\0\0\0\1", 15));
  settle(io, upstream);
  Asked asked[] = {Asked(loop), Asked(loop), Asked(loop)};  // a GET, a POST whose body goes on, a tunnel
  const Head get{{":method", "GET"}, {":scheme", "http"}, {":authority", "app"}, {":path", "/"}};
  const Head post{{":method", "POST"}, {":scheme", "http"}, {":authority", "app"}, {":path", "/"}, {"te", "trailers"}};
  const Head connect{
      {":method", "CONNECT"}, {":scheme", "http"}, {":authority", "app"}, {":path", "/"}, {":protocol", "websocket"}};
  const Head* heads[] = {&get, &post, &connect};
  const std::string body(100'000, 'b');
  for (std::size_t i = 0; i < 3; ++i) {
    if (!session->takes_stream()) break;
    if (i > 0) asked[i].stream.out = body;
    asked[i].submitted = session->submit(asked[i].stream, *heads[i], i == 0).has_value();
  }
  settle(io, upstream);

  // The first byte: in which pieces the rest comes, and who reads.
  const auto way = static_cast<unsigned char>(bytes[0]);
  const std::size_t step = way % 64 == 0 ? bytes.size() : way % 64;
  for (std::size_t at = 1; at < bytes.size() && !session->dead(); at += step) {
    upstream.say(bytes.substr(at, step));
    settle(io, upstream);
    for (auto& [stream, submitted] : asked) {
      look_at(stream);
      if (submitted && (way & 64) != 0) session->took(stream, std::exchange(stream.in, std::string()).size());
    }
    if ((way & 128) != 0 && at > bytes.size() / 2) session->give_up(asked[0].stream);
  }
  upstream.hang_up();
  for (int i = 0; i < 64 && !session->dead(); ++i) io.poll();
  check(session->dead() || session->parked());
  for (auto& [stream, submitted] : asked) {
    check(!submitted || stream.closed || stream.ended);
    stream.out = {};
    if (submitted) session->drop(stream);
  }
  check(session->streams() == 0);
  session->fail("it is over");
  for (int i = 0; i < 64 && io.poll() > 0; ++i) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Upstream upstream(ends[1]);
  boost::asio::io_context io(1);
  boost::asio::ip::tcp::socket socket(io);
  socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
  auto connection = std::make_unique<ClientConnection>(std::move(socket));
  ConnectionPool::of(io.get_executor()).watch(*connection);
  talk(io, std::move(connection), upstream, {reinterpret_cast<const char*>(data), size});
  return 0;
}
