// Attacks on access tokens. The numbers are those of the advisories in docs/decisions/008-gateway-sessions.md.
#include "oauth/client/token_check.h"

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "core/spawn.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::oauth::client {
namespace {

struct TokenChecks : testing::Test {
  ManualClock clock;
  FakeIssuer issuer{clock};
  std::unique_ptr<TokenCheck> check = make(rules());

  TokenRules rules() {
    TrustedIssuer trusted;
    trusted.issuer = issuer.issuer();
    trusted.audiences = {"api://default"};
    TokenRules out;
    out.issuers.push_back(trusted);
    out.cache_entries = 64;
    return out;
  }
  std::unique_ptr<TokenCheck> make(TokenRules with) { return TokenCheck::make(TokenNeeds{issuer, clock}, std::move(with)).value(); }
  Result<TokenFactsPtr> verify(const std::string& token) { return run(check->verify(token)); }
  Fault fault_of(const std::string& token) {
    auto result = verify(token);
    return result ? Fault::conflict : result.error().fault();
  }
  std::string with(std::string_view name, json::value value) {
    auto claims = issuer.access_claims();
    claims[name] = std::move(value);
    return issuer.sign(claims);
  }
  std::string without(std::string_view name) {
    auto claims = issuer.access_claims();
    claims.erase(name);
    return issuer.sign(claims);
  }
};

TEST_F(TokenChecks, a_good_token_tells_who_and_what_for) {
  const auto facts = verify(issuer.access_token());
  ASSERT_TRUE(facts) << facts.error().message();
  EXPECT_EQ((*facts)->subject, "ada@example.com");
  EXPECT_EQ((*facts)->client_id, "0oa1");
  EXPECT_TRUE((*facts)->has_scope("orders:read"));
  EXPECT_FALSE((*facts)->has_scope("orders:write"));
}

TEST_F(TokenChecks, scopes_may_be_a_list_or_a_text) {
  auto claims = issuer.access_claims();
  claims.erase("scp");
  claims["scope"] = "orders:write orders:read";
  const auto facts = verify(issuer.sign(claims, "at+jwt"));
  ASSERT_TRUE(facts);
  EXPECT_TRUE((*facts)->has_scope("orders:write"));
}

TEST_F(TokenChecks, rules_without_an_audience_are_a_mistake) {
  auto bad = rules();
  bad.issuers[0].audiences.clear();
  EXPECT_EQ(TokenCheck::make(TokenNeeds{issuer, clock}, bad).error().fault(), Fault::invalid);
  bad.issuers[0].audiences = {""};
  EXPECT_EQ(TokenCheck::make(TokenNeeds{issuer, clock}, bad).error().fault(), Fault::invalid);
  bad.issuers.clear();
  EXPECT_EQ(TokenCheck::make(TokenNeeds{issuer, clock}, bad).error().fault(), Fault::invalid);
}

TEST_F(TokenChecks, an_org_server_is_not_trusted_unless_one_says_so) {
  auto org = rules();
  org.issuers[0].issuer = "https://login.example.com";
  EXPECT_EQ(TokenCheck::make(TokenNeeds{issuer, clock}, org).error().fault(), Fault::invalid);
  org.issuers[0].org_server = OrgServer::allowed;
  EXPECT_TRUE(TokenCheck::make(TokenNeeds{issuer, clock}, org));
  for (const auto* host : {"acme.okta.com", "acme.oktapreview.com", "acme.okta-emea.com"}) {
    org.issuers[0].issuer = std::string("https://") + host;
    const auto refused = TokenCheck::make(TokenNeeds{issuer, clock}, org);
    ASSERT_FALSE(refused) << "at Okta nobody may allow it";
    EXPECT_TRUE(refused.error().message().contains("introspection")) << refused.error().message();
  }
  org.issuers[0].introspection = IntrospectionConfig{.endpoint = {}, .client_id = "gateway", .client_secret = Secret("s")};
  EXPECT_TRUE(TokenCheck::make(TokenNeeds{issuer, clock}, org)) << "asking is what Okta wants";
}

// GHSA-wcvh-g65p-v576 (mod_auth_openidc): another resource server's token, or one without aud, iss or exp, was accepted.
TEST_F(TokenChecks, what_is_not_meant_for_us_is_refused) {
  EXPECT_EQ(fault_of(with("aud", "api://other")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(with("aud", json::array())), Fault::unauthenticated);
  EXPECT_EQ(fault_of(with("aud", "api://default/")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(without("aud")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(without("iss")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(with("iss", (issuer.issuer() + "/").c_str())), Fault::unauthenticated);
  EXPECT_EQ(fault_of(with("iss", "https://evil.example.com")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(without("exp")), Fault::unauthenticated);
  EXPECT_TRUE(verify(with("aud", json::array{"api://other", "api://default"})));
}

// mod_auth_openidc 2026-08-12: exp 1e300 overflowed.
TEST_F(TokenChecks, times_are_checked_and_absurd_ones_are_refused) {
  const auto now = to_seconds(clock.now());
  for (const json::value& exp : {json::value(now - 31), json::value(0), json::value(-1), json::value(1e300), json::value("9999999999"),
                                 json::value(nullptr), json::value(std::int64_t(9'000'000'000'000'000'000))})
    EXPECT_EQ(fault_of(with("exp", exp)), Fault::unauthenticated) << to_text(exp);
  EXPECT_EQ(fault_of(with("nbf", now + 120)), Fault::unauthenticated);
  EXPECT_TRUE(verify(with("nbf", now + 10))) << "within the skew";
  EXPECT_TRUE(verify(with("exp", now - 10))) << "within the skew";
}

TEST_F(TokenChecks, id_tokens_and_logout_tokens_are_no_access_tokens) {
  EXPECT_EQ(fault_of(with("nonce", "n")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(with("at_hash", "h")), Fault::unauthenticated);
  auto bare = issuer.access_claims();
  bare.erase("scp");
  bare.erase("cid");
  EXPECT_EQ(fault_of(issuer.sign(bare)), Fault::unauthenticated) << "says neither scope nor client";
  EXPECT_EQ(fault_of(issuer.sign(issuer.access_claims(), "logout+jwt")), Fault::unauthenticated);
  EXPECT_EQ(fault_of(issuer.sign(issuer.access_claims(), "dpop+jwt")), Fault::unauthenticated);
}

TEST_F(TokenChecks, a_client_that_is_not_on_the_list_is_refused) {
  auto strict = rules();
  strict.issuers[0].client_ids = {"0oa2"};
  check = make(strict);
  EXPECT_EQ(fault_of(issuer.access_token()), Fault::unauthenticated);
  EXPECT_TRUE(verify(with("cid", "0oa2")));
}

// CVE-2026-39999 (APISIX), CVE-2026-44699 (LibJWT): the algorithm is the key's, never the token's.
TEST_F(TokenChecks, algorithm_confusion_is_refused) {
  const auto token = issuer.access_token();
  const auto payload = token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
  const auto kid = issuer.key().kid();
  const auto public_pem = issuer.key().public_key() ? issuer.key().public_key()->pem() : std::string();
  for (const auto* alg : {"none", "None", "NONE", "", "HS256", "RS256", "ES384", "PS256"}) {
    const auto header = base64url_encode(std::string(R"({"alg":")") + alg + R"(","kid":")" + kid + "\"}");
    EXPECT_EQ(fault_of(header + "." + payload + "."), Fault::unauthenticated) << alg;
    EXPECT_EQ(fault_of(header + "." + payload + "." + base64url_encode(crypto::hmac_sha256(public_pem, header + "." + payload))), Fault::unauthenticated) << alg;
    EXPECT_EQ(fault_of(header + "." + payload + token.substr(token.rfind('.'))), Fault::unauthenticated) << alg;
  }
}

// PortSwigger 00200904 and kin: key material in the header is ignored, and nobody is asked for it.
TEST_F(TokenChecks, keys_that_a_token_brings_along_are_ignored) {
  const auto stranger = jose::Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "mine").value();
  json::object header;
  header["jwk"] = stranger.public_json().value();
  header["jku"] = "https://evil.example.com/keys";
  header["x5u"] = "https://evil.example.com/cert";
  const auto token = jose::sign(stranger, header, to_text(issuer.access_claims())).value();
  EXPECT_EQ(fault_of(token), Fault::unauthenticated);
  for (const auto& [path, count] : issuer.asked) EXPECT_TRUE(path == "/v1/keys" || path.starts_with("/.well-known/")) << path;
}

// CVE-2022-29226, APISIX#13518: rubbish is refused, never a crash and never an internal fault.
TEST_F(TokenChecks, rubbish_is_refused) {
  const auto token = issuer.access_token();
  for (const std::string& bad : std::vector<std::string>{"", ".", "..", "...", "a.b.c", token + ".", token + "x",
                                 token.substr(0, token.rfind('.')), token.substr(0, token.size() - 1), "eyJhbGciOiJub25lIn0.e30.", std::string(100'000, 'a'),
                                 std::string("\0", 1) + token, token + "=", " " + token})
    EXPECT_EQ(fault_of(bad), Fault::unauthenticated) << bad.substr(0, 40);
  for (std::size_t length = 0; length < 200; length += 7)
    EXPECT_EQ(fault_of(token.substr(0, token.rfind('.') + 1) + base64url_encode(std::string(length, 'x'))), Fault::unauthenticated) << length;
}

TEST_F(TokenChecks, a_token_seen_before_costs_no_question_and_no_signature) {
  const auto token = issuer.access_token();
  EXPECT_FALSE(check->at_once(token));
  ASSERT_TRUE(verify(token));
  EXPECT_TRUE(check->at_once(token));
  EXPECT_FALSE(check->at_once(token + "x"));
  clock.advance(Seconds(3700));
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(fault_of(token), Fault::unauthenticated);
}

TEST_F(TokenChecks, what_a_withdrawn_key_signed_is_refused_also_from_the_cache) {
  const auto token = issuer.access_token();
  ASSERT_TRUE(verify(token));
  issuer.rotate();
  clock.advance(Seconds(301));   // the keys are asked for again
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(fault_of(token), Fault::unauthenticated);
  EXPECT_TRUE(verify(issuer.access_token()));
}

TEST_F(TokenChecks, a_revocation_empties_the_cache) {
  const auto token = issuer.access_token();
  ASSERT_TRUE(verify(token));
  check->epoch().advance();
  EXPECT_FALSE(check->at_once(token));
}

TEST_F(TokenChecks, a_new_key_is_found_without_waiting) {
  ASSERT_TRUE(verify(issuer.access_token()));
  clock.advance(Seconds(10));
  issuer.rotate(true);
  EXPECT_TRUE(verify(issuer.access_token()));
}

// mod_auth_openidc 2026-08-12: a storm of unknown kids pinned the workers.
TEST_F(TokenChecks, a_storm_of_unknown_keys_asks_the_issuer_once_per_interval) {
  ASSERT_TRUE(verify(issuer.access_token()));
  clock.advance(Seconds(10));
  const auto before = issuer.asked["/v1/keys"];
  FakeIssuer stranger(clock);
  for (int i = 0; i < 50; ++i) {
    stranger.rotate();
    EXPECT_EQ(fault_of(stranger.access_token()), Fault::unauthenticated);
  }
  EXPECT_LE(issuer.asked["/v1/keys"] - before, 1);
}

// CVE-2025-64527 (Envoy): a failing key fetch with tokens waiting. An outage is not the token's fault.
TEST_F(TokenChecks, an_issuer_that_is_down_is_an_upstream_fault_and_its_keys_live_on_for_a_while) {
  const auto token = issuer.access_token();
  issuer.down = true;
  EXPECT_EQ(fault_of(token), Fault::upstream);
  EXPECT_EQ(fault_of(token), Fault::upstream);
  EXPECT_EQ(issuer.asked["/.well-known/openid-configuration"], 1) << "asked again at once";
  issuer.down = false;
  clock.advance(Seconds(6));
  ASSERT_TRUE(verify(token));
  issuer.down = true;
  clock.advance(Seconds(1800));
  EXPECT_TRUE(verify(issuer.access_token())) << "half an hour of outage";
  clock.advance(Seconds(3600));
  EXPECT_EQ(fault_of(issuer.access_token()), Fault::upstream) << "an hour and a half";
}

TEST_F(TokenChecks, an_issuer_that_calls_itself_something_else_is_not_believed) {
  issuer.metadata["issuer"] = "https://evil.example.com";
  EXPECT_EQ(verify(issuer.access_token()).error().fault(), Fault::denied);
}

struct FakeWitness final : TokenWitness {
  bool knows(std::string_view issuer) const override { return issuer == known; }
  Task<void> check(std::string, std::string) override {
    ++asked;
    if (fault) co_return failure(*fault, "revoked");
    co_return Result<void>();
  }
  std::string known;
  std::optional<Fault> fault;
  int asked = 0;
};

// design.md 2.4: a revocation reaches the gateway within a second, although the signature stays good.
TEST_F(TokenChecks, a_revoked_token_of_an_issuer_with_a_witness_dies_within_a_second) {
  FakeWitness witness;
  witness.known = issuer.issuer();
  check = TokenCheck::make(TokenNeeds{issuer, clock, &witness}, rules()).value();
  const auto token = issuer.access_token();
  ASSERT_TRUE(verify(token));
  EXPECT_TRUE(check->at_once(token));
  EXPECT_EQ(witness.asked, 1);
  witness.fault = Fault::unauthenticated;
  clock.advance(Millis(600));
  EXPECT_FALSE(check->at_once(token)) << "one caller goes and asks";
  EXPECT_TRUE(check->at_once(token)) << "the others need not wait";
  clock.advance(Millis(400));
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(fault_of(token), Fault::unauthenticated);
  witness.fault = Fault::upstream;
  EXPECT_EQ(fault_of(issuer.access_token()), Fault::upstream) << "a witness that cannot speak lets nobody pass";
}

TEST_F(TokenChecks, a_token_in_steady_use_is_vouched_for_by_one_caller_at_a_time) {
  FakeWitness witness;
  witness.known = issuer.issuer();
  check = TokenCheck::make(TokenNeeds{issuer, clock, &witness}, rules()).value();
  const auto token = issuer.access_token();
  ASSERT_TRUE(verify(token));
  for (int i = 1; i <= 10; ++i) {
    clock.advance(Millis(600));
    EXPECT_FALSE(check->at_once(token));
    EXPECT_TRUE(check->at_once(token));
    EXPECT_TRUE(verify(token));
    EXPECT_TRUE(check->at_once(token));
    EXPECT_EQ(witness.asked, 1 + i);
  }
}

TEST_F(TokenChecks, tokens_of_others_are_not_the_witness_s_business) {
  FakeWitness witness;
  witness.fault = Fault::unauthenticated;
  check = TokenCheck::make(TokenNeeds{issuer, clock, &witness}, rules()).value();
  EXPECT_TRUE(verify(issuer.access_token()));
  EXPECT_EQ(witness.asked, 0);
}

TEST(TokenCache, is_bounded_and_keeps_what_is_used) {
  TokenCache cache(64);
  const Timestamp now(Millis(1000));
  auto facts = std::make_shared<TokenFacts>();
  facts->expires = now + Seconds(60);
  facts->remember_until = facts->expires;
  for (int i = 0; i < 10'000; ++i) cache.insert(cache.key_of(std::to_string(i)), facts);
  int found = 0;
  for (int i = 0; i < 10'000; ++i) found += cache.find(cache.key_of(std::to_string(i)), now) != nullptr;
  EXPECT_LE(found, 64);
  EXPECT_GT(found, 0);
  EXPECT_FALSE(cache.find(cache.key_of("9999"), now + Seconds(60))) << "expired";
}

}  // namespace
}  // namespace gatehouse::oauth::client
