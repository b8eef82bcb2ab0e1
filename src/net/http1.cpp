#include "net/http1.h"

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "net/chars.h"

namespace gatehouse::net {
namespace {

using chars::is;
using Verdict = std::expected<void, Refusal>;

constexpr std::size_t kMethodMax = 32;
constexpr std::size_t kLengthDigitsMax = 18;  // below 2^63, so that no sum of lengths overflows

std::unexpected<Refusal> refuse(int status, std::string_view why) { return std::unexpected(Refusal{.status = status, .why = why}); }

enum class Side : std::uint8_t { request, response };

// One line at the front of a buffer, without its CRLF.
struct Line {
  std::string_view text;
  std::size_t next = 0;  // where the following line begins
};

// The line that begins at `begin`. LF must follow CR: a bare LF ends a line for some and not for
// others. A bare CR inside the line is a control character, which no line may hold.
enum class Found : std::uint8_t { line, more, bare };
Found take_line(std::string_view buffer, std::size_t begin, Line& line) {
  if (begin == buffer.size()) return Found::more;
  const auto* lf = static_cast<const char*>(std::memchr(buffer.data() + begin, '\n', buffer.size() - begin));
  if (lf == nullptr) return Found::more;
  const auto end = static_cast<std::size_t>(lf - buffer.data());
  const bool bare = end == begin || buffer[end - 1] != '\r';
  line = {.text = buffer.substr(begin, end - begin - (bare ? 0 : 1)), .next = end + 1};
  return bare ? Found::bare : Found::line;
}

Verdict read_version(std::string_view text, int& minor, int otherwise) {
  if (text == "HTTP/1.1") minor = 1;
  else if (text == "HTTP/1.0") minor = 0;
  else if (text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]))
    return refuse(otherwise, "unknown HTTP version");
  else return refuse(400, "malformed HTTP version");
  return {};
}

Verdict read_request_line(std::string_view line, RequestLine& out) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse(400, "malformed request line");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  if (out.method.empty() || out.method.size() > kMethodMax || !chars::all(out.method, chars::token))
    return refuse(400, "malformed method");
  if (out.target.empty() || !chars::all(out.target, chars::printable)) return refuse(400, "malformed request target");
  return read_version(line.substr(last + 1), out.minor_version, 505);
}

Verdict read_status_line(std::string_view line, Head& head) {
  // Some servers leave out the space before an empty reason; nobody reads that in two ways.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return refuse(400, "malformed status line");
  if (auto fine = read_version(line.substr(0, 8), head.minor_version, 400); !fine) return fine;
  if (line[9] < '1' || line[9] > '9' || !is_digit(line[10]) || !is_digit(line[11])) return refuse(400, "malformed status");
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head.reason = line.substr(std::min<std::size_t>(13, line.size()));
  if (chars::has_control(head.reason)) return refuse(400, "control character in the reason");
  return {};
}

// Fields that say where the message ends: written with odd white space they have been read in two ways.
bool is_framing(Header id) { return id == Header::content_length || id == Header::transfer_encoding; }

bool is_token_list(std::string_view value) {
  for (auto rest = value;;) {
    const auto comma = rest.find(',');
    if (!chars::all(trim(rest.substr(0, comma)), chars::token)) return false;
    if (comma == std::string_view::npos) return true;
    rest.remove_prefix(comma + 1);
  }
}

// A name that is known is made of token characters; only others are looked at one by one.
Verdict read_field(std::string_view line, Field& field) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  field.id = colon == std::string_view::npos ? Header::other : header_of(name);
  if (colon == std::string_view::npos || (field.id == Header::other && !chars::all(name, chars::token))) {
    if (line.starts_with(' ') || line.starts_with('\t')) return refuse(400, "folded header line");
    return refuse(400, "malformed header name");
  }
  if (colon == 0) return refuse(400, "empty header name");
  field.name = name;
  auto value = line.substr(colon + 1);
  if (chars::has_control(value)) return refuse(400, "control character in a header value");
  if (is_framing(field.id)) {
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (value.starts_with('\t') || value.ends_with(' ') || value.ends_with('\t'))
      return refuse(400, "white space around a framing header");
  } else {
    value = trim(value);
  }
  if ((field.id == Header::connection || field.id == Header::proxy_connection) && !is_token_list(value))
    return refuse(400, "malformed Connection");
  field.value = value;
  return {};
}

