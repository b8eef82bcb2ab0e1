#include "jose/jwk_x509.h"

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "jose/encryption_key.h"
#include "jose/jwk.h"

namespace gatehouse::jose {
namespace {

class CertificateMembers : public testing::Test {
 protected:
  static constexpr std::string_view kOther = "jwk: the certificate in x5c is for another key";
  std::string pem_for(const crypto::PrivateKey& key) {
    const auto now = from_seconds(1'700'000'000);
    return crypto::self_signed(key, "k", {now, now + Seconds(60)}, *random_).value();
  }
  std::string fault(const json::object& jwk) {
    const auto parsed = Jwk::parse(jwk);
    return parsed ? "" : parsed.error().message();
  }

  const std::unique_ptr<Random> random_ = seeded_random(5);
  const crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeySpec::p256).value();
  const std::string der_ = crypto::certificate_der(pem_for(key_)).value();
  const json::object plain_ = Jwk::of(key_.public_key())->public_json().value();
};

TEST_F(CertificateMembers, go_out_and_come_back) {
  auto jwk = plain_;
  const std::vector<std::string> chain{pem_for(key_), pem_for(crypto::PrivateKey::generate(crypto::KeySpec::rsa2048).value())};
  ASSERT_TRUE(add_x509(jwk, key_.public_key(), chain));
  EXPECT_EQ(fault(jwk), "");
  const auto found = read_x509(jwk).value();
  ASSERT_EQ(found.chain.size(), 2U);
  EXPECT_EQ(x5t_s256(found.chain[0]), std::string(jwk.at("x5t#S256").as_string()));
  EXPECT_EQ(found.x5t_s256, crypto::sha256(found.chain[0]));
  EXPECT_FALSE(add_x509(jwk, key_.public_key(), {}));
  EXPECT_FALSE(add_x509(jwk, crypto::PrivateKey::generate(crypto::KeySpec::p256)->public_key(), chain));
}

TEST_F(CertificateMembers, must_speak_of_the_key_they_come_with) {
  auto jwk = plain_;
  jwk["x5c"] = json::array{base64_encode(der_)};
  EXPECT_EQ(fault(jwk), "");
  jwk["x5t"] = base64url_encode(crypto::sha1_thumbprint(der_));
  EXPECT_EQ(fault(jwk), "");
  jwk["x5t"] = base64url_encode(hex_encode(crypto::sha1_thumbprint(der_)));  // as Auth0 spells it
  EXPECT_EQ(fault(jwk), "");
  jwk["x5t"] = base64url_encode(std::string(20, 'x'));
  EXPECT_EQ(fault(jwk), "jwk: x5t is not the thumbprint of the certificate in x5c");
  jwk.erase("x5t");
  jwk["x5t#S256"] = base64url_encode(std::string(32, 'x'));
  EXPECT_EQ(fault(jwk), "jwk: x5t#S256 is not the thumbprint of the certificate in x5c");

  auto stolen = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256)->public_key())->public_json().value();
  stolen["x5c"] = json::array{base64_encode(der_)};
  EXPECT_EQ(fault(stolen), kOther);
  stolen["use"] = "enc";
  stolen.erase("alg");
  EXPECT_EQ(EncryptionKey::parse(stolen).error().message(), kOther);
}

TEST_F(CertificateMembers, are_limited_and_strictly_spelled) {
  const auto with = [&](std::string_view name, json::value value) {
    auto jwk = plain_;
    jwk[json::string_view(name.data(), name.size())] = std::move(value);
    return fault(jwk);
  };
  const json::value good = json::string(base64_encode(der_));
  EXPECT_EQ(with("x5c", "x"), "jwk: x5c must be an array of 1 to 8 certificates");
  EXPECT_EQ(with("x5c", json::array{}), "jwk: x5c must be an array of 1 to 8 certificates");
  EXPECT_EQ(with("x5c", json::array(kCertificatesMax + 1, good)), "jwk: x5c must be an array of 1 to 8 certificates");
  EXPECT_EQ(with("x5c", json::array{5}), "jwk: x5c holds what is no certificate");
  EXPECT_EQ(with("x5c", json::array{std::string(kCertificateMax * 2, 'A')}), "jwk: x5c holds what is no certificate");
  EXPECT_EQ(with("x5c", json::array{"%%%"}), "jwk: x5c is not base64");
  EXPECT_EQ(with("x5c", json::array{base64_encode("no certificate")}), "jwk: the certificate in x5c cannot be read");
  EXPECT_EQ(with("x5c", json::array{base64_encode(der_ + "x")}), "jwk: the certificate in x5c cannot be read");
  EXPECT_EQ(with("x5t", json::string(base64url_encode("short"))), "jwk: x5t is not a SHA-1 thumbprint");
  EXPECT_EQ(with("x5t#S256", json::string(base64url_encode(std::string(31, 'x')))), "jwk: x5t#S256 is not a SHA-256 thumbprint");
  EXPECT_EQ(with("x5t#S256", 5), "jwk: x5t#S256 must be a string");
  EXPECT_EQ(with("x5t#S256", json::string(base64url_encode(std::string(32, 'x')))), "") << "a thumbprint of a certificate that is not there";
  EXPECT_EQ(with("x5u", "https://evil.example/"), "") << "never fetched";
}

}  // namespace
}  // namespace gatehouse::jose
