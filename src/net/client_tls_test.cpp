#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/spawn.h"
#include "net/client.h"
#include "net/fixed_resolver.h"
#include "net/scripted_peer.h"

namespace gatehouse::net {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Certificates made by the openssl command line, once for all tests: a CA and what it signed.
class Authority {
 public:
  Authority() {
    auto pattern = (fs::temp_directory_path() / "gatehouse-ca-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    shell("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Test-CA -keyout {0}/ca.key -out {0}/ca.pem");
  }
  ~Authority() { fs::remove_all(dir_); }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string ca() const { return dir_ + "/ca.pem"; }
  ScriptedPeer::Identity issue(const std::string& name, const std::string& alternative, int days = 2) const {
    const auto base = dir_ + "/" + name;
    std::system(fmt::format("printf 'subjectAltName={}' > {}.ext", alternative, base).c_str());
    shell("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + base + ".key -out " + base + ".csr");
    shell(fmt::format("x509 -req -in {0}.csr -CA {{0}}/ca.pem -CAkey {{0}}/ca.key -CAcreateserial -days {1} -extfile {0}.ext -out {0}.pem", base, days));
    return {base + ".pem", base + ".key"};
  }
  ScriptedPeer::Identity self_signed(const std::string& name) const {
    const auto base = dir_ + "/" + name;
    shell("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name + " -addext subjectAltName=DNS:" + name +
          " -keyout " + base + ".key -out " + base + ".pem");
    return {base + ".pem", base + ".key"};
  }

 private:
  void shell(const std::string& command) const {
    const auto line = "openssl " + fmt::format(fmt::runtime(command), dir_) + " >/dev/null 2>&1";
    if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
  }
  std::string dir_;
};

const Authority& authority() {
  static const Authority made;
  return made;
}

struct ClientTlsTest : testing::Test {
  FixedResolver resolver;
  std::string ca_file = authority().ca();
  ClientTlsTest() { resolver.set("peer.test", {"127.0.0.1"}); }

  static void serve_hello(ScriptedPeer::Talk& talk) {
    while (!talk.head().empty()) talk.send(kHello);
  }
  Result<Answer> ask(const ScriptedPeer& peer, std::string_view host = "peer.test") {
    const auto client = make_http_client(resolver, PeerRules::anyone(), ClientTls{ca_file});
    Outbound request;
    request.url = *Url::parse(fmt::format("https://{}:{}/", host, peer.port()));
    return run(client->send(std::move(request)));
  }
};

TEST_F(ClientTlsTest, a_certificate_for_the_host_is_accepted) {
  ScriptedPeer peer(serve_hello, authority().issue("good", "DNS:peer.test"));
  const auto answer = ask(peer);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "hello");
}

TEST_F(ClientTlsTest, connections_are_reused) {
  ScriptedPeer peer(serve_hello, authority().issue("good", "DNS:peer.test"));
  const auto client = make_http_client(resolver, PeerRules::anyone(), ClientTls{ca_file});
  const auto scenario = [](HttpClient* out, std::uint16_t port) -> Task<void> {
    for (int i = 0; i < 5; ++i) {
      Outbound request;
      request.url = *Url::parse(fmt::format("https://peer.test:{}/", port));
      GH_CO_DO(co_await out->send(std::move(request)));
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(client.get(), peer.port())));
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(ClientTlsTest, an_address_is_accepted_if_the_certificate_names_it) {
  resolver.set("127.0.0.1", {"127.0.0.1"});
  ScriptedPeer named(serve_hello, authority().issue("address", "IP:127.0.0.1"));
  EXPECT_TRUE(ask(named, "127.0.0.1"));
  ScriptedPeer not_named(serve_hello, authority().issue("good", "DNS:peer.test"));
  EXPECT_FALSE(ask(not_named, "127.0.0.1"));
}

TEST_F(ClientTlsTest, a_certificate_for_another_host_is_refused) {
  for (const auto* names : {"DNS:other.test", "DNS:peer.test.evil.example", "DNS:*.peer.test", "DNS:*.test.example", "DNS:p*r.test", "IP:127.0.0.1"}) {
    ScriptedPeer peer(serve_hello, authority().issue("wrong", names));
    const auto answer = ask(peer);
    ASSERT_FALSE(answer) << names;
    EXPECT_EQ(answer.error().fault(), Fault::upstream);
    EXPECT_TRUE(answer.error().message().contains("ostname mismatch")) << answer.error().message();
  }
}

TEST_F(ClientTlsTest, a_self_signed_certificate_is_refused) {
  ScriptedPeer peer(serve_hello, authority().self_signed("peer.test"));
  const auto answer = ask(peer);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message().contains("self")) << answer.error().message();
}

TEST_F(ClientTlsTest, a_private_authority_is_not_trusted_by_default) {
  ca_file.clear();
  ScriptedPeer peer(serve_hello, authority().issue("good", "DNS:peer.test"));
  EXPECT_FALSE(ask(peer));
}

TEST_F(ClientTlsTest, an_expired_certificate_is_refused) {
  ScriptedPeer peer(serve_hello, authority().issue("old", "DNS:peer.test", -1));
  const auto answer = ask(peer);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message().contains("expired")) << answer.error().message();
}

TEST_F(ClientTlsTest, a_ca_file_that_cannot_be_read_is_named) {
  ca_file = "/nowhere/ca.pem";
  ScriptedPeer peer(serve_hello, authority().issue("good", "DNS:peer.test"));
  const auto answer = ask(peer);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::internal);
  EXPECT_TRUE(answer.error().message().contains("/nowhere/ca.pem"));
  EXPECT_EQ(peer.connections(), 0);
}

TEST_F(ClientTlsTest, an_answer_without_length_must_end_with_close_notify) {
  // The connection ends without TLS' own goodbye: somebody may have cut it.
  ScriptedPeer peer(
      [](auto& talk) {
        talk.head();
        talk.send("HTTP/1.1 200 OK\r\n\r\nhalf of the tr");
      },
      authority().issue("good", "DNS:peer.test"));
  EXPECT_FALSE(ask(peer));
}

TEST_F(ClientTlsTest, a_peer_without_tls_is_a_failure) {
  ScriptedPeer peer([](auto& talk) { talk.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  const auto answer = ask(peer);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message().contains("TLS handshake"));
}

}  // namespace
}  // namespace gatehouse::net