// The single Content-Length, if there is one. Twice is refused even when equal: intermediaries have merged such lists.
std::expected<std::optional<std::uint64_t>, Refusal> read_length(const Fields& fields) {
  std::optional<std::uint64_t> length;
  for (const auto& field : fields.all()) {
    if (field.id != Header::content_length) continue;
    if (length) return refuse(400, "more than one Content-Length");
    const auto text = field.value;
    if (text.empty() || text.size() > kLengthDigitsMax || (text.size() > 1 && text.front() == '0'))
      return refuse(400, "malformed Content-Length");
    length = 0;
    for (const char c : text) {
      if (!is_digit(c)) return refuse(400, "malformed Content-Length");
      length = *length * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }
  return length;
}

bool is_registered_coding(std::string_view word) {
  for (const std::string_view known : {"gzip", "x-gzip", "deflate", "compress", "x-compress", "identity"})
    if (equal_ignoring_case(word, known)) return true;
  return false;
}

// True: chunked. 501 for an honest coding that we do not speak, 400 for anything that looks like a trick.
std::expected<bool, Refusal> read_coding(const Fields& fields) {
  const auto count = fields.count(Header::transfer_encoding);
  if (count == 0) return false;
  if (count > 1) return refuse(400, "more than one Transfer-Encoding");
  const auto value = *fields.only(Header::transfer_encoding);
  if (equal_ignoring_case(value, "chunked")) return true;
  const auto words = split(value, ',');
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = trim(words[i]);
    const bool last = i + 1 == words.size();
    if (is_registered_coding(word) || (last && i > 0 && equal_ignoring_case(word, "chunked"))) continue;
    return refuse(400, "malformed Transfer-Encoding");
  }
  return refuse(501, "unknown transfer coding");
}

