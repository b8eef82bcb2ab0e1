// The words by which requests and answers speak to caches: Cache-Control, Pragma, Age, Expires, Vary (RFC 9111 §5, RFC
// 5861, RFC 9110 §12.5.5). Pure. What cannot be read is said to be malformed, and whoever decides takes the careful
// side; of what stands there twice, the narrower one holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace gatehouse::gateway {

inline constexpr std::int64_t kDeltaMax = 2'147'483'648;  // RFC 9111 §1.2.2: what is larger counts as this
inline constexpr std::size_t kCacheDirectivesMax = 64;    // of one message; more are malformed
inline constexpr std::size_t kVaryNamesMax = 16;

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// RFC 9111 §1.2.2: digits only. nullopt for anything else.
std::optional<Seconds> delta_seconds(std::string_view text);

// A request's or an answer's Cache-Control, all its lines together.
struct CacheControl {
  bool present = false;  // is there any directive?
  bool malformed = false;
  bool no_store = false, no_cache = false, no_transform = false;
  bool is_public = false, is_private = false;
  bool must_revalidate = false, proxy_revalidate = false, must_understand = false, only_if_cached = false;
  std::optional<Seconds> max_age, s_maxage, min_fresh, stale_while_revalidate, stale_if_error;
  std::optional<Seconds> max_stale;  // without a value: kDeltaMax
  // no-cache="…" and private="…": the fields, in lower case, that must not be kept; the rest of the answer may be.
  std::vector<std::string> withheld;

  // Adds one line. The lines of a message in their order.
  void add(std::string_view line);
};
CacheControl cache_control_of(const HeaderList& headers);

// All names of an answer's Vary lines in lower case, sorted, each once. nullopt: "*", or what is no list of names.
std::optional<std::vector<std::string>> vary_names(const HeaderList& headers);

// Age of an answer; nullopt: malformed. Without one: zero; of several the largest.
std::optional<Seconds> age_of(const HeaderList& headers);

// A date that stands there exactly once and is one.
struct DateField {
  bool present = false;
  std::optional<Timestamp> value;  // nullopt although present: malformed, or several that differ
};
DateField date_field(const HeaderList& headers, std::string_view name);

// RFC 9110 §8.8.3.2: are they the same but for weakness?
bool same_entity_tag(std::string_view a, std::string_view b);
bool is_entity_tag(std::string_view text);
// Is one of If-None-Match's list (or "*") this one, by weak comparison? A list that cannot be read has none.
bool lists_entity_tag(std::string_view list, std::string_view tag);

}  // namespace gatehouse::gateway
