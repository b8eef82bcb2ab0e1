// Questions of Envoy come from a caller that is known, about requests of anybody: any bytes are a fault or a question
// whose views lie inside them, and any answer that we write can be read again.
#include <cstdint>
#include <cstdlib>

#include "gateway/ext_authz.h"
#include "gateway/original.h"

namespace {

void check(bool fine) {
  if (!fine) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::gateway;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)unframe_grpc(bytes);
  check(unframe_grpc(frame_grpc(bytes)).value() == bytes);
  const auto asked = read_check(bytes);
  if (!asked) return 0;
  const auto inside = [&](std::string_view view) {
    return view.empty() || (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size());
  };
  check(inside(asked->method) && inside(asked->path) && inside(asked->host) && inside(asked->scheme) &&
        inside(asked->source));
  check(asked->headers.size() <= kCheckHeadersMax);
  CheckPassed passed;
  auto denied = gatehouse::net::Reply::text(403, std::string(bytes));
  for (const auto& [name, value] : asked->headers) {
    check(inside(name) && inside(value));
    passed.set.emplace_back(name, value);
    passed.remove.emplace_back(name);
    denied.with(std::string(name), std::string(value));
  }
  const auto original = original_request({asked->method, asked->scheme, asked->host, asked->path});
  if (original) check(original->path.starts_with('/') && !original->host.empty());
  check(unframe_grpc(frame_grpc(write_passed(passed))).has_value());
  check(write_denied(7, denied).size() > 4);
  return 0;
}
