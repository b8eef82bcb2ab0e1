// Sets of keys, most of which come from somebody else.
#include <algorithm>

#include "jose/jwk.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

std::unexpected<Error> refused(std::string why) { return failure(Fault::invalid, "jwks: " + std::move(why)); }

std::optional<KeyKind> kind_of(const json::value& key) {
  const auto kty = find_string(key, "kty").value_or("");
  if (kty == "oct") return KeyKind::symmetric;
  if (members::is_asymmetric(kty)) return KeyKind::asymmetric;
  return std::nullopt;
}

}  // namespace

Result<KeySet> KeySet::of(std::vector<Jwk> keys) {
  if (keys.size() > kKeySetKeysMax) return refused("more than 100 keys");
  KeySet set;
  set.keys_ = std::move(keys);
  if (!set.keys_.empty()) set.kind_ = set.keys_.front().kind();
  for (auto key = set.keys_.begin(); key != set.keys_.end(); ++key) {
    if (key->kind() != set.kind_) return refused("public and symmetric keys do not belong into one set");
    if (key->kid().empty()) continue;
    if (std::any_of(set.keys_.begin(), key, [&](const Jwk& other) { return other.kid() == key->kid(); }))
      return refused("two keys have one kid");
  }
  return set;
}

Result<KeySet> KeySet::parse(std::string_view text, KeyKind kind) {
  if (text.size() > kKeySetTextMax) return refused("larger than 256 KiB");
  GH_TRY(const auto value, parse_json(text));
  return parse(value, kind);
}

Result<KeySet> KeySet::parse(const json::value& value, KeyKind kind) {
  GH_TRY(const auto* list, members::entries(value));
  if (members::repeats_a_kid(*list, "sig")) return refused("two keys have one kid");

  std::vector<Jwk> keys;
  std::vector<std::string> ignored;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto& entry = (*list)[i];
    const auto ignore = [&](std::string_view why) { ignored.push_back("key " + std::to_string(i + 1) + ": " + std::string(why)); };
    const auto found = kind_of(entry);
    if (!found) {
      ignore("its kty is not known here");
    } else if (*found != kind) {
      return refused(kind == KeyKind::asymmetric ? "a published set holds a symmetric key: whoever reads it could sign"
                                                 : "a set of symmetric keys holds another kind");
    } else if (kind == KeyKind::asymmetric && members::has_private_half(entry)) {
      ignore("its private half was published with it");
    } else if (auto key = Jwk::parse(entry); key) {
      keys.push_back(*std::move(key));
    } else {
      ignore(key.error().message());
    }
  }
  GH_TRY(auto set, of(std::move(keys)));
  set.kind_ = kind;
  set.ignored_ = std::move(ignored);
  return set;
}

const Jwk* KeySet::find(std::string_view kid) const {
  const auto found = std::ranges::find(keys_, kid, &Jwk::kid);
  return kid.empty() || found == keys_.end() ? nullptr : &*found;
}

json::object KeySet::public_json() const {
  json::array list;
  for (const auto& key : keys_)
    if (auto members = key.public_json()) list.push_back(*std::move(members));
  json::object set;
  set["keys"] = std::move(list);
  return set;
}

}  // namespace gatehouse::jose
