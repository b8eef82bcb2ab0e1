#include "oauth/client/remote_keys.h"

namespace gatehouse::oauth::client {

RemoteKeys::RemoteKeys(net::HttpClient& http, const Clock& clock, Discovery& discovery, KeptTimes times, std::string jwks_uri)
    : http_(http), discovery_(discovery), kept_(clock, [this] { return fetch(); }, times), jwks_uri_(std::move(jwks_uri)) {}

Task<KeysPtr> RemoteKeys::get_with(std::string kid) {
  GH_CO_TRY(auto keys, co_await kept_.get());
  if (kid.empty() || keys->set.find(kid) != nullptr) co_return keys;
  co_return co_await kept_.get_newer_than(std::move(keys));
}

Task<Keys> RemoteKeys::fetch() {
  auto address = jwks_uri_;
  if (address.empty()) {
    GH_CO_TRY(auto about, co_await discovery_.get());
    address = about->jwks_uri;
  }
  GH_CO_TRY(auto body, co_await fetch_document(http_, std::move(address), jose::kKeySetTextMax));
  auto set = jose::KeySet::parse(body);
  if (!set) co_return failure(Fault::upstream, "keys: " + discovery_.issuer() + " publishes what cannot be used: " + set.error().message());
  // An empty set is what a broken issuer publishes, not a decision to revoke everything: keep what we have for a while.
  if (set->empty()) co_return failure(Fault::upstream, "keys: " + discovery_.issuer() + " publishes no usable key");

  auto text = to_text(set->public_json());
  if (text != last_text_) {
    last_text_ = std::move(text);
    ++generation_;
  }
  Keys keys{*std::move(set), {}, generation_.load()};
  for (const auto& key : keys.set.keys())
    if (!key.kid().empty()) keys.thumbprints[key.kid()] = key.thumbprint();
  co_return keys;
}

}  // namespace gatehouse::oauth::client
