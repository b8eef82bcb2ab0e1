// JSON Web Tokens (RFC 7519, RFC 8725): claims, and the checks that every consumer needs. `now` is a parameter.
// Knows nothing of what a token is for: scopes, nonces and confirmation keys are their rooms' business.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "jose/jws.h"

namespace gatehouse::jose {

class Claims {
 public:
  Claims() = default;
  explicit Claims(json::object members) : members_(std::move(members)) {}
  static Result<Claims> parse(std::string_view payload);  // a JSON object, no name twice

  const json::object& object() const { return members_; }
  bool has(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<bool> yes(std::string_view name) const;
  // A string is one entry; an array must hold strings only, otherwise nothing comes back.
  std::optional<std::vector<std::string>> texts(std::string_view name) const;
  // NumericDate: whole or fractional seconds from 1970 to the year 9999; anything else is no time.
  std::optional<Timestamp> time(std::string_view name) const;
  std::vector<std::string> scopes() const;  // "scope" as words, or "scp" as array (Okta)

  std::string issuer() const { return text("iss").value_or(""); }
  std::string subject() const { return text("sub").value_or(""); }

 private:
  json::object members_;
};

struct Expect {
  std::string issuer;                  // exact; empty is refused (fail closed)
  std::vector<std::string> audiences;  // one of them must be among `aud`; empty is refused
  Timestamp now{};                     // left out (1970) is refused: nothing would ever expire
  Seconds skew{60};
  // Accepted `typ` header values, without "application/" and without regard to case; "" stands for no typ at all.
  std::vector<std::string> types{"", "JWT"};
  std::optional<Seconds> age_max;      // iat must then be there
  enum class Subject { required, optional } subject = Subject::required;
  // `ignored` is for hints (id_token_hint at logout), never for access.
  enum class Expiry { enforced, ignored } expiry = Expiry::enforced;
};

struct Jwt {
  Claims claims;
  json::object header;
  std::string kid;
  Alg alg;
};

// The claims alone: iss, aud, sub, exp (required), nbf, iat.
Result<void> check_claims(const Claims& claims, const Expect& expect);
// Signature, typ and claims, in this order.
Result<Jwt> verify_jwt(std::string_view token, const KeySet& keys, std::span<const Alg> allowed, const Expect& expect);

// Likewise, of a token whose payload was read as `claims` before.
Result<Jwt> verify_jwt(Unproven token, Claims claims, const KeySet& keys, std::span<const Alg> allowed, const Expect& expect);

// `typ` "" leaves it out.
Result<std::string> sign_jwt(const Jwk& key, const json::object& claims, std::string_view typ = "JWT");

}  // namespace gatehouse::jose
