// HTTP/1.x on bytes: heads and bodies, as pure machines without sockets (RFC 9112). Strict: what RFC 9112 lets a
// recipient tolerate and another implementation may read otherwise (bare CR or LF, folded fields, white space before
// the colon, conflicting or repeated lengths, codings other than a single `chunked`) is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "net/message.h"

namespace gatehouse::net {

struct HttpLimits {
  std::size_t start_line = 8 * 1024;
  std::size_t head = 32 * 1024;        // start line and fields together; more is 431 (414 when it is the target)
  std::size_t fields = kFieldsMax;
  std::uint64_t body = 1024ULL * 1024 * 1024;
  std::size_t chunk_line = 64;         // size line of a chunk; extensions are refused
  std::size_t trailers = 8 * 1024;
};

// Why a message is refused: the status to answer with, and a sentence for the log.
struct Refusal {
  int status = 400;
  std::string_view why;
};

enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestLine {
  std::string_view method, target;
  int minor_version = 1;
};

struct Head {
  RequestLine line;            // of a request
  int status = 0;              // of a response
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
  Framing framing = Framing::none;
  std::uint64_t length = 0;    // when framing is length
  bool keep_alive = true;
  bool expects_continue = false;
  std::size_t bytes = 0;       // size of the head, its empty line included
  void clear();
};

// Looks for a whole head at the front of `buffer`. True: `head` is filled (views into buffer) and head.bytes tells where
// the body begins. False: more bytes are needed. `scanned` remembers how far it looked, so that a slow sender costs no
// quadratic work; set it to 0 for a new message.
std::expected<bool, Refusal> parse_request_head(std::string_view buffer, const HttpLimits& limits, std::size_t& scanned, Head& head);
// `to` is the method of the request it answers: HEAD and 1xx/204/304 have no body (RFC 9112 §6.3).
std::expected<bool, Refusal> parse_response_head(std::string_view buffer, const HttpLimits& limits, Method to, std::size_t& scanned, Head& head);

// The rules that HTTP/2 shares. RFC 9110 §6.5.1: fields that frame, route, authenticate or describe must have come before the body.
bool may_trail(std::string_view name);
// The single well-formed Content-Length, if there is one.
std::expected<std::optional<std::uint64_t>, Refusal> content_length_of(const Fields& fields);

// Takes a body out of the stream, in place: pieces are views into what was given.
class BodyDecoder {
 public:
  BodyDecoder() = default;
  BodyDecoder(Framing framing, std::uint64_t length, const HttpLimits& limits);

  struct Step {
    std::size_t consumed = 0;   // bytes of the input that are done with
    std::string_view piece;     // body bytes inside the consumed part; may be empty
  };
  // Call again with the unconsumed rest (plus more) until done(). Never consumes beyond the end of the body.
  std::expected<Step, Refusal> feed(std::string_view input);
  // The peer closed. Fine for until_close, otherwise a truncated message.
  std::expected<void, Refusal> end_of_stream();
  bool done() const { return state_ == State::done; }
  std::uint64_t received() const { return received_; }
  // Trailer fields of a chunked body, owned ("name: value"), valid once done().
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return trailers_; }

 private:
  std::expected<std::size_t, Refusal> take_data(std::string_view input, std::string_view& piece);
  std::expected<std::size_t, Refusal> take_framing(std::string_view input);
  std::expected<void, Refusal> take_line(std::string_view line);
  std::expected<void, Refusal> take_trailer(std::string_view line);

  enum class State : std::uint8_t { body, chunk_size, chunk_data, chunk_end, trailers, done };
  Framing framing_ = Framing::none;
  State state_ = State::done;
  std::uint64_t left_ = 0, received_ = 0;
  HttpLimits limits_;
  std::string line_;
  std::size_t trailer_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

}  // namespace gatehouse::net
