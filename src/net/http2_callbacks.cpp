#include "net/http2_callbacks.h"

#include <algorithm>
#include <cstring>

#include "net/http2_session.h"

namespace gatehouse::net {
namespace {

// A full frame with its head is one record of TLS.
constexpr std::int32_t kPayloadMax = 16 * 1024 - 9;
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kAcksMax = 500;      // answers to PING and SETTINGS that may wait to be sent
constexpr std::size_t kSettingsMax = 32;   // entries of one SETTINGS

Http2Session& of(void* self) { return *static_cast<Http2Session*>(self); }

Http2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS) && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// What a peer's own fault makes us send: CVE-2025-8671 counts it like a reset of its own.
bool blames_peer(std::uint32_t code) { return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL; }

}  // namespace

int Http2Callbacks::begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* self) {
  return of(self).frame_begins(frame->type, frame->flags) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Callbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  of(self).head_begins(frame->hd.stream_id, frame->headers.cat == NGHTTP2_HCAT_REQUEST);
  return 0;
}

int Http2Callbacks::header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                           std::size_t value_size, std::uint8_t, void* self) {
  auto& session = of(self);
  if (session.heading_ != nullptr) session.head_.add(text_of(name, name_size), text_of(value, value_size), session.options().limits);
  return 0;
}

// nghttp2 would leave the field out and go on. A message that has to be mended first is not one that everybody reads alike.
int Http2Callbacks::invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                                   std::uint8_t, void* self) {
  auto& session = of(self);
  if (session.heading_ != nullptr) session.head_.refuse(400, "malformed header");
  return 0;
}

int Http2Callbacks::frame_came(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  auto& ours = of(self);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS: ours.head_ends(ends_stream(*frame)); return 0;
    case NGHTTP2_DATA: {
      const bool empty = frame->hd.length <= frame->data.padlen;
      return ours.data_came(stream_of(session, frame->hd.stream_id), empty, ends_stream(*frame)) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ours.drained();
      return 0;
    default: return 0;
  }
}

int Http2Callbacks::data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void*) {
  if (auto* stream = stream_of(session, id)) stream->take(text_of(data, size));
  else nghttp2_session_consume(session, id, size);
  return 0;
}

int Http2Callbacks::closed(nghttp2_session* session, std::int32_t id, std::uint32_t, void* self) {
  if (auto* stream = stream_of(session, id)) of(self).stream_closed(*stream);
  return 0;
}

int Http2Callbacks::frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  auto& ours = of(self);
  if (frame->hd.type == NGHTTP2_RST_STREAM && blames_peer(frame->rst_stream.error_code) && !ours.guard_.reset(steady_now)) ours.calm();
  if (!ends_stream(*frame)) return 0;
  if (auto* stream = stream_of(session, frame->hd.stream_id)) ours.end_sent(*stream);
  return 0;
}

ssize_t Http2Callbacks::read_answer(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void* self) {
  auto& stream = *static_cast<Http2Stream*>(source->ptr);
  const auto unsent = stream.unsent();
  if (unsent == 0 && !stream.ended_) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.ended_ && unsent <= size) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.last_fields_.empty() && of(self).submit_trailers(stream)) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(std::min(size, unsent));
}

int Http2Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source, void* self) {
  auto& session = of(self);
  auto* const to = session.out_ + session.out_used_;
  std::memcpy(to, head, kFrameHead);
  if (size > 0) static_cast<Http2Stream*>(source->ptr)->copy_unsent(to + kFrameHead, size);
  session.out_used_ += kFrameHead + size;
  session.guard_.earn(Http2Guard::kDataCredit);
  (void)frame;
  // Without room for another frame of any size: what has been read for a frame must be sent at once, its piece is only lent.
  return session.out_size_ - session.out_used_ < Http2Session::kPullMin ? NGHTTP2_ERR_PAUSE : 0;
}

ssize_t Http2Callbacks::data_size(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t connection_window, std::int32_t stream_window,
                                  std::uint32_t frame_max, void*) {
  return std::min({kPayloadMax, connection_window, stream_window, static_cast<std::int32_t>(frame_max)});
}

nghttp2_session_callbacks* Http2Callbacks::make_table() {
  nghttp2_session_callbacks* table = nullptr;
  if (nghttp2_session_callbacks_new(&table) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_frame_callback(table, begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(table, begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(table, header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(table, invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(table, frame_came);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(table, closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(table, frame_sent);
  nghttp2_session_callbacks_set_send_data_callback(table, send_data);
  nghttp2_session_callbacks_set_data_source_read_length_callback(table, data_size);
  return table;
}

nghttp2_option* Http2Callbacks::make_options() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(options, 1);   // windows open as handlers read
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_reserved_remote_streams(options, 0);
  nghttp2_option_set_max_outbound_ack(options, kAcksMax);
  nghttp2_option_set_max_settings(options, kSettingsMax);
  return options;
}

nghttp2_session* Http2Callbacks::new_session(Http2Session& session) {
  static nghttp2_session_callbacks* const table = make_table();   // never freed: they serve every connection to the end
  static nghttp2_option* const options = make_options();
  nghttp2_session* made = nullptr;
  if (nghttp2_session_server_new2(&made, table, &session, options) != 0) throw std::bad_alloc();
  return made;
}

}  // namespace gatehouse::net
