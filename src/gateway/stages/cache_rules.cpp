#include "gateway/stages/cache_rules.h"

#include <algorithm>
#include <span>

#include "core/text.h"
#include "gateway/names.h"

namespace gatehouse::gateway {
namespace {

// Of one exchange, not of what is answered: whoever gets it later has none of it. Set-Cookie is somebody's, whatever
// the answer says of itself.
constexpr std::string_view kOfOneExchange[] = {"set-cookie",       "set-cookie2",         "age",
                                               "x-request-id",     "authentication-info", "proxy-authentication-info",
                                               "www-authenticate", "proxy-authenticate",  "dpop-nonce",
                                               "clear-site-data",  "surrogate-key",       "cache-tag"};
// RFC 9111 §3.2: what describes the body that is kept stays as it was.
constexpr std::string_view kOfTheBody[] = {"content-length", "content-encoding", "content-type",
                                           "content-range",  "content-location", "transfer-encoding"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::any_of(names, [&](auto one) { return equal_ignoring_case(one, name); });
}
bool has(const HeaderList& headers, std::string_view name) { return find_in(headers, name) != nullptr; }

enum class Status { kept, kept_if_told, never };
// Those whose meaning for caches is known here (RFC 9110 §15). 206 and 304 are parts of something else.
Status kind_of(int status, const CacheRules& rules) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308: return Status::kept;
    case 302:
    case 303:
    case 307: return Status::kept_if_told;
    default: break;
  }
  const bool error = status >= 400 && std::ranges::find(rules.errors, status) != rules.errors.end();
  return error ? Status::kept_if_told : Status::never;
}

struct Told {
  CacheControl control;
  DateField date, expires, modified;
};

// RFC 9111 §4.2.1; nullopt: the answer does not say.
std::optional<Seconds> lifetime_told(const Told& told, Timestamp date) {
  if (told.control.s_maxage) return told.control.s_maxage;
  if (told.control.max_age) return told.control.max_age;
  if (!told.expires.present) return std::nullopt;
  // §5.3: what is no date means that it has expired.
  if (!told.expires.value) return Seconds(0);
  return std::clamp(std::chrono::floor<Seconds>(*told.expires.value - date), Seconds(0), Seconds(kDeltaMax));
}

std::optional<Seconds> lifetime_guessed(const Told& told, const CacheRules& rules, Timestamp date) {
  if (rules.heuristic_most <= Seconds(0) || !told.modified.value || *told.modified.value > date) return std::nullopt;
  return std::min(std::chrono::floor<Seconds>((date - *told.modified.value) / 10), rules.heuristic_most);
}

// A word that keeps this answer from being kept for anybody else; empty: none.
std::string_view forbidden(const net::Reply& head, const Told& told) {
  const auto& control = told.control;
  if (control.malformed || (told.date.present && !told.date.value)) return "malformed";
  // RFC 9111 §5.2.2.3: who knows the status, as here, goes by the other words.
  if (control.no_store && !control.must_understand) return "no-store";
  if (control.is_private) return "private";
  const bool without_cookies =
      control.is_public || std::ranges::find(control.withheld, "set-cookie") != control.withheld.end();
  if (has(head.headers, "set-cookie") && !without_cookies) return "set-cookie";
  if (const auto* type = find_in(head.headers, "content-type");
      type && equal_ignoring_case(std::string_view(*type).substr(0, 17), "text/event-stream"))
    return "stream";
  if (has(head.headers, "content-range")) return "partial";
  return {};
}

HeaderList kept_headers(const net::Reply& head, const CacheControl& control, Timestamp date) {
  HeaderList kept;
  for (const auto& header : head.headers) {
    const auto& name = header.first;
    if (is_one_of(name, kOfOneExchange) || equal_ignoring_case(name, "date")) continue;
    if (std::ranges::any_of(control.withheld, [&](const auto& field) { return equal_ignoring_case(field, name); }))
      continue;
    kept.push_back(header);
  }
  kept.emplace_back("Date", to_http_date(date));
  return kept;
}

// Words by which an application names groups of answers: Surrogate-Key has blanks between them, Cache-Tag commas.
std::vector<std::string> tags_of(const HeaderList& headers) {
  std::vector<std::string> tags;
  for (const auto& [name, value] : headers) {
    const bool blanks = equal_ignoring_case(name, "surrogate-key");
    if (!blanks && !equal_ignoring_case(name, "cache-tag")) continue;
    for (const auto part : split(value, blanks ? ' ' : ','))
      if (const auto tag = trim(part); !tag.empty() && tag.size() <= kCacheTagMax && tags.size() < kCacheTagsMax)
        tags.emplace_back(tag);
  }
  return tags;
}

}  // namespace

