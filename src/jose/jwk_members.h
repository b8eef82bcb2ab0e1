// For the .cpp files of this room alone: the members that keys for signing and keys for encryption have in common.
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/secret.h"
#include "crypto/keys.h"

namespace gatehouse::jose::members {

using KeyPair = std::variant<crypto::PublicKey, crypto::PrivateKey>;

std::unexpected<Error> refused(std::string why, std::source_location at = std::source_location::current());

// A member that must be base64url when it is there; empty when it is not.
Result<std::string> bytes(const json::value& key, std::string_view name);
Result<std::string> needed(const json::value& key, std::string_view name);
// Absent: empty. Of another type: refused, because what it says cannot be respected.
Result<std::optional<std::string>> text(const json::value& key, std::string_view name);
// `key_ops`, sorted; nothing when absent. An operation given twice is refused (RFC 7517 §4.3).
Result<std::optional<std::vector<std::string>>> operations(const json::value& key);
// The key itself, checked; a pair when "d" is there. Its X.509 members must speak of the same key (jwk_x509.h).
Result<KeyPair> asymmetric(const json::value& key, std::string_view kty);
// The public numbers alone, whatever else there is: an ephemeral key in a header.
Result<crypto::PublicKey> open_half(const json::value& key);

bool is_asymmetric(std::string_view kty);
bool is_kid(std::string_view kid);
// "kty" and the public numbers, in the order of RFC 7638 §3.2.
json::object essential(const crypto::PublicKey& key);
void add_private(json::object& to, const crypto::PrivateKey& key);
std::string thumbprint(const crypto::PublicKey& key);
std::string thumbprint(const Secret& bytes);

// True for members that only the owner of a key may have.
bool has_private_half(const json::value& key);
// The entries of {"keys":[…]}, at most kKeySetKeysMax, each an object.
Result<const json::array*> entries(const json::value& set);
// Two keys for one use and with one kid leave open which of them a token means, even when one cannot be used here.
bool repeats_a_kid(const json::array& entries, std::string_view use);

}  // namespace gatehouse::jose::members
