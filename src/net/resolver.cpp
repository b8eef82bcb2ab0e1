// Names to addresses through the system's getaddrinfo, which blocks and therefore runs on a pool.
#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "net/client.h"
#include "net/steady.h"

namespace gatehouse::net {

namespace {

constexpr std::chrono::seconds kFresh{30};      // getaddrinfo does not tell the TTL; this is short enough for fail-over by DNS
constexpr std::size_t kCachedNamesMax = 1024;
constexpr std::size_t kAddressesMax = 16;       // per name

using Addresses = std::vector<std::string>;

// Runs on a thread of the pool.
Result<Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  if (const int wrong = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); wrong != 0)
    return failure(Fault::upstream, host + ": cannot find its address: " + ::gai_strerror(wrong));
  Addresses found;
  for (const auto* entry = list; entry != nullptr && found.size() < kAddressesMax; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) found.emplace_back(text);
  }
  ::freeaddrinfo(list);
  if (found.empty()) return failure(Fault::upstream, host + ": has no address");
  return found;
}

class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(Pool& blocking) : blocking_(blocking) {}

  Task<Addresses> resolve(std::string host) override {
    if (auto known = known_by_itself(host)) co_return *std::move(known);
    if (auto known = cached(host)) co_return *std::move(known);
    co_return co_await resolve_anew(std::move(host));
  }

  Task<Addresses> resolve_anew(std::string host) override {
    if (auto known = known_by_itself(host)) co_return *std::move(known);
    // Shared, not borrowed: getaddrinfo may still be at it when the loop is torn down.
    const auto answer = std::make_shared<Result<Addresses>>();
    std::move_only_function<void()> job = [answer, host] { *answer = ask_system(host); };
    GH_CO_DO(co_await blocking_.run(std::move(job)));
    if (*answer) keep(host, **answer);
    co_return std::move(*answer);
  }

 private:
  struct Entry {
    Addresses addresses;
    SteadyTime until;
  };

  static std::optional<Addresses> known_by_itself(const std::string& host) {
    if (host == "localhost" || host.ends_with(".localhost")) return Addresses{"127.0.0.1", "::1"};
    boost::system::error_code no_address;
    if (boost::asio::ip::make_address(host, no_address); !no_address) return Addresses{host};
    return std::nullopt;
  }
  std::optional<Addresses> cached(const std::string& host) {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(host);
    if (found == names_.end() || found->second.until < steady_now()) return std::nullopt;
    return found->second.addresses;
  }
  void keep(const std::string& host, const Addresses& addresses) {
    const auto now = steady_now();
    const std::lock_guard lock(mutex_);
    if (names_.size() >= kCachedNamesMax) std::erase_if(names_, [now](const auto& entry) { return entry.second.until < now; });
    if (names_.size() >= kCachedNamesMax) names_.clear();
    names_.insert_or_assign(host, Entry{addresses, now + kFresh});
  }

  Pool& blocking_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> names_;
};

}  // namespace

std::unique_ptr<Resolver> system_resolver(Pool& blocking) { return std::make_unique<SystemResolver>(blocking); }

}  // namespace gatehouse::net
