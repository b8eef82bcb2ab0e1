#include "jose/encryption_key.h"

#include <gtest/gtest.h>

#include "core/bytes.h"

namespace gatehouse::jose {
namespace {

json::value read(std::string_view text) { return parse_json(text).value(); }

// RFC 7518 appendix C (Bob), RFC 8037 appendix A.1 and A.6, and a key of our own for AES.
constexpr std::string_view kEc =
    R"("kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck")";
constexpr std::string_view kEcSecret = R"(,"d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw")";
constexpr std::string_view kX25519 = R"("kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08")";
constexpr std::string_view kEd25519 = R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
constexpr std::string_view kOct = R"("kty":"oct","k":"GawgguFyGrWKav7AX4VKUg")";

std::string with(std::string_view key, std::string_view more) { return "{" + std::string(key) + std::string(more) + "}"; }
std::string with(std::string_view key, std::string_view secret, std::string_view more) { return with(key, std::string(secret) + std::string(more)); }
std::string set_of(std::initializer_list<std::string> keys) {
  std::string text = R"({"keys":[)";
  for (const auto& key : keys) text += (text.ends_with('[') ? "" : ",") + key;
  return text + "]}";
}

struct Refused {
  std::string text;
  std::string_view why;
};

TEST(EncryptionKey, what_is_not_for_encryption_or_contradicts_itself_is_refused) {
  const Refused cases[] = {
      {with(kEc, R"(,"use":"sig")"), "jwk: its use is not encryption"},
      {with(kEc, R"(,"use":7)"), "jwk: use must be a string"},
      {with(kEc, R"(,"alg":"ES256")"), "jwk: its alg is not an encryption algorithm that is known here"},
      {with(kEc, R"(,"alg":"RSA-OAEP")"), "jwk: its alg does not fit its type or length"},
      {with(kEc, R"(,"alg":"A128KW")"), "jwk: its alg does not fit its type or length"},
      {with(kEc, R"(,"alg":"A128GCM")"), "jwk: its alg does not fit its type or length"},
      {with(kEc, R"(,"alg":"dir")"), "jwk: its alg does not fit its type or length"},
      {with(kEc, R"(,"alg":"RSA1_5")"), "jwk: its alg, RSA1_5, is refused here: it lets strangers ask questions of the key"},
      {with(kOct, R"(,"alg":"PBES2-HS256+A128KW")"), "jwk: its alg, PBES2-HS256+A128KW, is refused here: it lets strangers ask questions of the key"},
      {with(kEc, R"(,"key_ops":["sign","deriveKey"])"), "jwk: its key_ops are for signatures"},
      {with(kEc, R"(,"key_ops":["frobnicate"])"), "jwk: its key_ops have nothing to do with encryption"},
      {with(kEc, R"(,"key_ops":["deriveKey","deriveKey"])"), "jwk: key_ops names an operation twice"},
      {with(kEc, kEcSecret, ""), "jwk: a private or secret key for encryption must say its alg"},
      {with(kOct, ""), "jwk: a private or secret key for encryption must say its alg"},
      {with(kOct, R"(,"alg":"A256KW")"), "jwk: its alg does not fit its type or length"},
      {with(kOct, R"(,"alg":"A256GCM")"), "jwk: its alg does not fit its type or length"},
      {with(kOct, R"(,"alg":"HS256")"), "jwk: its alg is not an encryption algorithm that is known here"},
      {with(kOct, R"(,"alg":"ECDH-ES")"), "jwk: its alg does not fit its type or length"},
      {with(kEd25519, ""), "jwk: an Ed25519 key only signs"},
      {R"({"kty":"AKP"})", "jwk: its kty is not RSA, EC, OKP or oct"},
      {"[]", "jwk: must be a JSON object"}};
  for (const auto& [text, why] : cases) {
    const auto parsed = EncryptionKey::parse(read(text));
    ASSERT_FALSE(parsed) << why;
    EXPECT_EQ(parsed.error().message(), why);
  }
}

TEST(EncryptionKey, its_algorithm_is_its_own) {
  const auto open = EncryptionKey::parse(read(with(kEc, ""))).value();
  EXPECT_TRUE(open.fits(KeyAlg::ECDH_ES) && open.fits(KeyAlg::ECDH_ES_A256KW));
  EXPECT_FALSE(open.fits(KeyAlg::RSA_OAEP) || open.fits(KeyAlg::A128KW) || open.fits(KeyAlg::dir));
  EXPECT_FALSE(open.can_decrypt());
  const auto bound = open.bound_to(KeyAlg::ECDH_ES).value();
  EXPECT_TRUE(bound.fits(KeyAlg::ECDH_ES));
  EXPECT_FALSE(bound.fits(KeyAlg::ECDH_ES_A256KW));
  EXPECT_FALSE(open.bound_to(KeyAlg::RSA_OAEP));

  const auto direct = EncryptionKey::parse(read(with(kOct, R"(,"alg":"A128GCM")"))).value();  // RFC 7520 §5.6
  EXPECT_EQ(direct.alg(), KeyAlg::dir);
  EXPECT_TRUE(direct.fits(KeyAlg::dir, Enc::A128GCM));
  EXPECT_FALSE(direct.fits(KeyAlg::dir, Enc::A256GCM));
  EXPECT_EQ(EncryptionKey::parse(direct.secret_json())->secret_json(), direct.secret_json());
}

TEST(EncryptionKey, key_ops_tell_what_it_may_do) {
  const auto wraps = EncryptionKey::parse(read(with(kOct, R"(,"alg":"A128KW","key_ops":["wrapKey"])"))).value();
  EXPECT_TRUE(wraps.can_encrypt() && !wraps.can_decrypt());
  const auto opens = EncryptionKey::parse(read(with(kOct, R"(,"alg":"A128KW","key_ops":["unwrapKey"])"))).value();
  EXPECT_TRUE(!opens.can_encrypt() && opens.can_decrypt());
  EXPECT_TRUE(EncryptionKey::parse(read(with(kX25519, R"(,"key_ops":[])")))->can_encrypt());
  EXPECT_TRUE(EncryptionKey::parse(read(with(kEc, kEcSecret, R"(,"alg":"ECDH-ES","key_ops":["deriveBits"])")))->can_decrypt());
}

TEST(EncryptionKey, goes_out_in_public_without_anything_private) {
  const auto key = EncryptionKey::parse(read(with(kEc, kEcSecret, R"(,"alg":"ECDH-ES","kid":"e")"))).value();
  const auto open = key.public_json().value();
  EXPECT_FALSE(open.contains("d"));
  EXPECT_EQ(open.at("use").as_string(), "enc");
  EXPECT_EQ(open.at("kid").as_string(), "e");
  EXPECT_TRUE(EncryptionKey::parse(key.secret_json())->can_decrypt());
  const auto secret = EncryptionKey::parse(read(with(kOct, R"(,"alg":"A128KW")"))).value();
  EXPECT_EQ(secret.public_json().error().fault(), Fault::denied);
  EXPECT_EQ(to_text(EncryptionKeySet::of({secret})->public_json()), R"({"keys":[]})");
  EXPECT_EQ(EncryptionKey::of(*key.public_key())->kid(), key.thumbprint());
}

TEST(EncryptionKeySet, leaves_out_what_it_cannot_use_and_says_so) {
  const auto set = EncryptionKeySet::parse(set_of({with(kEc, R"(,"kid":"a","use":"sig")"), R"({"kty":"AKP","kid":"b"})",
                                                   with(kEc, kEcSecret, R"(,"kid":"c","alg":"ECDH-ES")"), with(kEc, R"(,"kid":"d")"),
                                                   with(kX25519, R"(,"kid":"e","alg":"ECDH-ES")")}));
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ(set->ignored(), (std::vector<std::string>{"key 1: jwk: its use is not encryption", "key 2: its kty is not known here",
                                                      "key 3: its private half was published with it"}));
  EXPECT_EQ(set->recipient(KeyAlg::ECDH_ES)->kid(), "e") << "the key that names its algorithm comes first";
  EXPECT_EQ(set->recipient(KeyAlg::ECDH_ES_A256KW)->kid(), "d");
  EXPECT_EQ(set->recipient(KeyAlg::ECDH_ES_A256KW)->alg(), KeyAlg::ECDH_ES_A256KW);
  EXPECT_EQ(set->recipient(KeyAlg::RSA_OAEP).error().fault(), Fault::missing);
  EXPECT_EQ(set->find("e")->kid(), "e");
  EXPECT_EQ(set->find(""), nullptr);
}

TEST(EncryptionKeySet, a_spoiled_set_is_refused_as_a_whole) {
  const auto ec = with(kEc, R"(,"kid":"a")"), oct = with(kOct, R"(,"kid":"s","alg":"A128KW")");
  EXPECT_FALSE(EncryptionKeySet::parse(set_of({ec, ec})));
  EXPECT_FALSE(EncryptionKeySet::parse(set_of({ec, oct})));
  EXPECT_TRUE(EncryptionKeySet::parse(set_of({ec, with(kEc, R"(,"kid":"a","use":"sig")")})));  // one name for two uses is common
  for (const std::string_view bad : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})"}) EXPECT_FALSE(EncryptionKeySet::parse(bad)) << bad;
  EXPECT_FALSE(EncryptionKeySet::of({EncryptionKey::parse(read(ec)).value(), EncryptionKey::parse(read(oct)).value()}));
  EXPECT_FALSE(EncryptionKeySet::of({EncryptionKey::parse(read(oct)).value(), EncryptionKey::parse(read(oct)).value()}));
  EXPECT_FALSE(EncryptionKeySet::parse(std::string(kKeySetTextMax + 1, ' ')));
}

}  // namespace
}  // namespace gatehouse::jose
