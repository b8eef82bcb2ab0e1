#include "jose/jwt.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace gatehouse::jose {
namespace {

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999: what ISO 8601 and our columns can say

json::string_view key_of(std::string_view name) { return {name.data(), name.size()}; }

const json::value* member_of(const json::object& members, std::string_view name) { return members.if_contains(key_of(name)); }

// There and sane, absent, or wrong.
Result<std::optional<Timestamp>> time_of(const Claims& claims, std::string_view name) {
  if (!claims.has(name)) return std::nullopt;
  auto time = claims.time(name);
  if (!time) return flawed(Flaw::bad_time);
  return time;
}

Result<void> check_parties(const Claims& claims, const Expect& expect) {
  if (expect.issuer.empty() || expect.audiences.empty() || expect.now == Timestamp()) return flawed(Flaw::nothing_expected);
  const auto issuer = claims.text("iss");
  if (!issuer) return flawed(Flaw::issuer_missing);
  if (*issuer != expect.issuer) return flawed(Flaw::wrong_issuer);
  if (!claims.has("aud")) return flawed(Flaw::audience_missing);
  const auto audiences = claims.texts("aud");
  if (!audiences) return flawed(Flaw::bad_audience);
  const auto is_ours = [&](const std::string& name) { return !name.empty() && std::ranges::find(expect.audiences, name) != expect.audiences.end(); };
  if (std::ranges::none_of(*audiences, is_ours)) return flawed(Flaw::wrong_audience);
  if (expect.subject == Expect::Subject::required && claims.subject().empty()) return flawed(Flaw::subject_missing);
  return {};
}

Result<void> check_times(const Claims& claims, const Expect& expect) {
  GH_TRY(const auto expires, time_of(claims, "exp"));
  GH_TRY(const auto begins, time_of(claims, "nbf"));
  GH_TRY(const auto issued, time_of(claims, "iat"));
  if (!expires) return flawed(Flaw::expiry_missing);
  // RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
  if (expect.expiry == Expect::Expiry::enforced && expect.now >= *expires + expect.skew) return flawed(Flaw::expired);
  if (begins && *begins > expect.now + expect.skew) return flawed(Flaw::not_yet_valid);
  if (issued && *issued > expect.now + expect.skew) return flawed(Flaw::issued_in_future);
  if (!expect.age_max) return {};
  if (!issued) return flawed(Flaw::issued_at_missing);
  if (expect.now > *issued + *expect.age_max + expect.skew) return flawed(Flaw::too_old);
  return {};
}

// RFC 8725 §3.11: explicit typing keeps one kind of token from being used as another.
Result<void> check_type(const json::object& header, const Expect& expect) {
  constexpr std::string_view kMedia = "application/";
  const auto* member = header.if_contains("typ");
  std::string_view type = member == nullptr ? std::string_view() : std::string_view(member->get_string());
  if (member != nullptr && type.empty()) return flawed(Flaw::wrong_type);
  if (equal_ignoring_case(type.substr(0, kMedia.size()), kMedia)) type.remove_prefix(kMedia.size());
  const bool known = std::ranges::any_of(expect.types, [&](const std::string& accepted) { return equal_ignoring_case(accepted, type); });
  if (!known) return flawed(Flaw::wrong_type);
  return {};
}

}  // namespace

Result<Claims> Claims::parse(std::string_view payload) {
  auto value = parse_json(payload);
  if (!value || !value->is_object()) return flawed(Flaw::bad_claims);
  return Claims(std::move(value->get_object()));
}

bool Claims::has(std::string_view name) const { return member_of(members_, name) != nullptr; }

std::optional<std::string> Claims::text(std::string_view name) const {
  const auto* member = member_of(members_, name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string(member->get_string());
}

std::optional<bool> Claims::yes(std::string_view name) const {
  const auto* member = member_of(members_, name);
  if (member == nullptr || !member->is_bool()) return std::nullopt;
  return member->get_bool();
}

std::optional<std::vector<std::string>> Claims::texts(std::string_view name) const {
  const auto* member = member_of(members_, name);
  if (member == nullptr) return std::nullopt;
  if (member->is_string()) return std::vector<std::string>{std::string(member->get_string())};
  if (!member->is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& item : member->get_array()) {
    if (!item.is_string()) return std::nullopt;
    texts.emplace_back(item.get_string());
  }
  return texts;
}

std::optional<Timestamp> Claims::time(std::string_view name) const {
  const auto* member = member_of(members_, name);
  if (member == nullptr) return std::nullopt;
  if (member->is_int64()) {
    const auto seconds = member->get_int64();
    return seconds >= 0 && seconds <= kLastSecond ? std::optional(from_seconds(seconds)) : std::nullopt;
  }
  if (!member->is_double()) return std::nullopt;
  const double seconds = member->get_double();
  // Also false for NaN; only afterwards is the conversion defined.
  if (!(seconds >= 0.0 && seconds <= static_cast<double>(kLastSecond))) return std::nullopt;
  return from_millis(static_cast<std::int64_t>(std::floor(seconds * 1000.0)));
}

std::vector<std::string> Claims::scopes() const {
  if (const auto words = text("scope")) return split_words(*words);
  return texts("scp").value_or(std::vector<std::string>());
}

Result<void> check_claims(const Claims& claims, const Expect& expect) {
  GH_DO(check_parties(claims, expect));
  return check_times(claims, expect);
}

Result<Jwt> verify_jwt(std::string_view token, const KeySet& keys, std::span<const Alg> allowed, const Expect& expect) {
  GH_TRY(auto verified, verify(token, keys, allowed));
  GH_DO(check_type(verified.header, expect));
  GH_TRY(auto claims, Claims::parse(verified.payload));
  GH_DO(check_claims(claims, expect));
  return Jwt{std::move(claims), std::move(verified.header), std::move(verified.kid), verified.alg};
}

Result<Jwt> verify_jwt(Unproven token, Claims claims, const KeySet& keys, std::span<const Alg> allowed, const Expect& expect) {
  GH_TRY(auto verified, verify(std::move(token), keys, allowed));
  GH_DO(check_type(verified.header, expect));
  GH_DO(check_claims(claims, expect));
  return Jwt{std::move(claims), std::move(verified.header), std::move(verified.kid), verified.alg};
}

Result<std::string> sign_jwt(const Jwk& key, const json::object& claims, std::string_view typ) {
  json::object header;
  if (!typ.empty()) header["typ"] = json::string_view(typ.data(), typ.size());
  return sign(key, std::move(header), to_text(claims));
}

}  // namespace gatehouse::jose
