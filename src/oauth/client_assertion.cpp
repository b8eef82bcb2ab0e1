#include "oauth/client_assertion.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "net/url.h"
#include "oauth/error.h"

namespace gatehouse::oauth {
namespace {

// RFC 8725 §3.11. Many clients leave `typ` out; a token of another kind names itself and is none.
constexpr std::array<std::string_view, 3> kTypes = {"", "JWT", "client-authentication+jwt"};

std::unexpected<Error> bad(std::string why) {
  return refusal(Code::invalid_client, "The client_assertion is refused: " + std::move(why));
}

std::unexpected<Error> bad(const Error& error) { return bad(error.message()); }

bool is_right_type(const json::object& header) {
  const auto type = find_string(header, "typ").value_or("");
  return std::ranges::any_of(kTypes, [&](auto known) { return equal_ignoring_case(known, type); });
}

bool is_ours(const std::vector<std::string>& ours, const std::string& audience) {
  return std::ranges::find(ours, canonical_audience(audience)) != ours.end();
}

Result<void> check_audience(const jose::Claims& claims, const std::vector<std::string>& ours) {
  const auto audiences = claims.texts("aud");
  if (!audiences || audiences->empty()) return bad("its audience (aud) is missing or cannot be read.");
  if (audiences->size() > kAssertionAudiencesMax) return bad("it names too many audiences (aud).");
  for (const auto& audience : *audiences)
    if (!is_ours(ours, audience))
      return bad("its audience (aud) must be the token endpoint or the issuer of this server, and nobody else.");
  return {};
}

Result<std::string> read_jti(const jose::Claims& claims) {
  if (!claims.has("jti")) return std::string();
  const auto jti = claims.text("jti");
  if (!jti || jti->empty() || jti->size() > kAssertionJtiMax)
    return bad("its identifier (jti) is not a text of 1 to 256 bytes.");
  return *jti;
}

}  // namespace

std::string canonical_audience(std::string_view text) {
  auto url = net::Url::parse(text);
  if (!url || url->has_query) return std::string(text);
  std::string path;
  for (const char c : url->path)
    if (c != '/' || !path.ends_with('/')) path += c;
  // "https://org.example/" and "https://org.example" are one issuer.
  if (path == "/") path.clear();
  return url->origin() + path;
}

Result<std::string> client_of_assertion(std::string_view assertion) {
  const auto payload = jose::peek_payload(assertion);
  if (!payload) return bad(payload.error());
  const auto claims = jose::Claims::parse(*payload);
  if (!claims) return bad(claims.error());
  auto client_id = claims->subject();
  if (client_id.empty()) return bad("it does not name the client (sub).");
  return client_id;
}

Result<Assertion> check_client_assertion(std::string_view assertion, const jose::KeySet& keys,
                                         const AssertionRules& rules) {
  const auto verified = jose::verify(assertion, keys, rules.algs);
  if (!verified) return bad(verified.error());
  if (!is_right_type(verified->header)) return bad("it is a token of another kind (typ).");
  const auto claims = jose::Claims::parse(verified->payload);
  if (!claims) return bad(claims.error());
  if (claims->issuer() != rules.client_id || claims->subject() != rules.client_id)
    return bad("iss and sub must both be the client_id.");
  GH_DO(check_audience(*claims, rules.audiences));
  jose::Expect expect;
  expect.issuer = rules.client_id;
  expect.audiences = claims->texts("aud").value();  // judged above
  expect.now = rules.now;
  expect.skew = rules.skew;
  if (const auto fine = jose::check_claims(*claims, expect); !fine) return bad(fine.error());
  const auto expires = claims->time("exp").value();
  if (expires > rules.now + kAssertionLifeMax + rules.skew)
    return bad("its expiration (exp) is more than an hour ahead.");
  GH_TRY(auto jti, read_jti(*claims));
  return Assertion{std::move(jti), expires + rules.skew};
}

}  // namespace gatehouse::oauth
