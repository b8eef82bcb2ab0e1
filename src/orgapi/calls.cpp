#include "orgapi/calls.h"

#include <fmt/format.h>

#include "core/text.h"

namespace gatehouse::orgapi {

directory::Cause cause_of(const net::Call& call) {
  using Kind = net::Principal::Kind;
  directory::Cause cause;
  cause.actor.id = call.who.id;
  cause.actor.type = call.who.kind == Kind::client ? "PublicClientApp" : "User";
  cause.actor.alternate_id = call.who.login.empty() ? call.who.id : call.who.login;
  cause.actor.display_name = cause.actor.alternate_id;
  cause.origin.ip = call.request.client.ip;
  cause.origin.user_agent = call.request.fields.only(net::Header::user_agent).value_or("");
  cause.origin.request_id = call.request.id;
  return cause;
}

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_iso8601(*time)) : json::value(nullptr);
}

json::object link(std::string href) { return {{"href", std::move(href)}}; }

json::object link(std::string href, std::string_view verb) { return {{"href", std::move(href)}, {"method", verb}}; }

json::object link_allowing(std::string href, std::vector<std::string_view> verbs) {
  json::array allowed;
  for (const auto verb : verbs) allowed.emplace_back(verb);
  return {{"href", std::move(href)}, {"hints", {{"allow", std::move(allowed)}}}};
}

Task<directory::User> user_in_path(Org& org, const net::Call& call) {
  const auto& asked = call.path_value("userId");
  const bool me = asked == "me" && (call.who.kind == net::Principal::Kind::api_token || call.who.kind == net::Principal::Kind::user);
  auto found = co_await org.users.find_any(me ? call.who.id : asked);
  if (!found && found.error().fault() == Fault::missing) co_return std::unexpected(okta::not_found(asked, "User"));
  co_return found;
}

Task<directory::Group> group_in_path(Org& org, const net::Call& call) {
  const auto& asked = call.path_value("groupId");
  auto id = directory::GroupId::parse(asked);
  if (!id) co_return std::unexpected(okta::not_found(asked, "UserGroup"));
  auto found = co_await org.groups.find(*std::move(id));
  if (!found && found.error().fault() == Fault::missing) co_return std::unexpected(okta::not_found(asked, "UserGroup"));
  co_return found;
}

Task<directory::App> app_in_path(Org& org, const net::Call& call) {
  const auto& asked = call.path_value("appId");
  auto id = directory::AppId::parse(asked);
  if (!id) co_return std::unexpected(okta::not_found(asked, "AppInstance"));
  auto found = co_await org.apps.find(*std::move(id));
  if (!found && found.error().fault() == Fault::missing) co_return std::unexpected(okta::not_found(asked, "AppInstance"));
  co_return found;
}

bool is_true(const net::Call& call, std::string_view query, bool otherwise) {
  const auto value = call.query(query);
  return value && !value->empty() ? equal_ignoring_case(*value, "true") : otherwise;
}

Result<void> refuse_query(const net::Call& call, std::initializer_list<std::string_view> names) {
  for (const auto name : names)
    if (const auto value = call.query(name); value && !value->empty())
      return std::unexpected(okta::error("E0000031", fmt::format("{}: not supported by this server for this list", name)));
  return {};
}

std::optional<std::string> simple_filter(std::string_view filter, std::string_view attribute) {
  const auto text = trim(filter);
  if (!text.starts_with(attribute)) return std::nullopt;
  auto rest = trim(text.substr(attribute.size()));
  if (rest.size() < 3 || !equal_ignoring_case(rest.substr(0, 2), "eq")) return std::nullopt;
  rest = trim(rest.substr(2));
  const auto value = parse_json(rest);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

net::Reply answer(json::value value, int status) { return net::Reply::json_text(status, to_text(value)); }

}  // namespace gatehouse::orgapi
