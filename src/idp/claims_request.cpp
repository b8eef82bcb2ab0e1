#include "idp/claims_request.h"

#include <algorithm>

#include "core/json.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> wrong(std::string why) {
  return oauth::refusal(oauth::Code::invalid_request, "The 'claims' parameter " + std::move(why));
}

// What `value` and `values` allow; nothing: anything.
Result<std::vector<std::string>> allowed(const json::object& wish, std::string_view name) {
  std::vector<std::string> out;
  const auto add = [&](const json::value& value) {
    if (value.is_string()) out.emplace_back(value.as_string());
    return value.is_string();
  };
  if (const auto* value = wish.if_contains("value"); value != nullptr && !add(*value)) return wrong("wants a 'value' of '" + std::string(name) + "' that is no text.");
  const auto* values = wish.if_contains("values");
  if (values == nullptr) return out;
  if (!values->is_array() || !std::ranges::all_of(values->as_array(), add)) return wrong("wants 'values' of '" + std::string(name) + "' that are no texts.");
  return out;
}

Result<void> read_sub(const json::object& wish, ClaimsRequest& ask) {
  GH_TRY(auto values, allowed(wish, "sub"));
  if (values.empty()) return {};
  if (values.size() > 1 || (!ask.sub.empty() && ask.sub != values.front())) return wrong("names more than one 'sub'.");
  ask.sub = std::move(values.front());
  return {};
}

Result<void> read_acr(const json::object& wish, ClaimsRequest& ask) {
  ask.acr = true;
  const auto* essential = wish.if_contains("essential");
  ask.acr_essential = essential != nullptr && essential->is_bool() && essential->as_bool();
  GH_TRY(ask.acrs, allowed(wish, "acr"));
  return {};
}

enum class Part { id_token, userinfo };

Result<void> read_part(const json::value& part, Part which, ClaimsRequest& ask) {
  if (!part.is_object()) return wrong("has a member that is no object.");
  auto& names = which == Part::id_token ? ask.id_token : ask.userinfo;
  static const json::object voluntary;
  for (const auto& [name, value] : part.as_object()) {
    if (!value.is_null() && !value.is_object()) return wrong("has a claim that is neither null nor an object.");
    const auto& wish = value.is_object() ? value.as_object() : voluntary;
    if (names.size() == kClaimsAskedMax) return wrong("names too many claims.");
    if (name == "sub") {
      GH_DO(read_sub(wish, ask));
    } else if (name == "acr" && which == Part::id_token) {
      GH_DO(read_acr(wish, ask));
    } else {
      names.emplace_back(name);
    }
  }
  return {};
}

bool is_met(std::string_view acr) { return acr == kAcrPassword || acr == kAcrAnyFactor; }

}  // namespace

Result<ClaimsRequest> ClaimsRequest::parse(std::string_view text) {
  ClaimsRequest ask;
  if (text.size() > kClaimsRequestMax) return wrong("is too long.");
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return wrong("is not a JSON object.");
  const auto& members = value->as_object();
  if (const auto* part = members.if_contains("id_token"); part != nullptr && !part->is_null()) GH_DO(read_part(*part, Part::id_token, ask));
  if (const auto* part = members.if_contains("userinfo"); part != nullptr && !part->is_null()) GH_DO(read_part(*part, Part::userinfo, ask));
  return ask;
}

Result<std::string> ClaimsRequest::reached(const std::vector<std::string>& acr_values) const {
  if (const auto met = std::ranges::find_if(acrs, is_met); met != acrs.end()) return *met;
  if (acr_essential && !acrs.empty())
    return oauth::refusal(oauth::Code::unmet_authentication_requirements, "None of the authentication levels that the client needs can be reached here.");
  if (const auto met = std::ranges::find_if(acr_values, is_met); met != acr_values.end()) return *met;
  return acr || !acr_values.empty() ? std::string(kAcrPassword) : std::string();
}

}  // namespace gatehouse::idp
