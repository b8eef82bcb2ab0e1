// env:NAME
#include <algorithm>

#include "core/text.h"
#include "secrets/places.h"

namespace gatehouse::secrets {

Result<void> check_env(std::string_view place) {
  const bool good = !place.empty() && !is_digit(place.front()) && std::ranges::all_of(place, [](char c) { return is_alnum(c) || c == '_'; });
  if (!good) return failure(Fault::invalid, "secret reference: behind env: stands the name of a variable, of A-Z a-z 0-9 _");
  return {};
}

Task<Secret> resolve_env(const ReferenceNeeds* needs, std::string place) {
  auto value = needs->environment(place);
  if (!value) co_return failure(Fault::missing, "env:" + place + " is not set: set the variable " + place + " and start again");
  if (value->empty()) co_return failure(Fault::invalid, "env:" + place + " is empty: give the variable " + place + " a value");
  if (value->size() > kSecretFileMax) co_return failure(Fault::invalid, "env:" + place + " is longer than 64 KiB");
  co_return Secret(*std::move(value));
}

}  // namespace gatehouse::secrets
