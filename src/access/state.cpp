#include "access/state.h"

#include <algorithm>

#include "access/config.h"
#include "core/bytes.h"
#include "core/json.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "net/message.h"

namespace gatehouse::access {

struct States::Opened {
  SignIn sign_in;
  std::string browser_hash;
};

namespace {

constexpr std::size_t kStateMax = 8 * 1024;

std::string hash_of(std::string_view browser) { return base64url_encode(crypto::sha256(browser)); }

std::unexpected<Error> stale() { return failure(Fault::invalid, "This sign-in was begun elsewhere, or too long ago."); }

}  // namespace

Result<std::string> States::seal(const SignIn& sign_in, std::string_view browser) const {
  json::object plain;
  plain["i"] = sign_in.id;
  plain["h"] = sign_in.host;
  plain["r"] = sign_in.return_path;
  plain["t"] = to_millis(sign_in.begun);
  plain["n"] = sign_in.attempt;
  plain["b"] = hash_of(browser);
  if (!sign_in.acr_values.empty()) plain["a"] = sign_in.acr_values;
  if (sign_in.max_age) plain["m"] = sign_in.max_age->count();
  return sealer_.seal(context(), to_text(plain));
}

Result<States::Opened> States::unseal(std::string_view state, std::string_view host) const {
  if (state.empty() || state.size() > kStateMax) return stale();
  auto plain = sealer_.open(context(), state);
  if (!plain) return stale();   // one answer for every kind of bad value (CVE-2026-47775)
  auto object = parse_json(plain->reveal());
  if (!object) return stale();
  Opened opened;
  opened.sign_in.id = find_string(*object, "i").value_or("");
  opened.sign_in.host = find_string(*object, "h").value_or("");
  opened.sign_in.return_path = safe_return_path(find_string(*object, "r").value_or("/"));
  opened.sign_in.begun = from_millis(find_int(*object, "t").value_or(0));
  opened.sign_in.attempt = static_cast<int>(find_int(*object, "n").value_or(kSignInAttempts));
  opened.sign_in.acr_values = find_string(*object, "a").value_or("");
  if (const auto age = find_int(*object, "m")) opened.sign_in.max_age = Seconds(*age);
  opened.browser_hash = find_string(*object, "b").value_or("");
  if (opened.sign_in.id.empty() || opened.sign_in.host != host) return stale();
  return opened;
}

Result<SignIn> States::open(std::string_view state, std::string_view browser, std::string_view host, Timestamp now) const {
  GH_TRY(auto opened, unseal(state, host));
  if (browser.empty() || !equal_constant_time(opened.browser_hash, hash_of(browser))) return stale();
  if (now > opened.sign_in.begun + kSignInTime) return stale();
  return std::move(opened.sign_in);
}

Result<SignIn> States::open_to_begin_again(std::string_view state, std::string_view host) const {
  GH_TRY(auto opened, unseal(state, host));
  return std::move(opened.sign_in);
}

std::string States::nonce_of(const SignIn& sign_in) const {
  return base64url_encode(crypto::hmac_sha256(key_.reveal(), "nonce/" + sign_in.id));
}

Secret States::verifier_of(const SignIn& sign_in) const {
  return Secret(base64url_encode(crypto::hmac_sha256(key_.reveal(), "verifier/" + sign_in.id)));
}

std::string safe_return_path(std::string_view path) {
  // Browsers take "//", "/\" and a path with a tab in it for another host (CVE-2026-83589 and its many elder sisters).
  if (path.size() > kReturnPathMax || !path.starts_with('/') || path.starts_with("//") || path.starts_with("/\\")) return "/";
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '\\' || c == '#'; }))
    return "/";
  auto target = net::parse_target(path);
  if (!target || !target->authority.empty() || target->path.contains("//") || target->path.contains('\\')) return "/";
  if (target->path.starts_with("/.gatehouse/")) return "/";
  return target->has_query ? target->path + "?" + target->query : target->path;
}

}  // namespace gatehouse::access
