// The algorithms of JWE that we know (RFC 7518 §4 and §5, RFC 8037 §3.2).
// Left out on purpose: RSA1_5 (its padding is an oracle, Bleichenbacher 1998; RFC 8725 §3.2 says to avoid it) and PBES2-* (the
// token says how long to compute, and passwords make poor keys). Their names are known only to be refused.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "crypto/aead.h"

namespace gatehouse::jose {

enum class KeyAlg {
  RSA_OAEP, RSA_OAEP_256,
  ECDH_ES, ECDH_ES_A128KW, ECDH_ES_A192KW, ECDH_ES_A256KW,
  A128KW, A192KW, A256KW,
  A128GCMKW, A192GCMKW, A256GCMKW,
  dir,
};
inline constexpr int kKeyAlgs = static_cast<int>(KeyAlg::dir) + 1;

using Enc = crypto::Aead;

// What to accept where nothing narrower is known.
inline constexpr std::array kEveryEnc{Enc::A128GCM,       Enc::A192GCM,       Enc::A256GCM,
                                      Enc::A128CBC_HS256, Enc::A192CBC_HS384, Enc::A256CBC_HS512};

enum class Way { rsa, agreement, wrap, gcm_wrap, direct };

std::string_view name_of(KeyAlg alg);
std::string_view name_of(Enc enc);
std::optional<KeyAlg> key_alg_named(std::string_view name);  // exact, with case
std::optional<Enc> enc_named(std::string_view name);
bool is_refused_key_alg(std::string_view name);              // RSA1_5, PBES2-*
Way way_of(KeyAlg alg);
// Bytes of the key that wraps the content key; 0 where none does (RSA, ECDH-ES alone, dir).
std::size_t wrapping_size(KeyAlg alg);
// The cipher of the GCMKW family.
Enc gcm_of(KeyAlg alg);

}  // namespace gatehouse::jose
