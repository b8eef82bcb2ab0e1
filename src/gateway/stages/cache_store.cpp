#include "gateway/stages/cache_store.h"

#include <algorithm>
#include <span>

namespace gatehouse::gateway {
namespace {

constexpr std::uint64_t kNodeBytes = 512;  // lists, maps and pointers of one entry, roughly

std::size_t shards_for(const CacheStore::Settings& settings, std::size_t most) {
  // The largest object must not fill a shard.
  const auto wanted = settings.size / std::max<std::uint64_t>(8 * settings.object_max, 1);
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(wanted, 1, most));
}

std::uint64_t text_bytes(const std::vector<std::string>& texts) {
  std::uint64_t bytes = texts.size() * sizeof(std::string);
  for (const auto& text : texts) bytes += text.size();
  return bytes;
}

}  // namespace

std::uint64_t CacheEntry::bytes() const {
  std::uint64_t all = kNodeBytes + key.size() + url.size() + route.size() + (body ? body->size() : 0) +
                      text_bytes(vary) + text_bytes(tags);
  for (const auto& [name, value] : headers) all += 2 * sizeof(std::string) + name.size() + value.size();
  return all;
}

CacheStore::CacheStore(Settings settings, crypto::SipHash::Key key)
    : settings_(std::move(settings)),
      key_(key),
      used_(shards_for(settings_, kShards)),
      shard_size_(settings_.size / used_),
      turns_(kPlaces),
      hopeless_(kHopeless) {}

CacheStore::Turn CacheStore::turn_of(std::string_view url) const {
  const auto place = static_cast<std::uint32_t>(hash(url).low % kPlaces);
  return {place, turns_[place].load(std::memory_order_acquire), purges_.load(std::memory_order_acquire)};
}

void CacheStore::turn_on(std::string_view url) {
  turns_[hash(url).low % kPlaces].fetch_add(1, std::memory_order_acq_rel);
}

void CacheStore::see(std::string_view key, const std::function<bool(const CacheEntryPtr&)>& chosen) {
  const auto id = hash(key);
  auto& shard = shard_of(id);
  const std::lock_guard lock(shard.lock);
  const auto found = shard.by_key.find(id);
  if (found == shard.by_key.end()) return;
  Node* hit = nullptr;
  for (const auto node : found->second)
    if (node->entry->key == key && is_current(*node->entry) && chosen(node->entry)) hit = &*node;
  if (hit != nullptr && hit->hits < 3) ++hit->hits;
}

bool CacheStore::keep(CacheEntryPtr entry, const Turn& asked) {
  const auto bytes = entry->bytes();
  if (bytes > shard_size_ / 2) return false;
  const auto id = hash(entry->key);
  auto& shard = shard_of(id);
  const std::lock_guard lock(shard.lock);
  // Under the lock, which a purge takes after it has counted itself.
  if (asked.purges != purges_.load(std::memory_order_acquire) || !is_current(*entry)) return false;
  if (const auto found = shard.by_key.find(id); found != shard.by_key.end()) {
    auto same = found->second;
    std::erase_if(same, [&](const auto node) {
      const auto& old = *node->entry;
      return is_current(old) && (old.vary != entry->vary || old.selecting != entry->selecting);
    });
    for (const auto node : same) drop(shard, node);
  }
  if (const auto found = shard.by_key.find(id);
      found != shard.by_key.end() && found->second.size() >= kCacheVariantsMax) {
    ++shard.evicted;
    drop(shard, found->second.front());
  }
  insert(shard, Node{.entry = std::move(entry), .hash = id, .bytes = bytes});
  make_room(shard);
  return true;
}

void CacheStore::insert(Shard& shard, Node node) {
  ++shard.stored;
  node.is_main = left_early(shard, node.hash);
  auto& queue = node.is_main ? shard.main : shard.small;
  (node.is_main ? shard.main_bytes : shard.small_bytes) += node.bytes;
  queue.push_front(std::move(node));
  shard.by_key[queue.front().hash].push_back(queue.begin());
}

void CacheStore::drop(Shard& shard, Nodes::iterator node) {
  const auto found = shard.by_key.find(node->hash);
  std::erase(found->second, node);
  if (found->second.empty()) shard.by_key.erase(found);
  (node->is_main ? shard.main_bytes : shard.small_bytes) -= node->bytes;
  (node->is_main ? shard.main : shard.small).erase(node);
}

void CacheStore::make_room(Shard& shard) {
  while (shard.small_bytes + shard.main_bytes > shard_size_) {
    const bool crowded = shard.small_bytes > shard_size_ / 10 || shard.main.empty();
    if (!crowded || !evict_small(shard)) evict_main(shard);
  }
}

// The oldest newcomer: out, or into the large queue when it was asked for again. False when there is none.
bool CacheStore::evict_small(Shard& shard) {
  if (shard.small.empty()) return false;
  const auto last = std::prev(shard.small.end());
  if (last->hits > 0) {
    last->hits = 0;
    last->is_main = true;
    shard.small_bytes -= last->bytes;
    shard.main_bytes += last->bytes;
    shard.main.splice(shard.main.begin(), shard.small, last);  // iterators stay
    return true;
  }
  remember_early(shard, last->hash);
  ++shard.evicted;
  drop(shard, last);
  return true;
}

