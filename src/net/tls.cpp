#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"

namespace gatehouse::net {
namespace {

constexpr char kCiphers12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1";  // TLS 1.2: forward secrecy and AEAD only
constexpr unsigned char kProtocols[] = "\x02h2\x08http/1.1";
constexpr unsigned kOfHttp2 = 3;   // bytes of the first one

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string last_openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

Result<void> check_readable(const std::string& file, std::string_view what) {
  errno = 0;
  if (std::ifstream(file)) return {};
  return failure(Fault::invalid, fmt::format("TLS: cannot read the {} file {}: {}", what, file, std::strerror(errno)));
}

// The fault stays to be asked for with SSL_get_verify_result(); here it does not end the handshake.
int take_any_certificate(int, X509_STORE_CTX*) { return 1; }

Timestamp time_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return from_seconds(::timegm(&parts));
}

Result<void> check_dates(X509* certificate, const std::string& file, Timestamp now) {
  const auto until = time_of(X509_get0_notAfter(certificate));
  const auto from = time_of(X509_get0_notBefore(certificate));
  if (now > until)
    return failure(Fault::invalid, fmt::format("TLS: the certificate in {} expired on {}; renew it", file, to_iso8601(until)));
  if (now < from)
    return failure(Fault::invalid, fmt::format("TLS: the certificate in {} is not valid before {}", file, to_iso8601(from)));
  return {};
}

std::vector<std::string> dns_names(X509* certificate) {
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, X509Free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = name->d.dNSName;
    found.push_back(to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<std::size_t>(ASN1_STRING_length(text))}));
  }
  return found;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in, unsigned int in_length, void* without_http2) {
  unsigned char* chosen = nullptr;
  const unsigned skip = without_http2 == nullptr ? 0 : kOfHttp2;
  const int result = SSL_select_next_proto(&chosen, length, kProtocols + skip, sizeof kProtocols - 1 - skip, in, in_length);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_identity(SSL* ssl, int*, void* identities) {
  const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return SSL_TLSEXT_ERR_OK;
  if (auto* context = static_cast<const TlsIdentities*>(identities)->by_name(host)) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;  // unknown names get the first identity; the browser will say what is wrong
}

Result<SslContextPtr> make_context(bool http2) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  static constexpr unsigned char kSessions[] = "gatehouse";
  const bool fine = context && SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1 &&
                    SSL_CTX_set_cipher_list(context.get(), kCiphers12) == 1 &&
                    SSL_CTX_set1_groups_list(context.get(), "X25519:P-256:P-384") == 1 &&
                    SSL_CTX_set_session_id_context(context.get(), kSessions, sizeof kSessions - 1) == 1;
  if (!fine) return failure(Fault::internal, "TLS: " + last_openssl_error());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
  // Idle connections give back their 32 KiB of TLS buffers; a write may go on from another address.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record in one system call, not its head and body in two
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, http2 ? nullptr : context.get());
  return context;
}

}  // namespace

Result<void> TlsIdentities::add(const ServerTls::Identity& identity, bool http2, Timestamp now) {
  GH_DO(check_readable(identity.certificate_file, "certificate"));
  GH_DO(check_readable(identity.key_file, "key"));
  GH_TRY(auto context, make_context(http2));
  if (SSL_CTX_use_certificate_chain_file(context.get(), identity.certificate_file.c_str()) != 1)
    return failure(Fault::invalid, fmt::format("TLS: {} holds no usable PEM certificate: {}", identity.certificate_file, last_openssl_error()));
  auto* certificate = SSL_CTX_get0_certificate(context.get());
  GH_DO(check_dates(certificate, identity.certificate_file, now));
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey_file(context.get(), identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    const auto code = ERR_peek_error();
    const bool mismatch = ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH;
    const auto why = last_openssl_error();
    if (mismatch)
      return failure(Fault::invalid, fmt::format("TLS: the key in {} does not belong to the certificate in {}", identity.key_file, identity.certificate_file));
    return failure(Fault::invalid, fmt::format("TLS: {} holds no usable PEM key: {}", identity.key_file, why));
  }
  for (auto& name : dns_names(certificate)) names_.emplace(std::move(name), context.get());
  contexts_.push_back(std::move(context));
  return {};
}

// Whether a certificate is needed is the route's question.
Result<void> TlsIdentities::ask_clients(const ServerTls& tls) {
  if (!tls.asks_clients()) return {};
  const auto& authorities_file = tls.client_ca_file;
  if (!authorities_file.empty()) GH_DO(check_readable(authorities_file, "client authorities"));
  for (const auto& context : contexts_) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, tls.any_client_certificate ? take_any_certificate : nullptr);
    if (authorities_file.empty()) continue;
    ERR_clear_error();
    auto* names = SSL_load_client_CA_file(authorities_file.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context.get(), authorities_file.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return failure(Fault::invalid, fmt::format("TLS: {} holds no usable PEM certificate of an authority: {}", authorities_file, last_openssl_error()));
    }
    // A list of names keeps clients from showing a certificate of others; who takes any sends none.
    if (tls.any_client_certificate) sk_X509_NAME_pop_free(names, X509_NAME_free);
    else SSL_CTX_set_client_CA_list(context.get(), names);
  }
  return {};
}

Result<std::shared_ptr<const TlsIdentities>> TlsIdentities::load(const ServerTls& tls, Timestamp now) {
  if (tls.identities.empty()) return failure(Fault::invalid, "TLS: no certificate is configured");
  auto identities = std::make_shared<TlsIdentities>();
  for (const auto& identity : tls.identities) GH_DO(identities->add(identity, tls.http2, now));
  GH_DO(identities->ask_clients(tls));
  for (const auto& context : identities->contexts_) {
    SSL_CTX_set_tlsext_servername_callback(context.get(), choose_identity);
    SSL_CTX_set_tlsext_servername_arg(context.get(), identities.get());
  }
  return std::shared_ptr<const TlsIdentities>(std::move(identities));
}

SSL_CTX* TlsIdentities::by_name(std::string_view host) const {
  const auto lower = to_lower(host);
  if (const auto exact = names_.find(lower); exact != names_.end()) return exact->second;
  const auto dot = lower.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto wildcard = names_.find("*" + lower.substr(dot));
  return wildcard == names_.end() ? nullptr : wildcard->second;
}

ClientCertificate client_certificate(SSL* ssl) {
  ClientCertificate shown;
  auto* certificate = SSL_get0_peer_certificate(ssl);
  unsigned char* der = nullptr;
  const int size = certificate == nullptr ? 0 : i2d_X509(certificate, &der);
  if (size <= 0) return shown;
  shown.der.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  shown.thumbprint = base64url_encode(crypto::sha256(shown.der));
  // Also of a resumed session: what was found out at its first handshake goes with it.
  shown.trusted = SSL_get_verify_result(ssl) == X509_V_OK;
  return shown;
}

Result<void> TlsStore::load(Timestamp now) {
  GH_TRY(auto fresh, TlsIdentities::load(tls_, now));
  const std::lock_guard lock(mutex_);
  current_ = std::move(fresh);
  return {};
}

std::shared_ptr<const TlsIdentities> TlsStore::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace gatehouse::net
