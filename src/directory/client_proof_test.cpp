// Secrets and keys of clients: what is taken, what is kept, and what never is.
#include "directory/apps.h"
#include "directory/directory_test.h"

namespace gatehouse::directory {
namespace {

constexpr const char* kPublicKey =
    R"({"kty":"EC","crv":"P-256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kPrivateHalf = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

class ClientProofSpec : public DirectoryTest {
 protected:
  App given_service(ClientAuth auth) {
    auto app = given_app("Bot").app;
    app.id = no_app_id();
    app.client_id.clear();
    app.auth = auth;
    app.kind = AppKind::service;
    app.grant_types = {"client_credentials"};
    app.redirect_uris.clear();
    return app;
  }
  Result<AppWithSecret> create(App app, std::optional<Secret> secret = {}) {
    NewApp asked{.app = std::move(app), .client_id = {}, .secret = std::move(secret), .id = {}};
    return run(apps->create(std::move(asked), cause));
  }
  std::string why(App app) {
    auto made = create(std::move(app));
    return made ? "" : made.error().message();
  }
  bool opens(const App& app, const Secret& secret) { return run(apps->check_secret(app, secret)).value(); }
  std::string whole_table() {
    std::string all;
    const auto rows = read("select settings, secret_hash, secrets from apps").value();
    for (const auto& row : rows)
      for (std::size_t i = 0; i < 3; ++i) all += row.maybe_text(i).value_or("") + "\n";
    return all;
  }
};

TEST_P(ClientProofSpec, a_client_changes_its_secret_without_a_moment_without_one) {
  const auto made = given_app("Wiki");
  const auto id = made.app.id;
  const auto next = run(apps->add_secret(id, std::nullopt, true, cause)).value();
  EXPECT_TRUE(opens(made.app, *made.secret));
  EXPECT_TRUE(opens(made.app, next.secret));
  EXPECT_EQ(run(apps->add_secret(id, std::nullopt, true, cause)).error().fault(), Fault::invalid) << "two are enough";

  const auto all = run(apps->secrets(id)).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NE(all[0].fingerprint, all[1].fingerprint);
  EXPECT_EQ(run(apps->remove_secret(id, all[0].id, cause)).error().fault(), Fault::invalid) << "it is active";
  ASSERT_TRUE(run(apps->set_secret_active(id, all[0].id, false, cause)));
  EXPECT_FALSE(opens(made.app, *made.secret));
  EXPECT_TRUE(opens(made.app, next.secret));
  EXPECT_EQ(run(apps->set_secret_active(id, next.about.id, false, cause)).error().fault(), Fault::invalid)
      << "the last one";
  ASSERT_TRUE(run(apps->set_secret_active(id, all[0].id, true, cause)));
  EXPECT_TRUE(opens(made.app, *made.secret));
  ASSERT_TRUE(run(apps->set_secret_active(id, all[0].id, false, cause)));
  ASSERT_TRUE(run(apps->remove_secret(id, all[0].id, cause)));
  EXPECT_EQ(run(apps->secrets(id)).value().size(), 1U);
  EXPECT_EQ(run(apps->remove_secret(id, "ocsnobody", cause)).error().fault(), Fault::missing);
  EXPECT_EQ(whole_table().find(std::string(next.secret.reveal())), std::string::npos);
}

TEST_P(ClientProofSpec, secrets_are_given_within_limits) {
  const auto id = given_app("Wiki").app.id;
  for (const auto& bad :
       {std::string(13, 'x'), std::string(1025, 'x'), std::string("fourteen-but-\xc3\xa9"), std::string(20, '\n')})
    EXPECT_EQ(run(apps->add_secret(id, Secret(bad), true, cause)).error().fault(), Fault::invalid) << bad;
  EXPECT_TRUE(run(apps->add_secret(id, Secret(std::string(1024, 'x')), true, cause)));
  const auto spa = given_app("Spa", AppKind::spa, ClientAuth::none).app.id;
  EXPECT_EQ(run(apps->add_secret(spa, std::nullopt, true, cause)).error().fault(), Fault::invalid);
  EXPECT_EQ(create(given_service(ClientAuth::secret_jwt), Secret(std::string(31, 'x'))).error().fault(),
            Fault::invalid);
}

// A program of tables version 1 knows one hash and nothing of the list.
TEST_P(ClientProofSpec, old_rows_and_an_older_program_beside_us_are_understood) {
  const auto made = given_app("Wiki");
  ASSERT_TRUE(write("update apps set secrets = null"));
  memory = make_memory(clock);
  Apps fresh(needs(), org);
  EXPECT_TRUE(run(fresh.check_secret(made.app, *made.secret)).value());
  const auto all = run(fresh.secrets(made.app.id)).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].active);
  const auto second = run(fresh.add_secret(made.app.id, std::nullopt, true, cause)).value();
  EXPECT_TRUE(run(fresh.check_secret(made.app, *made.secret)).value());

