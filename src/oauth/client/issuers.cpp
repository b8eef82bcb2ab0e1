#include "oauth/client/issuers.h"

#include <algorithm>
#include <span>

#include "core/json.h"
#include "crypto/hash.h"

namespace gatehouse::oauth::client {

namespace {

// Where Okta runs orgs under its own names.
constexpr std::string_view kOktaDomains[] = {".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil"};

Result<void> check_org_server(const TrustedIssuer& trusted, const net::Url& url) {
  if (url.path != "/" || url.has_query || trusted.introspection) return {};
  const bool at_okta = std::ranges::any_of(kOktaDomains, [&](auto domain) { return url.host.ends_with(domain); });
  if (at_okta)
    return failure(Fault::invalid, "issuer " + trusted.issuer +
                                       ": this is Okta's org authorization server; its access tokens are opaque and only Okta may "
                                       "validate them. Configure `introspection`, or use a custom server (…/oauth2/default)");
  if (trusted.org_server == OrgServer::refused)
    return failure(Fault::invalid, "issuer " + trusted.issuer +
                                       ": an issuer without a path is an org authorization server, whose access tokens are opaque and must not be "
                                       "validated locally. Configure `introspection`, use a custom server (…/oauth2/default), or say `org_server: allowed`");
  return {};
}

// Everything that makes two entries different sources of truth, as one text without ambiguity. The secret only as a digest.
std::string identity_of(const TrustedIssuer& trusted, const KeptTimes& times) {
  json::array parts{trusted.issuer, trusted.jwks_uri, times.fresh.count(), times.outage_grace.count(), times.retry.count()};
  if (const auto& asked = trusted.introspection) {
    parts.emplace_back(asked->endpoint);
    parts.emplace_back(asked->client_id);
    parts.emplace_back(static_cast<int>(asked->auth));
    parts.emplace_back(asked->remember_yes.count());
    parts.emplace_back(asked->remember_no.count());
    parts.emplace_back(crypto::sha256(asked->client_secret.reveal()));
  }
  return to_text(parts);
}

double draw_spread(Random& random) {
  std::uint32_t bits = 0;
  random.fill(std::as_writable_bytes(std::span(&bits, 1)));
  return static_cast<double>(bits) / 4294967296.0;
}

}  // namespace

Result<void> check_trusted(const TrustedIssuer& trusted) {
  auto url = net::Url::parse(trusted.issuer);
  if (!url) return failure(Fault::invalid, "issuer: \"" + trusted.issuer + "\" is not an http(s) address");
  if (trusted.audiences.empty() || std::ranges::find(trusted.audiences, "") != trusted.audiences.end())
    return failure(Fault::invalid, "issuer " + trusted.issuer +
                                       ": name at least one audience; without it every token of this issuer would be accepted, "
                                       "also those meant for others");
  GH_DO(check_org_server(trusted, *url));
  if (!trusted.jwks_uri.empty() && !net::Url::parse(trusted.jwks_uri))
    return failure(Fault::invalid, "issuer " + trusted.issuer + ": jwks_uri is not an http(s) address");
  if (std::ranges::any_of(trusted.algorithms, jose::is_symmetric))
    return failure(Fault::invalid, "issuer " + trusted.issuer + ": HS256 and its kin need a shared secret; name asymmetric algorithms");
  if (!trusted.introspection) return {};
  if (!trusted.introspection->endpoint.empty() && !net::Url::parse(trusted.introspection->endpoint))
    return failure(Fault::invalid, "issuer " + trusted.issuer + ": introspection endpoint is not an http(s) address");
  if (trusted.introspection->client_id.empty())
    return failure(Fault::invalid, "issuer " + trusted.issuer + ": introspection needs a client_id; nobody answers strangers (RFC 7662 §2.1)");
  return {};
}

Issuer::Issuer(net::HttpClient& http, const Clock& clock, const TrustedIssuer& trusted, KeptTimes times, std::uint64_t its_number, double its_spread)
    : number(its_number), spread(its_spread), discovery(http, clock, trusted.issuer, times), keys(http, clock, discovery, times, trusted.jwks_uri) {
  if (trusted.introspection) introspection = std::make_unique<Introspection>(IntrospectionNeeds{http, clock, discovery}, *trusted.introspection);
}

Issuers::Issuers(IssuersNeeds needs, std::size_t cache_entries) : needs_(needs), cache_(cache_entries, crypto::SipKey::make(needs.random)) {}

std::shared_ptr<Issuer> Issuers::get(const TrustedIssuer& trusted, KeptTimes times) {
  const std::lock_guard lock(mutex_);
  std::erase_if(issuers_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = issuers_[identity_of(trusted, times)];
  if (auto issuer = known.lock()) return issuer;
  auto made = std::make_shared<Issuer>(needs_.http, needs_.clock, trusted, times, ++last_number_, draw_spread(needs_.random));
  known = made;
  return made;
}

Result<void> Issuers::revoke(std::string issuer, Revoked what, std::string value) {
  return revocations_.add(std::move(issuer), what, std::move(value), needs_.clock.now());
}

boost::asio::awaitable<void> Issuers::refresh_due() {
  std::vector<std::shared_ptr<Issuer>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, weak] : issuers_)
      if (auto issuer = weak.lock()) all.push_back(std::move(issuer));
  }
  for (const auto& issuer : all) {
    co_await issuer->discovery.refresh_when_due(issuer->spread);
    co_await issuer->keys.refresh_when_due(issuer->spread);
  }
}

}  // namespace gatehouse::oauth::client
