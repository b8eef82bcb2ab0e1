// DPoP at the org, RFC 9449: the negative list of the conformance suite against the token endpoint and userinfo, one row each.
#include "idp/possession.h"

#include "crypto/hash.h"
#include "idp/client_auth_test.h"

namespace gatehouse::idp {
namespace {

constexpr const char* kTokenPath = "/oauth2/default/v1/token";
constexpr const char* kUserinfoPath = "/oauth2/default/v1/userinfo";

class PossessionSpec : public ClientAuthTest {
 protected:
  static Jwk new_key(crypto::KeySpec spec = crypto::KeySpec::p256) { return Jwk::of(crypto::PrivateKey::generate(spec).value()).value(); }
  Client given_bound(ClientAuth auth = ClientAuth::secret_basic) {
    auto client = auth == ClientAuth::none ? given_spa() : given_client("Bound", auth);
    client.app.dpop_bound = true;
    client.app = run(apps->update(client.app, cause)).value();
    return client;
  }
  struct Parts {
    json::object header, claims;
  };
  Parts parts(std::string method, std::string path, const std::string& token = "") {
    Parts made;
    made.header = {{"typ", "dpop+jwt"}, {"jwk", mine.public_json().value()}};
    made.claims = {{"jti", "p" + std::to_string(++serial)}, {"htm", method}, {"htu", kBase + path}, {"iat", to_seconds(clock.now())}};
    if (token.empty()) made.claims["nonce"] = provider->nonces().make(clock.now());
    else made.claims["ath"] = base64url_encode(crypto::sha256(token));
    return made;
  }
  std::string sign(const Parts& made) { return jose::sign(mine, made.header, to_text(made.claims)).value(); }
  std::string token_proof() { return sign(parts("POST", kTokenPath)); }
  std::string token_proof(const Jwk& key) {
    auto made = parts("POST", kTokenPath);
    made.header["jwk"] = key.public_json().value();
    return jose::sign(key, made.header, to_text(made.claims)).value();
  }