  const auto theirs = given_app("Other");
  ASSERT_TRUE(
      write("update apps set secret_hash = (select secret_hash from apps where label = 'Other') where label = 'Wiki'"));
  memory = make_memory(clock);
  Apps later(needs(), org);
  EXPECT_TRUE(run(later.check_secret(made.app, *theirs.secret)).value());
  EXPECT_FALSE(run(later.check_secret(made.app, *made.secret)).value())
      << "to them a new secret stands instead of all others";
  EXPECT_FALSE(run(later.check_secret(made.app, second.secret)).value());
  ASSERT_TRUE(write("update apps set secret_hash = null where label = 'Wiki'"));
  memory = make_memory(clock);
  Apps last(needs(), org);
  EXPECT_FALSE(run(last.check_secret(made.app, *theirs.secret)).value());
}

TEST_P(ClientProofSpec, a_secret_that_signs_can_be_opened_and_no_other) {
  const auto made = create(given_service(ClientAuth::secret_jwt)).value();
  ASSERT_TRUE(made.secret);
  auto opened = run(apps->signing_secrets(made.app)).value();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_TRUE(opened[0] == *made.secret);
  EXPECT_EQ(whole_table().find(std::string(made.secret->reveal())), std::string::npos);
  EXPECT_NE(whole_table().find("gs1.k1."), std::string::npos);
  EXPECT_TRUE(run(apps->signing_secrets(given_app("Wiki").app)).value().empty());

  const auto second = run(apps->add_secret(made.app.id, std::nullopt, true, cause)).value();
  EXPECT_EQ(run(apps->signing_secrets(made.app)).value().size(), 2U);
  ASSERT_TRUE(run(apps->set_secret_active(made.app.id, second.about.id, false, cause)));
  EXPECT_EQ(run(apps->signing_secrets(made.app)).value().size(), 1U);

  auto turned = run(apps->find(made.app.id)).value();
  turned.auth = ClientAuth::secret_basic;
  ASSERT_TRUE(run(apps->update(turned, cause)));
  EXPECT_TRUE(run(apps->signing_secrets(made.app)).value().empty());
  EXPECT_EQ(whole_table().find("gs1.k1."), std::string::npos) << "the sealed copy goes when it is not needed any more";
  EXPECT_TRUE(opens(made.app, *made.secret));
  turned = run(apps->find(made.app.id)).value();
  turned.auth = ClientAuth::secret_jwt;
  ASSERT_TRUE(run(apps->update(turned, cause)));
  EXPECT_FALSE(opens(made.app, *made.secret)) << "nobody can open a hash: it needs a new one";
  EXPECT_TRUE(needs_new_secret(ClientAuth::secret_basic, ClientAuth::secret_jwt));
}

TEST_P(ClientProofSpec, a_sealed_secret_is_good_in_its_own_row_only) {
  const auto one = create(given_service(ClientAuth::secret_jwt)).value();
  auto other = given_service(ClientAuth::secret_jwt);
  other.label = "Other";
  const auto two = create(std::move(other)).value();
  ASSERT_TRUE(write(
      "update apps set secret_hash = (select secret_hash from apps where label = 'Other'), "
      "secrets = (select secrets from apps where label = 'Other') where label = 'Bot' and auth = 'client_secret_jwt'"));
  memory = make_memory(clock);
  Apps fresh(needs(), org);
  EXPECT_FALSE(run(fresh.signing_secrets(one.app)));
  EXPECT_TRUE(run(fresh.signing_secrets(two.app)));
}

TEST_P(ClientProofSpec, keys_are_public_or_refused) {
  auto app = given_service(ClientAuth::private_key_jwt);
  EXPECT_NE(why(app).find("needs the client's public keys"), std::string::npos);
  app.keys.push_back({"pks1", kPublicKey});
  const auto made = create(app).value();
  EXPECT_FALSE(made.secret);
  const auto kept = run(apps->find_by_client(made.app.client_id)).value();
  EXPECT_EQ(kept.keys.at(0).jwk, kPublicKey);
  EXPECT_EQ(kept.keys.at(0).id.substr(0, 3), "pks");
  clock.advance(Seconds(5));
  ASSERT_TRUE(run(apps->update(kept, cause)));
  EXPECT_EQ(run(apps->find(made.app.id)).value().keys.at(0).id, kept.keys.at(0).id) << "it is the same key";
  EXPECT_EQ(run(apps->find(made.app.id)).value().keys.at(0).created, kept.keys.at(0).created);

  for (const auto* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    auto jwk = parse_json(kPublicKey).value();
    jwk.as_object()[member] = kPrivateHalf;
    app.keys = {{"pks1", to_text(jwk)}};
    EXPECT_NE(why(app).find("private half"), std::string::npos) << member;
    auto changed = run(apps->find(made.app.id)).value();
    changed.keys = app.keys;
    EXPECT_EQ(run(apps->update(changed, cause)).error().fault(), Fault::invalid) << member;
  }
  EXPECT_EQ(whole_table().find(kPrivateHalf), std::string::npos);
  EXPECT_EQ(to_text(last_event()).find(kPrivateHalf), std::string::npos);
}

