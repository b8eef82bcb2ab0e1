// The negative list of RFC 9449 and of the FAPI 2.0 conformance suite (reference/provider-broker.md 3.2), one row each.
#include "oauth/dpop.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/bytes.h"
#include "core/spawn.h"
#include "crypto/hash.h"
#include "jose/jwt.h"

namespace gatehouse::oauth::dpop {
namespace {

constexpr std::string_view kToken = "access-token";

struct Proofs : testing::Test {
  ManualClock clock;
  jose::Jwk key = jose::Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value()).value();
  Nonces nonces{Secret("root")};

  Expect expect() {
    return Expect{.method = "GET", .url = "https://api.example.com/orders", .access_token = kToken, .now = clock.now()};
  }
  json::object header() {
    json::object out;
    out["typ"] = "dpop+jwt";
    out["jwk"] = key.public_json().value();
    return out;
  }
  json::object claims() {
    json::object out;
    out["jti"] = "1";
    out["htm"] = "GET";
    out["htu"] = "https://api.example.com/orders";
    out["iat"] = to_seconds(clock.now());
    out["ath"] = base64url_encode(crypto::sha256(kToken));
    return out;
  }
  std::string sign(const json::object& with_header, const json::object& with_claims) {
    return jose::sign(key, with_header, to_text(with_claims)).value();
  }
  std::string code_of(const std::string& proof, const Expect& wanted) {
    const auto checked = check_proof(proof, wanted);
    return checked ? "fine" : checked.error().code();
  }
  std::string code_of(const std::function<void(json::object&, json::object&)>& change) {
    auto head = header(), body = claims();
    change(head, body);
    return code_of(sign(head, body), expect());
  }
};

TEST_F(Proofs, a_good_one_tells_whose_it_is) {
  const auto proof = check_proof(sign(header(), claims()), expect());
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->jkt, key.thumbprint());
  EXPECT_EQ(proof->jti, "1");
}

TEST_F(Proofs, every_kind_of_key_can_prove) {
  for (const auto spec : {crypto::KeySpec::rsa2048, crypto::KeySpec::p384, crypto::KeySpec::p521, crypto::KeySpec::ed25519}) {
    key = jose::Jwk::of(crypto::PrivateKey::generate(spec).value()).value();
    EXPECT_EQ(code_of([](auto&, auto&) {}), "fine") << int(spec);
  }
}

TEST_F(Proofs, what_is_missing_or_wrong_is_refused) {
  const auto now = to_seconds(clock.now());
  using Change = std::function<void(json::object&, json::object&)>;
  const std::pair<const char*, Change> rows[] = {
      {"no typ", [](auto& h, auto&) { h.erase("typ"); }},
      {"typ JWT", [](auto& h, auto&) { h["typ"] = "JWT"; }},
      {"no jwk", [](auto& h, auto&) { h.erase("jwk"); }},
      {"jwk a text", [](auto& h, auto&) { h["jwk"] = "key"; }},
      {"private key in jwk", [&](auto& h, auto&) { h["jwk"] = key.secret_json(); }},
      {"symmetric jwk", [](auto& h, auto&) { h["jwk"] = json::object{{"kty", "oct"}, {"k", "c2VjcmV0"}}; }},
      {"key for encryption", [](auto& h, auto&) { h["jwk"].get_object()["use"] = "enc"; }},
      {"crit", [](auto& h, auto&) { h["crit"] = json::array{"x"}; }},
      {"no jti", [](auto&, auto& c) { c.erase("jti"); }},
      {"empty jti", [](auto&, auto& c) { c["jti"] = ""; }},
      {"endless jti", [](auto&, auto& c) { c["jti"] = std::string(kJtiMax + 1, 'j'); }},
      {"no htm", [](auto&, auto& c) { c.erase("htm"); }},
      {"htm of another method", [](auto&, auto& c) { c["htm"] = "POST"; }},
      {"htm in lower case", [](auto&, auto& c) { c["htm"] = "get"; }},
      {"no htu", [](auto&, auto& c) { c.erase("htu"); }},
      {"htu of another path", [](auto&, auto& c) { c["htu"] = "https://api.example.com/orders/1"; }},
      {"htu of another host", [](auto&, auto& c) { c["htu"] = "https://evil.example.com/orders"; }},
      {"htu of another scheme", [](auto&, auto& c) { c["htu"] = "http://api.example.com/orders"; }},
      {"htu of another port", [](auto&, auto& c) { c["htu"] = "https://api.example.com:8443/orders"; }},
      {"htu with user info", [](auto&, auto& c) { c["htu"] = "https://api.example.com@evil.example.com/orders"; }},
      {"htu that climbs", [](auto&, auto& c) { c["htu"] = "https://api.example.com/x/../orders"; }},
      {"relative htu", [](auto&, auto& c) { c["htu"] = "/orders"; }},
      {"no iat", [](auto&, auto& c) { c.erase("iat"); }},
      {"iat an hour ahead", [=](auto&, auto& c) { c["iat"] = now + 3600; }},
      {"iat an hour ago", [=](auto&, auto& c) { c["iat"] = now - 3600; }},
      {"iat 1e300", [](auto&, auto& c) { c["iat"] = 1e300; }},
      {"iat a text", [=](auto&, auto& c) { c["iat"] = std::to_string(now); }},
      {"expired", [=](auto&, auto& c) { c["exp"] = now - 60; }},
      {"not yet valid", [=](auto&, auto& c) { c["nbf"] = now + 60; }},
      {"no ath", [](auto&, auto& c) { c.erase("ath"); }},
      {"ath of another token", [](auto&, auto& c) { c["ath"] = base64url_encode(crypto::sha256("other")); }},
  };
  for (const auto& [name, change] : rows) EXPECT_EQ(code_of(change), kInvalidProof) << name;
}

