// /api/v1/logs: the System Log. Without `until` and ascending it is a poll: `next` is always there, so that a client
// can go on asking; with `until`, or descending, it is a question with an end.
#include "core/text.h"
#include "okta/paging.h"
#include "orgapi/calls.h"

namespace gatehouse::orgapi {
namespace {

constexpr int kLogsUsual = 100;
constexpr std::chrono::hours kSinceUsual{7 * 24};
constexpr std::string_view kBegin = "0";  // the cursor before the first event

Result<std::optional<Timestamp>> read_time(const net::Call& call, std::string_view name) {
  const auto text = call.query(name);
  if (!text || text->empty()) return std::nullopt;
  const auto time = from_iso8601(*text);
  if (!time) return std::unexpected(okta::error("E0000001", std::string(name) + ": must be a time like 2026-11-21T09:30:00.000Z"));
  return time;
}

Task<net::Reply> list_logs(Org& org, const net::Call& call) {
  GH_CO_DO(refuse_query(call, {"q"}));
  GH_CO_TRY(auto paging, okta::read_paging(call, kLogsUsual, events::kPageMax));
  events::Query query;
  query.after = paging.after;
  query.limit = paging.limit;
  GH_CO_TRY(query.since, read_time(call, "since"));
  GH_CO_TRY(query.until, read_time(call, "until"));
  const auto order = call.query("sortOrder").value_or("ASCENDING");
  query.newest_first = equal_ignoring_case(order, "DESCENDING");
  if (!query.newest_first && !equal_ignoring_case(order, "ASCENDING"))
    co_return std::unexpected(okta::error("E0000001", "sortOrder: must be ASCENDING or DESCENDING"));
  if (const auto filter = call.query("filter").value_or(""); !filter.empty()) {
    const auto type = simple_filter(filter, "eventType");
    if (!type) co_return std::unexpected(okta::error("E0000053", "filter: only eventType eq \"…\" is supported by this server"));
    query.type = *type;
  }
  if (!query.since && query.after.empty()) query.since = org.clock.now() - kSinceUsual;

  const bool polls = !query.until && !query.newest_first;
  GH_CO_TRY(auto page, okta::named(co_await org.log.search(org.id, query), Fault::invalid, "E0000031"));
  const bool full = page.events.size() == static_cast<std::size_t>(paging.limit);
  json::array items;
  for (auto& event : page.events) items.push_back(std::move(event));
  std::optional<std::string> next;
  if (polls || full) next = page.after.empty() ? std::string(kBegin) : page.after;
  co_return okta::list_reply(call.request, std::move(items), next);
}

constexpr net::Endpoint<Org> kRows[] = {
    net::on<list_logs>(net::Method::get, "/api/v1/logs", "okta.logs.read"),
};

}  // namespace

Rows log_rows() { return kRows; }

}  // namespace gatehouse::orgapi
