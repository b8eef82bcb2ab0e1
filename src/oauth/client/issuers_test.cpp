// Several issuers, several policies, introspection, revocation, and issuers that misbehave: as configured, never open.
#include <gtest/gtest.h>

#include "core/spawn.h"
#include "jose/flaw.h"
#include "oauth/client/fake_issuer.h"
#include "oauth/client/token_check.h"

namespace gatehouse::oauth::client {
namespace {

// Two issuers behind one client; everything is asked of the one whose address it is.
class TwoIssuers final : public net::HttpClient {
 public:
  TwoIssuers(FakeIssuer& a, FakeIssuer& b) : a_(a), b_(b) {}
  Task<net::Answer> send(net::Outbound request) override {
    auto& to = request.url.str().starts_with(b_.issuer()) ? b_ : a_;
    co_return co_await to.send(std::move(request));
  }

 private:
  FakeIssuer &a_, &b_;
};

struct ManyIssuers : testing::Test {
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(3);
  FakeIssuer a{clock, "https://a.example/oauth2/default"}, b{clock, "https://b.example/oauth2/default"};
  TwoIssuers http{a, b};
  Issuers hub{IssuersNeeds{http, clock, *random}, 256};

  static TrustedIssuer trust(const FakeIssuer& issuer) {
    TrustedIssuer trusted;
    trusted.issuer = issuer.issuer();
    trusted.audiences = {"api://default"};
    return trusted;
  }
  static TrustedIssuer ask(const FakeIssuer& issuer) {
    auto trusted = trust(issuer);
    trusted.introspection = IntrospectionConfig{.endpoint = {}, .client_id = "gate:way", .client_secret = Secret("s&cret")};
    return trusted;
  }
  std::unique_ptr<TokenCheck> check_of(std::vector<TrustedIssuer> trusted) {
    TokenRules rules;
    rules.issuers = std::move(trusted);
    return TokenCheck::make(TokenNeeds{http, clock, nullptr, &hub}, std::move(rules)).value();
  }
  static std::string outcome(TokenCheck& check, const std::string& token) {
    auto facts = run(check.verify(token));
    return facts ? "passes" : std::string(name_of(facts.error().fault()));
  }
  void run_due() {
    auto due = [](Issuers& issuers) -> Task<void> {
      co_await issuers.refresh_due();
      co_return Result<void>();
    };
    ASSERT_TRUE(run(due(hub)));
  }
  json::object active(const FakeIssuer& issuer) const {
    auto claims = issuer.access_claims();
    claims["active"] = true;
    return claims;
  }
  const std::string passes = "passes", refused = std::string(name_of(Fault::unauthenticated)), cannot_say = std::string(name_of(Fault::upstream));
};

TEST_F(ManyIssuers, iss_chooses_and_its_keys_alone_count) {
  auto check = check_of({trust(a), trust(b)});
  EXPECT_EQ(outcome(*check, a.access_token()), passes);
  EXPECT_EQ(outcome(*check, b.access_token()), passes);
  // b signs what claims to be of a.
  auto claims = b.access_claims();
  claims["iss"] = a.issuer();
  EXPECT_EQ(outcome(*check, b.sign(claims)), refused);
  EXPECT_EQ(b.asked["/v1/keys"], 1);
}

TEST_F(ManyIssuers, an_issuer_that_this_policy_does_not_trust_is_not_asked_and_its_cached_tokens_do_not_pass) {
  auto both = check_of({trust(a), trust(b)});
  auto only_a = check_of({trust(a)});
  const auto token = b.access_token();
  EXPECT_EQ(outcome(*only_a, token), refused);
  EXPECT_EQ(b.asked.size(), 0u);
  EXPECT_EQ(outcome(*both, token), passes);
  EXPECT_FALSE(only_a->at_once(token));
  EXPECT_EQ(outcome(*only_a, token), refused);
}

// GHSA-wcvh-g65p-v576 (mod_auth_openidc): accepted through the validation cache that virtual hosts shared.
TEST_F(ManyIssuers, the_cache_is_shared_and_the_judgement_is_not) {
  auto orders = check_of({trust(a)});
  auto strict = trust(a);
  strict.audiences = {"api://payments"};
  auto payments = check_of({strict});
  const auto token = a.access_token();
  EXPECT_EQ(outcome(*orders, token), passes);
  EXPECT_FALSE(payments->at_once(token));
  EXPECT_EQ(outcome(*payments, token), refused);
  EXPECT_EQ(a.asked["/v1/keys"], 1) << "keys are fetched once for both";
}

TEST_F(ManyIssuers, algorithm_lifetime_and_age_are_judged_by_each_policy) {
  auto only_rsa = trust(a);
  only_rsa.algorithms = {jose::Alg::RS256};
  EXPECT_EQ(outcome(*check_of({only_rsa}), a.access_token()), refused);
  auto short_lived = trust(a);
  short_lived.max_lifetime = Seconds(600);
  EXPECT_EQ(outcome(*check_of({short_lived}), a.access_token()), refused) << "lives an hour";
  auto claims = a.access_claims();
  claims["exp"] = to_seconds(clock.now()) + 600;
  EXPECT_EQ(outcome(*check_of({short_lived}), a.sign(claims)), passes);
  claims.erase("iat");
  EXPECT_EQ(outcome(*check_of({short_lived}), a.sign(claims)), refused);
}

TEST_F(ManyIssuers, keys_can_stand_at_an_address_without_discovery) {
  auto trusted = trust(a);
  trusted.jwks_uri = a.issuer() + "/v1/keys";
  EXPECT_EQ(outcome(*check_of({trusted}), a.access_token()), passes);
  EXPECT_EQ(a.asked.contains("/.well-known/openid-configuration"), false);
}

TEST_F(ManyIssuers, keys_are_fetched_again_before_they_are_old) {
  auto check = check_of({trust(a)});
  run_due();
  EXPECT_TRUE(a.asked.empty()) << "nobody wanted them yet";
  const auto token = a.access_token();
  ASSERT_EQ(outcome(*check, token), passes);
  clock.advance(Seconds(200));
  run_due();
  EXPECT_EQ(a.asked["/v1/keys"], 1);
  clock.advance(Seconds(65));   // 265 of 300: beyond 3/4 and an eighth
  run_due();
  EXPECT_EQ(a.asked["/v1/keys"], 2);
  clock.advance(Seconds(100));
  EXPECT_TRUE(check->at_once(token)) << "no request had to wait";
}

TEST_F(ManyIssuers, during_an_outage_tokens_seen_before_pass_at_once_and_for_the_stated_while_only) {
  auto check = check_of({trust(a)});
  auto claims = a.access_claims();
  claims["exp"] = to_seconds(clock.now()) + 20'000;
  const auto token = a.sign(claims);
  ASSERT_EQ(outcome(*check, token), passes);
  a.down = true;
  clock.advance(Seconds(400));
  run_due();
  EXPECT_TRUE(check->at_once(token));
  clock.advance(Seconds(3600));
  run_due();
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(outcome(*check, token), cannot_say);
}

TEST_F(ManyIssuers, a_new_key_beside_the_old_one_voids_nothing_and_a_withdrawn_one_does) {
  auto check = check_of({trust(a)});
  const auto token = a.access_token();
  ASSERT_EQ(outcome(*check, token), passes);
  a.rotate(true);
  clock.advance(Seconds(290));
  run_due();
  EXPECT_TRUE(check->at_once(token));
  a.rotate(false);
  clock.advance(Seconds(290));
  run_due();
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(outcome(*check, token), refused);
}

TEST_F(ManyIssuers, garbage_from_an_issuer_opens_nothing) {
  auto by_address = trust(a);
  by_address.jwks_uri = a.issuer() + "/v1/keys";
  auto check = check_of({by_address});
  auto asking = check_of({ask(b)});
  ASSERT_EQ(outcome(*asking, "opaque"), refused);   // discovery is known, only the answers are garbage
  for (const auto* text : {"", "{", "[]", "null", "<html>", R"({"keys":[]})", R"({"active":"true"})", R"({"active":1})"}) {
    a.garbage = b.garbage = text;
    clock.advance(Seconds(10));
    EXPECT_EQ(outcome(*check, a.access_token()), cannot_say) << text;
    EXPECT_EQ(outcome(*asking, "opaque"), cannot_say) << text;
  }
  for (const int status : {201, 302, 401, 500}) {
    b.garbage = R"({"active":true,"aud":"api://default"})";
    b.garbage_status = status;
    clock.advance(Seconds(10));
    EXPECT_EQ(outcome(*asking, "opaque"), cannot_say) << status;
  }
}

TEST_F(ManyIssuers, an_opaque_token_is_asked_about_once_and_remembered_for_a_while) {
  auto check = check_of({ask(a)});
  a.introspected["opaque"] = active(a);
  EXPECT_EQ(outcome(*check, "opaque"), passes);
  EXPECT_TRUE(check->at_once("opaque"));
  EXPECT_EQ(a.asked["/v1/introspect"], 1);
  bool with_secret = false;
  for (const auto& [name, value] : a.last_headers) with_secret = with_secret || (name == "Authorization" && value == "Basic Z2F0ZSUzQXdheTpzJTI2Y3JldA==");
  EXPECT_TRUE(with_secret) << "RFC 6749 §2.3.1: both halves are form-encoded first";
  clock.advance(Seconds(31));
  EXPECT_FALSE(check->at_once("opaque"));
  a.introspected.clear();
  EXPECT_EQ(outcome(*check, "opaque"), refused);
}

TEST_F(ManyIssuers, an_answer_is_never_remembered_beyond_its_expiry) {
  auto check = check_of({ask(a)});
  auto claims = active(a);
  claims["exp"] = to_seconds(clock.now()) + 3;
  a.introspected["opaque"] = claims;
  EXPECT_EQ(outcome(*check, "opaque"), passes);
  clock.advance(Seconds(4));
  EXPECT_FALSE(check->at_once("opaque"));
  clock.advance(Seconds(60));
  EXPECT_EQ(outcome(*check, "opaque"), refused) << "an issuer that calls an expired token active";
}

TEST_F(ManyIssuers, a_no_is_remembered_shortly) {
  auto check = check_of({ask(a)});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(outcome(*check, "opaque"), refused);
  EXPECT_EQ(a.asked["/v1/introspect"], 1);
  a.introspected["opaque"] = active(a);
  clock.advance(Seconds(6));
  EXPECT_EQ(outcome(*check, "opaque"), passes);
}

TEST_F(ManyIssuers, answers_are_judged_like_tokens) {
  const auto with = [&](std::string_view name, json::value value) {
    auto claims = active(a);
    claims[name] = std::move(value);
    a.introspected["opaque"] = claims;
    clock.advance(Seconds(60));
    return outcome(*check_of({ask(a)}), "opaque");
  };
  EXPECT_EQ(with("aud", "api://other"), refused);
  EXPECT_EQ(with("iss", "https://evil.example"), refused);
  EXPECT_EQ(with("exp", 1e300), refused);
  EXPECT_EQ(with("nbf", to_seconds(clock.now()) + 3600), refused);
  EXPECT_EQ(with("cnf", json::object{{"kid", "x"}}), refused) << "bound in a way that nobody checks";
  auto claims = active(a);
  claims.erase("aud");
  a.introspected["opaque"] = claims;
  clock.advance(Seconds(60));
  EXPECT_EQ(outcome(*check_of({ask(a)}), "opaque"), refused);
  auto believing = ask(a);
  believing.introspection->missing_audience = MissingAudience::trusted;
  clock.advance(Seconds(60));
  EXPECT_EQ(outcome(*check_of({believing}), "opaque"), passes);
}

TEST_F(ManyIssuers, a_token_is_shown_to_no_issuer_that_it_does_not_name) {
  auto check = check_of({ask(a), ask(b)});
  EXPECT_EQ(outcome(*check, "opaque"), refused) << "whose is it?";
  EXPECT_EQ(a.asked.size() + b.asked.size(), 0u);
  const auto token = b.access_token();
  b.introspected[token] = active(b);
  EXPECT_EQ(outcome(*check, token), passes);
  EXPECT_EQ(a.asked.size(), 0u);
  EXPECT_EQ(b.asked.contains("/v1/keys"), false) << "Okta's org server: only it may validate";
}

TEST_F(ManyIssuers, a_revocation_reaches_cached_and_later_tokens) {
  auto check = check_of({trust(a)});
  auto claims = a.access_claims();
  claims["sid"] = "session1";
  const auto token = a.sign(claims);
  const auto id = std::string(claims["jti"].get_string());
  ASSERT_EQ(outcome(*check, token), passes);
  ASSERT_TRUE(hub.revoke(b.issuer(), Revoked::token, id));
  EXPECT_TRUE(check->at_once(token)) << "another issuer's";
  ASSERT_TRUE(hub.revoke(a.issuer(), Revoked::token, id));
  EXPECT_FALSE(check->at_once(token));
  EXPECT_EQ(outcome(*check, token), refused);

  const auto second = [&] {
    auto more = a.access_claims();
    more["sid"] = "session1";
    return a.sign(more);
  };
  const auto old = second();
  ASSERT_EQ(outcome(*check, old), passes);
  ASSERT_TRUE(hub.revoke(a.issuer(), Revoked::session, "session1"));
  EXPECT_FALSE(check->at_once(old));
  EXPECT_EQ(outcome(*check, old), refused);
  clock.advance(Seconds(2));
  EXPECT_EQ(outcome(*check, second()), passes) << "issued afterwards";
  ASSERT_TRUE(hub.revoke(a.issuer(), Revoked::subject, "ada@example.com"));
  EXPECT_EQ(outcome(*check, second()), refused);
  EXPECT_FALSE(hub.revoke(a.issuer(), Revoked::token, ""));
}

TEST_F(ManyIssuers, header_blocks_are_made_once_per_kind_and_bounded) {
  auto check = check_of({trust(a)});
  const auto facts = run(check->verify(a.access_token())).value();
  int made = 0;
  const auto make = [&] { return std::to_string(++made); };
  EXPECT_EQ(*facts->header_block(1, make), "1");
  EXPECT_EQ(*facts->header_block(1, make), "1");
  for (std::uint64_t kind = 2; kind < 100; ++kind) (void)facts->header_block(kind, make);
  EXPECT_EQ(made, kHeaderBlocksMax);
  EXPECT_EQ(facts->header_block(99, make), nullptr);
}

}  // namespace
}  // namespace gatehouse::oauth::client
