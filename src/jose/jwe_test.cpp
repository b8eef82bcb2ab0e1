#include "jose/jwe.h"

#include <gtest/gtest.h>

#include <map>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/key_transport.h"
#include "jose/content_key.h"

namespace gatehouse::jose {
namespace {

using crypto::KeySpec;

std::string part(std::string_view text) { return base64url_encode(text); }
std::string inside(std::string_view text) { return base64url_decode(text).value(); }
EncryptionKey read(std::string_view text) { return EncryptionKey::parse(parse_json(text).value()).value(); }
EncryptionKeySet set_of(EncryptionKey key) { return EncryptionKeySet::of({std::move(key)}).value(); }

const EncryptionKey& key_for(KeyAlg alg) {
  static std::map<KeyAlg, EncryptionKey> made;
  if (const auto known = made.find(alg); known != made.end()) return known->second;
  const auto pair = [&](KeySpec spec) { return EncryptionKey::of(crypto::PrivateKey::generate(spec).value(), "k", alg).value(); };
  const auto secret = [&](std::size_t size) { return EncryptionKey::of(Secret(std::string(size, 'k')), "k", alg).value(); };
  const auto way = way_of(alg);
  auto key = way == Way::rsa ? pair(KeySpec::rsa2048) : way == Way::agreement ? pair(KeySpec::p256) : secret(way == Way::direct ? 32 : wrapping_size(alg));
  return made.emplace(alg, std::move(key)).first->second;
}

std::vector<std::string> split_up(std::string_view token) {
  std::vector<std::string> parts;
  for (const auto text : split(token, '.')) parts.push_back(inside(text));
  return parts;
}
std::string joined(const std::vector<std::string>& parts) {
  std::vector<std::string> texts;
  for (const auto& bytes : parts) texts.push_back(part(bytes));
  return join(texts, ".");
}
std::string flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

class Encrypted : public testing::Test {
 protected:
  std::string sealed(KeyAlg alg, Enc enc, json::object header = {}) { return encrypt(key_for(alg), enc, std::move(header), "attack at dawn", *random_).value(); }
  static std::optional<Flaw> flaw(std::string_view token, const EncryptionKeySet& keys, std::span<const Enc> allowed = kEveryEnc) {
    const auto opened = decrypt(token, keys, allowed);
    if (opened) return std::nullopt;
    EXPECT_EQ(opened.error().fault(), Fault::unauthenticated);
    return flaw_of(opened.error());
  }
  // A text rightly sealed under a content key of our choice, with whatever header and wrapped key.
  static std::string crafted(std::string_view header, std::string_view wrapped, const Secret& content, Enc enc) {
    const auto spelled = part(header);
    const std::string nonce(crypto::sizes_of(enc).nonce, 'n');
    const auto made = crypto::encipher(enc, content, nonce, spelled, "attack at dawn").value();
    return spelled + "." + part(wrapped) + "." + part(nonce) + "." + part(made.text) + "." + part(made.tag);
  }
  const std::unique_ptr<Random> random_ = seeded_random(11);
};

TEST_F(Encrypted, opens_for_its_key_in_every_way_and_cipher) {
  for (int i = 0; i < kKeyAlgs; ++i)
    for (const auto enc : kEveryEnc) {
      const auto alg = static_cast<KeyAlg>(i);
      const auto& key = key_for(alg);
      if (!key.fits(alg, enc)) continue;
      const auto to = key.public_key() == nullptr ? key : EncryptionKey::parse(key.public_json().value()).value();
      const auto token = encrypt(to, enc, json::object{{"typ", "x"}, {"alg", "none"}, {"zip", "DEF"}, {"kid", "other"}}, "attack at dawn", *random_);
      ASSERT_TRUE(token) << name_of(alg) << " " << name_of(enc) << ": " << token.error().message();
      const auto opened = decrypt(*token, set_of(key), kEveryEnc);
      ASSERT_TRUE(opened) << name_of(alg) << " " << name_of(enc) << ": " << opened.error().message();
      EXPECT_EQ(opened->payload, "attack at dawn");
      EXPECT_TRUE(opened->alg == alg && opened->enc == enc && opened->kid == "k");
      EXPECT_EQ(find_string(opened->header, "typ"), "x");
      EXPECT_EQ(opened->header.contains("zip"), false);
      EXPECT_TRUE(is_encrypted(*token));
      EXPECT_FALSE(decrypt(*token, EncryptionKeySet(), kEveryEnc));
    }
}

TEST_F(Encrypted, every_curve_agrees) {
  for (const auto spec : {KeySpec::p256, KeySpec::p384, KeySpec::p521, KeySpec::x25519})
    for (const auto alg : {KeyAlg::ECDH_ES, KeyAlg::ECDH_ES_A192KW}) {
      const auto key = EncryptionKey::of(crypto::PrivateKey::generate(spec).value(), "", alg).value();
      const auto token = encrypt(key, Enc::A128CBC_HS256, json::object{{"apu", part("Ada")}, {"apv", part("Bob")}}, "x", *random_).value();
      EXPECT_EQ(decrypt(token, set_of(key), kEveryEnc)->payload, "x");
    }
}

// RFC 7516 appendix A.3.
TEST_F(Encrypted, opens_the_example_of_rfc_7516) {
  const auto key = read(R"({"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"})");
  const auto opened = decrypt(
      "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
      "AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ",
      set_of(key), kEveryEnc);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->payload, "Live long and prosper.");
}

// RFC 7518 appendix C.
TEST_F(Encrypted, derives_keys_as_rfc_7518_does) {
  const auto alice = read(
      R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps","d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"})");
  const auto bob = read(
      R"({"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"})");
  const auto shared = crypto::agree(*alice.private_key(), *bob.public_key()).value();
  EXPECT_EQ(part(concat_kdf(shared, "A128GCM", "Alice", "Bob", 16).reveal()), "VqqN6vgjbSBcIijNcacQGg");
  EXPECT_EQ(concat_kdf(shared, "A256CBC-HS512", "", "", 64).reveal().size(), 64U);
}

// The lesson of CVE-2026-49230: a tag that is not compared whole is no tag.
TEST_F(Encrypted, every_flipped_bit_is_refused) {
  const std::pair<KeyAlg, Enc> kinds[] = {{KeyAlg::A256KW, Enc::A256GCM},        {KeyAlg::A128GCMKW, Enc::A128CBC_HS256},
                                          {KeyAlg::ECDH_ES, Enc::A256CBC_HS512}, {KeyAlg::dir, Enc::A256GCM},
                                          {KeyAlg::RSA_OAEP_256, Enc::A192GCM}};
  for (const auto& [alg, enc] : kinds) {
    const auto keys = set_of(key_for(alg));
    const auto parts = split_up(sealed(alg, enc));
    for (std::size_t p = 0; p < parts.size(); ++p)
      for (std::size_t bit = 0; bit < parts[p].size() * 8; bit += alg == KeyAlg::RSA_OAEP_256 ? 7 : 1) {
        auto changed = parts;
        changed[p] = flipped(changed[p], bit);
        const auto found = flaw(joined(changed), keys);
        ASSERT_TRUE(p == 0 ? found.has_value() : found == Flaw::bad_encryption) << name_of(alg) << " part " << p << " bit " << bit;
      }
  }
}

TEST_F(Encrypted, tags_and_nonces_have_one_length) {
  for (const auto enc : kEveryEnc) {
    const auto keys = set_of(key_for(KeyAlg::A128KW));
    const auto parts = split_up(sealed(KeyAlg::A128KW, enc));
    for (const std::size_t p : {2U, 4U})
      for (std::size_t size = 0; size <= parts[p].size() + 2; ++size) {
        auto changed = parts;
        changed[p].resize(size, '\0');
        EXPECT_EQ(flaw(joined(changed), keys).has_value(), size != parts[p].size()) << name_of(enc);
      }
    auto empty = parts;
    empty[3].clear();
    EXPECT_EQ(flaw(joined(empty), keys), Flaw::bad_encryption);
  }
  // The tag of the wrapped key is in the header.
  const auto keys = set_of(key_for(KeyAlg::A128GCMKW));
  const Secret content(std::string(16, 'c'));
  const std::string nonce(12, 'w');
  const auto wrapped = crypto::encipher(Enc::A128GCM, *key_for(KeyAlg::A128GCMKW).secret(), nonce, "", content.reveal()).value();
  for (std::size_t size = 0; size <= 16; ++size) {
    const auto header = R"({"alg":"A128GCMKW","enc":"A128GCM","iv":")" + part(nonce) + R"(","tag":")" + part(wrapped.tag.substr(0, size)) + "\"}";
    EXPECT_EQ(flaw(crafted(header, wrapped.text, content, Enc::A128GCM), keys), size == 16 ? std::nullopt : std::optional(Flaw::bad_encryption));
  }
}