TEST_P(ClientProofSpec, a_registration_fits_its_way_to_prove) {
  const auto with = [&](ClientAuth auth, const std::function<void(App&)>& change) {
    auto app = given_service(auth);
    change(app);
    return why(std::move(app));
  };
  const ClientKey key{"pks1", kPublicKey};
  const TlsSubject subject{TlsSubject::Kind::dns, "bot.example.com"};
  EXPECT_EQ(with(ClientAuth::private_key_jwt, [&](App& a) { a.jwks_uri = "https://bot.example.com/keys"; }), "");
  EXPECT_EQ(with(ClientAuth::private_key_jwt, [&](App& a) { a.jwks_uri = "http://localhost:3000/keys"; }), "");
  EXPECT_EQ(with(ClientAuth::self_signed_tls, [&](App& a) { a.keys = {key}; }), "");
  EXPECT_EQ(with(ClientAuth::tls_client_auth, [&](App& a) { a.tls_subject = subject; }), "");
  EXPECT_EQ(with(ClientAuth::secret_jwt, [&](App& a) { a.auth_signing_alg = "HS384"; }), "");
  EXPECT_EQ(with(ClientAuth::secret_basic, [&](App& a) { a.keys = {key}; }), "") << "for request objects";

  EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.keys = {key}, a.jwks_uri = "https://x.example/"; }), "");
  EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.keys = {key, key}; }), "") << "one kid twice";
  EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.keys.assign(51, key); }), "");
  EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.keys = {key}, a.auth_signing_alg = "HS256"; }), "");
  EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.keys = {key}, a.auth_signing_alg = "none"; }), "");
  EXPECT_NE(with(ClientAuth::secret_jwt, [&](App& a) { a.auth_signing_alg = "RS256"; }), "");
  EXPECT_NE(with(ClientAuth::tls_client_auth, [](App&) {}), "");
  EXPECT_NE(with(ClientAuth::tls_client_auth, [&](App& a) { a.tls_subject = TlsSubject{TlsSubject::Kind::dn, ""}; }),
            "");
  EXPECT_NE(with(ClientAuth::secret_basic, [&](App& a) { a.tls_subject = subject; }), "");
  for (const auto* bad : {"http://bot.example.com/keys", "ftp://x", "//x/keys", "https://x/keys#a", "https://x/ y",
                          "http://localhost.evil.example/", "http://localhost@evil.example/"})
    EXPECT_NE(with(ClientAuth::private_key_jwt, [&](App& a) { a.jwks_uri = bad; }), "") << bad;
}

TEST_P(ClientProofSpec, a_client_that_registered_itself_has_a_token_for_it) {
  NewApp asked{.app = given_service(ClientAuth::secret_basic), .client_id = {}, .secret = {}, .id = {}, .self_managed = true};
  const auto made = run(apps->create(asked, cause)).value(), other = run(apps->create(asked, cause)).value();
  ASSERT_TRUE(made.registration_token);
  const auto kept = run(apps->find(made.app.id)).value();
  EXPECT_TRUE(is_registration_token(kept, *made.registration_token));
  EXPECT_FALSE(is_registration_token(kept, *other.registration_token));
  EXPECT_FALSE(is_registration_token(kept, *made.secret));
  EXPECT_FALSE(is_registration_token(kept, Secret("")));
  EXPECT_FALSE(is_registration_token(given_app("Wiki").app, Secret("")));
  EXPECT_FALSE(run(apps->check_secret(kept, *made.registration_token)).value()) << "one kind is not the other";
  EXPECT_EQ(whole_table().find(std::string(made.registration_token->reveal())), std::string::npos);
  auto changed = kept;
  changed.registration_hash.clear();
  ASSERT_TRUE(run(apps->update(changed, cause)));
  EXPECT_TRUE(is_registration_token(run(apps->find(made.app.id)).value(), *made.registration_token)) << "an update takes it from nobody";
  EXPECT_EQ(run(apps->count_self_managed(10)).value(), 2);
  EXPECT_EQ(run(apps->count_self_managed(1)).value(), 1);
}

TEST_P(ClientProofSpec, every_way_has_its_name) {
  for (int i = 0; i < kClientAuths; ++i) {
    const auto auth = static_cast<ClientAuth>(i);
    EXPECT_EQ(client_auth_named(name_of(auth)), auth);
  }
  EXPECT_FALSE(client_auth_named("Client_Secret_Basic"));
  EXPECT_FALSE(client_auth_named(""));
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientProofSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::directory
