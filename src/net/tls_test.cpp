#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>

#include "net/server.h"
#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr long kDay = 24 * 60 * 60;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() : folder_(fs::temp_directory_path() / ("gh_tls_" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~TlsTest() override { fs::remove_all(folder_); }

  // A self-signed certificate for `host`, valid from `from` to `until` seconds from now.
  ServerTls::Identity identity(const std::string& file, const std::string& host, long from = -kDay, long until = kDay) {
    const std::unique_ptr<EVP_PKEY, Free> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, Free> certificate(X509_new());
    auto* it = certificate.get();
    X509_set_version(it, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(it), 1);
    X509_gmtime_adj(X509_getm_notBefore(it), from);
    X509_gmtime_adj(X509_getm_notAfter(it), until);
    X509_set_pubkey(it, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
    X509_set_issuer_name(it, X509_get_subject_name(it));
    auto* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str());
    X509_add_ext(it, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(it, key.get(), EVP_sha256());
    ServerTls::Identity out{.certificate_file = folder_ / (file + ".crt"), .key_file = folder_ / (file + ".key")};
    const std::unique_ptr<BIO, Free> c(BIO_new_file(out.certificate_file.c_str(), "w")), k(BIO_new_file(out.key_file.c_str(), "w"));
    PEM_write_bio_X509(c.get(), it);
    PEM_write_bio_PrivateKey(k.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return out;
  }
  static ServerOptions tls_options(std::vector<ServerTls::Identity> identities) {
    auto options = quick_options();
    options.tls = ServerTls{std::move(identities)};
    return options;
  }
  std::string fault_of(ServerTls::Identity identity) {
    Runtime runtime(1);
    const auto clock = system_clock();
    const auto random = system_random();
    std::vector<ServerTls::Identity> identities{std::move(identity)};
    const auto server = Server::listen(runtime, tls_options(std::move(identities)), handler, *clock, *random, silent_log());
    return server ? "" : server.error().message();
  }

  fs::path folder_;
  FnHandler handler{[](Exchange& exchange) -> asio::awaitable<void> {
    auto body = co_await exchange.read_all(10 * 1024 * 1024);
    auto reply = Reply::text(200, exchange.request().origin() + " " + body.value_or("?"));
    (void)co_await exchange.reply(std::move(reply));
  }};
};

// A TLS client over RawClient's socket. What it saw: the name in the certificate, the protocol, the answer.
struct Seen {
  bool connected = false;
  std::string name, protocol, answer;
};
Seen visit(std::uint16_t port, const char* host, std::string_view request, std::string_view alpn = std::string_view("\x08http/1.1", 9), int max_version = 0) {
  RawClient client(port);
  Seen seen;
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (max_version != 0) {
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), max_version);
  }
  const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), client.fd());
  if (host != nullptr) SSL_set_tlsext_host_name(ssl.get(), host);
  if (!alpn.empty()) SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  seen.connected = SSL_connect(ssl.get()) == 1;
  ERR_clear_error();
  if (!seen.connected) return seen;
  const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(ssl.get()));
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  seen.name = name;
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl.get(), &protocol, &length);
  seen.protocol.assign(reinterpret_cast<const char*>(protocol), length);
  while (!request.empty()) {
    const int wrote = SSL_write(ssl.get(), request.data(), static_cast<int>(std::min<std::size_t>(request.size(), 100000)));
    if (wrote <= 0) break;
    request.remove_prefix(static_cast<std::size_t>(wrote));
  }
  char buffer[65536];
  for (int got = 0; (got = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;) seen.answer.append(buffer, static_cast<std::size_t>(got));
  ERR_clear_error();
  return seen;
}
bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
const std::string kGet = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

// Tells when its client has gone; answers after half a second.
struct Told final : ClientWatch {
  void client_gone() override { gone = true; }
  std::atomic<bool> gone = false;
};

