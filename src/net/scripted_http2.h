// HTTP/2 byte for byte, for tests: frames to be sent to whoever connected to a ScriptedPeer, and those that it sent.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/scripted_peer.h"

namespace gatehouse::net {

using Http2Lines = std::vector<std::pair<std::string, std::string>>;

inline std::string http2_number(std::uint32_t value, int bytes = 4) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
inline std::string http2_frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  return http2_number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) + http2_number(stream) +
         std::string(payload);
}
// Literals without indexing and without Huffman (RFC 7541 §6.2.2): what is written is what is sent.
inline std::string http2_lines(const Http2Lines& lines) {
  const auto text = [](std::string_view value) {
    std::string out;
    if (value.size() < 127) return std::string(1, static_cast<char>(value.size())) + std::string(value);
    out += static_cast<char>(127);
    auto left = value.size() - 127;
    for (; left >= 128; left /= 128) out += static_cast<char>(left % 128 + 128);
    return out + static_cast<char>(left) + std::string(value);
  };
  std::string out;
  for (const auto& [name, value] : lines) out.append(1, '\0').append(text(name)).append(text(value));
  return out;
}

class Http2Talk {
 public:
  struct Frame {
    int type = -1, flags = 0;
    std::uint32_t stream = 0;
    std::string payload;
    bool ends() const { return (flags & 1) != 0; }
  };
  struct Request {
    std::uint32_t stream = 0;
    bool ends = false;
    std::map<std::string, std::string> lines;
  };
  static constexpr int kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7, kWindow = 8, kContinuation = 9;

  explicit Http2Talk(ScriptedPeer::Talk& talk, std::string_view settings = {}) : talk_(talk) {
    nghttp2_hd_inflate_new(&inflater_);
    greeted_ = talk_.read(24).starts_with("PRI * HTTP/2.0");
    send(kSettings, 0, 0, settings);
  }
  ~Http2Talk() { nghttp2_hd_inflate_del(inflater_); }
  Http2Talk(const Http2Talk&) = delete;
  Http2Talk& operator=(const Http2Talk&) = delete;

  bool greeted() const { return greeted_; }
  bool send(int type, int flags, std::uint32_t stream, std::string_view payload) { return talk_.send(http2_frame(type, flags, stream, payload)); }
  bool raw(std::string_view bytes) { return talk_.send(bytes); }
  bool head(std::uint32_t stream, const Http2Lines& lines, bool ends = false) { return send(kHeaders, ends ? 5 : 4, stream, http2_lines(lines)); }
  bool data(std::uint32_t stream, std::string_view bytes, bool ends = false) { return send(kData, ends ? 1 : 0, stream, bytes); }
  bool reset(std::uint32_t stream, std::uint32_t error) { return send(kReset, 0, stream, http2_number(error)); }
  bool goaway(std::uint32_t last, std::uint32_t error = 0) { return send(kGoaway, 0, 0, http2_number(last) + http2_number(error)); }

  // The next frame, of any kind; type -1 when the client has gone. SETTINGS are acknowledged.
  Frame next() {
    Frame frame;
    const auto head = talk_.read(9);
    if (head.size() < 9) return frame;
    const auto at = [&head](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])); };
    frame.type = static_cast<int>(at(3));
    frame.flags = static_cast<int>(at(4));
    frame.stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    const auto size = at(0) << 16 | at(1) << 8 | at(2);
    if (size > 0) frame.payload = talk_.read(size);
    if (frame.type == kSettings && !frame.ends()) send(kSettings, 1, 0, {});
    return frame;
  }
  // The next frame of this kind; others are passed over.
  Frame next(int type) {
    for (;;) {
      auto frame = next();
      if (frame.type == type || frame.type == -1) return frame;
    }
  }
  // The next head (or trailers), decoded.
  Request request() {
    const auto frame = next(kHeaders);
    Request request{.stream = frame.stream, .ends = frame.ends(), .lines = {}};
    auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.payload.data());
    for (auto left = frame.payload.size(); left > 0;) {
      nghttp2_nv field;
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, bytes, left, 1);
      if (used < 0) break;
      bytes += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        request.lines[std::string(reinterpret_cast<char*>(field.name), field.namelen)] = std::string(reinterpret_cast<char*>(field.value), field.valuelen);
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) nghttp2_hd_inflate_end_headers(inflater_);
    }
    return request;
  }
  void hang() { talk_.hang(); }
  int number() const { return talk_.number(); }

 private:
  ScriptedPeer::Talk& talk_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  bool greeted_ = false;
};

}  // namespace gatehouse::net
