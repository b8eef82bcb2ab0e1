#include "events/event.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "events/system_log_store.h"

namespace gatehouse::events {
namespace {

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::success: return "SUCCESS";
    case Outcome::failure: return "FAILURE";
    case Outcome::allow: return "ALLOW";
    case Outcome::deny: return "DENY";
    case Outcome::challenge: return "CHALLENGE";
  }
  return "FAILURE";
}

std::string_view severity_of(Outcome outcome) {
  return outcome == Outcome::failure || outcome == Outcome::deny ? "WARN" : "INFO";
}

// Header values and logins come as strangers sent them: what is kept is short and valid UTF-8 (PostgreSQL refuses the rest).
std::string clean(std::string_view text) {
  auto cut = text.substr(0, kTextMax);
  if (cut.size() < text.size())
    while (!cut.empty() && (static_cast<unsigned char>(text[cut.size()]) & 0xC0) == 0x80) cut.remove_suffix(1);
  std::string kept(cut);
  if (!is_utf8(kept))
    std::ranges::replace_if(kept, [](char c) { return static_cast<unsigned char>(c) >= 0x80 || c == '\0'; }, '?');
  return kept;
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(clean(text));
}

json::object shape(const Party& party) {
  return {{"id", text_or_null(party.id)},
          {"type", text_or_null(party.type)},
          {"alternateId", text_or_null(party.alternate_id)},
          {"displayName", text_or_null(party.display_name)},
          {"detailEntry", nullptr}};
}

json::object shape_client(const Origin& origin) {
  return {{"userAgent", origin.user_agent.empty()
                            ? json::value(nullptr)
                            : json::value({{"rawUserAgent", clean(origin.user_agent)}, {"os", "Unknown"}, {"browser", "UNKNOWN"}})},
          {"zone", nullptr},
          {"device", nullptr},
          {"id", nullptr},
          {"ipAddress", text_or_null(origin.ip)},
          {"geographicalContext", nullptr}};
}

json::array shape_ip_chain(const Origin& origin) {
  if (origin.ip.empty()) return {};
  const auto* version = origin.ip.find(':') == std::string::npos ? "V4" : "V6";
  json::object hop = {{"ip", clean(origin.ip)}, {"geographicalContext", nullptr}, {"version", version}, {"source", nullptr}};
  json::array chain;
  chain.push_back(std::move(hop));
  return chain;
}

json::object shape(const Event& event, std::string_view uuid, Timestamp published) {
  json::array targets;
  for (const auto& target : event.targets) targets.push_back(shape(target));
  return {{"uuid", uuid},
          {"published", to_iso8601(published)},
          {"eventType", event.type},
          {"version", "0"},
          {"severity", severity_of(event.outcome)},
          {"displayMessage", clean(event.message)},
          {"legacyEventType", nullptr},
          {"actor", shape(event.actor)},
          {"client", shape_client(event.origin)},
          {"device", nullptr},
          {"outcome", {{"result", name_of(event.outcome)}, {"reason", text_or_null(event.reason)}}},
          {"target", std::move(targets)},
          {"transaction",
           {{"type", event.origin.request_id.empty() ? "JOB" : "WEB"},
            {"id", event.origin.request_id.empty() ? std::string(uuid) : clean(event.origin.request_id)},
            {"detail", json::object()}}},
          {"debugContext", {{"debugData", event.debug}}},
          {"authenticationContext",
           {{"authenticationProvider", nullptr},
            {"credentialProvider", nullptr},
            {"credentialType", nullptr},
            {"issuer", nullptr},
            {"interface", nullptr},
            {"authenticationStep", 0},
            {"externalSessionId", "unknown"}}},
          {"securityContext",
           {{"asNumber", nullptr}, {"asOrg", nullptr}, {"isp", nullptr}, {"domain", nullptr}, {"isProxy", nullptr}}},
          {"request", {{"ipChain", shape_ip_chain(event.origin)}}}};
}

// RFC 9562 §5.4, version 4.
std::string new_uuid(Random& random) {
  std::string raw(16, '\0');
  random.fill(std::as_writable_bytes(std::span(raw)));
  raw[6] = static_cast<char>((raw[6] & 0x0F) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3F) | 0x80);
  auto text = hex_encode(raw);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

store::Statement SystemLog::statement(const OrgId& org, const Event& event) {
  const auto now = needs_.clock.now();
  Line line{new_uuid(needs_.random), event.type, {}, now, now + kRetention};
  line.data = to_text(shape(event, line.uuid, now));
  return insert_line(needs_.database.kind(), org, line);
}

Task<void> SystemLog::record(OrgId org, Event event) {
  store::Unit unit;
  unit.push_back(statement(org, event));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<SystemLog::Page> SystemLog::read(OrgId org, std::string after, int limit) {
  Query query;
  query.after = std::move(after);
  query.limit = limit;
  co_return co_await search(std::move(org), std::move(query));
}

Task<SystemLog::Page> SystemLog::search(OrgId org, Query query) {
  std::optional<std::int64_t> after;
  if (!query.after.empty()) {
    after = parse_int(query.after);
    if (!after || *after < 0) co_return failure(Fault::invalid, "after: Invalid cursor.");
  }
  query.limit = std::clamp(query.limit, 1, kPageMax);
  GH_CO_TRY(auto lines, co_await select_lines(needs_.database, std::move(org), query, after));

  Page page;
  page.after = lines.empty() ? query.after : std::to_string(lines.back().seq);
  for (const auto& line : lines) {
    GH_CO_TRY(auto event, parse_json(line.data));
    page.events.push_back(std::move(event));
  }
  co_return page;
}

}  // namespace gatehouse::events
