// Arbitrary key sets, tokens and claims, and small changes to a good token. What must hold: a token that we did not
// sign is never accepted, and a set that goes out comes back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/bytes.h"
#include "jose/jwt.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::jose;

// The public example keys of RFC 8037 appendix A.1 and RFC 7515 appendix A.3: fixed, so that findings can be repeated.
constexpr std::string_view kEd =
    R"({"kty":"OKP","crv":"Ed25519","kid":"ed","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr std::string_view kEc =
    R"({"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";

struct World {
  Jwk ed = Jwk::parse(parse_json(kEd).value()).value();
  Jwk ec = Jwk::parse(parse_json(kEc).value()).value();
  Jwk hs = Jwk::of(Secret(std::string(32, 's')), "hs", Alg::HS256).value();
  KeySet open = KeySet::of({ed, ec}).value();
  KeySet secret = KeySet::of({hs}).value();
  std::string good[3] = {sign_jwt(ed, json::object{{"sub", "ada"}}).value(), sign_jwt(ec, json::object{{"sub", "ada"}}).value(),
                         sign_jwt(hs, json::object{{"sub", "ada"}}).value()};
};

void require(bool holds) {
  if (!holds) std::abort();
}

const Alg kEvery[] = {Alg::RS256, Alg::PS256, Alg::ES256, Alg::ES384, Alg::EdDSA, Alg::HS256, Alg::HS512};

void any_token(const World& world, std::string_view text) {
  for (const auto* keys : {&world.open, &world.secret})
    if (const auto verified = verify(text, *keys, kEvery)) require(text == world.good[0] || text == world.good[1] || text == world.good[2]);
  std::ignore = peek_header(text);
  std::ignore = peek_payload(text);
}

void any_key_set(const World& world, std::string_view text) {
  for (const auto kind : {KeyKind::asymmetric, KeyKind::symmetric}) {
    const auto keys = KeySet::parse(text, kind);
    if (!keys) continue;
    for (const auto& key : keys->keys()) require(key.kind() == kind && !(kind == KeyKind::asymmetric && key.can_sign()));
    if (kind == KeyKind::symmetric) continue;
    const auto again = KeySet::parse(to_text(keys->public_json())).value();
    require(again.keys().size() == keys->keys().size());
    for (std::size_t i = 0; i < again.keys().size(); ++i) require(again.keys()[i].thumbprint() == keys->keys()[i].thumbprint());
    std::ignore = verify(world.good[1], *keys, kEvery);
  }
}

void any_claims(std::string_view text) {
  const auto claims = Claims::parse(text);
  if (!claims) return;
  Expect expect;
  expect.issuer = "i";
  expect.audiences = {"a"};
  expect.now = from_seconds(1'700'000'000);
  if (check_claims(*claims, expect)) require(claims->issuer() == "i" && claims->time("exp").value() > from_seconds(1'699'999'000));
  std::ignore = claims->scopes();
}

// Each pair of bytes changes one character of a good token.
void changed_token(const World& world, std::string_view text) {
  for (const auto& good : world.good) {
    auto token = good;
    for (std::size_t i = 0; i + 1 < text.size() && i < 16; i += 2)
      token[static_cast<unsigned char>(text[i]) % token.size()] = text[i + 1];
    if (token == good) continue;
    require(!verify(token, world.open, kEvery) && !verify(token, world.secret, kEvery));
  }
}

// A forger with a header of their own choice, and no key but the public ones.
void forged_header(const World& world, std::string_view text) {
  const auto signed_text = base64url_encode(text) + "." + base64url_encode("{}");
  for (const auto* key : {&world.ec, &world.ed}) {
    const auto forger = Jwk::of(Secret(to_text(key->public_json().value())), key->kid(), Alg::HS256).value();
    const auto token = signed_text + "." + base64url_encode(forger.sign(Alg::HS256, signed_text).value());
    require(!verify(token, world.open, kEvery));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: any_token(world, text); break;
    case 1: any_key_set(world, text); break;
    case 2: any_claims(text); break;
    case 3: changed_token(world, text); break;
    case 4: forged_header(world, text); break;
  }
  return 0;
}