// A wrong key, a wrong tag, wrong padding: one sentence. And the key that stands in for a wrong one opens nothing.
TEST_F(Encrypted, answers_no_questions) {
  const Secret nobodys(std::string(32, '\0'));
  for (const auto alg : {KeyAlg::RSA_OAEP, KeyAlg::RSA_OAEP_256, KeyAlg::A256KW}) {
    const auto keys = set_of(key_for(alg));
    const auto header = R"({"alg":")" + std::string(name_of(alg)) + R"(","enc":"A128CBC-HS256"})";
    for (const auto& wrapped : {std::string(), std::string(40, 'w'), std::string(256, '\0'), std::string(256, 'w'), std::string(256, '\xff'), std::string(257, 'w')})
      EXPECT_EQ(flaw(crafted(header, wrapped, nobodys, Enc::A128CBC_HS256), keys), Flaw::bad_encryption);
  }
  const auto keys = set_of(key_for(KeyAlg::dir));
  auto parts = split_up(encrypt(key_for(KeyAlg::dir), Enc::A128CBC_HS256, {}, "sixteen letters.", *random_).value());
  for (std::size_t bit = 0; bit < parts[3].size() * 8; ++bit) {  // padding and text alike
    auto changed = parts;
    changed[3] = flipped(changed[3], bit);
    EXPECT_EQ(decrypt(joined(changed), keys, kEveryEnc).error().message(), "The token cannot be decrypted.");
  }
}

