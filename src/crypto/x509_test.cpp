#include "crypto/x509.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/bytes.h"
#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

using X509Ptr = Owned<X509, X509_free>;

X509Ptr parsed(const std::string& pem) {
  const Owned<BIO, BIO_free_all> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

// What a TLS client does: chain to `root`, purpose server, host name.
bool client_accepts(const Certificate& root, const Certificate& leaf, const char* host, Timestamp at) {
  const auto ca = parsed(root.pem), end = parsed(leaf.pem);
  const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), ca.get());
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), end.get(), nullptr);
  auto* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(param, to_seconds(at));
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1) X509_VERIFY_PARAM_set1_host(param, host, 0);
  return X509_verify_cert(context.get()) == 1;
}

class Certificates : public testing::Test {
 protected:
  const Timestamp now_ = from_seconds(1'700'000'000);
  const Validity year_{now_, now_ + Seconds(365 * 86400)};
  std::unique_ptr<Random> random_ = seeded_random(3);
  Certificate authority_ = make_authority("Gatehouse local authority", year_, *random_).value();
};

TEST_F(Certificates, a_leaf_is_accepted_for_its_names_and_no_other) {
  const auto leaf = issue_leaf(authority_, {"localhost", "*.gate.localhost", "127.0.0.1", "::1"}, year_, *random_).value();
  const auto later = now_ + Seconds(60);
  for (const char* name : {"localhost", "wiki.gate.localhost", "127.0.0.1", "::1"}) EXPECT_TRUE(client_accepts(authority_, leaf, name, later)) << name;
  for (const char* name : {"example.com", "a.b.gate.localhost", "127.0.0.2"}) EXPECT_FALSE(client_accepts(authority_, leaf, name, later)) << name;
  EXPECT_FALSE(client_accepts(authority_, leaf, "localhost", now_ + Seconds(366 * 86400)));
  EXPECT_FALSE(client_accepts(authority_, leaf, "localhost", now_ - Seconds(60)));
  const auto other = make_authority("Gatehouse local authority", year_, *random_).value();
  EXPECT_FALSE(client_accepts(other, leaf, "localhost", later));
}

TEST_F(Certificates, tell_dates_names_and_key) {
  const auto leaf = issue_leaf(authority_, {"localhost", "127.0.0.1", "::1"}, year_, *random_).value();
  const auto facts = read_certificate(leaf.pem).value();
  EXPECT_EQ(facts.validity.from, year_.from);
  EXPECT_EQ(facts.validity.until, year_.until);
  EXPECT_EQ(facts.names, (std::vector<std::string>{"localhost", "127.0.0.1", "::1"}));
  EXPECT_EQ(facts.subject, "CN=localhost");
  EXPECT_EQ(facts.key, leaf.key.public_key());
}

TEST_F(Certificates, a_key_of_another_certificate_is_told) {
  const auto leaf = issue_leaf(authority_, {"localhost"}, year_, *random_).value();
  EXPECT_TRUE(check_matches(leaf.pem, leaf.key));
  EXPECT_EQ(check_matches(leaf.pem, authority_.key).error().fault(), Fault::invalid);
  const Certificate mixed{authority_.pem, leaf.key};
  EXPECT_FALSE(issue_leaf(mixed, {"localhost"}, year_, *random_));
}

TEST_F(Certificates, a_leaf_can_sign_nothing) {
  const auto leaf = issue_leaf(authority_, {"localhost"}, year_, *random_).value();
  const auto grandchild = issue_leaf(leaf, {"evil.localhost"}, year_, *random_).value();
  EXPECT_FALSE(client_accepts(authority_, grandchild, "evil.localhost", now_ + Seconds(60)));
}

TEST_F(Certificates, strange_names_and_dates_are_refused) {
  for (const std::string name : {"", "a,DNS:evil.example", "a b", "a..b", "-a", "*", "*.*.a", "http://a", "ä.example"})
    EXPECT_EQ(issue_leaf(authority_, {name}, year_, *random_).error().fault(), Fault::invalid) << name;
  EXPECT_FALSE(issue_leaf(authority_, {}, year_, *random_));
  EXPECT_FALSE(issue_leaf(authority_, {"localhost"}, {year_.until, year_.from}, *random_));
  EXPECT_FALSE(read_certificate("no certificate"));
  EXPECT_FALSE(read_certificate(authority_.key.public_key().pem()));
}

TEST_F(Certificates, serial_numbers_differ) {
  const auto a = issue_leaf(authority_, {"localhost"}, year_, *random_).value(), b = issue_leaf(authority_, {"localhost"}, year_, *random_).value();
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(parsed(a.pem).get()), X509_get0_serialNumber(parsed(b.pem).get())), 0);
}

