// What nghttp2 calls, turned into calls of a session. The only header that shows nghttp2. Internal to net.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

namespace gatehouse::net {

class Http2Session;

struct Http2Callbacks {
  static nghttp2_session* new_session(Http2Session& session);
  static ssize_t read_answer(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void* self);

 private:
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* self);
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self);
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void* self);
  static int frame_came(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* self);
  static int closed(nghttp2_session* session, std::int32_t id, std::uint32_t, void* self);
  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source, void* self);
  static ssize_t data_size(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t connection_window, std::int32_t stream_window, std::uint32_t frame_max, void*);
  static nghttp2_session_callbacks* make_table();
  static nghttp2_option* make_options();
};

}  // namespace gatehouse::net
