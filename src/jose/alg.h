// The algorithms of JWS that we know (RFC 7518 §3.1, RFC 8037 §3.1). "none" is not one of them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "crypto/keys.h"

namespace gatehouse::jose {

enum class Alg { RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512 };

// What a party that holds only public keys may accept. Pass fewer where you know fewer.
inline constexpr std::array kAsymmetricAlgs{Alg::RS256, Alg::RS384, Alg::RS512, Alg::PS256, Alg::PS384,
                                            Alg::PS512, Alg::ES256, Alg::ES384, Alg::ES512, Alg::EdDSA};
inline constexpr std::array kSymmetricAlgs{Alg::HS256, Alg::HS384, Alg::HS512};

std::string_view name_of(Alg alg);
std::optional<Alg> alg_named(std::string_view name);  // exact, with case
bool is_symmetric(Alg alg);
std::optional<crypto::SignatureAlgorithm> signature_of(Alg alg);  // empty for HS*

}  // namespace gatehouse::jose