void CacheStore::evict_main(Shard& shard) {
  while (!shard.main.empty()) {
    const auto last = std::prev(shard.main.end());
    if (last->hits == 0) {
      ++shard.evicted;
      return drop(shard, last);
    }
    --last->hits;  // ends: each round takes from a number of at most 3
    shard.main.splice(shard.main.begin(), shard.main, last);
  }
}

void CacheStore::remember_early(Shard& shard, const crypto::Sip128& hash) {
  shard.left_early.push_front(hash);
  ++shard.left_count[hash];
  if (shard.left_early.size() <= kLeftEarlyMax) return;
  const auto oldest = shard.left_count.find(shard.left_early.back());
  if (--oldest->second == 0) shard.left_count.erase(oldest);
  shard.left_early.pop_back();
}

bool CacheStore::left_early(Shard& shard, const crypto::Sip128& hash) { return shard.left_count.contains(hash); }

void CacheStore::remove(const CacheEntryPtr& entry) {
  const auto id = hash(entry->key);
  auto& shard = shard_of(id);
  const std::lock_guard lock(shard.lock);
  const auto found = shard.by_key.find(id);
  if (found == shard.by_key.end()) return;
  const auto node = std::ranges::find_if(found->second, [&](const auto at) { return at->entry == entry; });
  if (node != found->second.end()) drop(shard, *node);
}

std::size_t CacheStore::purge(const std::function<bool(const CacheEntry&)>& matches) {
  purges_.fetch_add(1, std::memory_order_acq_rel);
  std::size_t count = 0;
  for (auto& shard : std::span(shards_).first(used_)) {
    const std::lock_guard lock(shard.lock);
    for (auto* queue : {&shard.small, &shard.main})
      for (auto node = queue->begin(); node != queue->end();) {
        const auto here = node++;
        if (!matches(*here->entry)) continue;
        count += is_current(*here->entry) ? 1 : 0;
        ++shard.purged;
        drop(shard, here);
      }
  }
  return count;
}

bool CacheStore::reserve(std::uint64_t bytes) {
  const auto before = filling_.fetch_add(bytes);
  if (before + bytes <= settings_.size / 4) return true;
  filling_ -= bytes;
  return false;
}

std::shared_ptr<CacheStore::Flight> CacheStore::flight_of(std::string_view key) {
  const auto id = hash(key);
  auto& shard = shard_of(id);
  const std::lock_guard lock(shard.lock);
  if (shard.flights.size() >= kFlightsMax / used_)
    std::erase_if(shard.flights, [](const auto& flight) { return flight.second.expired(); });
  auto& known = shard.flights[id];
  auto flight = known.lock();
  if (!flight) known = flight = std::make_shared<Flight>();
  return flight;
}

bool CacheStore::seems_hopeless(std::string_view key, Timestamp now) const {
  const auto id = hash(key);
  const auto& mark = hopeless_[id.low % kHopeless];
  return mark.tag.load(std::memory_order_relaxed) == id.high &&
         to_millis(now) < mark.until.load(std::memory_order_relaxed);
}

void CacheStore::call_hopeless(std::string_view key, Timestamp until) {
  const auto id = hash(key);
  auto& mark = hopeless_[id.low % kHopeless];
  mark.tag.store(id.high, std::memory_order_relaxed);
  mark.until.store(to_millis(until), std::memory_order_relaxed);
}

bool CacheStore::begin_errand() {
  if (errands_.fetch_add(1) < kErrandsMax) return true;
  --errands_;
  return false;
}

CacheStore::Counts CacheStore::counts() const {
  Counts all;
  for (const auto& shard : std::span(shards_).first(used_)) {
    const std::lock_guard lock(shard.lock);
    all.entries += shard.small.size() + shard.main.size();
    all.bytes += shard.small_bytes + shard.main_bytes;
    all.stored += shard.stored;
    all.evicted += shard.evicted;
    all.purged += shard.purged;
  }
  return all;
}

CacheStores::CacheStores(Random& random) { random.fill(std::as_writable_bytes(std::span(&key_, 1))); }

std::shared_ptr<CacheStore> CacheStores::store(const CacheStore::Settings& settings) {
  const std::lock_guard lock(mutex_);
  std::erase_if(stores_, [](const auto& store) { return store.expired(); });
  for (const auto& known : stores_)
    if (auto store = known.lock(); store && store->settings() == settings) return store;
  auto made = std::make_shared<CacheStore>(settings, key_);
  stores_.push_back(made);
  return made;
}

std::vector<std::shared_ptr<CacheStore>> CacheStores::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<CacheStore>> all;
  for (const auto& known : stores_)
    if (auto store = known.lock()) all.push_back(std::move(store));
  return all;
}

}  // namespace gatehouse::gateway
