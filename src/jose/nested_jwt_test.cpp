#include "jose/nested_jwt.h"

#include <gtest/gtest.h>

namespace gatehouse::jose {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

class NestedJwt : public testing::Test {
 protected:
  static Expect expect() {
    Expect expected;
    expected.issuer = "https://issuer.example";
    expected.audiences = {"api"};
    expected.now = from_seconds(kNow);
    return expected;
  }
  std::optional<Flaw> flaw(std::string_view token) const {
    const auto read = decrypt_then_verify(token, {ours_, kEveryEnc}, theirs_, kAsymmetricAlgs, expect());
    return read ? std::nullopt : flaw_of(read.error());
  }
  std::string outer(json::object header, std::string_view payload) const { return encrypt(to_, Enc::A256GCM, std::move(header), payload, *random_).value(); }

  const std::unique_ptr<Random> random_ = seeded_random(13);
  const Jwk signer_ = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value()).value();
  const KeySet theirs_ = KeySet::of({signer_}).value();
  const EncryptionKey to_ = EncryptionKey::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "", KeyAlg::ECDH_ES_A128KW).value();
  const EncryptionKeySet ours_ = EncryptionKeySet::of({to_}).value();
  const json::object claims_{{"iss", "https://issuer.example"}, {"aud", "api"}, {"sub", "ada"}, {"exp", kNow + 300}};
  const std::string inner_ = sign_jwt(signer_, claims_).value();
};

TEST_F(NestedJwt, is_signed_by_one_and_for_one) {
  const auto token = sign_then_encrypt(signer_, claims_, "JWT", to_, Enc::A128CBC_HS256, *random_).value();
  EXPECT_EQ(peek_encrypted_header(token)->at("cty").as_string(), "JWT");
  const auto read = decrypt_then_verify(token, {ours_, kEveryEnc}, theirs_, kAsymmetricAlgs, expect());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->claims.subject(), "ada");
  EXPECT_EQ(read->kid, signer_.kid());
}

TEST_F(NestedJwt, encryption_alone_proves_nothing) {
  EXPECT_EQ(flaw(outer({{"cty", "JWT"}}, to_text(claims_))), Flaw::not_compact);
  const auto mallory = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), signer_.kid()).value();
  EXPECT_EQ(flaw(outer({{"cty", "JWT"}}, sign_jwt(mallory, claims_).value())), Flaw::bad_signature);
  EXPECT_EQ(flaw(outer({{"cty", "JWT"}}, outer({{"cty", "JWT"}}, inner_))), Flaw::not_compact);
  EXPECT_EQ(flaw(inner_), Flaw::not_encrypted);
  auto old = claims_;
  old["exp"] = kNow - 3600;
  EXPECT_EQ(flaw(outer({{"cty", "JWT"}}, sign_jwt(signer_, old).value())), Flaw::expired);
}

TEST_F(NestedJwt, the_outer_header_tells_the_truth) {
  for (const auto* type : {"JWT", "jwt", "application/jwt", "APPLICATION/JWT"}) EXPECT_EQ(flaw(outer({{"cty", type}}, inner_)), std::nullopt) << type;
  EXPECT_EQ(flaw(outer({}, inner_)), std::nullopt);
  for (const auto* type : {"", "json", "application/json", "jwt2"}) EXPECT_EQ(flaw(outer({{"cty", type}}, inner_)), Flaw::not_nested) << type;
  EXPECT_EQ(flaw(outer({{"iss", "https://issuer.example"}, {"aud", "api"}}, inner_)), std::nullopt);
  EXPECT_EQ(flaw(outer({{"iss", "https://evil.example"}}, inner_)), Flaw::header_contradicts);
  EXPECT_EQ(flaw(outer({{"aud", json::array{"api"}}}, inner_)), Flaw::header_contradicts);
}

}  // namespace
}  // namespace gatehouse::jose
