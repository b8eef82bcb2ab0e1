#include "secrets/reference.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "secrets/places.h"

namespace gatehouse::secrets {
namespace {

struct Place {
  std::string_view scheme;
  Result<void> (*check)(std::string_view place);
  Task<Secret> (*resolve)(const ReferenceNeeds* needs, std::string place);
};

constexpr std::array kPlaces{
    Place{"env", check_env, resolve_env},
    Place{"file", check_file, resolve_file},
};

const Place* place_of(std::string_view scheme) {
  const auto found = std::ranges::find(kPlaces, scheme, &Place::scheme);
  return found == kPlaces.end() ? nullptr : &*found;
}

}  // namespace

// Whatever stands here may be a secret that somebody wrote down by mistake: no message repeats it.
Result<Reference> Reference::parse(std::string_view text) {
  if (text.size() > kReferenceMax) return failure(Fault::invalid, "secret reference: longer than 4096 bytes");
  const auto colon = text.find(':');
  const auto* place = colon == std::string_view::npos ? nullptr : place_of(text.substr(0, colon));
  if (place == nullptr)
    return failure(Fault::invalid,
                   "secret reference: must be env:NAME or file:/path. A secret itself does not belong here: put it into an "
                   "environment variable or a file and name that");
  const auto rest = text.substr(colon + 1);
  GH_DO(place->check(rest));
  return Reference(std::string(place->scheme), std::string(rest));
}

Task<Secret> References::resolve(Reference reference) const {
  const auto* place = place_of(reference.scheme());
  auto secret = co_await place->resolve(&needs_, reference.place());
  if (!secret) co_return std::unexpected(std::move(secret.error()).while_doing("resolve " + reference.str()));
  co_return secret;
}

}  // namespace gatehouse::secrets