TEST_F(Proofs, what_must_pass_passes) {
  using Change = std::function<void(json::object&, json::object&)>;
  const std::pair<const char*, Change> rows[] = {
      {"htu with query and fragment", [](auto&, auto& c) { c["htu"] = "https://api.example.com/orders?a=1#b"; }},
      {"scheme and host in capitals, default port", [](auto&, auto& c) { c["htu"] = "HTTPS://API.example.com:443/orders"; }},
      {"needless escapes", [](auto&, auto& c) { c["htu"] = "https://api.example.com/%6Frders"; }},
      {"unknown claim", [](auto&, auto& c) { c["more"] = json::object{{"a", 1}}; }},
      {"unknown header", [](auto& h, auto&) { h["more"] = "x"; }},
      {"a name in the key and another in the header", [](auto& h, auto&) { h["jwk"].get_object()["kid"] = "a"; h["kid"] = "b"; }},
  };
  for (const auto& [name, change] : rows) EXPECT_EQ(code_of(change), "fine") << name;
}

TEST_F(Proofs, signatures_that_are_none_are_refused) {
  const auto good = sign(header(), claims());
  const auto rest = good.substr(good.find('.'));
  auto head = header();
  for (const auto* alg : {"none", "HS256", "ES384", "RS256", ""}) {
    head["alg"] = alg;
    EXPECT_EQ(code_of(base64url_encode(to_text(head)) + rest, expect()), kInvalidProof) << alg;
  }
  for (const std::string& text : {std::string(), std::string("x"), std::string("a.b.c"), good + "x", good.substr(0, good.size() - 4),
                                  good.substr(0, good.rfind('.') + 1), std::string(kProofMax + 1, 'a')})
    EXPECT_EQ(code_of(text, expect()), kInvalidProof) << text.substr(0, 20);
  // Signed by another key than the one it carries.
  auto stolen = header();
  key = jose::Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value()).value();
  EXPECT_EQ(code_of(sign(stolen, claims()), expect()), kInvalidProof);
}

TEST_F(Proofs, a_nonce_is_demanded_by_its_own_word_and_decides_instead_of_the_clock) {
  auto wanted = expect();
  wanted.nonces = &nonces;
  EXPECT_EQ(code_of(sign(header(), claims()), wanted), kUseNonce);
  auto body = claims();
  body["nonce"] = nonces.make(clock.now());
  body["iat"] = to_seconds(clock.now()) - 3600;   // a client whose clock is wrong
  EXPECT_EQ(code_of(sign(header(), body), wanted), "fine");
  const auto proof = sign(header(), body);
  clock.advance(Millis(2 * kNonceLife));
  wanted.now = clock.now();
  EXPECT_EQ(code_of(proof, wanted), kUseNonce) << "over";
  body["nonce"] = Nonces(Secret("other root")).make(clock.now());
  EXPECT_EQ(code_of(sign(header(), body), wanted), kUseNonce) << "of another house";
}

TEST_F(Proofs, nonces_change_and_the_last_one_is_still_good) {
  const auto first = nonces.make(clock.now());
  clock.advance(Millis(kNonceLife));
  EXPECT_NE(nonces.make(clock.now()), first);
  EXPECT_TRUE(nonces.check(first, clock.now()));
  clock.advance(Millis(kNonceLife));
  EXPECT_FALSE(nonces.check(first, clock.now()));
  for (const auto* text : {"", ".", "1.", "-1.x", "99999999999999999999.x"}) EXPECT_FALSE(nonces.check(text, clock.now())) << text;
}

TEST_F(Proofs, the_same_proof_is_new_once) {
  MemoryReplays replays({1, 2}, 1600);
  const auto until = clock.now() + Seconds(60);
  EXPECT_TRUE(run(replays.is_new("a", until, clock.now())).value());
  EXPECT_FALSE(run(replays.is_new("a", until, clock.now())).value());
  EXPECT_TRUE(run(replays.is_new("b", until, clock.now())).value());
  clock.advance(Seconds(59));
  EXPECT_FALSE(run(replays.is_new("a", until, clock.now())).value());
}

// CVE-2026-41707 (Spring): a flood evicted what was remembered.
TEST_F(Proofs, a_flood_makes_nobody_forget_a_proof) {
  MemoryReplays replays({1, 2}, 1600);
  const auto until = clock.now() + Seconds(60);
  ASSERT_TRUE(run(replays.is_new("mine", until, clock.now())).value());
  int refused = 0;
  for (int i = 0; i < 5000; ++i) refused += !run(replays.is_new(std::to_string(i), until, clock.now()));
  EXPECT_GT(refused, 3000);
  EXPECT_FALSE(run(replays.is_new("mine", until, clock.now())).value());
  clock.advance(Seconds(120));
  EXPECT_TRUE(run(replays.is_new("later", clock.now() + Seconds(60), clock.now())).value()) << "room again";
}

}  // namespace
}  // namespace gatehouse::oauth::dpop