TEST_F(Encrypted, a_content_key_has_the_length_of_its_cipher) {
  const auto& key = key_for(KeyAlg::A128KW);
  for (const std::size_t size : {16U, 24U, 32U, 64U}) {
    const Secret content(std::string(size, 'c'));
    const Secret used(std::string(32, size == 32 ? 'c' : '\0'));  // what a careless reader would make of it
    const auto token = crafted(R"({"alg":"A128KW","enc":"A256GCM"})", crypto::wrap_key(*key.secret(), content).value(), used, Enc::A256GCM);
    EXPECT_EQ(flaw(token, set_of(key)), size == 32 ? std::nullopt : std::optional(Flaw::bad_encryption)) << size;
  }
}

TEST_F(Encrypted, dir_and_plain_agreement_carry_no_key) {
  for (const auto& [alg, enc] : {std::pair(KeyAlg::dir, Enc::A256GCM), std::pair(KeyAlg::ECDH_ES, Enc::A256GCM)}) {
    auto parts = split_up(sealed(alg, enc));
    EXPECT_TRUE(parts[1].empty());
    parts[1] = std::string(32, 'k');
    EXPECT_EQ(flaw(joined(parts), set_of(key_for(alg))), Flaw::bad_encryption);
  }
}

TEST_F(Encrypted, the_algorithm_is_the_keys_own) {
  const auto& rsa = key_for(KeyAlg::RSA_OAEP_256);
  const auto keys = set_of(rsa);
  // Our public key, which everybody has, as somebody's secret.
  for (const auto& bytes : {rsa.public_key()->der(), rsa.public_key()->pem()}) {
    const auto forger = EncryptionKey::of(Secret(bytes.substr(0, 32)), "k", KeyAlg::dir).value();
    EXPECT_EQ(flaw(encrypt(forger, Enc::A256GCM, {}, "x", *random_).value(), keys), Flaw::no_key);
  }
  const auto narrow = EncryptionKey::of(*rsa.public_key(), "k", KeyAlg::RSA_OAEP).value();
  EXPECT_EQ(flaw(encrypt(narrow, Enc::A256GCM, {}, "x", *random_).value(), keys), Flaw::no_key);
  const auto wrap = EncryptionKey::of(Secret(std::string(16, 'k')), "k", KeyAlg::A128KW).value();
  const auto gcm = EncryptionKey::of(Secret(std::string(16, 'k')), "k", KeyAlg::A128GCMKW).value();
  EXPECT_EQ(flaw(encrypt(wrap, Enc::A128GCM, {}, "x", *random_).value(), set_of(gcm)), Flaw::no_key);
  const auto named = EncryptionKey::of(Secret(std::string(32, 'k')), "k", KeyAlg::dir, Enc::A128CBC_HS256).value();
  EXPECT_EQ(flaw(sealed(KeyAlg::dir, Enc::A256GCM), set_of(named)), Flaw::no_key);
  EXPECT_EQ(flaw(encrypt(rsa, Enc::A256GCM, {}, "x", *random_).value(), set_of(EncryptionKey::of(*rsa.public_key(), "k").value())), Flaw::no_key);
}