  Got post(const Client& client, Fields fields, Fields headers) {
    Visitor caller(router);
    auto all = authorization(client);
    all.insert(all.end(), headers.begin(), headers.end());
    return caller.post(kTokenPath, with_id(client, std::move(fields)), std::move(all));
  }
  // A grant without a person: the proof alone decides.
  Got ask_with(const Client& client, Fields headers) { return post(client, {{"grant_type", "client_credentials"}, {"scope", "orders.read"}}, std::move(headers)); }
  Got ask_with(const Client& client, const std::string& proof) { return ask_with(client, Fields{{"DPoP", proof}}); }
  Got redeem_with(const Client& client, const std::string& code, const std::string& proof) {
    return post(client, {{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", kCallback}, {"code_verifier", kVerifier}}, {{"DPoP", proof}});
  }
  Got refresh_with(const Client& client, const std::string& token, Fields headers) {
    return post(client, {{"grant_type", "refresh_token"}, {"refresh_token", token}}, std::move(headers));
  }
  Got look(const std::string& token, Fields headers, const std::string& scheme = "DPoP") {
    Visitor caller(router);
    headers.emplace_back("Authorization", scheme + " " + token);
    return caller.get(kUserinfoPath, std::move(headers));
  }

  Jwk mine = new_key();
};
INSTANTIATE_TEST_SUITE_P(Everywhere, PossessionSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(PossessionSpec, tokens_are_bound_to_the_key_of_the_proof) {
  const auto client = given_bound();
  const auto got = redeem_with(client, given_code(client), token_proof());
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(got.text("token_type"), "DPoP");
  const auto token = got.text("access_token");
  EXPECT_EQ(find_string(*find(claims(token), "cnf"), "jkt"), mine.thumbprint());
  EXPECT_EQ(look(token, {{"DPoP", sign(parts("GET", kUserinfoPath, token))}}).status(), 200);
  const auto seen = call(client, "/oauth2/default/v1/introspect", {{"token", token}});
  EXPECT_EQ(seen.text("token_type"), "DPoP");
  EXPECT_EQ(find_string(*find(seen.json(), "cnf"), "jkt"), mine.thumbprint());
}

// Okta's clients differ (okta-surface.md 1.3): Go waits for these very words, Node sends a proof to everybody.
TEST_P(PossessionSpec, the_registration_decides_and_not_the_header) {
  const auto plain = given_client("Plain");
  for (const auto& headers : {Fields{}, Fields{{"DPoP", token_proof()}}, Fields{{"DPoP", "nonsense"}}, Fields{{"DPoP", "a"}, {"DPoP", "b"}}}) {
    const auto got = ask_with(plain, headers);
    ASSERT_EQ(got.status(), 200) << got.body();
    EXPECT_EQ(got.text("token_type"), "Bearer");
    EXPECT_EQ(find(claims(got.text("access_token")), "cnf"), nullptr);
  }
  const auto bound = given_bound();
  const auto without = ask_with(bound, Fields{});
  EXPECT_EQ(without.status(), 400);
  EXPECT_EQ(without.text("error"), "invalid_dpop_proof");
  EXPECT_EQ(without.text("error_description"), "DPoP proof JWT header is missing.");
  auto made = parts("POST", kTokenPath);
  made.claims.erase("nonce");
  const auto asked = ask_with(bound, sign(made));
  EXPECT_EQ(asked.status(), 400);
  EXPECT_EQ(asked.text("error"), "use_dpop_nonce");
  EXPECT_NE(last_reason().find("use_dpop_nonce"), std::string::npos);
  made.claims["nonce"] = asked.header("DPoP-Nonce");
  EXPECT_EQ(ask_with(bound, sign(made)).text("token_type"), "DPoP") << "the refused proof was not used up";
}

TEST_P(PossessionSpec, nonces_live_for_a_day_and_that_of_the_day_before_is_good) {
  const auto client = given_bound();
  auto made = parts("POST", kTokenPath);
  const auto later = [&](Seconds passed) {
    clock.advance(passed);
    made.claims["jti"] = "later" + std::to_string(++serial);
    made.claims["iat"] = to_seconds(clock.now());
    return ask_with(client, sign(made)).text("error");
  };
  EXPECT_EQ(later(kOrgNonceLife), "");
  EXPECT_EQ(later(kOrgNonceLife), "use_dpop_nonce");
}

TEST_P(PossessionSpec, what_is_wrong_with_a_proof_is_refused_at_the_token_endpoint_and_at_userinfo) {
  const auto client = given_bound();
  const auto token = redeem_with(client, given_code(client), token_proof()).text("access_token");
  const auto now = to_seconds(clock.now());
  using Change = std::function<void(Parts&)>;
  const std::pair<const char*, Change> rows[] = {
      {"no typ", [](auto& p) { p.header.erase("typ"); }},
      {"typ JWT", [](auto& p) { p.header["typ"] = "JWT"; }},
      {"no jwk", [](auto& p) { p.header.erase("jwk"); }},
      {"a private key in jwk", [&](auto& p) { p.header["jwk"] = mine.secret_json(); }},
      {"another key in jwk", [](auto& p) { p.header["jwk"] = new_key().public_json().value(); }},
      {"no jti", [](auto& p) { p.claims.erase("jti"); }},
      {"no htm", [](auto& p) { p.claims.erase("htm"); }},
      {"another htm", [](auto& p) { p.claims["htm"] = "PUT"; }},
      {"no htu", [](auto& p) { p.claims.erase("htu"); }},
      {"htu of another path", [](auto& p) { p.claims["htu"] = std::string(kBase) + "/oauth2/v1/token"; }},
      {"htu of another host", [](auto& p) { p.claims["htu"] = std::string("http://evil.example.com") + kTokenPath; }},
      {"no iat", [](auto& p) { p.claims.erase("iat"); }},
      {"iat an hour ago", [&](auto& p) { p.claims["iat"] = now - 3600; }},
      {"iat in an hour", [&](auto& p) { p.claims["iat"] = now + 3600; }},
  };
  for (const auto& [what, change] : rows) {
    auto at_token = parts("POST", kTokenPath), at_userinfo = parts("GET", kUserinfoPath, token);
    change(at_token);
    change(at_userinfo);
    const auto asked = ask_with(client, sign(at_token));
    EXPECT_EQ(asked.status(), 400) << what;
    EXPECT_EQ(asked.text("error"), "invalid_dpop_proof") << what;
    const auto looked = look(token, {{"DPoP", sign(at_userinfo)}});
    EXPECT_EQ(looked.status(), 401) << what;
    EXPECT_TRUE(looked.header("WWW-Authenticate").starts_with("DPoP error=\"invalid_dpop_proof\"")) << what << looked.header("WWW-Authenticate");
  }
  for (const auto* text : {"", "x", "a.b.c", "eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30."}) {
    EXPECT_EQ(ask_with(client, std::string(text)).text("error"), "invalid_dpop_proof") << text;
    EXPECT_EQ(look(token, {{"DPoP", text}}).status(), 401) << text;
  }
  auto forged = token_proof();
  forged.back() = forged.back() == 'A' ? 'B' : 'A';
  forged[forged.size() - 20] = forged[forged.size() - 20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ask_with(client, forged).text("error"), "invalid_dpop_proof");
  const Fields two{{"DPoP", token_proof()}, {"DPoP", token_proof()}};
  EXPECT_EQ(ask_with(client, two).text("error"), "invalid_dpop_proof");

  // After all that a good one is still good.
  EXPECT_EQ(ask_with(client, token_proof()).status(), 200);
  EXPECT_EQ(look(token, {{"DPoP", sign(parts("GET", kUserinfoPath, token))}}).status(), 200);
}

TEST_P(PossessionSpec, what_does_not_matter_passes) {
  const auto client = given_bound();
  using Change = std::function<void(Parts&)>;
  const std::pair<const char*, Change> rows[] = {
      {"htu with query and fragment", [](auto& p) { p.claims["htu"] = std::string(kBase) + kTokenPath + "?a=b#c"; }},
      {"htu in upper case", [](auto& p) { p.claims["htu"] = std::string("HTTP://LOCALHOST:8080") + kTokenPath; }},
      {"htu under another address of the org", [](auto& p) { p.claims["htu"] = std::string("http://127.0.0.1:8080") + kTokenPath; }},
      {"claims that nobody knows", [](auto& p) { p.claims["x"] = 1; }},
      {"iat ten seconds ago", [this](auto& p) { p.claims["iat"] = to_seconds(clock.now()) - 10; }},
      {"iat in ten seconds", [this](auto& p) { p.claims["iat"] = to_seconds(clock.now()) + 10; }},
  };
  for (const auto& [what, change] : rows) {
    auto made = parts("POST", kTokenPath);
    change(made);
    EXPECT_EQ(ask_with(client, sign(made)).status(), 200) << what;
  }
  EXPECT_EQ(ask_with(client, Fields{{"dpop", token_proof()}}).status(), 200) << "header names have no case";
  mine = new_key(crypto::KeySpec::rsa2048);
  EXPECT_EQ(ask_with(client, token_proof()).status(), 200) << "Okta's SDKs sign with RS256";
}

// CVE-2026-41707 (Spring): a flood of proofs pushed one out of memory, then it came again. Here they are rows that nothing evicts.
TEST_P(PossessionSpec, a_proof_is_good_once) {
  const auto client = given_bound();
  const auto proof = token_proof();
  EXPECT_EQ(at_once(16, [&] { return ask_with(client, proof).status() == 200; }), 1);
  const auto again = ask_with(client, proof);
  EXPECT_EQ(again.text("error"), "invalid_dpop_proof");
  const auto token = redeem_with(client, given_code(client), token_proof()).text("access_token");
  const auto seen = sign(parts("GET", kUserinfoPath, token));
  EXPECT_EQ(look(token, {{"DPoP", seen}}).status(), 200);
  EXPECT_EQ(look(token, {{"DPoP", seen}}).status(), 401);
  clock.advance(kProofAge + Seconds(1));
  EXPECT_EQ(look(token, {{"DPoP", seen}}).status(), 401) << "and when it is forgotten it is too old";
}

TEST_P(PossessionSpec, a_bound_token_is_worth_nothing_without_its_key) {
  const auto client = given_bound();
  const auto token = redeem_with(client, given_code(client), token_proof()).text("access_token");
  EXPECT_EQ(look(token, {}, "Bearer").status(), 401);
  EXPECT_EQ(look(token, {{"DPoP", sign(parts("GET", kUserinfoPath, token))}}, "Bearer").status(), 401);
  EXPECT_EQ(look(token, {}).status(), 401);
  auto of_other_token = parts("GET", kUserinfoPath, token);
  of_other_token.claims["ath"] = base64url_encode(crypto::sha256("another"));
  EXPECT_EQ(look(token, {{"DPoP", sign(of_other_token)}}).status(), 401);
  auto of_none = parts("GET", kUserinfoPath, token);
  of_none.claims.erase("ath");
  EXPECT_EQ(look(token, {{"DPoP", sign(of_none)}}).status(), 401);
  mine = new_key();
  const auto stolen = look(token, {{"DPoP", sign(parts("GET", kUserinfoPath, token))}});
  EXPECT_EQ(stolen.status(), 401);
  EXPECT_EQ(stolen.text("error"), "invalid_token");
  // In a form it comes without a scheme, which is as a bearer.
  Visitor caller(router);
  EXPECT_EQ(caller.post(kUserinfoPath, {{"access_token", token}}, {{"Accept", "*/*"}}).status(), 401);
  const auto plain = given_tokens(given_client("Plain")).text("access_token");
  EXPECT_EQ(look(plain, {{"DPoP", sign(parts("GET", kUserinfoPath, plain))}}).status(), 401) << "a token without a key has no proof";
}

TEST_P(PossessionSpec, the_refresh_tokens_of_a_public_client_are_bound) {
  const auto client = given_bound(ClientAuth::none);
  const auto first = redeem_with(client, given_code(client), token_proof());
  ASSERT_EQ(first.status(), 200) << first.body();
  const auto refresh_token = first.text("refresh_token");
  const auto stranger = refresh_with(client, refresh_token, {{"DPoP", token_proof(new_key())}});
  EXPECT_EQ(stranger.status(), 400);
  EXPECT_EQ(stranger.text("error"), "invalid_grant");
  EXPECT_EQ(refresh_with(client, refresh_token, {}).text("error"), "invalid_dpop_proof");
  const auto second = refresh_with(client, refresh_token, {{"DPoP", token_proof()}});
  EXPECT_EQ(second.status(), 200) << "a stranger's attempt ends nothing";
  EXPECT_EQ(second.text("token_type"), "DPoP");
  // When the setting goes, what was bound stays bound.
  auto app = run(apps->find(client.app.id)).value();
  app.dpop_bound = false;
  ASSERT_TRUE(run(apps->update(app, cause)));
  EXPECT_EQ(refresh_with(client, second.text("refresh_token"), {}).text("error"), "invalid_grant");
}

TEST_P(PossessionSpec, a_confidential_client_may_change_its_key_when_it_refreshes) {
  const auto client = given_bound();
  const auto first = redeem_with(client, given_code(client), token_proof());
  const auto other = new_key();
  const auto second = refresh_with(client, first.text("refresh_token"), {{"DPoP", token_proof(other)}});
  ASSERT_EQ(second.status(), 200) << second.body();
  EXPECT_EQ(find_string(*find(claims(second.text("access_token")), "cnf"), "jkt"), other.thumbprint());
}

TEST_P(PossessionSpec, a_code_that_was_asked_for_with_a_key_is_for_that_key) {
  const auto client = given_bound();
  const Fields named{{"dpop_jkt", mine.thumbprint()}};
  EXPECT_EQ(redeem_with(client, given_code(client, named), token_proof()).status(), 200);
  const auto code = given_code(client, named);
  const auto stolen = redeem_with(client, code, token_proof(new_key()));
  EXPECT_EQ(stolen.text("error"), "invalid_grant");
  EXPECT_EQ(redeem_with(client, code, token_proof()).text("error"), "invalid_grant") << "it is spent: nobody tries twice";
  Visitor browser(router);
  const auto refused = browser.get(authorize_url(client, {{"dpop_jkt", "short"}}));
  EXPECT_EQ(parameter(refused.location(), "error"), "invalid_request");
  const auto plain = given_client("Plain");
  EXPECT_EQ(redeem(plain, given_code(plain, named)).text("token_type"), "Bearer");
}

TEST_P(PossessionSpec, nothing_that_is_not_bound_leaves_the_authorization_endpoint) {
  auto client = given_bound();
  client.app.grant_types.emplace_back("implicit");
  client.app = run(apps->update(client.app, cause)).value();
  for (const auto* type : {"token", "id_token token", "code token"}) {
    Visitor browser(router);
    EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"response_type", type}})).location(), "error"), "unauthorized_client") << type;
  }
}

