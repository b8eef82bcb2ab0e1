#include "jose/jws.h"

#include <gtest/gtest.h>

#include "core/bytes.h"

namespace gatehouse::jose {
namespace {

Jwk made(crypto::KeySpec spec, std::string kid, std::optional<Alg> alg = {}) {
  return Jwk::of(crypto::PrivateKey::generate(spec).value(), std::move(kid), alg).value();
}
Jwk open_half(const Jwk& key) { return Jwk::parse(key.public_json().value()).value(); }
std::string part(std::string_view text) { return base64url_encode(text); }

class Tokens : public testing::Test {
 protected:
  std::optional<Flaw> flaw(std::string_view token, std::span<const Alg> allowed = kAsymmetricAlgs) const {
    const auto verified = verify(token, keys_, allowed);
    if (verified) return std::nullopt;
    EXPECT_EQ(verified.error().fault(), Fault::unauthenticated);
    return flaw_of(verified.error());
  }
  // A token whose header says what it likes, rightly signed.
  std::string signed_with(const Jwk& key, Alg alg, std::string_view header) const {
    const auto text = part(header) + "." + part("payload");
    return text + "." + part(key.sign(alg, text).value());
  }

  const Jwk ec_ = made(crypto::KeySpec::p256, "ec"), ed_ = made(crypto::KeySpec::ed25519, "ed");
  const KeySet keys_ = KeySet::of({open_half(ec_), open_half(ed_)}).value();
};

TEST_F(Tokens, what_is_signed_verifies_with_the_key_it_names) {
  const auto token = sign(ec_, json::object{{"typ", "at+jwt"}, {"alg", "none"}, {"kid", "ed"}}, "payload").value();
  const auto verified = verify(token, keys_, kAsymmetricAlgs);
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->payload, "payload");
  EXPECT_EQ(verified->kid, "ec");
  EXPECT_EQ(verified->alg, Alg::ES256);
  EXPECT_EQ(to_text(verified->header), R"({"alg":"ES256","kid":"ec","typ":"at+jwt"})");
}

TEST_F(Tokens, a_token_chooses_no_algorithm) {
  EXPECT_EQ(flaw(part(R"({"alg":"none"})") + "." + part("payload") + "."), Flaw::not_compact);
  for (const std::string none : {"none", "None", "NONE", "nOnE"})
    EXPECT_EQ(flaw(part(R"({"alg":")" + none + R"("})") + "." + part("payload") + ".AA"), Flaw::alg_none) << none;
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES999"})")), Flaw::alg_unknown);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"kid":"ec"})")), Flaw::alg_missing);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES384","kid":"ec"})")), Flaw::no_key);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"EdDSA","kid":"ec"})")), Flaw::no_key);
  constexpr std::array kOnlyEd{Alg::EdDSA};
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec"})"), kOnlyEd), Flaw::alg_not_allowed);
}

// The classic confusion: HMAC with the public key, which everybody has, as its secret.
TEST_F(Tokens, a_public_key_is_never_an_hmac_secret) {
  for (const auto& secret : {ec_.public_key()->pem(), ec_.public_key()->der(), to_text(ec_.public_json().value())}) {
    const auto forger = Jwk::of(Secret(secret), "ec", Alg::HS256).value();
    const auto token = sign(forger, {}, "payload").value();
    EXPECT_EQ(flaw(token), Flaw::alg_not_allowed);
    const std::array everything{Alg::ES256, Alg::HS256};
    EXPECT_EQ(flaw(token, everything), Flaw::no_key);
  }
}

