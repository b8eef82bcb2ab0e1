// A client that speaks HTTP/2 frame by frame, for tests: it can say what no library would.
#pragma once

#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <optional>
#include <vector>

#include "net/server_fixture.h"

namespace gatehouse::net::testing_net {

using FieldList = std::vector<std::pair<std::string, std::string>>;

inline std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i));
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload = "") {
  return number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(id, 4) + std::string(payload);
}

// RFC 7541 §5.1 with a prefix of seven bits, and §6.2.2: literals that touch no table.
inline std::string hpack_text(std::string_view text) {
  std::string out;
  if (text.size() < 127) return out + static_cast<char>(text.size()) + std::string(text);
  out += static_cast<char>(127);
  std::size_t rest = text.size() - 127;
  for (; rest >= 128; rest >>= 7) out += static_cast<char>(0x80 | (rest & 127));
  return out + static_cast<char>(rest) + std::string(text);
}
inline std::string hpack(const FieldList& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += std::string(1, '\0') + hpack_text(name) + hpack_text(value);
  return out;
}

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };
enum : std::uint8_t { kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPing = 6, kGoaway = 7, kWindowUpdate = 8, kContinuation = 9 };

struct Seen {
  int status = 0;
  FieldList fields, trailers;
  std::vector<int> early;               // 1xx
  std::string body;
  bool ended = false;
  std::optional<std::uint32_t> reset;   // with this code
  std::string field(std::string_view name) const {
    for (const auto& [n, value] : fields)
      if (n == name) return value;
    return {};
  }
};

class Http2Peer {
 public:
  explicit Http2Peer(std::uint16_t port) : raw_(port) {
    const int on = 1;
    ::setsockopt(raw_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    nghttp2_hd_inflate_new(&inflater_);
  }
  ~Http2Peer() { nghttp2_hd_inflate_del(inflater_); }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  // Preface, SETTINGS (entries of six bytes) and the acknowledgement of theirs.
  void open(std::string_view settings = "") { send(std::string(kPreface) + frame(kSettings, 0, 0, settings) + frame(kSettings, kAck, 0)); }
  bool send(std::string_view bytes) { return raw_.send(bytes); }
  static FieldList get(std::string path, FieldList more = {}) {
    FieldList fields{{":method", "GET"}, {":scheme", "http"}, {":path", std::move(path)}, {":authority", "a.example"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  static FieldList post(std::string path, FieldList more = {}) {
    auto fields = get(std::move(path), std::move(more));
    fields[0].second = "POST";
    return fields;
  }
  std::uint32_t ask(const FieldList& fields, std::uint8_t flags = kEndStream | kEndHeaders) {
    const auto id = std::exchange(next_, next_ + 2);
    send(frame(kHeaders, flags, id, hpack(fields)));
    return id;
  }
  void data(std::uint32_t id, std::string_view bytes, std::uint8_t flags = 0) { send(frame(kData, flags, id, bytes)); }
  void window(std::uint32_t id, std::uint32_t more) { send(frame(kWindowUpdate, 0, id, number(more, 4))); }
  void settle() { ping(); }   // everything before it has been read
  bool ping() {
    send(frame(kPing, 0, 0, "12345678"));
    return read_while([this] { return pongs_ == 0; }) && pongs_-- > 0;
  }

  // Reads until the stream has ended in some way, the connection too.
  const Seen& answer(std::uint32_t id) {
    read_while([this, id] { return !seen[id].ended && !seen[id].reset; });
    return seen[id];
  }
  const Seen& ask_for(const FieldList& fields) { return answer(ask(fields)); }
  bool read_while(const std::function<bool()>& wanting) {
    while (wanting())
      if (!read_frame()) return false;
    return true;
  }
  bool read_frame();
  bool closed() {
    while (read_frame()) {}
    return raw_.closed_by_peer();
  }
  RawClient& raw() { return raw_; }

  std::map<std::uint32_t, Seen> seen;
  std::optional<std::uint32_t> goaway;   // the last one's code
  std::uint32_t last_stream = 0;
  std::map<std::uint32_t, std::size_t> given;   // by WINDOW_UPDATE, to a stream or to all
  int goaways = 0, acks = 0;
  bool credits = true;                   // give back what we read

 private:
  void headers(Seen& seen_here, std::string_view block, bool ends);
  RawClient raw_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::uint32_t next_ = 1;
  int pongs_ = 0;
};

inline bool Http2Peer::read_frame() {
  const auto head = raw_.read_exactly(9);
  if (head.size() < 9) return false;
  const auto at = [&head](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])); };
  const auto payload = raw_.read_exactly(at(0) << 16 | at(1) << 8 | at(2));
  const auto word = [&payload](std::size_t i) {
    std::uint32_t value = 0;
    for (std::size_t b = 0; b < 4; ++b) value = value << 8 | static_cast<unsigned char>(payload.at(i + b));
    return value;
  };
  const std::uint32_t id = (at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)) & 0x7fffffff;
  const auto flags = static_cast<std::uint8_t>(at(4));
  switch (at(3)) {
    case kHeaders:
      EXPECT_NE(flags & kEndHeaders, 0);
      headers(seen[id], payload, (flags & kEndStream) != 0);
      break;
    case kData:
      seen[id].body += payload;
      if (credits && !payload.empty()) {
        window(0, static_cast<std::uint32_t>(payload.size()));
        window(id, static_cast<std::uint32_t>(payload.size()));
      }
      if ((flags & kEndStream) != 0) seen[id].ended = true;
      break;
    case kRst: seen[id].reset = word(0); break;
    case kPing:
      if ((flags & kAck) != 0) ++pongs_;
      else send(frame(kPing, kAck, 0, payload));
      break;
    case kGoaway:
      ++goaways;
      last_stream = word(0);
      goaway = word(4);
      break;
    case kSettings:
      if ((flags & kAck) != 0) ++acks;
      break;
    case kWindowUpdate:
      given[id] += word(0);
      break;
    default: break;
  }
  return true;
}

inline void Http2Peer::headers(Seen& here, std::string_view block, bool ends) {
  FieldList fields;
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  auto left = block.size();
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, in, left, 1);
    if (used < 0) break;
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
      fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen), std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(inflater_);
      break;
    }
  }
  here.ended = here.ended || ends;
  const bool head = !fields.empty() && fields.front().first == ":status";
  const int status = head ? std::stoi(fields.front().second) : 0;
  if (head && status < 200) here.early.push_back(status);
  else if (head) here.status = status, here.fields = std::move(fields);
  else here.trailers = std::move(fields);
}

}  // namespace gatehouse::net::testing_net
