// What a listener learns of the certificates that clients show.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "net/server.h"
#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
namespace asio = boost::asio;
namespace fs = std::filesystem;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct Files {
  std::string certificate, key, thumbprint;
};

class ClientCertificates : public testing::Test {
 protected:
  ~ClientCertificates() override { fs::remove_all(folder_); }

  // Signed by itself; good as an authority for itself alone.
  Files made(const std::string& name) {
    const auto pair = crypto::PrivateKey::generate(crypto::KeySpec::p256).value();
    const auto now = clock_->now();
    const auto pem = crypto::self_signed(pair, name, {now - Seconds(3600), now + Seconds(3600)}, *random_).value();
    Files files{folder_ / (name + ".pem"), folder_ / (name + ".key"),
                base64url_encode(crypto::sha256(crypto::certificate_der(pem).value()))};
    std::ofstream(files.certificate) << pem;
    std::ofstream(files.key) << pair.pem().reveal();
    return files;
  }
  ServerOptions options(std::string authorities, bool any) {
    auto options = quick_options();
    options.tls = ServerTls{.identities = {ServerTls::Identity{server_.certificate, server_.key}},
                            .client_ca_file = std::move(authorities),
                            .any_client_certificate = any};
    return options;
  }

  static fs::path new_folder() {
    auto folder = fs::temp_directory_path() / ("gh_certificates_" + std::to_string(::getpid()));
    fs::create_directories(folder);
    return folder;
  }

  const fs::path folder_ = new_folder();   // first: what follows writes into it
  std::unique_ptr<Clock> clock_ = system_clock();
  std::unique_ptr<Random> random_ = system_random();
  const Files server_ = made("server"), known_ = made("known"), stranger_ = made("stranger");
  // "<thumbprint> <bytes of DER> <trusted>"
  FnHandler handler_{[](Exchange& exchange) -> asio::awaitable<void> {
    const auto& request = exchange.request();
    auto told = std::string(request.client_certificate) + " " + std::to_string(request.client_certificate_der.size()) +
                (request.client_certificate_trusted ? " trusted" : " not");
    auto reply = Reply::text(200, std::move(told));
    (void)co_await exchange.reply(std::move(reply));
  }};
};

// The body of the answer; empty when there was none.
std::string visit(std::uint16_t port, const Files* shown) {
  RawClient client(port);
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (shown != nullptr) {
    SSL_CTX_use_certificate_chain_file(context.get(), shown->certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), shown->key.c_str(), SSL_FILETYPE_PEM);
  }
  const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), client.fd());
  std::string answer;
  if (SSL_connect(ssl.get()) == 1) {
    const std::string ask = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    SSL_write(ssl.get(), ask.data(), static_cast<int>(ask.size()));
    char buffer[4096];
    for (int got = 0; (got = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  ERR_clear_error();
  const auto body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

TEST_F(ClientCertificates, of_its_authorities_are_taken_and_others_end_the_handshake) {
  TestServer server(handler_, options(known_.certificate, false));
  const auto seen = visit(server.port(), &known_);
  EXPECT_TRUE(seen.starts_with(known_.thumbprint)) << seen;
  EXPECT_TRUE(seen.ends_with(" trusted")) << seen;
  EXPECT_EQ(visit(server.port(), nullptr), " 0 not") << "nobody must show one";
  EXPECT_EQ(visit(server.port(), &stranger_), "");
}

TEST_F(ClientCertificates, of_nobody_are_taken_where_the_listener_says_so_and_never_trusted) {
  TestServer server(handler_, options(known_.certificate, true));
  EXPECT_TRUE(visit(server.port(), &known_).ends_with(" trusted"));
  const auto seen = visit(server.port(), &stranger_);
  EXPECT_TRUE(seen.starts_with(stranger_.thumbprint)) << seen;
  EXPECT_TRUE(seen.ends_with(" not")) << seen;
  TestServer without(handler_, options("", true));
  EXPECT_TRUE(visit(without.port(), &known_).ends_with(" not")) << "there is no authority to trust";
}

TEST_F(ClientCertificates, are_asked_of_nobody_by_default) {
  TestServer server(handler_, options("", false));
  EXPECT_EQ(visit(server.port(), &known_), " 0 not");
}

}  // namespace
}  // namespace gatehouse::net