TEST_F(TlsTest, a_goodbye_is_heard_while_a_request_waits_and_the_next_request_is_none) {
  std::atomic<int> gone = 0, asked = 0;
  FnHandler slow([&](Exchange& exchange) -> asio::awaitable<void> {
    ++asked;
    Told told;
    exchange.watch_client(&told);
    asio::steady_timer timer(exchange.executor());
    for (int i = 0; i < 20 && !told.gone; ++i) {
      timer.expires_after(25ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    exchange.watch_client(nullptr);
    if (told.gone) {
      ++gone;
      co_return;
    }
    auto reply = Reply::text(200, "waited");
    (void)co_await exchange.reply(std::move(reply));
  });
  TestServer server(slow, tls_options({identity("a", "a.example")}));
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  const std::string request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  for (const int requests : {1, 2}) {
    asked = 0;
    RawClient client(server.port());
    const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), client.fd());
    ASSERT_EQ(SSL_connect(ssl.get()), 1);
    SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
    while (asked == 0) std::this_thread::sleep_for(1ms);
    if (requests == 2) SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
    SSL_shutdown(ssl.get());
    client.half_close();
    char buffer[4096];
    std::string answer;
    for (int got = 0; (got = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;) answer.append(buffer, static_cast<std::size_t>(got));
    ERR_clear_error();
    EXPECT_EQ(contains(answer, "waited"), requests == 2) << answer;   // the second one is said goodbye to instead
  }
  for (int i = 0; i < 400 && gone < 2; ++i) std::this_thread::sleep_for(5ms);   // the handler looks up after its connection is closed
  EXPECT_EQ(gone, 2);
}

TEST_F(TlsTest, the_name_that_the_client_asks_for_chooses_the_certificate) {
  TestServer server(handler, tls_options({identity("a", "a.example"), identity("w", "*.wild.example")}));
  const auto a = visit(server.port(), "A.example", kGet);
  EXPECT_EQ(a.name, "a.example");
  EXPECT_EQ(a.protocol, "http/1.1");
  EXPECT_TRUE(a.answer.ends_with("https://a.example ")) << a.answer;
  EXPECT_EQ(visit(server.port(), "x.wild.example", kGet).name, "*.wild.example");
  EXPECT_EQ(visit(server.port(), "x.y.wild.example", kGet).name, "a.example");
  EXPECT_EQ(visit(server.port(), nullptr, kGet).name, "a.example");
}

TEST_F(TlsTest, large_bodies_pass_both_ways) {
  TestServer server(handler, tls_options({identity("a", "a.example")}));
  const std::string body(5 * 1024 * 1024, 'x');
  const auto seen = visit(server.port(), "a.example", "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(seen.answer.ends_with(body));
}

// A client that is ready to speak.
struct Caller {
  explicit Caller(std::uint16_t port) : client(port) {
    SSL_set_fd(ssl.get(), client.fd());
    connected = SSL_connect(ssl.get()) == 1;
  }
  bool say(std::string_view text) { return SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()); }
  std::string hear_to_end() {
    std::string heard;
    char buffer[4096];
    for (int got = 0; (got = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;) heard.append(buffer, static_cast<std::size_t>(got));
    ERR_clear_error();
    return heard;
  }
  RawClient client;
  const std::unique_ptr<SSL_CTX, Free> context{SSL_CTX_new(TLS_client_method())};
  const std::unique_ptr<SSL, Free> ssl{SSL_new(context.get())};
  bool connected = false;
};

// The end of the stream comes with the last bytes: no event of its own tells of it, and the timeouts are far away.
TEST_F(TlsTest, a_client_that_says_all_and_leaves_is_noticed) {
  auto options = tls_options({identity("a", "a.example")});
  options.idle_timeout = options.head_timeout = std::chrono::hours(1);
  TestServer server(handler, std::move(options));
  for (int i = 0; i < 10; ++i) {
    Caller caller(server.port());
    ASSERT_TRUE(caller.connected);
    EXPECT_TRUE(caller.say("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    SSL_shutdown(caller.ssl.get());
    caller.client.half_close();
    EXPECT_PRED2(contains, caller.hear_to_end(), "200 OK");
  }
}

// Records of one byte, records that fill what is received at once, and new keys in between, which the server has to answer.
TEST_F(TlsTest, records_of_any_size_and_new_keys_arrive) {
  TestServer server(handler, tls_options({identity("a", "a.example")}));
  Caller caller(server.port());
  ASSERT_TRUE(caller.connected);
  std::string body;
  for (int i = 0; i < 300; ++i) body += static_cast<char>('a' + i % 26);
  const auto large = std::string(16 * 1024, 'x');
  EXPECT_TRUE(caller.say("POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size() + 8 * large.size()) + "\r\n\r\n"));
  for (std::size_t i = 0; i < body.size(); ++i) {
    EXPECT_TRUE(caller.say(std::string_view(body).substr(i, 1)));
    if (i % 50 == 0) EXPECT_EQ(SSL_key_update(caller.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(caller.say(large));
    body += large;
  }
  EXPECT_TRUE(caller.hear_to_end().ends_with("https://a.example " + body));
}

TEST_F(TlsTest, old_versions_and_foreign_protocols_are_refused_and_others_are_served) {
  TestServer server(handler, tls_options({identity("a", "a.example")}));
  EXPECT_FALSE(visit(server.port(), "a.example", kGet, "", TLS1_1_VERSION).connected);
  EXPECT_TRUE(visit(server.port(), "a.example", kGet, "", TLS1_2_VERSION).connected);
  EXPECT_EQ(visit(server.port(), "a.example", kGet, std::string_view("\x02h2", 3)).protocol, "h2");
  EXPECT_EQ(visit(server.port(), "a.example", kGet, std::string_view("\x08http/1.1\x02h2", 12)).protocol, "h2");
  EXPECT_FALSE(visit(server.port(), "a.example", kGet, std::string_view("\x03hq9", 4)).connected);
  RawClient plain(server.port());
  plain.send(kGet);
  EXPECT_EQ(plain.read_to_end().find("200 OK"), std::string::npos);
  EXPECT_TRUE(visit(server.port(), "a.example", kGet).connected);
}

TEST_F(TlsTest, a_handshake_that_stalls_is_dropped) {
  auto options = tls_options({identity("a", "a.example")});
  options.handshake_timeout = 100ms;
  TestServer server(handler, std::move(options));
  RawClient silent(server.port());
  EXPECT_TRUE(silent.closed_by_peer());
}

TEST_F(TlsTest, certificates_are_reloaded_and_a_bad_one_changes_nothing) {
  const auto first = identity("a", "old.example");
  TestServer server(handler, tls_options({first}));
  EXPECT_EQ(visit(server.port(), nullptr, kGet).name, "old.example");
  identity("a", "new.example");
  EXPECT_EQ(visit(server.port(), nullptr, kGet).name, "old.example");
  ASSERT_TRUE(server.server->reload_certificates());
  EXPECT_EQ(visit(server.port(), nullptr, kGet).name, "new.example");
  std::ofstream(first.certificate_file) << "garbage";
  EXPECT_FALSE(server.server->reload_certificates());
  EXPECT_EQ(visit(server.port(), nullptr, kGet).name, "new.example");
}

TEST_F(TlsTest, bad_certificates_are_explained) {
  const auto good = identity("good", "a.example");
  const auto expired = identity("expired", "a.example", -3 * kDay, -2 * kDay);
  EXPECT_PRED2(contains, fault_of(expired), "expired.crt expired on 20");
  EXPECT_PRED2(contains, fault_of(identity("early", "a.example", kDay, 2 * kDay)), "early.crt is not valid before 20");
  EXPECT_PRED2(contains, fault_of({.certificate_file = good.certificate_file, .key_file = expired.key_file}), "does not belong to the certificate in");
  EXPECT_PRED2(contains, fault_of({.certificate_file = "/nowhere.crt", .key_file = good.key_file}), "cannot read the certificate file /nowhere.crt: No such file");
  EXPECT_PRED2(contains, fault_of({.certificate_file = good.key_file, .key_file = good.key_file}), "holds no usable PEM certificate");
  EXPECT_PRED2(contains, fault_of({.certificate_file = good.certificate_file, .key_file = good.certificate_file}), "holds no usable PEM key");
  EXPECT_EQ(fault_of(good), "");
}

}  // namespace
}  // namespace gatehouse::net
