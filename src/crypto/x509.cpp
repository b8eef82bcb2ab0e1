#include "crypto/x509.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ctime>
#include <span>

#include "core/text.h"
#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

using X509Ptr = Owned<X509, X509_free>;
using Bio = Owned<BIO, BIO_free_all>;
using Names = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

constexpr std::size_t kPemMax = 256 * 1024, kNameMax = 64, kDnsNameMax = 253;  // RFC 5280 ub-common-name, RFC 1035

std::unexpected<Error> broken() { return failure(Fault::internal, "certificate: OpenSSL could not make it"); }

// The address as network bytes: 4, 16, or none when it is not an address.
std::string address_of(const std::string& name) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return {bytes.data(), 16};
  return {};
}

bool is_dns_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > kDnsNameMax) return false;
  return std::ranges::all_of(split(name, '.'), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && !label.starts_with('-') && !label.ends_with('-') &&
           std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
  });
}

// Passed as values, never as OpenSSL's configuration text, where a comma in a name would begin a new entry.
Result<Names> subject_names(const std::vector<std::string>& texts) {
  if (texts.empty() || texts.size() > kCertificateNamesMax) return failure(Fault::invalid, "certificate: needs 1 to 100 names");
  Names names(GENERAL_NAMES_new());
  for (const auto& text : texts) {
    const auto address = address_of(text);
    if (address.empty() && !is_dns_name(text)) return failure(Fault::invalid, "certificate: not a DNS name or IP address: " + text);
    auto* value = address.empty() ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
    const auto& bytes = address.empty() ? text : address;
    auto* name = GENERAL_NAME_new();
    if (value == nullptr || name == nullptr || ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) != 1)
      throw std::bad_alloc();
    GENERAL_NAME_set0_value(name, address.empty() ? GEN_DNS : GEN_IPADD, value);
    if (sk_GENERAL_NAME_push(names.get(), name) <= 0) throw std::bad_alloc();
  }
  return names;
}

bool add_extension(X509* to, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  Owned<X509_EXTENSION, X509_EXTENSION_free> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(to, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate, Random& random) {
  std::string bytes(16, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  bytes[0] = static_cast<char>((bytes[0] & 0x3f) | 0x40);  // positive, and never shorter
  Owned<BIGNUM, BN_free> number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* target, Timestamp time) { return ASN1_TIME_set(target, static_cast<time_t>(to_seconds(time))) != nullptr; }

X509Ptr blank(std::string_view common_name, const PrivateKey& key, Validity validity, Random& random) {
  X509Ptr made(X509_new());
  if (!made || X509_set_version(made.get(), X509_VERSION_3) != 1 || !set_serial(made.get(), random) ||
      !set_time(X509_getm_notBefore(made.get()), validity.from) || !set_time(X509_getm_notAfter(made.get()), validity.until) ||
      X509_set_pubkey(made.get(), KeyAccess::of(key)) != 1 ||
      X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, MBSTRING_UTF8, bytes_of(common_name),
                                 static_cast<int>(common_name.size()), -1, 0) != 1)
    return nullptr;
  return made;
}

// As strong as the key; Ed25519 hashes by itself.
const EVP_MD* digest_for(KeyType type) {
  if (type == KeyType::ed25519) return nullptr;
  return evp_md(type == KeyType::p384 ? Hash::sha384 : type == KeyType::p521 ? Hash::sha512 : Hash::sha256);
}

Result<std::string> signed_pem(X509* certificate, const PrivateKey& by) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (X509_sign(certificate, KeyAccess::of(by), digest_for(by.type())) <= 0 ||
      !bio || PEM_write_bio_X509(bio.get(), certificate) != 1)
    return broken();
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<X509Ptr> parse(std::string_view pem) {
  if (pem.size() > kPemMax) return failure(Fault::invalid, "certificate: larger than 256 KiB");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr parsed(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!parsed) return failure(Fault::invalid, "certificate: no PEM certificate there (\"BEGIN CERTIFICATE\")");
  return parsed;
}

Result<Timestamp> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return failure(Fault::invalid, "certificate: a date cannot be read");
  return from_seconds(timegm(&parts));
}

