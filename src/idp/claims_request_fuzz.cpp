// Whatever stands in `claims`: bounded names, and a level that we reach or none.
#include <cstdint>
#include <cstdlib>

#include "idp/claims_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::idp;
  const auto ask = ClaimsRequest::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!ask) return 0;
  if (size > kClaimsRequestMax || ask->id_token.size() > kClaimsAskedMax || ask->userinfo.size() > kClaimsAskedMax) std::abort();
  const auto acr = ask->reached({});
  if (!acr && !ask->acr_essential) std::abort();
  if (acr && !acr->empty() && *acr != kAcrPassword && *acr != kAcrAnyFactor) std::abort();
  return 0;
}