TEST_F(Encrypted, points_off_the_curve_are_refused) {
  const auto keys = set_of(key_for(KeyAlg::ECDH_ES));
  const auto good = peek_encrypted_header(sealed(KeyAlg::ECDH_ES, Enc::A128GCM))->at("epk").as_object();
  const auto with = [&](std::string_view epk) {
    return flaw(crafted(R"({"alg":"ECDH-ES","enc":"A128GCM","epk":)" + std::string(epk) + "}", "", Secret(std::string(16, 'c')), Enc::A128GCM), keys);
  };
  auto off = good;
  off["y"] = part(flipped(inside(std::string_view(off.at("y").as_string())), 0));
  EXPECT_EQ(EncryptionKey::parse(off).error().message(), "key: its numbers make no key (is the point on its curve?)");
  auto x25519 = json::object{{"kty", "OKP"}, {"crv", "X25519"}, {"x", part(std::string(32, '\0'))}};
  for (const auto& epk : {to_text(off), to_text(x25519), std::string("{}"), std::string("[]"), std::string("\"x\""), std::string("null"),
                          std::string(R"({"kty":"EC","crv":"P-256","x":"","y":""})"), std::string(R"({"kty":"EC","crv":"P-256"})"),
                          to_text(EncryptionKey::of(crypto::PrivateKey::generate(KeySpec::p384).value(), "", KeyAlg::ECDH_ES)->public_json().value()),
                          to_text(key_for(KeyAlg::RSA_OAEP).public_json().value())})
    EXPECT_EQ(with(epk), Flaw::bad_encryption) << epk;
  EXPECT_EQ(flaw(crafted(R"({"alg":"ECDH-ES","enc":"A128GCM"})", "", Secret(std::string(16, 'c')), Enc::A128GCM), keys), Flaw::bad_encryption);

  const auto okp = EncryptionKey::of(crypto::PrivateKey::generate(KeySpec::x25519).value(), "", KeyAlg::ECDH_ES).value();
  const auto zero = concat_kdf(Secret(std::string(32, '\0')), "A128GCM", "", "", 16);
  EXPECT_EQ(flaw(crafted(R"({"alg":"ECDH-ES","enc":"A128GCM","epk":)" + to_text(x25519) + "}", "", zero, Enc::A128GCM), set_of(okp)), Flaw::bad_encryption);
}