std::string subject_of(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string address_text(const std::string& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<AlternativeName> name_of(const GENERAL_NAME* name) {
  using Kind = AlternativeName::Kind;
  int kind = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
  if (kind != GEN_DNS && kind != GEN_URI && kind != GEN_EMAIL && kind != GEN_IPADD) return std::nullopt;
  std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (kind == GEN_IPADD) bytes = address_text(bytes);
  if (bytes.empty()) return std::nullopt;
  return AlternativeName{kind == GEN_DNS ? Kind::dns : kind == GEN_URI ? Kind::uri : kind == GEN_EMAIL ? Kind::email : Kind::ip, std::move(bytes)};
}

std::vector<AlternativeName> alternatives_of(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<AlternativeName> found;
  const auto count = names ? std::min<std::size_t>(sk_GENERAL_NAME_num(names.get()), kCertificateNamesMax) : 0;
  for (std::size_t i = 0; i < count; ++i)
    if (auto name = name_of(sk_GENERAL_NAME_value(names.get(), static_cast<int>(i)))) found.push_back(*std::move(name));
  return found;
}

Result<CertificateFacts> facts_of(X509* certificate) {
  GH_TRY(const auto from, time_of(X509_get0_notBefore(certificate)));
  GH_TRY(const auto until, time_of(X509_get0_notAfter(certificate)));
  auto* key = X509_get_pubkey(certificate);
  if (key == nullptr) return failure(Fault::invalid, "certificate: its key cannot be read");
  GH_TRY(auto checked, KeyAccess::adopt_public(key));
  auto alternatives = alternatives_of(certificate);
  std::vector<std::string> names;
  for (const auto& [kind, value] : alternatives)
    if (kind == AlternativeName::Kind::dns || kind == AlternativeName::Kind::ip) names.push_back(value);
  return CertificateFacts{subject_of(certificate), {from, until}, std::move(names), std::move(alternatives), std::move(checked)};
}

Result<void> check_input(std::string_view common_name, Validity validity) {
  if (common_name.empty() || common_name.size() > kNameMax || !is_utf8(common_name))
    return failure(Fault::invalid, "certificate: a common name has 1 to 64 bytes");
  if (validity.from >= validity.until) return failure(Fault::invalid, "certificate: it would end before it begins");
  return {};
}

}  // namespace

Result<Certificate> make_authority(std::string_view common_name, Validity validity, Random& random) {
  GH_DO(check_input(common_name, validity));
  const QuietErrors quiet;
  GH_TRY(auto key, PrivateKey::generate(KeySpec::p256));
  const auto made = blank(common_name, key, validity, random);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) != 1 ||
      !add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(made.get(), made.get(), NID_subject_key_identifier, "hash"))
    return broken();
  GH_TRY(auto pem, signed_pem(made.get(), key));
  return Certificate{std::move(pem), std::move(key)};
}

Result<Certificate> issue_leaf(const Certificate& authority, const std::vector<std::string>& names, Validity validity,
                               Random& random) {
  const QuietErrors quiet;
  GH_TRY(const auto subjects, subject_names(names));
  const auto common_name = std::string_view(names.front()).substr(0, kNameMax);
  GH_DO(check_input(common_name, validity));
  GH_DO(check_matches(authority.pem, authority.key));
  GH_TRY(const auto issuer, parse(authority.pem));
  GH_TRY(auto key, PrivateKey::generate(KeySpec::p256));
  const auto made = blank(common_name, key, validity, random);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(made.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(made.get(), issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(made.get(), issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(made.get(), issuer.get(), NID_authority_key_identifier, "keyid:always") ||
      X509_add1_ext_i2d(made.get(), NID_subject_alt_name, subjects.get(), 0, X509V3_ADD_DEFAULT) != 1)
    return broken();
  GH_TRY(auto pem, signed_pem(made.get(), authority.key));
  return Certificate{std::move(pem), std::move(key)};
}

Result<std::string> self_signed(const PrivateKey& key, std::string_view common_name, Validity validity, Random& random) {
  GH_DO(check_input(common_name, validity));
  if (key.type() == KeyType::x25519) return failure(Fault::invalid, "certificate: an X25519 key cannot sign its own");
  const QuietErrors quiet;
  const auto made = blank(common_name, key, validity, random);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) != 1 ||
      !add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made.get(), made.get(), NID_subject_key_identifier, "hash"))
    return broken();
  return signed_pem(made.get(), key);
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  const QuietErrors quiet;
  GH_TRY(const auto parsed, parse(pem));
  return facts_of(parsed.get());
}

Result<CertificateFacts> read_certificate_der(std::string_view der) {
  if (der.size() > kPemMax) return failure(Fault::invalid, "certificate: larger than 256 KiB");
  const QuietErrors quiet;
  const auto* at = bytes_of(der);
  const X509Ptr parsed(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!parsed || at != bytes_of(der) + der.size()) return failure(Fault::invalid, "certificate: not a DER certificate");
  return facts_of(parsed.get());
}

Result<std::string> certificate_der(std::string_view pem) {
  const QuietErrors quiet;
  GH_TRY(const auto parsed, parse(pem));
  unsigned char* out = nullptr;
  const int size = i2d_X509(parsed.get(), &out);
  if (size <= 0) return broken();
  std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
  OPENSSL_free(out);
  return der;
}

std::string sha1_thumbprint(std::string_view der) {
  std::string out(20, '\0');
  if (EVP_Q_digest(nullptr, "SHA1", nullptr, der.data(), der.size(), bytes_of(out), nullptr) != 1) throw std::bad_alloc();
  return out;
}

Result<void> check_matches(std::string_view certificate_pem, const PrivateKey& key) {
  GH_TRY(const auto facts, read_certificate(certificate_pem));
  if (facts.key == key.public_key()) return {};
  return failure(Fault::invalid, "certificate: it was made for another private key; name the key that belongs to " + facts.subject);
}

}  // namespace gatehouse::crypto
