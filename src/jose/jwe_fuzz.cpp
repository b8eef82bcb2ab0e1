// Arbitrary encrypted tokens, headers, keys for encryption, and small changes to good tokens. What must hold: nothing opens
// that was not sealed for the key, and a key that comes in goes out the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/bytes.h"
#include "jose/jwe.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::jose;

// Fixed, so that findings can be repeated; and not those of any published JWE, which would rightly open. RFC 7515 appendix A.3.
constexpr std::string_view kEc =
    R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";
constexpr std::string_view kWrap = R"({"kty":"oct","alg":"A128KW","kid":"kw","k":"Z2F0ZWhvdXNlLWZ1enotMQ"})";
constexpr std::string_view kGcm = R"({"kty":"oct","alg":"A128GCMKW","kid":"gcm","k":"Z2F0ZWhvdXNlLWZ1enotMg"})";

struct World {
  std::unique_ptr<Random> random = seeded_random(1);
  EncryptionKey ec = EncryptionKey::parse(parse_json(kEc).value()).value();
  EncryptionKey wrap = EncryptionKey::parse(parse_json(kWrap).value()).value();
  EncryptionKey gcm = EncryptionKey::parse(parse_json(kGcm).value()).value();
  EncryptionKeySet pairs = EncryptionKeySet::of({ec}).value();
  EncryptionKeySet secrets = EncryptionKeySet::of({wrap, gcm}).value();
  std::string good[3] = {encrypt(ec, Enc::A128CBC_HS256, {}, "ada", *random).value(), encrypt(wrap, Enc::A256GCM, {}, "ada", *random).value(),
                         encrypt(gcm, Enc::A128GCM, {}, "ada", *random).value()};
};

void require(bool holds) {
  if (!holds) std::abort();
}

void any_token(const World& world, std::string_view text) {
  for (const auto* keys : {&world.pairs, &world.secrets})
    if (decrypt(text, *keys, kEveryEnc)) require(text == world.good[0] || text == world.good[1] || text == world.good[2]);
  std::ignore = peek_encrypted_header(text);
}

// A header of the fuzzer's choice before parts that fit some cipher.
void any_header(const World& world, std::string_view text) {
  const auto parts = "." + base64url_encode(std::string(24, 'w')) + "." + base64url_encode(std::string(12, 'n')) + "." +
                     base64url_encode("attack at dawn..") + "." + base64url_encode(std::string(16, 't'));
  const auto token = base64url_encode(text) + parts, empty_key = base64url_encode(text) + "." + parts.substr(parts.find('.', 1));
  for (const auto* keys : {&world.pairs, &world.secrets}) require(!decrypt(token, *keys, kEveryEnc) && !decrypt(empty_key, *keys, kEveryEnc));
}

void any_key(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return;
  std::ignore = EncryptionKeySet::parse(*value);
  const auto key = EncryptionKey::parse(*value);
  if (!key) return;
  const auto again = EncryptionKey::parse(key->secret_json());
  require(again && again->thumbprint() == key->thumbprint() && again->alg() == key->alg());
  if (key->public_key() != nullptr) require(!EncryptionKey::parse(key->public_json().value())->can_decrypt());
}

// Each pair of bytes changes one character of a good token.
void changed_token(const World& world, std::string_view text) {
  for (const auto& good : world.good) {
    auto token = good;
    for (std::size_t i = 0; i + 1 < text.size() && i < 16; i += 2) token[static_cast<unsigned char>(text[i]) % token.size()] = text[i + 1];
    if (token == good) continue;
    require(!decrypt(token, world.pairs, kEveryEnc) && !decrypt(token, world.secrets, kEveryEnc));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: any_token(world, text); break;
    case 1: any_header(world, text); break;
    case 2: any_key(text); break;
    case 3: changed_token(world, text); break;
  }
  return 0;
}