TEST_F(Encrypted, what_would_cost_or_leak_is_refused_before_any_work) {
  const auto keys = set_of(key_for(KeyAlg::A128KW));
  const auto verdict = [&](std::string_view header) { return flaw(crafted(header, std::string(24, 'w'), Secret(std::string(16, 'c')), Enc::A128GCM), keys); };
  EXPECT_EQ(verdict(R"({"alg":"RSA1_5","enc":"A128GCM"})"), Flaw::alg_refused);
  EXPECT_EQ(verdict(R"({"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"})"), Flaw::alg_refused);
  EXPECT_EQ(verdict(R"({"alg":"A128KW","enc":"A128GCM","zip":"DEF"})"), Flaw::compressed);
  EXPECT_EQ(verdict(R"({"alg":"A128KW","enc":"A128GCM","crit":["exp"],"exp":1})"), Flaw::critical_extension);
  EXPECT_EQ(verdict(R"({"alg":"A128KW"})"), Flaw::enc_missing);
  EXPECT_EQ(verdict(R"({"alg":"A128KW","enc":"A128CTR"})"), Flaw::enc_unknown);
  EXPECT_EQ(verdict(R"({"alg":"none","enc":"A128GCM"})"), Flaw::alg_unknown);
  EXPECT_EQ(verdict(R"({"enc":"A128GCM"})"), Flaw::alg_missing);
  EXPECT_EQ(verdict(R"({"alg":"A128KW","alg":"dir","enc":"A128GCM"})"), Flaw::bad_header);
  EXPECT_EQ(verdict(R"({"alg":5,"enc":"A128GCM"})"), Flaw::bad_header);
  EXPECT_EQ(verdict(R"({"alg":"A128KW","enc":"A128GCM","kid":"other"})"), Flaw::no_key);
  constexpr std::array kOnlyBig{Enc::A256GCM};
  EXPECT_EQ(flaw(sealed(KeyAlg::A128KW, Enc::A128GCM), keys, kOnlyBig), Flaw::enc_not_allowed);
  EXPECT_EQ(flaw(sealed(KeyAlg::A128KW, Enc::A128GCM), keys, {}), Flaw::enc_not_allowed);
}

TEST_F(Encrypted, spelling_and_size_are_strict) {
  const auto keys = set_of(key_for(KeyAlg::A128KW));
  const auto token = sealed(KeyAlg::A128KW, Enc::A128GCM);
  EXPECT_EQ(flaw(token + "=", keys), Flaw::bad_encoding);
  EXPECT_EQ(flaw(token + ".", keys), Flaw::not_encrypted);
  EXPECT_EQ(flaw(" " + token, keys), Flaw::bad_encoding);
  EXPECT_EQ(flaw(token.substr(0, token.rfind('.')), keys), Flaw::not_encrypted);
  EXPECT_EQ(flaw("", keys), Flaw::not_encrypted);
  EXPECT_EQ(flaw("....", keys), Flaw::not_encrypted);
  EXPECT_EQ(flaw(std::string(kEncryptedTokenMax + 1, '.'), keys), Flaw::too_large);
  EXPECT_EQ(encrypt(key_for(KeyAlg::A128KW), Enc::A128GCM, {}, std::string(kEncryptedTokenMax, 'x'), *random_).error().fault(), Fault::limited);
  EXPECT_EQ(peek_encrypted_header(token)->at("alg").as_string(), "A128KW");
  const auto open = EncryptionKey::of(*key_for(KeyAlg::RSA_OAEP).public_key(), "k").value();
  EXPECT_EQ(encrypt(open, Enc::A128GCM, {}, "x", *random_).error().fault(), Fault::invalid) << "not bound to an algorithm";
}

TEST_F(Encrypted, without_a_kid_a_few_keys_are_tried) {
  std::vector<EncryptionKey> keys;
  for (int i = 0; i < kDecryptingKeysMax + 1; ++i)
    keys.push_back(EncryptionKey::of(Secret(std::string(16, static_cast<char>('a' + i))), std::string(1, static_cast<char>('a' + i)), KeyAlg::A128KW).value());
  const auto nameless = EncryptionKey::of(*keys[3].secret(), "", KeyAlg::A128KW).value();
  const auto token = encrypt(nameless, Enc::A128GCM, {}, "x", *random_).value();
  EXPECT_EQ(flaw(token, EncryptionKeySet::of(keys).value()), Flaw::too_many_keys);
  keys.pop_back();
  EXPECT_EQ(decrypt(token, EncryptionKeySet::of(keys).value(), kEveryEnc)->kid, "d");
  keys.pop_back();
  EXPECT_EQ(flaw(token, EncryptionKeySet::of(keys).value()), Flaw::bad_encryption);
}

}  // namespace
}  // namespace gatehouse::jose
