// Bytes are std::string (owned) and std::string_view (borrowed) everywhere; this is how they become text.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace gatehouse {

std::string hex_encode(std::string_view bytes);  // lower case
Result<std::string> hex_decode(std::string_view text);

// RFC 4648 §4 with padding.
std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);

// RFC 4648 §5 without padding, as JOSE has it. Decoding is strict: no padding, no white space, and unused
// bits must be zero, so that one value has one spelling.
std::string base64url_encode(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

// Takes the same time for every pair of texts of one length.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace gatehouse
