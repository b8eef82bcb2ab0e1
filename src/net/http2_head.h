// The decoded fields of one HTTP/2 header block, judged one by one as they come (RFC 9113 §8), and then made into the same
// Request as one of HTTP/1.1 (docs/decisions/011-http2.md). Bytes to values: knows no frames, sockets or nghttp2.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/canonical.h"
#include "net/serving.h"

namespace gatehouse::net {

class Http2Head {
 public:
  enum class Part : std::uint8_t { request, trailers };
  enum class End : std::uint8_t { stream_ends, body_follows };

  // `text` keeps the bytes that the Request will point into.
  void begin(Part part, std::string& text);
  // Keeps the field, or remembers why the message is refused. After that nothing more is kept.
  void add(std::string_view name, std::string_view value, const HttpLimits& limits);
  void refuse(int status, std::string_view why);
  bool refused() const { return refusal_.has_value(); }

  // After the last field: fills work.request but its id. `expects_continue` tells whether the client waits for a 100.
  std::expected<void, Refusal> make(const Arrival& arrival, End end, const HttpLimits& limits, Workspace& work);
  std::expected<std::vector<std::pair<std::string, std::string>>, Refusal> make_trailers() const;

 private:
  struct Entry {
    std::uint32_t name = 0, name_size = 0, value_size = 0;   // the value follows the name
    Header id = Header::other;
  };
  std::string_view name_of(const Entry& entry) const { return {text_->data() + entry.name, entry.name_size}; }
  std::string_view value_of(const Entry& entry) const { return {text_->data() + entry.name + entry.name_size, entry.value_size}; }
  void keep(std::string_view name, std::string_view value, Header id, std::vector<Entry>& where);
  void add_pseudo(std::string_view name, std::string_view value);
  bool is_fine(std::string_view name, std::string_view value, Header id);
  std::expected<void, Refusal> judge_pseudo() const;
  std::expected<void, Refusal> fill_fields(const Arrival& arrival, Fields& fields);
  void join_cookies();
  bool asks_for_websocket() const;

  enum Pseudo : std::uint8_t { method, scheme, path, authority, protocol, kPseudos };
  std::string_view pseudo(Pseudo which) const { return value_of(*pseudos_[which]); }

  Part part_ = Part::request;
  std::string* text_ = nullptr;
  std::array<std::optional<Entry>, kPseudos> pseudos_;
  std::vector<Entry> fields_, cookies_;
  std::size_t list_size_ = 0;   // RFC 9113 §6.5.2: names, values and 32 bytes each
  std::optional<Refusal> refusal_;
};

}  // namespace gatehouse::net
