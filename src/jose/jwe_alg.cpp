#include "jose/jwe_alg.h"

namespace gatehouse::jose {
namespace {

struct Row {
  KeyAlg alg;
  std::string_view name;
  Way way;
  std::size_t wrapping;
};

constexpr std::array<Row, kKeyAlgs> kRows{{{KeyAlg::RSA_OAEP, "RSA-OAEP", Way::rsa, 0},
                                           {KeyAlg::RSA_OAEP_256, "RSA-OAEP-256", Way::rsa, 0},
                                           {KeyAlg::ECDH_ES, "ECDH-ES", Way::agreement, 0},
                                           {KeyAlg::ECDH_ES_A128KW, "ECDH-ES+A128KW", Way::agreement, 16},
                                           {KeyAlg::ECDH_ES_A192KW, "ECDH-ES+A192KW", Way::agreement, 24},
                                           {KeyAlg::ECDH_ES_A256KW, "ECDH-ES+A256KW", Way::agreement, 32},
                                           {KeyAlg::A128KW, "A128KW", Way::wrap, 16},
                                           {KeyAlg::A192KW, "A192KW", Way::wrap, 24},
                                           {KeyAlg::A256KW, "A256KW", Way::wrap, 32},
                                           {KeyAlg::A128GCMKW, "A128GCMKW", Way::gcm_wrap, 16},
                                           {KeyAlg::A192GCMKW, "A192GCMKW", Way::gcm_wrap, 24},
                                           {KeyAlg::A256GCMKW, "A256GCMKW", Way::gcm_wrap, 32},
                                           {KeyAlg::dir, "dir", Way::direct, 0}}};

constexpr std::array<std::string_view, kEveryEnc.size()> kEncNames{"A128GCM",       "A192GCM",       "A256GCM",
                                                                   "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"};

const Row& row_of(KeyAlg alg) { return kRows[static_cast<std::size_t>(alg)]; }

}  // namespace

std::string_view name_of(KeyAlg alg) { return row_of(alg).name; }
std::string_view name_of(Enc enc) { return kEncNames[static_cast<std::size_t>(enc)]; }
Way way_of(KeyAlg alg) { return row_of(alg).way; }
std::size_t wrapping_size(KeyAlg alg) { return row_of(alg).wrapping; }
bool is_refused_key_alg(std::string_view name) { return name == "RSA1_5" || name.starts_with("PBES2-"); }

std::optional<KeyAlg> key_alg_named(std::string_view name) {
  for (const auto& row : kRows)
    if (row.name == name) return row.alg;
  return std::nullopt;
}

std::optional<Enc> enc_named(std::string_view name) {
  for (const auto enc : kEveryEnc)
    if (name_of(enc) == name) return enc;
  return std::nullopt;
}

Enc gcm_of(KeyAlg alg) { return alg == KeyAlg::A128GCMKW ? Enc::A128GCM : alg == KeyAlg::A192GCMKW ? Enc::A192GCM : Enc::A256GCM; }

}  // namespace gatehouse::jose
