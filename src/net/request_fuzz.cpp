// Requests: the verdict does not depend on how the bytes arrive, and whatever we accept Boost.Beast reads in the same way.
#include "net/http1.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdlib>

#include "core/text.h"

namespace {

using namespace gatehouse::net;
namespace http = boost::beast::http;

constexpr HttpLimits kLimits{.start_line = 256, .head = 1024, .fields = 20, .body = 4096, .chunk_line = 32, .trailers = 256};

void check(bool fine) {
  if (!fine) std::abort();
}

struct Outcome {
  int status = 0;          // refused with
  bool head = false, whole = false;
  std::size_t used = 0;
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> fields, trailers;
  int minor = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view text, std::size_t step) {
  Outcome out;
  Head head;
  std::size_t scanned = 0, have = 0;
  do {
    have = std::min(have + step, text.size());
    const auto done = parse_request_head(text.substr(0, have), kLimits, scanned, head);
    if (!done) {
      out.status = done.error().status;
      return out;
    }
    out.head = *done;
  } while (!out.head && have < text.size());
  if (!out.head) return out;
  out.method = head.line.method;
  out.target = head.line.target;
  out.minor = head.minor_version;
  for (const auto& field : head.fields.all()) out.fields.emplace_back(field.name, field.value);
  BodyDecoder body(head.framing, head.length, kLimits);
  for (out.used = head.bytes; !body.done();) {
    have = std::max(have, out.used);
    const auto taken = body.feed(text.substr(out.used, have - out.used));
    if (!taken) {
      out.status = taken.error().status;
      return out;
    }
    out.used += taken->consumed;
    out.body += taken->piece;
    if (taken->consumed == 0 && have == text.size()) return out;
    if (taken->consumed == 0) have = std::min(have + step, text.size());
  }
  out.whole = true;
  out.trailers = body.trailers();
  return out;
}

// A refused or unfinished body may have been handed out to a different point; only the verdict must agree.
Outcome verdict(Outcome out) {
  if (out.whole) return out;
  out.body.clear();
  out.used = 0;
  return out;
}

void compare_with_beast(std::string_view text, const Outcome& ours) {
  http::parser<true, http::string_body> beast;
  beast.body_limit(1 << 20);
  beast.header_limit(1 << 20);
  beast.eager(true);
  text.remove_prefix(text.starts_with("\r\n") ? 2 : 0);
  boost::system::error_code error;
  for (std::size_t at = 0; !beast.is_done() && !error;) {
    const auto used = beast.put(boost::asio::buffer(text.data() + at, text.size() - at), error);
    if (used == 0) break;
    at += used;
  }
  check(!error && beast.is_done());
  const auto& message = beast.get();
  check(std::string_view(message.method_string()) == ours.method);
  check(std::string_view(message.target()) == ours.target);
  check(message.body() == ours.body);
  check(message.version() == 10U + static_cast<unsigned>(ours.minor));
  // Beast groups equal names, so compare name by name; its list holds the trailers too.
  auto all = ours.fields;
  all.insert(all.end(), ours.trailers.begin(), ours.trailers.end());
  check(static_cast<std::size_t>(std::distance(message.begin(), message.end())) == all.size());
  for (const auto& [name, value] : all) {
    std::vector<std::string> mine, theirs;
    for (const auto& [n, v] : all)
      if (gatehouse::equal_ignoring_case(n, name)) mine.push_back(v);
    const auto range = message.equal_range(name);
    for (auto it = range.first; it != range.second; ++it) theirs.emplace_back(it->value());
    check(mine == theirs);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = read(text, text.size() + 1);
  check(verdict(whole) == verdict(read(text, 1)));
  check(verdict(whole) == verdict(read(text, 5)));
  if (whole.whole) compare_with_beast(text, whole);
  return 0;
}
