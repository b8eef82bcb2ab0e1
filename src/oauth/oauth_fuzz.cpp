// Whatever is asked: only the registered text is registered, on loopback only the port differs, and what is read again
// is the same.
#include <cstdint>
#include <cstdlib>

#include "oauth/params.h"
#include "oauth/pkce.h"
#include "oauth/redirect_uri.h"
#include "oauth/scope.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::oauth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::vector<std::string> known{"https://app.example.com/cb", "http://127.0.0.1:9/cb"};
  const bool same = text == known[0] || text == known[1];
  if (is_registered(text, known, Loopback::exact) != same) std::abort();
  if (is_registered(text, known, Loopback::any_port) && !same && (!text.starts_with("http://127.0.0.1") || !text.ends_with("/cb"))) std::abort();
  if (auto scopes = Scopes::parse(text); scopes && Scopes::parse(scopes->text()) != *scopes) std::abort();
  (void)read_credentials(text, Params());
  if (auto token = bearer_token(text); token && token->find_first_of(" \r\n\"") != std::string::npos) std::abort();
  (void)Challenge::parse(text, "S256");
  return 0;
}
