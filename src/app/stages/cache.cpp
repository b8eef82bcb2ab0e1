#include "gateway/stages/cache.h"

#include "app/stages/traffic.h"

namespace gatehouse::app {
namespace {

Seconds seconds_of(Map& in, std::string_view key) {
  const auto value = in.duration(key, Seconds(0), std::chrono::days(366));
  return value ? std::chrono::duration_cast<Seconds>(*value) : Seconds(0);
}

void read_errors(Map& in, gateway::CacheConfig& cache) {
  for (const auto& text : in.texts("errors")) {
    const auto status =
        text.size() == 3 && text.find_first_not_of("0123456789") == std::string::npos ? std::stoi(text) : 0;
    if (status < 400 || status > 599 || status == 401 || status == 407)
      in.fault("errors", "'" + text + "' is not an error that can be kept", "for example `errors: [404, 410]`");
    else cache.rules.errors.push_back(status);
  }
}

gateway::CacheConfig read_config(Map& in) {
  gateway::CacheConfig cache;
  cache.store.name = in.text("name", "default");
  if (const auto size = in.bytes("size", gateway::kCacheSizeMin, gateway::kCacheSizeMax)) cache.store.size = *size;
  cache.store.object_max = std::min(gateway::kCacheObjectMax, cache.store.size / 8);
  if (const auto most = in.bytes("object_max", 1, gateway::kCacheSizeMax / 8)) {
    cache.store.object_max = *most;
    if (*most > cache.store.size / 8)
      in.fault("object_max", "is more than an eighth of size", "lower it, or raise size");
  }
  cache.share_authorised = in.flag("share_authorised").value_or(false);
  cache.per_subject = in.flag("per_subject").value_or(false);
  cache.obey_clients = in.flag("obey_clients").value_or(true);
  cache.tell = in.flag("tell").value_or(true);
  if (const auto wait = in.duration("collapse", Millis(0), Seconds(60))) cache.collapse = *wait;
  cache.rules.heuristic_most = seconds_of(in, "heuristic");
  cache.rules.stale_while_revalidate = seconds_of(in, "stale_while_revalidate");
  cache.rules.stale_if_error = seconds_of(in, "stale_if_error");
  cache.vary = in.texts("vary");
  cache.credentials = in.texts("credentials");
  read_errors(in, cache);
  in.done();
  return cache;
}

}  // namespace

MakeStage read_cache(Map& in, std::string_view key) {
  gateway::CacheConfig cache;
  if (!in.switched(key)) {
    auto map = in.map(key);
    cache = read_config(map);
  } else {
    cache.store.name = "default";
  }
  if (const auto good = gateway::validate(cache); !good && cache.store.object_max <= cache.store.size / 8)
    in.fault(key, good.error().message(), {});
  return [cache](const StageNeeds& needs) {
    const auto stores = needs.caches ? needs.caches : std::make_shared<gateway::CacheStores>(needs.random);
    return gateway::make_cache_stage(cache, *stores, needs.clock);
  };
}

}  // namespace gatehouse::app
