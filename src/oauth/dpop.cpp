#include "oauth/dpop.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/json.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "jose/jwk_members.h"
#include "jose/jwt.h"
#include "net/message.h"
#include "net/url.h"

namespace gatehouse::oauth::dpop {

namespace {

constexpr std::size_t kNonceTextMax = 128;

std::unexpected<Error> bad(std::string what, std::source_location at = std::source_location::current()) {
  return std::unexpected(Error(Fault::unauthenticated, "The DPoP proof " + std::move(what), at).with_code(std::string(kInvalidProof)));
}

// RFC 9449 §4.3, 9: "ignoring any query and fragment parts", after syntax- and scheme-based normalization (RFC 3986 §6.2.2, 6.2.3).
std::optional<std::string> canonical(std::string_view htu) {
  auto url = net::Url::parse(htu.substr(0, htu.find_first_of("?#")));
  if (!url) return std::nullopt;
  const auto target = net::parse_target(url->path);
  if (!target) return std::nullopt;
  return url->origin() + target->path;
}

Result<jose::Jwk> key_of(const json::object& header) {
  const auto* member = header.if_contains("jwk");
  if (member == nullptr || !member->is_object()) return bad("has no key (jwk).");
  if (jose::members::has_private_half(*member) || find_string(*member, "kty").value_or("") == "oct")
    return bad("must carry a public key and carries a private or symmetric one.");
  json::value plain = *member;
  plain.get_object().erase("kid");   // the key is in the header itself: a name for it chooses nothing
  auto key = jose::Jwk::parse(plain);
  if (!key || !key->can_verify()) return bad("has a key (jwk) that cannot be used.");
  return key;
}

Result<jose::Claims> verified_claims(std::string_view proof, const jose::Jwk& key, std::span<const jose::Alg> algs) {
  auto keys = jose::KeySet::of({key});
  if (!keys) return bad("has a key (jwk) that cannot be used.");
  auto verified = jose::verify(proof, *keys, algs);
  if (!verified) return bad("is not signed by its key: " + verified.error().message());
  auto claims = jose::Claims::parse(verified->payload);
  if (!claims) return bad("has no claims.");
  return claims;
}

Result<void> check_binding(const jose::Claims& claims, const Expect& expect) {
  if (claims.text("htm") != expect.method) return bad("is for another method (htm).");
  const auto htu = claims.text("htu");
  const auto named = htu ? canonical(*htu) : std::nullopt;
  if (!named || (*named != expect.url && std::ranges::find(expect.other_urls, *named) == expect.other_urls.end())) return bad("is for another address (htu).");
  if (expect.access_token.empty()) return {};
  const auto ath = claims.text("ath");
  if (!ath || !equal_constant_time(*ath, base64url_encode(crypto::sha256(expect.access_token)))) return bad("is for another access token (ath).");
  return {};
}

Result<Timestamp> check_age(Timestamp issued, const Expect& expect) {
  if (issued > expect.now + expect.ahead_max) return bad("comes from the future (iat).");
  if (expect.now > issued + expect.age_max) return bad("is too old (iat).");
  return issued + expect.age_max + Millis(1);
}

// Until when the proof could come again.
Result<Timestamp> check_freshness(const jose::Claims& claims, const Expect& expect) {
  const auto issued = claims.time("iat");
  if (!issued) return bad("does not say when it was made (iat).");
  for (const auto* name : {"exp", "nbf"})
    if (claims.has(name) && !claims.time(name)) return bad(std::string("has a time that is none (") + name + ").");
  if (const auto expires = claims.time("exp"); expires && expect.now >= *expires + expect.ahead_max) return bad("has expired (exp).");
  if (const auto begins = claims.time("nbf"); begins && *begins > expect.now + expect.ahead_max) return bad("is not valid yet (nbf).");
  if (expect.nonces != nullptr) {
    const auto until = expect.nonces->check(claims.text("nonce").value_or(""), expect.now);
    if (!until)
      return std::unexpected(Error(Fault::unauthenticated, "The DPoP proof must carry the nonce that comes with this answer.").with_code(std::string(kUseNonce)));
    if (!expect.iat_beside_nonce) return *until;
  }
  return check_age(*issued, expect);
}

}  // namespace

std::string Nonces::of_period(std::int64_t period) const {
  const auto text = std::to_string(period);
  const auto key = crypto::hmac_sha256(root_.reveal(), "gatehouse dpop nonce key " + text);
  return text + "." + base64url_encode(crypto::hmac_sha256(key, "nonce").substr(0, 18));
}

std::string Nonces::make(Timestamp now) const { return of_period(to_seconds(now) / life_.count()); }

std::optional<Timestamp> Nonces::check(std::string_view nonce, Timestamp now) const {
  if (nonce.size() > kNonceTextMax) return std::nullopt;
  const auto period = to_seconds(now) / life_.count();
  for (const auto made : {period, period - 1})
    if (equal_constant_time(nonce, of_period(made))) return from_seconds((made + 2) * life_.count());
  return std::nullopt;
}

Task<bool> MemoryReplays::is_new(std::string name, Timestamp until, Timestamp now) {
  const auto hash = crypto::siphash128(key_, name);
  const auto bucket = (to_seconds(until) / kBucketSeconds + 1) * kBucketSeconds;
  auto& shard = shards_[hash.high % kShards];
  const std::lock_guard lock(shard.mutex);
  while (!shard.buckets.empty() && shard.buckets.begin()->first <= to_seconds(now)) {
    shard.count -= shard.buckets.begin()->second.size();
    shard.buckets.erase(shard.buckets.begin());
  }
  // The same proof has the same end, or an earlier one if a nonce decides: look everywhere.
  for (const auto& [end, names] : shard.buckets)
    if (names.contains(hash)) co_return false;
  if (shard.count >= most_ / kShards) co_return failure(Fault::limited, "dpop: no room to remember another proof");
  shard.buckets[bucket].insert(hash);
  ++shard.count;
  co_return true;
}

Result<Proof> check_proof(std::string_view proof, const Expect& expect) {
  if (proof.empty() || proof.size() > kProofMax) return bad("is missing or too large.");
  auto header = jose::peek_header(proof);
  if (!header) return bad("is not a JWT.");
  if (find_string(*header, "typ").value_or("") != "dpop+jwt") return bad("is of another type (typ).");
  GH_TRY(const auto key, key_of(*header));
  GH_TRY(const auto claims, verified_claims(proof, key, expect.algs));
  const auto jti = claims.text("jti");
  if (!jti || jti->empty() || jti->size() > kJtiMax) return bad("has no usable identifier (jti).");
  GH_DO(check_binding(claims, expect));
  GH_TRY(const auto until, check_freshness(claims, expect));
  return Proof{key.thumbprint(), *jti, until};
}

std::string replay_name(const Proof& proof) { return proof.jkt + " " + proof.jti; }

std::string algorithms() {
  std::vector<std::string> names;
  for (const auto alg : jose::kAsymmetricAlgs) names.emplace_back(jose::name_of(alg));
  return join(names, " ");
}

}  // namespace gatehouse::oauth::dpop