TEST_P(PossessionSpec, the_management_api_wants_the_proof_too) {
  auto client = given_service(ClientAuth::secret_basic, [](auto& app) { app.dpop_bound = true; });
  auto made = parts("POST", "/oauth2/v1/token");
  Visitor caller(router);
  const Fields headers{{"Authorization", "Basic " + base64_encode(client.app.client_id + ":" + client.secret)}, {"DPoP", sign(made)}};
  const auto got = caller.post("/oauth2/v1/token", {{"grant_type", "client_credentials"}, {"scope", "okta.users.read"}}, headers);
  ASSERT_EQ(got.status(), 200) << got.body();
  const auto token = got.text("access_token");
  const auto shown = [&](std::string proof) {
    return Shown{.scheme = Shown::Scheme::dpop, .proofs = proof.empty() ? 0 : 1, .proof = proof, .method = "GET", .urls = {std::string(kBase) + "/api/v1/users"}};
  };
  const auto proof = sign(parts("GET", "/api/v1/users", token));
  EXPECT_TRUE(run(provider->principal_of(token, shown(proof))));
  EXPECT_FALSE(run(provider->principal_of(token, shown(proof)))) << "once";
  EXPECT_FALSE(run(provider->principal_of(token, shown(""))));
  EXPECT_FALSE(run(provider->principal_of(token)));
  EXPECT_FALSE(run(provider->principal_of(token, shown(sign(parts("GET", "/api/v1/groups", token))))));
}

TEST_P(PossessionSpec, metadata_says_so_and_browsers_may_read_the_nonce) {
  Visitor caller(router);
  const auto algs = find_strings(caller.get("/.well-known/openid-configuration").json(), "dpop_signing_alg_values_supported");
  EXPECT_TRUE(std::ranges::find(algs, "ES256") != algs.end() && std::ranges::find(algs, "none") == algs.end());
  const auto client = given_bound();
  auto made = parts("POST", kTokenPath);
  made.claims.erase("nonce");
  const auto got = ask_with(client, Fields{{"DPoP", sign(made)}, {"Origin", "https://app.example.com"}});
  EXPECT_NE(got.header("Access-Control-Expose-Headers").find("dpop-nonce"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::idp
