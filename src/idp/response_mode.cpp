#include "idp/response_mode.h"

#include <algorithm>
#include <array>

#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using By = ResponseMode::By;

struct Named {
  std::string_view name;
  ResponseMode mode;
};
constexpr std::array kModes{
    Named{"query", {By::query}},           Named{"fragment", {By::fragment}},           Named{"form_post", {By::form_post}},
    Named{"query.jwt", {By::query, true}}, Named{"fragment.jwt", {By::fragment, true}}, Named{"form_post.jwt", {By::form_post, true}},
    Named{"okta_post_message", {By::post_message}},
};

By usual(ResponseType type) { return type.front_channel() ? By::fragment : By::query; }

std::unexpected<Error> wrong(std::string why) { return oauth::refusal(oauth::Code::invalid_request, std::move(why)); }

}  // namespace

Result<ResponseMode> ResponseMode::parse(std::string_view name, ResponseType type, std::string_view redirect_uri) {
  if (name.empty() || name == "jwt") return ResponseMode{usual(type), name == "jwt"};
  const auto found = std::ranges::find(kModes, name, &Named::name);
  if (found == kModes.end()) return wrong("The response_mode is not supported by the authorization server.");
  if (found->mode.by == By::query && type.front_channel()) return wrong("A response type that gives tokens cannot be answered in a query.");
  if (found->mode.by == By::post_message && !redirect_uri.starts_with("https://") && !redirect_uri.starts_with("http://"))
    return wrong("The response_mode okta_post_message needs a redirect_uri with an origin.");
  return found->mode;
}

ResponseMode ResponseMode::for_errors(std::string_view name, ResponseType type, std::string_view redirect_uri) {
  return parse(name, type, redirect_uri).value_or(ResponseMode{usual(type), name == "query.jwt"});
}

}  // namespace gatehouse::idp