TEST_F(Certificates, a_key_may_vouch_for_itself) {
  for (const auto spec : {KeySpec::rsa2048, KeySpec::p256, KeySpec::p384, KeySpec::p521, KeySpec::ed25519}) {
    const auto key = PrivateKey::generate(spec).value();
    const auto pem = self_signed(key, "signing key of gate.example", year_, *random_);
    ASSERT_TRUE(pem) << pem.error().message();
    const auto der = certificate_der(*pem).value();
    const auto facts = read_certificate_der(der).value();
    EXPECT_EQ(facts.subject, "CN=signing key of gate.example");
    EXPECT_EQ(facts.key, key.public_key());
    EXPECT_TRUE(check_matches(*pem, key));
    EXPECT_EQ(X509_verify(parsed(*pem).get(), KeyAccess::of(key)), 1);
    EXPECT_FALSE(read_certificate_der(der + "x"));
    EXPECT_FALSE(read_certificate_der(der.substr(1)));
    EXPECT_EQ(sha1_thumbprint(der).size(), 20U);
  }
  EXPECT_FALSE(self_signed(PrivateKey::generate(KeySpec::x25519).value(), "x", year_, *random_));
  EXPECT_FALSE(self_signed(PrivateKey::generate(KeySpec::p256).value(), "", year_, *random_));
  EXPECT_FALSE(certificate_der("no certificate"));
  EXPECT_EQ(hex_encode(sha1_thumbprint("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180-4
}


// Made with openssl 3: every kind of name that a client may have, and one more that is none of ours.
TEST(ClientCertificates, names_have_their_kind) {
  using Kind = AlternativeName::Kind;
  const auto facts = read_certificate(
    "-----BEGIN CERTIFICATE-----\n"
    "MIICXzCCAgWgAwIBAgIUW/TZeeauPBovb8gd7qrN6Omy1qAwCgYIKoZIzj0EAwIw\n"
    "QjELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUVuZ2luZXMsIEluYy4xGzALBgNVBAsM\n"
    "BEJvdHMwDAYDVQQDDAVib3QgMTAgFw0yNjExMjExNjAwMTVaGA8yMTI2MTAyODE2\n"
    "MDAxNVowQjELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUVuZ2luZXMsIEluYy4xGzAL\n"
    "BgNVBAsMBEJvdHMwDAYDVQQDDAVib3QgMTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
    "A0IABGlzHmXYqSVl3xBb8HPuUW7jthJILML/fFUmaBEcwqL9fl6StdZwttOY6wDD\n"
    "Y4f0IBwe9Yoz6BgPyQFk06UEHfujgdYwgdMwHQYDVR0OBBYEFPAKG3vVnIXi6jKG\n"
    "L+f7z1uwqvQ1MB8GA1UdIwQYMBaAFPAKG3vVnIXi6jKGL+f7z1uwqvQ1MA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wawYDVR0RBGQwYoIPYm90LmV4YW1wbGUuY29tggkxOTIuMC4y\n"
    "LjmGD3NwaWZmZTovL2JvdHMvMYEPYm90QGV4YW1wbGUuY29thwTAAAIKhxAgAQ24\n"
    "AAAAAAAAAAAAAAABoAoGAyoDBKADDAF4MBMGA1UdJQQMMAoGCCsGAQUFBwMCMAoG\n"
    "CCqGSM49BAMCA0gAMEUCIBrKOKNnSNeY/GIGbaKUfZNOgv16/eUQllz6a/6IQgOp\n"
    "AiEA2IpST0Y2aUlWt6d0hC1O6Rz+3BsiFQzJMyVVCU67bMg=\n"
    "-----END CERTIFICATE-----\n").value();
  EXPECT_EQ(facts.subject, "CN=bot 1+OU=Bots,O=Engines\\, Inc.,C=DE");
  const std::vector<AlternativeName> expected{{Kind::dns, "bot.example.com"}, {Kind::dns, "192.0.2.9"}, {Kind::uri, "spiffe://bots/1"},
                                              {Kind::email, "bot@example.com"}, {Kind::ip, "192.0.2.10"}, {Kind::ip, "2001:db8::1"}};
  EXPECT_EQ(facts.alternatives, expected);
  EXPECT_EQ(facts.names, (std::vector<std::string>{"bot.example.com", "192.0.2.9", "192.0.2.10", "2001:db8::1"}));
}

}  // namespace
}  // namespace gatehouse::crypto
