// One stream of an outbound HTTP/2 connection, as its session and its exchange both see it: what came, what is to be sent,
// and who waits for which. Internal to net; lives on one loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/wake.h"
#include "net/steady.h"

namespace gatehouse::net {

// Header fields as they come out of the decoder: one text, and where the names and values lie in it.
class Http2Fields {
 public:
  static constexpr std::size_t kBytesMax = 32 * 1024, kCountMax = 100;
  bool add(std::string_view name, std::string_view value);   // false: too much
  void clear();
  std::size_t size() const { return places_.size(); }
  std::string_view name(std::size_t i) const { return std::string_view(text_).substr(places_[i].at, places_[i].name); }
  std::string_view value(std::size_t i) const { return std::string_view(text_).substr(places_[i].at + places_[i].name, places_[i].value); }

 private:
  struct Place {
    std::size_t at, name, value;
  };
  std::string text_;
  std::vector<Place> places_;
};

struct Http2ClientStream {
  explicit Http2ClientStream(const Executor& loop) : readable(loop), writable(loop) {}

  std::int32_t id = -1;
  SteadyTime moved{};               // the last time that a byte went either way
  Wake readable, writable;

  // The answer.
  Http2Fields head;
  int status = 0, interim = 0;
  bool head_done = false, ended = false;   // the final head is there; nothing follows any more
  std::string in;                          // body bytes that nobody has taken yet, at most one window
  Http2Fields late;
  std::string_view flaw;                   // why the head or the trailers are not acceptable

  // The request.
  std::string_view out;                    // of whoever waits for `writable`
  bool out_ends = false, out_ended = false;
  std::vector<std::pair<std::string, std::string>> out_trailers;

  // Closed, by either side or with the connection.
  bool closed = false;
  std::uint32_t error = 0;                 // RFC 9113 §7
  std::string why;                         // of the connection, when it took the stream with it
  bool answered() const { return head_done || status != 0; }
};

}  // namespace gatehouse::net
