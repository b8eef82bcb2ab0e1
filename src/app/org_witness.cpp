#include "app/org_witness.h"

namespace gatehouse::app {

std::optional<std::string> OrgWitness::server_of(std::string_view issuer) const {
  constexpr std::string_view path = "/oauth2/";
  for (const auto& base : provider_.bases()) {
    if (!issuer.starts_with(base)) continue;
    const auto rest = issuer.substr(base.size());
    if (rest.empty()) return std::string();
    if (rest.starts_with(path) && rest.size() > path.size()) return std::string(rest.substr(path.size()));
  }
  return std::nullopt;
}

Task<void> OrgWitness::check(std::string token, std::string issuer) {
  const auto id = server_of(issuer);
  if (!id) co_return failure(Fault::internal, "witness: asked about an issuer that is not ours");
  auto server = co_await provider_.servers().find(*id);
  if (!server && server.error().fault() == Fault::missing)
    co_return failure(Fault::unauthenticated, "The authorization server of this token is not active.");
  if (!server) co_return std::unexpected(std::move(server.error()));
  GH_CO_DO(co_await provider_.check_access_token(std::move(token), *std::move(server)));
  co_return Result<void>();
}

}  // namespace gatehouse::app
