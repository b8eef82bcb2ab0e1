#include "oauth/client/remote_keys.h"

namespace gatehouse::oauth::client {

RemoteKeys::RemoteKeys(net::HttpClient& http, const Clock& clock, Discovery& discovery, KeptTimes times)
    : http_(http), discovery_(discovery), kept_(clock, [this] { return fetch(); }, times) {}

Task<KeysPtr> RemoteKeys::get_with(std::string kid) {
  GH_CO_TRY(auto keys, co_await kept_.get());
  if (kid.empty() || keys->set.find(kid) != nullptr) co_return keys;
  co_return co_await kept_.get_newer_than(std::move(keys));
}

Task<Keys> RemoteKeys::fetch() {
  GH_CO_TRY(auto about, co_await discovery_.get());
  GH_CO_TRY(auto body, co_await fetch_document(http_, about->jwks_uri, jose::kKeySetTextMax));
  auto set = jose::KeySet::parse(body);
  if (!set) co_return std::unexpected(std::move(set.error()).while_doing("read keys of " + about->issuer));
  // An empty set is what a broken issuer publishes, not a decision to revoke everything: keep what we have for a while.
  if (set->empty()) co_return failure(Fault::upstream, "keys: " + about->issuer + " publishes no usable key");

  auto text = to_text(set->public_json());
  if (text != last_text_) {
    last_text_ = std::move(text);
    ++generation_;
  }
  co_return Keys{*std::move(set), generation_};
}

}  // namespace gatehouse::oauth::client