TEST_F(Tokens, extensions_and_key_material_in_the_header_help_nobody) {
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec","crit":["exp"],"exp":1})")), Flaw::critical_extension);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec","crit":[]})")), Flaw::critical_extension);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec","b64":false})")), Flaw::unencoded_payload);
  const auto mallory = made(crypto::KeySpec::p256, "ec");
  const auto jwk = to_text(mallory.public_json().value());
  EXPECT_EQ(flaw(signed_with(mallory, Alg::ES256, R"({"alg":"ES256","kid":"ec","jku":"https://evil.example/jwks","jwk":)" + jwk + "}")), Flaw::bad_signature);
  EXPECT_EQ(flaw(signed_with(mallory, Alg::ES256, R"({"alg":"ES256","x5u":"https://evil.example/","jwk":)" + jwk + "}")), Flaw::bad_signature);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec","jku":"https://evil.example/jwks"})")), std::nullopt);
}

TEST_F(Tokens, a_token_taken_apart_is_judged_as_one_in_one_piece) {
  const auto good = sign(ec_, {}, "payload").value();
  auto apart = take_apart(good);
  ASSERT_TRUE(apart);
  EXPECT_EQ(apart->payload, "payload");
  auto forged = *apart, other = *apart;
  EXPECT_EQ(verify(*std::move(apart), keys_, kAsymmetricAlgs).value().kid, ec_.kid());
  forged.signature.back() = static_cast<char>(forged.signature.back() ^ 1);
  EXPECT_EQ(flaw_of(verify(std::move(forged), keys_, kAsymmetricAlgs).error()), Flaw::bad_signature);
  other.signed_text += "x";
  EXPECT_EQ(flaw_of(verify(std::move(other), keys_, kAsymmetricAlgs).error()), Flaw::bad_signature);
  for (const auto* header : {R"({"alg":"none"})", R"({"alg":"ES999"})", R"({"alg":"ES384","kid":"ec"})", R"({"alg":"ES256","kid":"ec","crit":["exp"]})",
                             R"({"alg":"ES256","kid":"ec","b64":false})", R"({"alg":"ES256","kid":"unknown"})"}) {
    const auto token = signed_with(ec_, Alg::ES256, header);
    EXPECT_EQ(flaw_of(verify(take_apart(token).value(), keys_, kAsymmetricAlgs).error()), flaw(token)) << header;
  }
  EXPECT_FALSE(take_apart("a.b"));
  EXPECT_FALSE(take_apart(good + "!"));
}

TEST_F(Tokens, every_changed_character_is_found) {
  const auto token = sign(ed_, {}, "payload").value();
  ASSERT_EQ(flaw(token), std::nullopt);
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char c : {'A', '.', '=', '\n', '\0'}) {
      auto changed = token;
      if (changed[i] == c) continue;
      changed[i] = c;
      EXPECT_NE(flaw(changed), std::nullopt) << i << " " << int(c);
    }
    EXPECT_NE(flaw(token.substr(0, i)), std::nullopt) << i;
  }
  for (const std::string more : {".", "=", " ", "\n", ".AA", "A"}) {
    EXPECT_NE(flaw(token + more), std::nullopt) << more;
    EXPECT_NE(flaw(more + token), std::nullopt) << more;
  }
}

TEST_F(Tokens, headers_that_two_readers_could_read_differently_are_refused) {
  for (const std::string header : {R"({"alg":"ES256","alg":"none"})", R"({"alg":"ES256","kid":"ec"} )" "x", R"([])", R"({"alg":5})", R"({"alg":"ES256","kid":["ec"]})",
                                   R"({"alg":"ES256","typ":1})", "", "\xff"})
    EXPECT_NE(flaw(signed_with(ec_, Alg::ES256, header)), std::nullopt) << header;
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":["ec"]})")), Flaw::bad_header);
}

TEST_F(Tokens, without_a_name_the_fitting_keys_are_tried_but_not_many) {
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256"})")), std::nullopt);
  EXPECT_EQ(flaw(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"unknown"})")), Flaw::no_key);
  std::vector<Jwk> many;
  for (int i = 0; i <= kCandidatesMax; ++i) many.push_back(open_half(made(crypto::KeySpec::p256, std::to_string(i))));
  many.push_back(open_half(ec_));
  const auto crowd = KeySet::of(std::move(many)).value();
  EXPECT_EQ(flaw_of(verify(signed_with(ec_, Alg::ES256, R"({"alg":"ES256"})"), crowd, kAsymmetricAlgs).error()), Flaw::too_many_keys);
  EXPECT_TRUE(verify(signed_with(ec_, Alg::ES256, R"({"alg":"ES256","kid":"ec"})"), crowd, kAsymmetricAlgs));
}

TEST_F(Tokens, no_keys_verify_nothing) {
  EXPECT_EQ(flaw_of(verify(sign(ec_, {}, "x").value(), KeySet(), kAsymmetricAlgs).error()), Flaw::no_key);
}

TEST_F(Tokens, are_limited_in_size) {
  EXPECT_EQ(flaw(std::string(kTokenMax + 1, 'a')), Flaw::too_large);
  EXPECT_EQ(sign(ec_, {}, std::string(kTokenMax, 'x')).error().fault(), Fault::limited);
  EXPECT_EQ(flaw(std::string(kTokenMax, '.')), Flaw::not_compact);
}

TEST_F(Tokens, a_header_can_be_looked_at_before_it_is_believed) {
  EXPECT_EQ(peek_header(sign(ec_, {}, "x").value())->at("kid").as_string(), "ec");
  EXPECT_EQ(peek_payload(sign(ec_, {}, "x").value()).value(), "x");
  EXPECT_FALSE(peek_header("a.b"));
}

TEST(Flaws, each_has_its_own_name_and_sentence) {
  for (int i = 0; i < kFlaws; ++i) {
    const auto flaw = static_cast<Flaw>(i);
    const auto error = flawed(flaw).error();
    EXPECT_EQ(flaw_of(error), flaw) << i;
    EXPECT_TRUE(sentence_of(flaw).ends_with('.')) << i;
    EXPECT_NE(error.trail().find(name_of(flaw)), std::string::npos) << i;
  }
  EXPECT_EQ(flaw_of(Error(Fault::internal, "something else")), std::nullopt);
}

}  // namespace
}  // namespace gatehouse::jose
