// Project Wycheproof's vectors (C2SP/wycheproof), read where they lie: $GATEHOUSE_TEST_DATA, or the nearest
// shared/data/jose above the current folder. Where we decide otherwise than a vector says, the table in README.md tells why.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/bytes.h"
#include "core/json.h"
#include "jose/jwe.h"
#include "jose/jws.h"

namespace gatehouse::jose {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> data_folder() {
  if (const char* given = std::getenv("GATEHOUSE_TEST_DATA")) {
    for (const auto& folder : {fs::path(given), fs::path(given) / "jose"})
      if (fs::exists(folder / "json_web_key_test.json")) return folder;
    ADD_FAILURE() << "GATEHOUSE_TEST_DATA=" << given << " has no JOSE vectors";
    return std::nullopt;
  }
  for (auto at = fs::current_path();; at = at.parent_path()) {
    if (fs::exists(at / "shared/data/jose")) return at / "shared/data/jose";
    if (at == at.parent_path()) return std::nullopt;
  }
}

class Wycheproof : public testing::Test {
 protected:
  // Our verdicts that differ from the vector's, by tcId.
  using Decided = std::map<std::int64_t, std::string>;

  void SetUp() override {
    const auto folder = data_folder();
    if (!folder) GTEST_SKIP() << "no shared/data/jose above " << fs::current_path() << "; set GATEHOUSE_TEST_DATA";
    folder_ = *folder;
  }

  // Calls check(group, test) for each vector and compares; every decided one must be met.
  template <class F>
  void every(const std::string& file, const Decided& decided, F check) {
    std::ifstream in(folder_ / file);
    std::stringstream text;
    text << in.rdbuf();
    const auto parsed = parse_json(text.str());
    ASSERT_TRUE(parsed) << file << ": " << parsed.error().message();
    const auto& document = *parsed;
    std::int64_t seen = 0;
    Decided unmet = decided;
    for (const auto& group : find(document, "testGroups")->get_array())
      for (const auto& test : find(group, "tests")->get_array()) {
        ++seen;
        const auto id = *find_int(test, "tcId");
        auto expected = *find_string(test, "result");
        if (const auto ours = decided.find(id); ours != decided.end()) {
          expected = ours->second;
          unmet.erase(id);
        }
        EXPECT_EQ(check(group, test) ? "valid" : "invalid", expected)
            << file << " tcId " << id << ": " << find_string(test, "comment").value_or("");
      }
    EXPECT_EQ(seen, find_int(document, "numberOfTests"));
    EXPECT_TRUE(unmet.empty()) << "decided vectors are gone from " << file;
  }

  fs::path folder_;
};

std::string hex(const json::value& test, std::string_view name) { return hex_decode(*find_string(test, name)).value(); }

// A group's key is one JWK or a set. Public halves alone are given where the group has them.
Result<KeySet> keys_of(const json::value& group) {
  const auto* given = find(group, "public") != nullptr ? find(group, "public") : find(group, "private");
  json::value set = *given;
  if (find(*given, "keys") == nullptr) set = json::object{{"keys", json::array{*given}}};
  const auto& first = find(set, "keys")->get_array().front();
  const auto kind = find_string(first, "kty") == "oct" ? KeyKind::symmetric : KeyKind::asymmetric;
  return KeySet::parse(set, kind);
}

bool verifies(const json::value& group, const json::value& test) {
  const auto keys = keys_of(group);
  if (!keys) return false;
  const auto* token = find(test, "jws");
  const auto text = token->is_string() ? std::string(token->get_string()) : to_text(*token);
  return verify(text, *keys, keys->kind() == KeyKind::symmetric ? std::span<const Alg>(kSymmetricAlgs) : std::span<const Alg>(kAsymmetricAlgs))
      .has_value();
}

TEST_F(Wycheproof, json_web_signature) {
  const Decided decided{{346, "invalid"}, {350, "invalid"},  // the key says PS256, the token PS384
                        {347, "invalid"}, {351, "invalid"},  // the key says "ES521"; there is no such algorithm
                        {367, "valid"},   {370, "valid"},    // byte for byte the valid vector 357
                        {372, "invalid"}, {373, "invalid"}}; // '?' inside base64url
  every("json_web_signature_test.json", decided, verifies);
}

// What is wrong with 346, 347, 350 and 351 is the key's alg alone.
TEST_F(Wycheproof, tokens_of_rfc_7520_verify_with_keys_that_tell_no_wrong_alg) {
  int corrected = 0;
  every("json_web_signature_test.json", {{367, "valid"}, {370, "valid"}, {372, "invalid"}, {373, "invalid"}},
        [&](json::value group, const json::value& test) {
          const auto comment = find_string(group, "comment").value_or("");
          if (comment.starts_with("rfc7520") && find(group, "public") != nullptr) {
            group.as_object()["public"].as_object().erase("alg");
            ++corrected;
          }
          return verifies(group, test);
        });
  EXPECT_EQ(corrected, 6);
}

TEST_F(Wycheproof, json_web_key) { every("json_web_key_test.json", {}, verifies); }

TEST_F(Wycheproof, json_web_encryption) {
  Decided decided{{135, "invalid"}};  // zip
  for (const std::int64_t id : {100, 101, 102, 103, 104, 105, 112, 128}) decided[id] = "invalid";  // RSA1_5
  every("json_web_encryption_test.json", decided, [](const json::value& group, const json::value& test) {
    auto key = EncryptionKey::parse(*find(group, "private"));
    if (!key) return false;
    const auto keys = EncryptionKeySet::of({*std::move(key)}).value();
    const auto opened = decrypt(*find_string(test, "jwe"), keys, kEveryEnc);
    return opened && name_of(opened->enc) == find_string(test, "enc") && opened->payload == hex(test, "pt");
  });
}

TEST_F(Wycheproof, ecdsa_p256) {
  every("ecdsa_secp256r1_sha256_p1363_test.json", {}, [](const json::value& group, const json::value& test) {
    const auto key = crypto::PublicKey::from_der(hex(group, "publicKeyDer"));
    return key && key->verify(crypto::SignatureAlgorithm::ES256, hex(test, "msg"), hex(test, "sig"));
  });
}

TEST_F(Wycheproof, ed25519) {
  every("ed25519_test.json", {}, [](const json::value& group, const json::value& test) {
    const auto key = Jwk::parse(*find(group, "publicKeyJwk"));
    return key && key->verify(Alg::EdDSA, hex(test, "msg"), hex(test, "sig"));
  });
}

TEST_F(Wycheproof, rsa_pkcs1) {
  // 8 is "acceptable": the digest info lacks its NULL. RFC 8017 §9.2 writes it, so we want it.
  every("rsa_signature_2048_sha256_test.json", {{8, "invalid"}}, [](const json::value& group, const json::value& test) {
    const auto key = crypto::PublicKey::from_pem(*find_string(group, "publicKeyPem"));
    return key && key->verify(crypto::SignatureAlgorithm::RS256, hex(test, "msg"), hex(test, "sig"));
  });
}

TEST_F(Wycheproof, rsa_pss) {
  every("rsa_pss_2048_sha256_mgf1_32_test.json", {}, [](const json::value& group, const json::value& test) {
    const auto key = Jwk::parse(*find(group, "publicKeyJwk"));
    return key && key->verify(Alg::PS256, hex(test, "msg"), hex(test, "sig"));
  });
}

}  // namespace
}  // namespace gatehouse::jose
