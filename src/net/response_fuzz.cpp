// Responses of upstreams: the verdict does not depend on how the bytes arrive, and whatever we accept Boost.Beast reads
// in the same way.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdlib>

#include "net/http1.h"

namespace {

using namespace gatehouse::net;
namespace http = boost::beast::http;

constexpr HttpLimits kLimits{.start_line = 256, .head = 1024, .fields = 20, .body = 4096, .chunk_line = 32, .trailers = 256};

void check(bool fine) {
  if (!fine) std::abort();
}

struct Outcome {
  int refused = 0, status = 0;
  bool head = false, whole = false;
  std::string reason, body;
  std::size_t fields = 0, trailers = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view text, Method to, std::size_t step) {
  Outcome out;
  Head head;
  std::size_t scanned = 0, have = 0;
  do {
    have = std::min(have + step, text.size());
    const auto done = parse_response_head(text.substr(0, have), kLimits, to, scanned, head);
    if (!done) {
      out.refused = done.error().status;
      return out;
    }
    out.head = *done;
  } while (!out.head && have < text.size());
  if (!out.head) return out;
  out.status = head.status;
  out.reason = head.reason;
  out.fields = head.fields.all().size();
  BodyDecoder body(head.framing, head.length, kLimits);
  for (std::size_t used = head.bytes; !body.done();) {
    have = std::max(have, used);
    const auto taken = body.feed(text.substr(used, have - used));
    if (!taken) {
      out.refused = taken.error().status;
      out.body.clear();
      return out;
    }
    used += taken->consumed;
    out.body += taken->piece;
    if (taken->consumed > 0) continue;
    if (have == text.size() && !body.end_of_stream()) {
      out.body.clear();
      return out;
    }
    have = std::min(have + step, text.size());
  }
  out.whole = true;
  out.trailers = body.trailers().size();
  return out;
}

void compare_with_beast(std::string_view text, Method to, const Outcome& ours) {
  const auto line = text.substr(0, text.find('\r'));
  if (line.size() == 12) return;  // Beast wants the space before an empty reason
  http::parser<false, http::string_body> beast;
  beast.body_limit(1 << 20);
  beast.header_limit(1 << 20);
  beast.eager(true);
  beast.skip(to == Method::head);
  boost::system::error_code error;
  for (std::size_t at = 0; !beast.is_done() && !error;) {
    const auto used = beast.put(boost::asio::buffer(text.data() + at, text.size() - at), error);
    at += used;
    if (used == 0 || at == text.size()) break;
  }
  if (!beast.is_done() && !error) beast.put_eof(error);
  check(!error && beast.is_done());
  const auto& message = beast.get();
  check(static_cast<int>(message.result_int()) == ours.status);
  check(ours.reason.empty() || std::string_view(message.reason()) == ours.reason);  // Beast makes up a missing one
  check(message.body() == ours.body);
  check(static_cast<std::size_t>(std::distance(message.begin(), message.end())) == ours.fields + ours.trailers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto to = (data[0] & 1) != 0 ? Method::get : Method::head;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = read(text, to, text.size() + 1);
  check(whole == read(text, to, 1));
  check(whole == read(text, to, 5));
  if (whole.whole) compare_with_beast(text, to, whole);
  return 0;
}
