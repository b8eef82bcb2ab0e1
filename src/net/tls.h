// Certificates of a listener: loaded and checked as a whole, swapped as a whole, chosen by SNI. Internal to net.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "net/canonical.h"
#include "net/server.h"

namespace gatehouse::net {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslContextPtr = std::unique_ptr<SSL_CTX, SslFree>;

// An immutable set of certificates. TLS 1.2 and 1.3, ALPN h2 and http/1.1.
class TlsIdentities {
 public:
  static Result<std::shared_ptr<const TlsIdentities>> load(const ServerTls& tls, Timestamp now);
  SSL_CTX* first() const { return contexts_.front().get(); }
  SSL_CTX* by_name(std::string_view host) const;  // exact name, then wildcard; nullptr if nobody has it

 private:
  Result<void> add(const ServerTls::Identity& identity, bool http2, Timestamp now);
  Result<void> ask_clients(const ServerTls& tls);
  std::vector<SslContextPtr> contexts_;
  std::map<std::string, SSL_CTX*, std::less<>> names_;  // "a.example", "*.example"
};

// What the client showed in the handshake; the thumbprint is that of RFC 8705 §3.1.
ClientCertificate client_certificate(SSL* ssl);

class TlsStore {
 public:
  explicit TlsStore(ServerTls tls) : tls_(std::move(tls)) {}
  Result<void> load(Timestamp now);  // on a fault the old ones stay
  std::shared_ptr<const TlsIdentities> current() const;

 private:
  ServerTls tls_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsIdentities> current_;
};

}  // namespace gatehouse::net
