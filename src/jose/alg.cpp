#include "jose/alg.h"

#include <utility>

namespace gatehouse::jose {
namespace {

struct Row {
  Alg alg;
  std::string_view name;
  std::optional<crypto::SignatureAlgorithm> signature;
};

using S = crypto::SignatureAlgorithm;
constexpr std::array kRows{Row{Alg::RS256, "RS256", S::RS256}, Row{Alg::RS384, "RS384", S::RS384}, Row{Alg::RS512, "RS512", S::RS512},
                           Row{Alg::PS256, "PS256", S::PS256}, Row{Alg::PS384, "PS384", S::PS384}, Row{Alg::PS512, "PS512", S::PS512},
                           Row{Alg::ES256, "ES256", S::ES256}, Row{Alg::ES384, "ES384", S::ES384}, Row{Alg::ES512, "ES512", S::ES512},
                           Row{Alg::EdDSA, "EdDSA", S::EdDSA}, Row{Alg::HS256, "HS256", {}},       Row{Alg::HS384, "HS384", {}},
                           Row{Alg::HS512, "HS512", {}}};

const Row& row_of(Alg alg) { return kRows[static_cast<std::size_t>(alg)]; }

}  // namespace

std::string_view name_of(Alg alg) { return row_of(alg).name; }
bool is_symmetric(Alg alg) { return !row_of(alg).signature; }
std::optional<crypto::SignatureAlgorithm> signature_of(Alg alg) { return row_of(alg).signature; }

std::optional<Alg> alg_named(std::string_view name) {
  for (const auto& row : kRows)
    if (row.name == name) return row.alg;
  return std::nullopt;
}

}  // namespace gatehouse::jose
