#include "okta/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "core/id.h"
#include "core/json.h"
#include "core/text.h"

namespace gatehouse::okta {
namespace {

enum class Says { causes, summary };  // what Error::message() is: causes below a fixed summary, or the summary itself
struct Word {
  std::string_view code;
  int status;
  Fault fault;
  std::string_view summary;
  Says says = Says::causes;
};

// developer.okta.com/docs/reference/error-codes; only what this program says.
constexpr std::array<Word, 28> kWords = {{
    {"E0000001", 400, Fault::invalid, "Api validation failed"},
    {"E0000003", 400, Fault::invalid, "The request body was not well-formed."},
    {"E0000004", 401, Fault::unauthenticated, "Authentication failed"},
    {"E0000005", 403, Fault::unauthenticated, "Invalid session"},
    {"E0000006", 403, Fault::denied, "You do not have permission to perform the requested action"},
    {"E0000007", 404, Fault::missing, "Not found", Says::summary},
    {"E0000008", 404, Fault::missing, "The requested path was not found"},
    {"E0000009", 500, Fault::internal, "Internal Server Error"},
    {"E0000011", 401, Fault::unauthenticated, "Invalid token provided"},
    {"E0000014", 403, Fault::denied, "Update of credentials failed"},
    {"E0000016", 403, Fault::conflict, "Activation failed because the user is already active"},
    {"E0000019", 400, Fault::invalid, "Bad request.  Accept and/or Content-Type headers likely do not match supported values."},
    {"E0000022", 405, Fault::missing, "The endpoint does not support the provided HTTP method"},
    {"E0000031", 400, Fault::invalid, "Invalid search criteria."},
    {"E0000032", 403, Fault::conflict, "Unlock is not allowed for this user."},
    {"E0000035", 403, Fault::denied, "Change password not allowed on specified user."},
    {"E0000038", 403, Fault::conflict, "This operation is not allowed in the user's current status."},
    {"E0000039", 403, Fault::denied, "Operation on application settings failed."},
    {"E0000047", 429, Fault::limited, "API call exceeded rate limit due to too many requests."},
    {"E0000053", 400, Fault::invalid, "Invalid SCIM filter."},
    {"E0000056", 403, Fault::denied, "Delete application forbidden."},
    {"E0000060", 501, Fault::invalid, "Unsupported operation."},
    {"E0000080", 403, Fault::denied, "The password does not meet the complexity requirements of the current password policy."},
    {"E0000124", 400, Fault::invalid, "Could not create user. To create a user and expire their password immediately, a password must be specified"},
    {"E0000125", 400, Fault::invalid, "Could not create user. To create a user and expire their password immediately, \"activate\" must be true"},
    {"E0000181", 503, Fault::upstream, "Service temporarily unavailable."},
    {"E0000195", 409, Fault::conflict, "Api validation failed due to conflict"},
    {"E0000231", 412, Fault::conflict, "The resource was changed by somebody else; read it again."},
}};

const Word& word(std::string_view code) {
  const auto* found = std::ranges::find(kWords, code, &Word::code);
  if (found == kWords.end()) throw std::logic_error("no such error code: " + std::string(code));
  return *found;
}

// net::Router knows no dialect: its two refusals are known by their text.
std::string_view word_of_router(std::string_view message) {
  if (message == "this method is not allowed here") return "E0000022";
  return message.starts_with("not found: /") ? "E0000008" : "E0000007";
}

// One switch over Fault; how a fault looks when nobody gave it Okta's own word.
const Word& word_of(const Error& error, bool anonymous) {
  if (const auto* known = std::ranges::find(kWords, error.code(), &Word::code); known != kWords.end()) return *known;
  switch (error.fault()) {
    case Fault::invalid: return word(error.message().starts_with("not JSON") ? "E0000003" : "E0000001");
    case Fault::unauthenticated: return word(anonymous ? "E0000005" : "E0000011");
    case Fault::denied: return word("E0000006");
    case Fault::missing: return word(word_of_router(error.message()));
    case Fault::conflict: return word(error.message().find(": An object with this field") == std::string::npos ? "E0000195" : "E0000001");
    case Fault::limited: return word("E0000047");
    case Fault::upstream: return word("E0000181");
    case Fault::internal: break;
  }
  return word("E0000009");
}

// "profile.login: is required; email: …" -> {"login: is required", "email: …"}. Okta names the attribute without its path.
std::vector<std::string> causes_of(std::string_view message) {
  std::vector<std::string> causes;
  while (!message.empty()) {
    const auto end = message.find("; ");
    auto part = message.substr(0, end);
    const auto colon = part.find(':');
    const auto path = part.substr(0, colon).rfind('.');
    if (colon != std::string_view::npos && path != std::string_view::npos && part.substr(0, colon).find(' ') == std::string_view::npos)
      part.remove_prefix(path + 1);
    causes.emplace_back(part);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 2);
  }
  return causes;
}

// What stands behind these is nobody's business, or says nothing more.
bool tells_causes(const Word& word) {
  return word.status < 500 && word.status != 401 && word.status != 404 && word.status != 405 && word.status != 429;
}

}  // namespace

Error error(std::string_view code, std::string cause) {
  return Error(word(code).fault, std::move(cause)).with_code(std::string(code));
}

Error not_found(std::string_view id, std::string_view type) {
  return error("E0000007", fmt::format("Not found: Resource not found: {} ({})", id, type));
}

net::Reply answer(const Error& error, bool anonymous, Random& random) {
  const auto& said = word_of(error, anonymous);
  std::string summary(said.summary);
  std::vector<std::string> causes;
  if (said.says == Says::summary) {
    if (!error.message().empty()) summary = error.message().starts_with("Not found") ? error.message() : "Not found: " + error.message();
  } else if (tells_causes(said)) {
    causes = causes_of(error.message());
  }
  if ((said.code == "E0000001" || said.code == "E0000195") && !causes.empty())
    summary += ": " + causes.front().substr(0, causes.front().find(':'));

  json::array listed;
  for (const auto& cause : causes) listed.push_back({{"errorSummary", cause}});
  const json::object body = {{"errorCode", said.code},
                             {"errorSummary", summary},
                             {"errorLink", said.code},
                             {"errorId", new_id(random, "oae")},
                             {"errorCauses", std::move(listed)}};
  return net::Reply::json_text(said.status, to_text(body));
}

}  // namespace gatehouse::okta
