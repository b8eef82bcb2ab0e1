#include <map>
#include <mutex>
#include <set>

#include "store/key_value.h"

namespace gatehouse::store {
namespace {

constexpr std::size_t kEntriesMax = 100'000;

class Memory final : public KeyValue {
 public:
  explicit Memory(const Clock& clock) : clock_(clock) {}

  Task<std::optional<std::string>> get(std::string key) override {
    const std::lock_guard lock(mutex_);
    const auto* entry = find(key);
    co_return entry == nullptr ? std::optional<std::string>() : std::optional<std::string>(entry->text);
  }
  Task<void> put(std::string key, std::string value, Millis life) override {
    const std::lock_guard lock(mutex_);
    keep(key, life).text = std::move(value);
    co_return Result<void>();
  }
  Task<bool> add(std::string key, std::string value, Millis life) override {
    const std::lock_guard lock(mutex_);
    if (find(key) != nullptr) co_return false;
    keep(key, life).text = std::move(value);
    co_return true;
  }
  Task<void> remove(std::string key) override {
    const std::lock_guard lock(mutex_);
    forget(key);
    co_return Result<void>();
  }
  Task<Taken> take(std::string key, Rate rate) override {
    const std::lock_guard lock(mutex_);
    const auto* known = find(key);
    auto state = known == nullptr ? RateState() : known->state;
    const auto taken = store::take(rate, state, clock_.now());
    keep(key, taken.reset + Millis(1)).state = state;
    co_return taken;
  }

 private:
  struct Entry {
    Timestamp until;
    std::string text;
    RateState state;
  };
  const Entry* find(const std::string& key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end() || entry->second.until <= clock_.now()) return nullptr;
    return &entry->second;
  }
  void forget(const std::string& key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    ends_.erase({entry->second.until, key});
    entries_.erase(entry);
  }
  Entry& keep(const std::string& key, Millis life) {
    forget(key);
    while (!ends_.empty() && (entries_.size() >= kEntriesMax || ends_.begin()->first <= clock_.now())) {
      entries_.erase(ends_.begin()->second);
      ends_.erase(ends_.begin());
    }
    auto& entry = entries_[key];
    entry.until = clock_.now() + life;
    ends_.emplace(entry.until, key);
    return entry;
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  std::set<std::pair<Timestamp, std::string>> ends_;
};

}  // namespace

std::unique_ptr<KeyValue> memory_key_value(const Clock& clock) { return std::make_unique<Memory>(clock); }

}  // namespace gatehouse::store
