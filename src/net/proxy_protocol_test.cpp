#include "net/proxy_protocol.h"

#include <fmt/format.h>

#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using testing_net::FnHandler;
using testing_net::quick_options;
using testing_net::RawClient;
using testing_net::TestServer;
using namespace std::chrono_literals;

std::string v2(char command, char family, std::string_view rest) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out.append(1, command).append(1, family).append(1, static_cast<char>(rest.size() >> 8)).append(1, static_cast<char>(rest.size()));
  return out.append(rest);
}
const std::string kFour("\xC0\x00\x02\x01\xC0\x00\x02\x02\x00\x50\x01\xBB", 12);   // 192.0.2.1:80 -> 192.0.2.2:443
const std::string kSix = std::string("\x20\x01\x0d\xb8") + std::string(11, '\0') + "\x01" + std::string(16, '\2') + std::string("\x00\x50\x01\xBB", 4);

std::string told(std::string_view bytes) {
  const auto header = parse_proxy_header(bytes);
  if (!header) return "refused";
  if (!*header) return "more";
  const auto& client = (*header)->client;
  return fmt::format("{} {}", (*header)->bytes, client ? fmt::format("{}:{}", client->ip, client->port) : "nobody");
}

TEST(ProxyHeader, names_the_client) {
  EXPECT_EQ(told("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET"), "42 192.0.2.1:56324");
  EXPECT_EQ(told("PROXY TCP6 2001:DB8::1 2001:db8::2 1 65535\r\n"), "44 2001:db8::1:1");
  EXPECT_EQ(told("PROXY UNKNOWN\r\n"), "15 nobody");
  EXPECT_EQ(told("PROXY UNKNOWN whatever this is\r\n"), "32 nobody");
  EXPECT_EQ(told(v2('\x21', '\x11', kFour) + "GET"), "28 192.0.2.1:80");
  EXPECT_EQ(told(v2('\x21', '\x21', kSix)), "52 2001:db8::1:80");
  EXPECT_EQ(told(v2('\x20', '\x00', "")), "16 nobody") << "LOCAL";
  EXPECT_EQ(told(v2('\x20', '\x11', kFour)), "28 nobody") << "LOCAL says nothing, whatever follows";
  EXPECT_EQ(told(v2('\x21', '\x00', "")), "16 nobody") << "UNSPEC";
  EXPECT_EQ(told(v2('\x21', '\x11', kFour + std::string("\x04\x00\x02xx", 5))), "33 192.0.2.1:80") << "what follows the addresses is skipped";
}

TEST(ProxyHeader, garbage_is_refused) {
  for (const std::string& bytes : std::vector<std::string>{
           "GET / HTTP/1.1\r\n", "\x16\x03\x01", "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
           "PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
           "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", "PROXY TCP4 1.2.3.400 1.2.3.4 1 1\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
           "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", "PROXY \r\n", "PROXY " + std::string(200, 'x'), v2('\x31', '\x11', kFour), v2('\x22', '\x11', kFour),
           v2('\x21', '\x12', kFour), v2('\x21', '\x31', std::string(216, 'x')), v2('\x21', '\x11', "short"), v2('\x21', '\x21', kFour),
           v2('\x21', '\x11', kFour + std::string(3000, 'x'))})
    EXPECT_EQ(told(bytes), "refused") << bytes;
}

