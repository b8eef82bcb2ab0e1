// A peer for tests that says byte for byte what a test wants: each connection runs the script on a thread of its own,
// with blocking sockets.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gatehouse::net {

class ScriptedPeer {
  using Tcp = boost::asio::ip::tcp;

 public:
  struct Identity {
    std::string certificate_file, key_file;
  };

  class Talk {
   public:
    Talk(Tcp::socket& socket, boost::asio::ssl::context* tls, int number) : number_(number), socket_(socket) {
      if (tls == nullptr) return;
      tls_.emplace(socket_, *tls);
      boost::system::error_code code;
      tls_->handshake(boost::asio::ssl::stream_base::server, code);
      open_ = !code;
    }
    int number() const { return number_; }   // of the connection, from 1
    // The next request's head, its empty line included; empty when the client has gone.
    std::string head() {
      auto end = std::string::npos;
      while ((end = input_.find("\r\n\r\n")) == std::string::npos)
        if (!more()) return {};
      return take(end + 4);
    }
    std::string read(std::size_t bytes) {
      while (input_.size() < bytes)
        if (!more()) return {};
      return take(bytes);
    }
    bool send(std::string_view text) {   // false when the client has gone
      if (!open_) return false;
      boost::system::error_code code;
      if (tls_) boost::asio::write(*tls_, boost::asio::buffer(text), code);
      else boost::asio::write(socket_, boost::asio::buffer(text), code);
      return !code;
    }
    // Silent until the client has gone.
    void hang() {
      while (more()) input_.clear();
    }

   private:
    bool more() {
      if (!open_) return false;
      char bytes[4096];
      boost::system::error_code code;
      const auto got = tls_ ? tls_->read_some(boost::asio::buffer(bytes), code) : socket_.read_some(boost::asio::buffer(bytes), code);
      input_.append(bytes, got);
      return !code;
    }
    std::string take(std::size_t bytes) {
      auto taken = input_.substr(0, bytes);
      input_.erase(0, bytes);
      return taken;
    }
    int number_;
    Tcp::socket& socket_;
    std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
    std::string input_;
    bool open_ = true;
  };
  using Script = std::function<void(Talk&)>;

  explicit ScriptedPeer(Script script, std::optional<Identity> identity = std::nullopt)
      : script_(std::move(script)), acceptor_(loop_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    port_ = acceptor_.local_endpoint().port();
    if (identity) {
      tls_.emplace(boost::asio::ssl::context::tls_server);
      tls_->use_certificate_chain_file(identity->certificate_file);
      tls_->use_private_key_file(identity->key_file, boost::asio::ssl::context::pem);
    }
    accepting_ = std::jthread([this] { accept(); });
  }
  ~ScriptedPeer() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    accepting_.join();
    const std::lock_guard lock(mutex_);
    for (auto& socket : sockets_)
      if (socket.is_open()) ::shutdown(socket.native_handle(), SHUT_RDWR);
    // The threads join before the sockets that they use are gone: see the order of members.
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void accept() {
    for (;;) {
      boost::system::error_code code;
      Tcp::socket socket(loop_);
      acceptor_.accept(socket, code);
      if (code) return;
      socket.set_option(Tcp::no_delay(true), code);
      const int number = ++connections_;
      const std::lock_guard lock(mutex_);
      auto& kept = sockets_.emplace_back(std::move(socket));
      talks_.emplace_back([this, &kept, number] {
        {
          Talk talk(kept, tls_ ? &*tls_ : nullptr, number);
          script_(talk);
        }
        boost::system::error_code ignored;
        const std::lock_guard closing(mutex_);
        kept.shutdown(Tcp::socket::shutdown_send, ignored);
        kept.close(ignored);
      });
    }
  }

  Script script_;
  boost::asio::io_context loop_;
  Tcp::acceptor acceptor_;
  std::optional<boost::asio::ssl::context> tls_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::list<Tcp::socket> sockets_;
  std::vector<std::jthread> talks_;
  std::jthread accepting_;
};

}  // namespace gatehouse::net
