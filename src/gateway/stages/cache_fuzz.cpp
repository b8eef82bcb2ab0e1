// Whatever an upstream or a client writes to caches: it is read within bounds, twice alike, and what forbids is never
// lost by what stands behind it.
#include <cstdint>
#include <cstdlib>

#include "gateway/stages/cache_rules.h"

using namespace gatehouse;
using namespace gatehouse::gateway;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}
bool in_bounds(const std::optional<Seconds>& value) {
  return !value || (*value >= Seconds(0) && *value <= Seconds(kDeltaMax));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CacheControl control;
  control.add(text);
  for (const auto& value : {control.max_age, control.s_maxage, control.min_fresh, control.max_stale,
                            control.stale_while_revalidate, control.stale_if_error})
    must(in_bounds(value));
  must(control.withheld.size() <= text.size());
  CacheControl forbidden;
  forbidden.add("no-store, private");
  forbidden.add(text);
  must(forbidden.no_store && forbidden.is_private);

  if (const auto age = age_of({{"Age", std::string(text)}})) must(*age >= Seconds(0) && *age <= Seconds(kDeltaMax));
  if (const auto names = vary_names({{"Vary", std::string(text)}})) must(names->size() <= kVaryNamesMax);
  (void)lists_entity_tag(text, "\"a\"");
  if (const auto date = from_http_date(text)) must(from_http_date(to_http_date(*date)).has_value());

  const auto line = text.find('\n');
  const std::string first(text.substr(0, line)),
      rest(line == std::string_view::npos ? std::string_view() : text.substr(line + 1));
  const net::Reply head{
      .status = 200,
      .headers = {{"Cache-Control", first}, {"Expires", rest}, {"Last-Modified", rest}, {"Age", rest}, {"Date", rest}},
      .body = {}};
  const Timestamp now = from_seconds(1'700'000'000);
  std::string_view why;
  CacheRules rules;
  rules.heuristic_most = Seconds(60);
  if (const auto kept = keeping_of(head, rules, {now, now}, why)) {
    const auto told = cache_control_of(head.headers);
    must(!told.no_store || told.must_understand);
    must(!told.is_private && !told.malformed);
    must(kept->freshness.age(now) >= Seconds(0) && kept->freshness.lifetime <= Seconds(kDeltaMax));
    if (told.no_cache) must(use_of(kept->freshness, {}, now) == Use::ask);
  }
  return 0;
}
