// Sets of keys for encryption: our own to decrypt with, and those that others publish to be written to.
#include <algorithm>

#include "jose/encryption_key.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

std::unexpected<Error> refused(std::string why) { return failure(Fault::invalid, "jwks: " + std::move(why)); }

}  // namespace

Result<EncryptionKeySet> EncryptionKeySet::of(std::vector<EncryptionKey> keys) {
  if (keys.size() > kKeySetKeysMax) return refused("more than 100 keys");
  EncryptionKeySet set;
  set.keys_ = std::move(keys);
  for (auto key = set.keys_.begin(); key != set.keys_.end(); ++key) {
    if (key->kind() != set.keys_.front().kind()) return refused("public and symmetric keys do not belong into one set");
    if (key->kid().empty()) continue;
    if (std::any_of(set.keys_.begin(), key, [&](const EncryptionKey& other) { return other.kid() == key->kid(); }))
      return refused("two keys have one kid");
  }
  return set;
}

Result<EncryptionKeySet> EncryptionKeySet::parse(std::string_view text) {
  if (text.size() > kKeySetTextMax) return refused("larger than 256 KiB");
  GH_TRY(const auto value, parse_json(text));
  return parse(value);
}

Result<EncryptionKeySet> EncryptionKeySet::parse(const json::value& value) {
  GH_TRY(const auto* list, members::entries(value));
  if (members::repeats_a_kid(*list, "enc")) return refused("two keys have one kid");

  std::vector<EncryptionKey> keys;
  std::vector<std::string> ignored;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto& entry = (*list)[i];
    const auto ignore = [&](std::string_view why) { ignored.push_back("key " + std::to_string(i + 1) + ": " + std::string(why)); };
    const auto kty = gatehouse::find_string(entry, "kty").value_or("");
    if (kty == "oct") return refused("a published set holds a symmetric key: whoever reads it could decrypt");
    if (!members::is_asymmetric(kty)) {
      ignore("its kty is not known here");
    } else if (members::has_private_half(entry)) {
      ignore("its private half was published with it");
    } else if (auto key = EncryptionKey::parse(entry); key) {
      keys.push_back(*std::move(key));
    } else {
      ignore(key.error().message());
    }
  }
  GH_TRY(auto set, of(std::move(keys)));
  set.ignored_ = std::move(ignored);
  return set;
}

const EncryptionKey* EncryptionKeySet::find(std::string_view kid) const {
  const auto found = std::ranges::find(keys_, kid, &EncryptionKey::kid);
  return kid.empty() || found == keys_.end() ? nullptr : &*found;
}

Result<EncryptionKey> EncryptionKeySet::recipient(KeyAlg alg) const {
  const EncryptionKey* best = nullptr;
  for (const auto& key : keys_)
    if (key.can_encrypt() && key.fits(alg) && (best == nullptr || (!best->alg() && key.alg()))) best = &key;
  if (best == nullptr) return failure(Fault::missing, "jwks: no key to encrypt to with " + std::string(name_of(alg)));
  return best->bound_to(alg);
}

json::object EncryptionKeySet::public_json() const {
  json::array list;
  for (const auto& key : keys_)
    if (auto members = key.public_json()) list.push_back(*std::move(members));
  json::object set;
  set["keys"] = std::move(list);
  return set;
}

}  // namespace gatehouse::jose
