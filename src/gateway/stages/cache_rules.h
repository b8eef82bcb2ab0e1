// What RFC 9111 makes of an answer: may it be kept, for whom, how long is it fresh, what may be done with it
// afterwards, and does a client have it already. Pure: time comes in. Knows nothing of where answers lie.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/stages/cache_control.h"
#include "net/message.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kCacheTagsMax = 64, kCacheTagMax = 128;  // of one answer; bytes of one tag

// What a route says beyond what answers say. A window that an answer names is the answer's.
struct CacheRules {
  Seconds heuristic_most{0};  // RFC 9111 §4.2.2: a tenth of the time since Last-Modified, at most this; 0: never
  Seconds stale_while_revalidate{0};  // RFC 5861 for answers that say nothing about it
  Seconds stale_if_error{0};
  std::vector<int> errors = {};  // statuses from 400 that may be kept, when the answer says for how long
};

// RFC 9111 §4.2. Everything about time that was learnt when the answer came.
struct Freshness {
  Seconds lifetime{0};
  Seconds initial_age{0};  // corrected_initial_age
  Timestamp received{};
  Seconds while_revalidate{0}, if_error{0};
  bool always_ask = false;   // no-cache: never without asking
  bool never_stale = false;  // must-revalidate, proxy-revalidate, s-maxage: not even when the upstream is away

  Seconds age(Timestamp now) const;                                  // current_age
  Seconds left(Timestamp now) const { return lifetime - age(now); }  // negative: stale for so long
};

struct Keeping {
  Freshness freshness;
  std::vector<std::string> vary;  // lower case, sorted
  bool shared = false;            // RFC 9111 §3.5: says itself that who is authorised may share it
  HeaderList headers;             // what is kept of them
  std::vector<std::string> tags;
};
struct AnswerTimes {
  Timestamp asked, received;
};
// What there is to keep of a GET's whole answer; nullopt: nothing, and `why` says so in a word.
std::optional<Keeping> keeping_of(const net::Reply& head, const CacheRules& rules, AnswerTimes times,
                                  std::string_view& why);

// RFC 9111 §3.2: the kept headers after a 304 with these.
HeaderList freshened(HeaderList kept, const HeaderList& news);
// RFC 9111 §4.3.4: is a 304 with these about the answer that was kept with those?
bool confirms(const HeaderList& kept, const HeaderList& news);

// What may be answered with something kept.
enum class Use {
  fresh,
  stale_now,      // at once, and the upstream is asked behind it
  stale_allowed,  // the client said that it takes it
  ask,            // not before the upstream was asked
};
Use use_of(const Freshness& freshness, const CacheControl& asked, Timestamp now);
// May it be used although the upstream gave an error, or none at all (RFC 5861 §4)?
bool bridges_error(const Freshness& freshness, const CacheControl& asked, Timestamp now);

// RFC 9110 §13.2.2 for GET and HEAD: does the client have this already? (If-Match and kin are never asked here.)
bool client_has(const net::Fields& fields, const HeaderList& kept);
// The head of the 304 that says so.
HeaderList not_modified_headers(const HeaderList& kept);

const std::string* find_in(const HeaderList& headers, std::string_view name);  // the first one

}  // namespace gatehouse::gateway