Verdict frame(Head& head) {
  auto chunked = read_coding(head.fields);
  if (!chunked) return std::unexpected(chunked.error());
  auto length = read_length(head.fields);
  if (!length) return std::unexpected(length.error());
  if (*chunked && *length) return refuse(400, "Content-Length together with Transfer-Encoding");
  if (*chunked && head.minor_version == 0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
  head.framing = *chunked ? Framing::chunked : *length ? Framing::length : Framing::none;
  head.length = length->value_or(0);
  if (head.framing == Framing::length && head.length == 0) head.framing = Framing::none;
  return {};
}

bool keeps_alive(const Head& head) {
  if (!head.fields.has(Header::connection)) return head.minor_version == 1;
  if (head.fields.has_word(Header::connection, "close")) return false;
  return head.minor_version == 1 || head.fields.has_word(Header::connection, "keep-alive");
}

Verdict judge_request(Head& head, const HttpLimits& limits) {
  head.minor_version = head.line.minor_version;
  const auto hosts = head.fields.count(Header::host);
  if (hosts > 1) return refuse(400, "more than one Host");
  if (hosts == 0 && head.minor_version == 1) return refuse(400, "no Host");
  if (hosts == 1 && head.fields.only(Header::host)->empty()) return refuse(400, "empty Host");
  if (auto fine = frame(head); !fine) return fine;
  if (head.length > limits.body) return refuse(413, "the body is too large");
  if (head.fields.has(Header::expect)) {
    const auto expect = head.fields.only(Header::expect);
    if (!expect || !equal_ignoring_case(*expect, "100-continue")) return refuse(417, "unknown expectation");
    head.expects_continue = head.minor_version == 1 && head.framing != Framing::none;
  }
  head.keep_alive = keeps_alive(head);
  return {};
}

Verdict judge_response(Head& head, Method to) {
  if (auto fine = frame(head); !fine) return fine;
  const bool said = head.fields.has(Header::content_length) || head.framing == Framing::chunked;
  head.keep_alive = keeps_alive(head);
  const bool bodiless = to == Method::head || head.status < 200 || head.status == 204 || head.status == 304;
  if (bodiless) {
    head.framing = Framing::none;
  } else if (!said) {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return {};
}

// True when nothing can be said yet: the bytes that came since the last look hold no end of a line and no limit is passed.
bool still_open(std::string_view buffer, const HttpLimits& limits, std::size_t begin, std::size_t scanned) {
  if (scanned <= begin || buffer.find('\n', scanned) != std::string_view::npos || buffer.size() > limits.head) return false;
  const bool in_first_line = buffer.find('\n', begin) == std::string_view::npos;
  return !in_first_line || buffer.size() - begin <= limits.start_line + 1;
}

Verdict take_head_line(std::string_view line, bool first, const HttpLimits& limits, Side side, Head& head) {
  if (first) return side == Side::request ? read_request_line(line, head.line) : read_status_line(line, head);
  Field field;
  if (auto fine = read_field(line, field); !fine) return fine;
  if (head.fields.all().size() >= limits.fields || !head.fields.add(field)) return refuse(431, "too many header fields");
  return {};
}

// The verdict is a function of the longest run of whole lines, so that it does not depend on how bytes arrive. A head in
// pieces is read again from its start whenever a line ends: at most limits.fields times.
std::expected<bool, Refusal> parse_head(std::string_view buffer, const HttpLimits& limits, Side side, std::size_t& scanned, Head& head) {
  // RFC 9112 §2.2: one empty line before a request.
  std::size_t at = side == Side::request && buffer.starts_with("\r\n") ? 2 : 0;
  if (still_open(buffer, limits, at, scanned)) {
    scanned = buffer.size();
    return false;
  }
  head.clear();
  if (at < buffer.size() && !is(buffer[at], chars::token) && buffer[at] != '\r') return refuse(400, "this is not HTTP");
  for (bool first = true;; first = false) {
    Line line;
    const auto found = take_line(buffer, at, line);
    if (first && (found == Found::more ? buffer.size() - at - 1 : line.text.size()) > limits.start_line && at < buffer.size())
      return refuse(414, "the request line is too long");
    if ((found == Found::more ? buffer.size() : line.next) > limits.head) return refuse(431, "the head is too large");
    if (found == Found::bare) return refuse(400, "a line ends without CR");
    if (found == Found::more) {
      scanned = buffer.size();
      return false;
    }
    at = line.next;
    if (line.text.empty() && !first) break;
    if (auto fine = take_head_line(line.text, first, limits, side, head); !fine) return std::unexpected(fine.error());
  }
  head.bytes = at;
  return true;
}

}  // namespace

bool may_trail(std::string_view name) {
  switch (header_of(name)) {
    case Header::other: break;
    case Header::etag:
    case Header::link: return true;
    default: return false;
  }
  for (const std::string_view no : {"content-range", "pragma", "range", "max-forwards", "expires", "retry-after", "authentication-info",
                                    "proxy-authentication-info", "if-modified-since", "if-unmodified-since", "if-range"})
    if (equal_ignoring_case(name, no)) return false;
  const auto starts = [name](std::string_view with) { return equal_ignoring_case(name.substr(0, with.size()), with); };
  return !starts("x-forwarded") && !starts("proxy-") && !starts("sec-");
}

std::expected<std::optional<std::uint64_t>, Refusal> content_length_of(const Fields& fields) { return read_length(fields); }

void Head::clear() {
  line = {};
  status = 0;
  reason = {};
  minor_version = 1;
  fields.clear();
  framing = Framing::none;
  length = 0;
  keep_alive = true;
  expects_continue = false;
  bytes = 0;
}

std::expected<bool, Refusal> parse_request_head(std::string_view buffer, const HttpLimits& limits, std::size_t& scanned, Head& head) {
  auto whole = parse_head(buffer, limits, Side::request, scanned, head);
  if (!whole || !*whole) return whole;
  if (auto fine = judge_request(head, limits); !fine) return std::unexpected(fine.error());
  return true;
}

std::expected<bool, Refusal> parse_response_head(std::string_view buffer, const HttpLimits& limits, Method to, std::size_t& scanned, Head& head) {
  auto whole = parse_head(buffer, limits, Side::response, scanned, head);
  if (whole && *whole)
    if (auto fine = judge_response(head, to); !fine) whole = std::unexpected(fine.error());
  if (!whole) return refuse(502, whole.error().why);
  return whole;
}

BodyDecoder::BodyDecoder(Framing framing, std::uint64_t length, const HttpLimits& limits)
    : framing_(framing), left_(length), limits_(limits) {
  switch (framing) {
    case Framing::none: state_ = State::done; break;
    case Framing::length: state_ = length == 0 ? State::done : State::body; break;
    case Framing::chunked: state_ = State::chunk_size; break;
    case Framing::until_close: state_ = State::body; break;
  }
}

std::expected<BodyDecoder::Step, Refusal> BodyDecoder::feed(std::string_view input) {
  Step step;
  while (state_ != State::done && step.consumed < input.size() && step.piece.empty()) {
    const auto rest = input.substr(step.consumed);
    std::expected<std::size_t, Refusal> used = 0;
    switch (state_) {
      case State::body:
      case State::chunk_data: used = take_data(rest, step.piece); break;
      default: used = take_framing(rest); break;
    }
    if (!used) return std::unexpected(used.error());
    step.consumed += *used;
  }
  return step;
}

std::expected<std::size_t, Refusal> BodyDecoder::take_data(std::string_view input, std::string_view& piece) {
  piece = framing_ == Framing::until_close ? input : input.substr(0, left_);
  received_ += piece.size();
  if (received_ > limits_.body) return refuse(413, "the body is too large");
  if (framing_ == Framing::until_close) return piece.size();
  left_ -= piece.size();
  if (left_ == 0) state_ = framing_ == Framing::length ? State::done : State::chunk_end;
  return piece.size();
}

// Lines of the chunked coding. A line is read where it lies when it is whole, and gathered in line_ otherwise.
std::expected<std::size_t, Refusal> BodyDecoder::take_framing(std::string_view input) {
  const auto max = state_ == State::trailers ? limits_.trailers : limits_.chunk_line;
  const auto lf = input.find('\n');
  const auto used = lf == std::string_view::npos ? input.size() : lf + 1;
  if (line_.size() + used > max + 2) return refuse(state_ == State::trailers ? 431 : 400, "a line of the chunked body is too long");
  if (lf == std::string_view::npos) {
    line_.append(input);
    return used;
  }
  auto line = input.substr(0, used);
  if (!line_.empty()) line = line_.append(line);
  if (!line.ends_with("\r\n")) return refuse(400, "a line of the chunked body ends without CR");
  line.remove_suffix(2);
  auto fine = take_line(line);
  line_.clear();
  if (!fine) return std::unexpected(fine.error());
  return used;
}

std::expected<void, Refusal> BodyDecoder::take_line(std::string_view line) {
  if (state_ == State::chunk_end) {
    if (!line.empty()) return refuse(400, "a chunk does not end where it should");
    state_ = State::chunk_size;
    return {};
  }
  if (state_ == State::trailers) return take_trailer(line);
  constexpr std::size_t kSizeDigitsMax = 15;  // below 2^60
  if (line.empty() || line.size() > kSizeDigitsMax) return refuse(400, "malformed chunk size");
  left_ = 0;
  for (const char c : line) {
    const int digit = chars::hex_value(c);
    if (digit < 0) return refuse(400, c == ';' ? "chunk extensions are not accepted" : "malformed chunk size");
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
  }
  if (left_ > limits_.body || received_ + left_ > limits_.body) return refuse(413, "the body is too large");
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
  return {};
}

std::expected<void, Refusal> BodyDecoder::take_trailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::done;
    return {};
  }
  trailer_bytes_ += line.size() + 2;
  if (trailer_bytes_ > limits_.trailers || trailers_.size() >= limits_.fields) return refuse(431, "the trailers are too large");
  Field field;
  if (auto fine = read_field(line, field); !fine) return fine;
  if (!may_trail(field.name)) return refuse(400, "a field that may not stand in trailers");
  trailers_.emplace_back(field.name, field.value);
  return {};
}

std::expected<void, Refusal> BodyDecoder::end_of_stream() {
  if (framing_ == Framing::until_close) state_ = State::done;
  if (state_ != State::done) return refuse(400, "the body ended early");
  return {};
}

}  // namespace gatehouse::net