const std::string* find_in(const HeaderList& headers, std::string_view name) {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

Seconds Freshness::age(Timestamp now) const {
  const auto resident = std::max(std::chrono::floor<Seconds>(now - received),
                                 Seconds(0));  // a clock that was set back makes nothing younger
  return initial_age + resident;
}

std::optional<Keeping> keeping_of(const net::Reply& head, const CacheRules& rules, AnswerTimes times,
                                  std::string_view& why) {
  const auto kind = kind_of(head.status, rules);
  if (kind == Status::never) {
    why = "status";
    return std::nullopt;
  }
  const Told told{.control = cache_control_of(head.headers),
                  .date = date_field(head.headers, "date"),
                  .expires = date_field(head.headers, "expires"),
                  .modified = date_field(head.headers, "last-modified")};
  auto age = age_of(head.headers);
  auto vary = vary_names(head.headers);
  why = forbidden(head, told);
  if (why.empty() && !age) why = "malformed";
  if (why.empty() && !vary) why = "vary";
  if (!why.empty()) return std::nullopt;

  const auto& control = told.control;
  const auto received = std::chrono::floor<Seconds>(times.received);
  const auto date = told.date.value.value_or(received);
  auto lifetime = lifetime_told(told, date);
  if (!lifetime && kind == Status::kept) lifetime = lifetime_guessed(told, rules, date);
  const bool asks_back = control.no_cache && (has(head.headers, "etag") || told.modified.value);
  if (!lifetime && !asks_back) {
    why = "no-freshness";  // an answer that says nothing is kept for nobody: see docs/decisions/012-response-cache.md
    return std::nullopt;
  }

  Keeping keeping;
  auto& freshness = keeping.freshness;
  freshness.lifetime = lifetime.value_or(Seconds(0));
  freshness.received = times.received;
  const auto apparent = std::max(std::chrono::floor<Seconds>(received - date), Seconds(0));
  const auto delay = std::max(std::chrono::floor<Seconds>(times.received - times.asked), Seconds(0));
  freshness.initial_age = std::max(apparent, *age + delay);
  freshness.always_ask = control.no_cache;
  freshness.never_stale = control.must_revalidate || control.proxy_revalidate || control.s_maxage || control.no_cache;
  if (!freshness.never_stale) {
    freshness.while_revalidate = control.stale_while_revalidate.value_or(rules.stale_while_revalidate);
    freshness.if_error = control.stale_if_error.value_or(rules.stale_if_error);
  }
  keeping.vary = *std::move(vary);
  keeping.shared = control.is_public || control.s_maxage || control.must_revalidate;
  keeping.headers = kept_headers(head, control, date);
  keeping.tags = tags_of(head.headers);
  return keeping;
}

HeaderList freshened(HeaderList kept, const HeaderList& news) {
  const auto is_new = [&](const std::string& name) {
    return !is_one_of(name, kOfTheBody) && !is_one_of(name, kOfOneExchange) && has(news, name);
  };
  // Without a Date of its own the news are of the moment in which they came.
  std::erase_if(kept,
                [&](const auto& header) { return is_new(header.first) || equal_ignoring_case(header.first, "date"); });
  for (const auto& header : news)
    if (is_new(header.first)) kept.push_back(header);
  return kept;
}

bool confirms(const HeaderList& kept, const HeaderList& news) {
  const auto* tag = find_in(news, "etag");
  if (tag == nullptr) return true;  // §4.3.4: it answers the one question that was asked
  const auto* own = find_in(kept, "etag");
  if (own == nullptr) return false;
  return tag->starts_with("W/") ? same_entity_tag(*own, *tag) : *own == *tag;
}

Use use_of(const Freshness& freshness, const CacheControl& asked, Timestamp now) {
  if (freshness.always_ask || asked.no_cache || !asked.withheld.empty()) return Use::ask;
  const auto age = freshness.age(now);
  const auto left = freshness.left(now);
  if (asked.max_age && age > *asked.max_age && !asked.max_stale) return Use::ask;
  if (left > Seconds(0)) return asked.min_fresh && left < *asked.min_fresh ? Use::ask : Use::fresh;
  if (freshness.never_stale || asked.min_fresh) return Use::ask;
  if (asked.max_stale && -left <= *asked.max_stale) return Use::stale_allowed;
  const bool client_minds = asked.max_age.has_value();
  return !client_minds && freshness.while_revalidate > Seconds(0) && -left < freshness.while_revalidate ? Use::stale_now
                                                                                                        : Use::ask;
}

bool bridges_error(const Freshness& freshness, const CacheControl& asked, Timestamp now) {
  if (freshness.never_stale || asked.no_cache || !asked.withheld.empty()) return false;
  const auto stale_for = -freshness.left(now);
  auto most = freshness.if_error;
  if (asked.stale_if_error) most = most > Seconds(0) ? std::min(most, *asked.stale_if_error) : most;
  return most > Seconds(0) && stale_for < most;
}

bool client_has(const net::Fields& fields, const HeaderList& kept) {
  const auto tags = fields.only(net::Header::if_none_match);
  if (fields.has(net::Header::if_none_match)) {
    const auto* own = find_in(kept, "etag");
    return tags && (own != nullptr ? lists_entity_tag(*tags, *own) : trim(*tags) == "*");
  }
  const auto since = fields.only("if-modified-since");
  const auto then = since ? from_http_date(*since) : std::nullopt;
  const auto modified = date_field(kept, "last-modified").value;
  return then && modified && *modified <= *then;
}

HeaderList not_modified_headers(const HeaderList& kept) {
  HeaderList headers;
  for (const auto& header : kept) {
    const auto& name = header.first;
    const bool of_the_body = name.size() > 8 && equal_ignoring_case(std::string_view(name).substr(0, 8), "content-") &&
                             !equal_ignoring_case(name, "content-location") &&
                             !equal_ignoring_case(name, "content-security-policy");
    if (!of_the_body) headers.push_back(header);
  }
  return headers;
}

}  // namespace gatehouse::gateway
