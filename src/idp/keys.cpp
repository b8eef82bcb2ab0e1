#include "idp/keys.h"

#include "idp/key_store.h"

namespace gatehouse::idp {
namespace {

std::string context_of(const OrgId& org, std::string_view kid) { return "idp.keys/" + org.str() + "/" + std::string(kid) + "/private"; }

}  // namespace

std::shared_ptr<const Keys::Ring> Keys::ring() {
  const std::lock_guard lock(mutex_);
  return ring_;
}

Task<void> Keys::load() {
  GH_CO_TRY(auto rows, co_await select_keys(needs_.database, org_));
  auto fresh = std::make_shared<Ring>();
  std::vector<jose::Jwk> open;
  for (const auto& row : rows) {
    auto text = needs_.sealer.open(context_of(org_, row.kid), row.sealed);
    if (!text) co_return std::unexpected(std::move(text.error()).while_doing("open the signing key " + row.kid));
    GH_CO_TRY(auto key, crypto::PrivateKey::from_pem(*text));
    const auto alg = jose::alg_named(row.alg);
    if (!alg) co_return failure(Fault::internal, "signing key: unknown algorithm in the store");
    GH_CO_TRY(auto shown, jose::Jwk::of(key.public_key(), row.kid, *alg));
    GH_CO_TRY(auto jwk, jose::Jwk::of(std::move(key), row.kid, *alg));
    open.push_back(std::move(shown));
    fresh->signing.insert_or_assign(*alg, std::move(jwk));
    auto& known = fresh->known[*alg];
    known.insert(known.begin(), KeyInfo{row.kid, row.created});
  }
  GH_CO_TRY(auto set, jose::KeySet::of(std::move(open)));
  fresh->open = std::make_shared<const jose::KeySet>(std::move(set));
  const std::lock_guard lock(mutex_);
  ring_ = std::move(fresh);
  co_return Result<void>();
}

Result<KeyRow> Keys::sealed(const crypto::PrivateKey& key, jose::Alg alg) {
  GH_TRY(auto jwk, jose::Jwk::of(key.public_key(), {}, alg));
  GH_TRY(auto text, needs_.sealer.seal(context_of(org_, jwk.kid()), key.pem().reveal()));
  return KeyRow{jwk.kid(), std::string(jose::name_of(alg)), std::move(text), needs_.clock.now()};
}

Task<void> Keys::keep(crypto::PrivateKey key, jose::Alg alg) {
  GH_CO_TRY(const auto row, sealed(key, alg));
  store::Unit unit;
  unit.push_back(insert_first_key(org_, row, row.created));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return co_await load();
}

Task<crypto::PrivateKey> Keys::generate(jose::Alg alg) {
  std::optional<Result<crypto::PrivateKey>> made;
  const auto spec = alg == jose::Alg::RS256 ? crypto::KeySpec::rsa2048 : crypto::KeySpec::p256;
  auto job = [&] { made = crypto::PrivateKey::generate(spec); };
  GH_CO_DO(co_await needs_.crypto.run(std::move(job)));
  co_return *std::move(made);
}

Task<void> Keys::rotate(jose::Alg alg, store::Statement told) {
  GH_CO_TRY(auto known, co_await of(alg));
  if (known.size() >= kKeysMax) co_return failure(Fault::limited, "keys: rotated too often; earlier keys have to be published for a while");
  GH_CO_TRY(auto key, co_await generate(alg));
  GH_CO_TRY(const auto row, sealed(key, alg));
  store::Unit unit;
  unit.push_back(insert_next_key(org_, row, row.created));
  unit.push_back(delete_old_keys(org_, row.alg, row.created - kOldKeyLife));
  unit.push_back(std::move(told));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return co_await load();
}

Task<void> Keys::open() {
  GH_CO_DO(co_await load());
  if (ring()->signing.contains(jose::Alg::ES256)) co_return Result<void>();
  GH_CO_TRY(auto key, crypto::PrivateKey::generate(crypto::KeySpec::p256));
  co_return co_await keep(std::move(key), jose::Alg::ES256);
}

Task<void> Keys::complete() {
  if (ring()->signing.contains(jose::Alg::RS256)) co_return Result<void>();
  std::optional<Error> trouble;
  std::optional<crypto::PrivateKey> key;
  auto job = [&] {
    const std::lock_guard lock(making_);
    if (!made_) {
      auto made = crypto::PrivateKey::generate(crypto::KeySpec::rsa2048);
      if (made) made_ = *std::move(made);
      else trouble = std::move(made.error());
    }
    key = made_;
  };
  GH_CO_DO(co_await needs_.crypto.run(std::move(job)));
  if (!key) co_return std::unexpected(*std::move(trouble));
  co_return co_await keep(*std::move(key), jose::Alg::RS256);
}

Task<jose::Jwk> Keys::signing_key(jose::Alg alg) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto now = ring();
    if (auto found = now->signing.find(alg); found != now->signing.end()) co_return found->second;
    GH_CO_DO(co_await complete());
  }
  co_return failure(Fault::internal, "signing key: none for this algorithm");
}

Task<std::vector<KeyInfo>> Keys::of(jose::Alg alg) {
  GH_CO_DO(co_await signing_key(alg));   // makes it if nobody has needed it yet
  co_return ring()->known.at(alg);
}

Task<std::string> Keys::sign(jose::Alg alg, json::object claims, std::string typ) {
  GH_CO_TRY(auto key, co_await signing_key(alg));
  if (alg != jose::Alg::RS256) co_return jose::sign_jwt(key, claims, typ);
  std::optional<Result<std::string>> token;
  auto job = [&] { token = jose::sign_jwt(key, claims, typ); };
  GH_CO_DO(co_await needs_.crypto.run(std::move(job)));
  co_return *std::move(token);
}

Task<std::shared_ptr<const jose::KeySet>> Keys::public_keys(std::string kid) {
  auto known = ring();
  if (known->open && known->open->find(kid) != nullptr) co_return known->open;
  GH_CO_DO(co_await load());
  co_return ring()->open;
}

Task<json::object> Keys::jwks() {
  GH_CO_DO(co_await complete());
  const auto now = ring();
  json::array keys;
  for (const auto& key : now->open->keys()) {
    GH_CO_TRY(auto shown, key.public_json());
    shown["use"] = "sig";
    keys.push_back(std::move(shown));
  }
  json::object body;
  body["keys"] = std::move(keys);
  co_return body;
}

}  // namespace gatehouse::idp