TEST(ProxyHeader, part_of_one_needs_more) {
  for (const auto& whole : {std::string("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), v2('\x21', '\x11', kFour), v2('\x20', '\x00', "")})
    for (std::size_t part = 0; part < whole.size(); ++part) EXPECT_EQ(told(whole.substr(0, part)), "more") << part;
}

struct ProxyDoor : testing::Test {
  FnHandler tell{[](Exchange& exchange) -> boost::asio::awaitable<void> {
    auto reply = Reply::text(200, exchange.request().client.ip);
    (void)co_await exchange.reply(std::move(reply));
  }};
  static ServerOptions options(std::vector<std::string> from) {
    auto options = quick_options();
    options.proxy_protocol = std::move(from);
    return options;
  }
};
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ProxyDoor, the_address_becomes_the_clients_however_the_bytes_come) {
  TestServer server(tell, options({"127.0.0.0/8"}));
  for (const auto& header : {std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), v2('\x21', '\x11', kFour)}) {
    RawClient at_once(server.port());
    at_once.send(header + std::string(kGet));
    EXPECT_TRUE(at_once.read_answer().ends_with("192.0.2.1"));
    RawClient byte_by_byte(server.port());
    for (const char c : header) byte_by_byte.send(std::string_view(&c, 1));
    byte_by_byte.send(kGet);
    EXPECT_TRUE(byte_by_byte.read_answer().ends_with("192.0.2.1"));
    byte_by_byte.send(kGet);
    EXPECT_TRUE(byte_by_byte.read_answer().ends_with("192.0.2.1")) << "for every request of the connection";
  }
  RawClient health(server.port());
  health.send(v2('\x20', '\x00', "") + std::string(kGet));
  EXPECT_TRUE(health.read_answer().ends_with("127.0.0.1"));
}

// Who is trusted to name the client must do so, and nobody else may: otherwise anybody chooses their own address.
TEST_F(ProxyDoor, it_is_required_from_the_named_and_refused_from_others) {
  TestServer named(tell, options({"127.0.0.0/8"}));
  RawClient without(named.port());
  without.send(kGet);
  EXPECT_TRUE(without.closed_by_peer());
  EXPECT_TRUE(named.sink.has("proxy_protocol.refused"));

  TestServer others(tell, options({"10.0.0.0/8"}));
  RawClient liar(others.port());
  liar.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + std::string(kGet));
  EXPECT_TRUE(liar.read_answer().starts_with("HTTP/1.1 400"));
  RawClient honest(others.port());
  honest.send(kGet);
  EXPECT_TRUE(honest.read_answer().ends_with("127.0.0.1"));
}

TEST_F(ProxyDoor, silence_has_an_end) {
  auto patient = options({"127.0.0.0/8"});
  patient.handshake_timeout = 50ms;
  TestServer server(tell, patient);
  RawClient client(server.port());
  client.send("PROXY TCP4 192");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(ProxyHeader, what_we_write_is_what_we_read) {
  const Address target{.ip = "10.0.0.9", .port = 8080};
  for (const auto version : {ProxyProtocol::v1, ProxyProtocol::v2})
    for (const auto& client : {Address{.ip = "192.0.2.7", .port = 51234}, Address{.ip = "2001:db8::1", .port = 1}, Address{.ip = "203.0.113.1", .port = 0}}) {
      const auto text = write_proxy_header(version, client, target);
      const auto read = parse_proxy_header(text + "GET / HTTP/1.1\r\n");
      ASSERT_TRUE(read && *read) << client.ip;
      EXPECT_EQ((*read)->bytes, text.size());
      EXPECT_EQ((*read)->client, client);
      const auto own = write_proxy_header(version, Address(), target);
      const auto nobody = parse_proxy_header(own);
      ASSERT_TRUE(nobody && *nobody);
      EXPECT_EQ((*nobody)->bytes, own.size());
      EXPECT_EQ((*nobody)->client, std::nullopt);
    }
  EXPECT_EQ(write_proxy_header(ProxyProtocol::v1, {.ip = "192.0.2.7", .port = 51234}, target), "PROXY TCP4 192.0.2.7 10.0.0.9 51234 8080\r\n");
  EXPECT_EQ(write_proxy_header(ProxyProtocol::v1, {.ip = "2001:db8::1", .port = 5}, target), "PROXY TCP6 2001:db8::1 :: 5 8080\r\n");
}

}  // namespace
}  // namespace gatehouse::net
