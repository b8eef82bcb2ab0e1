// The parameters of an OAuth request: each at most once, none too long, empty ones as if absent (RFC 6749 §3.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/secret.h"
#include "net/form.h"

namespace gatehouse::oauth {

inline constexpr std::size_t kParamMax = 16 * 1024;  // bytes of one value; longer is an error, never ignored

class Params {
 public:
  Params() = default;
  static Result<Params> of(net::Form form);       // Code::invalid_request names the parameter that stands there twice
  static Result<Params> read(net::Form form) { return of(std::move(form)); }  // so that it can be a request type

  std::optional<std::string> get(std::string_view name) const;
  std::string text(std::string_view name) const { return get(name).value_or(""); }
  bool has(std::string_view name) const { return get(name).has_value(); }
  Result<std::string> required(std::string_view name) const;  // Code::invalid_request
  const net::Form& form() const { return form_; }

 private:
  explicit Params(net::Form form) : form_(std::move(form)) {}
  net::Form form_;
};

// Who a client says it is. RFC 6749 §2.3.1, RFC 7521 §4.2.
enum class Presented { nothing, id_only, secret_basic, secret_post, assertion };
struct ClientCredentials {
  Presented how = Presented::nothing;
  std::string client_id;    // with an assertion: as it claims, unverified
  Secret secret;
  std::string assertion;
  bool basic = false;    // an Authorization header was used: a 401 must carry WWW-Authenticate
};
// From the Authorization header (empty: none) and the parameters. Two ways at once are refused (RFC 6749 §2.3). `Basic base64(client_id)`
// without a colon is taken as a public client's id: okta-auth-js sends it so.
Result<ClientCredentials> read_credentials(std::string_view authorization, const Params& params);

// "Bearer <token>" of RFC 6750 §2.1; nullopt for another scheme or a malformed token.
std::optional<std::string> bearer_token(std::string_view authorization);
// "DPoP <token>", RFC 9449 §7.1.
std::optional<std::string> dpop_token(std::string_view authorization);

}  // namespace gatehouse::oauth
