#include "idp/response_type.h"

#include <utility>

#include "core/text.h"
#include "oauth/error.h"

namespace gatehouse::idp {

Result<ResponseType> ResponseType::parse(std::string_view text) {
  ResponseType type;
  const auto words = split_words(text);
  bool known = !words.empty();
  for (const auto& word : words) {
    if (word == "code") known = !std::exchange(type.code, true) && known;
    else if (word == "token") known = !std::exchange(type.token, true) && known;
    else if (word == "id_token") known = !std::exchange(type.id_token, true) && known;
    else known = false;
  }
  if (!known) return oauth::refusal(oauth::Code::unsupported_response_type, "The response type is not supported by the authorization server.");
  return type;
}

}  // namespace gatehouse::idp
