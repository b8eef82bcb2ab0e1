#include <fmt/format.h>

#include "app/stages/traffic.h"
#include "core/text.h"
#include "gateway/stages/limit.h"

namespace gatehouse::app {
namespace {

using gateway::LimitConfig;
using gateway::LimitPart;

const std::vector<std::string> kParts{"address", "user", "client", "route", "claim:", "header:"};
const std::vector<std::string> kWays{"bucket", "window"};
const std::vector<std::string> kWithout{"open", "closed", "local"};
const std::vector<std::string> kTold{"standard", "old", "both", "none"};

std::optional<LimitPart> read_part(Map& in, const std::string& text) {
  using Kind = LimitPart::Kind;
  if (text == "address") return LimitPart{Kind::address, {}};
  if (text == "user") return LimitPart{Kind::user, {}};
  if (text == "client") return LimitPart{Kind::client, {}};
  if (text == "route") return LimitPart{Kind::route, {}};
  if (text.starts_with("claim:") && text.size() > 6) return LimitPart{Kind::claim, text.substr(6)};
  if (text.starts_with("header:") && text.size() > 7) return LimitPart{Kind::header, text.substr(7)};
  const auto meant = nearest(text, kParts);
  in.fault("by", fmt::format("'{}' does not tell callers apart", text),
           meant.empty() ? "write address, user, client, route, claim:NAME or header:NAME" : fmt::format("did you mean '{}'?", meant));
  return std::nullopt;
}

void read_rate(Map& in, LimitConfig& limit) {
  limit.rate.requests = in.number("requests", 1, store::kRateMax).value_or(1);
  limit.rate.per = in.duration("per", store::kRateWindowMin, store::kRateWindowMax).value_or(Millis(60'000));
  if (in.has("requests") && !in.has("per")) in.fault("per", "is missing", "for example `per: 1m`");
  limit.rate.way = in.choice("way", kWays) == 1u ? store::Rate::Way::window : store::Rate::Way::bucket;
  const auto burst = in.number("burst", 1, store::kRateMax);
  if (burst && limit.rate.way == store::Rate::Way::window) in.fault("burst", "means nothing to a window", "remove it, or write `way: bucket`");
  limit.rate.burst = limit.rate.way == store::Rate::Way::bucket ? burst.value_or(limit.rate.requests) : 0;
  if (const auto fine = store::validate(limit.rate); !fine) in.fault("burst", fine.error().message(), "lower it");
  limit.keys = static_cast<std::size_t>(in.number("keys", gateway::kLimitKeysMin, gateway::kLimitKeysMax).value_or(gateway::kLimitKeys));
  limit.shared = in.flag("shared").value_or(false);
  if (const auto without = in.choice("without_store", kWithout)) limit.without_store = static_cast<LimitConfig::WithoutStore>(*without);
}

LimitConfig read_limit(Map& in) {
  LimitConfig limit;
  limit.name = in.text("name", "");
  const bool rate = in.has("requests"), at_once = in.has("in_flight");
  limit.in_flight = in.number("in_flight", 1, gateway::kInFlightMax).value_or(0);
  if (rate == at_once) in.fault("requests", "or in_flight: exactly one of them", "for example `{requests: 100, per: 1m}`");
  if (!at_once) read_rate(in, limit);
  auto parts = in.texts("by");
  if (parts.empty() && !in.has("by")) parts = {"address"};
  if (parts.size() > gateway::kLimitPartsMax) in.fault("by", "has more than 6 entries", {});
  for (const auto& text : parts)
    if (auto part = read_part(in, text)) limit.by.push_back(*std::move(part));
  if (const auto bits = in.number("ipv6_prefix", 16, 128)) limit.ipv6_bits = static_cast<int>(*bits);
  if (const auto told = in.choice("headers", kTold)) {
    limit.tell = *told == 0 || *told == 2;
    limit.tell_old = *told == 1 || *told == 2;
  }
  in.done();
  return limit;
}

enum class When : bool { early, late };

MakeStage read_limits(Map& in, std::string_view key, When when) {
  auto maps = in.maps(key);
  if (maps.empty() || maps.size() > 2 * gateway::kLimitsMax) in.fault(key, "has from 1 to 16 entries", "for example `- {requests: 100, per: 1m}`");
  std::vector<LimitConfig> limits;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    auto limit = read_limit(maps[i]);
    // Without a name of its own it is this route's alone.
    limit.scope = limit.name.empty() ? fmt::format("#{}", i + 1) : limit.name;
    if (limit.name.empty()) limit.name = fmt::format("limit{}", i + 1);
    if (limit.needs_policy() == (when == When::late)) limits.push_back(std::move(limit));
  }
  if (limits.empty()) return nullptr;
  if (limits.size() > gateway::kLimitsMax) in.fault(key, "has more than 8 entries that are counted at one place", {});
  return [limits](const StageNeeds& needs) {
    auto own = limits;
    for (auto& limit : own)
      if (limit.scope.starts_with('#')) limit.scope = needs.route + limit.scope;
    auto tables = needs.limits ? needs.limits : std::make_shared<gateway::LimitTables>(needs.random);
    return gateway::make_limit_stage(std::move(own), std::move(tables), needs.clock);
  };
}

}  // namespace

MakeStage read_early_limits(Map& in, std::string_view key) { return read_limits(in, key, When::early); }
MakeStage read_late_limits(Map& in, std::string_view key) { return read_limits(in, key, When::late); }

}  // namespace gatehouse::app
