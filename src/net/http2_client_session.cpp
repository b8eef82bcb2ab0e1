#include "net/http2_client_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/spawn.h"
#include "core/text.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kWriteMax = 64 * 1024;           // gathered for one system call
constexpr std::size_t kFieldBytesMax = 256 * 1024;     // of one header block, decoded; more is an attack on our memory
constexpr int kInterimMax = 16;                        // 1xx answers
constexpr int kPatienceMax = 1000, kPatienceEarned = 8;
constexpr std::size_t kUselessMax = 256 * 1024;       // bytes in a row of frames that carry nothing, of whatever kind
constexpr std::chrono::milliseconds kPark{100};
constexpr std::chrono::minutes kPingAgain{5};          // gRPC servers take more for an attack
constexpr std::chrono::hours kReadForever{24 * 30};    // streams have deadlines, reading has none

Http2ClientSession& self_of(void* data) { return *static_cast<Http2ClientSession*>(data); }
std::string_view text_of(const std::uint8_t* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }
nghttp2_nv pair_of(const std::pair<std::string, std::string>& field) {
  const auto bytes = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
  return {.name = bytes(field.first), .value = bytes(field.second), .namelen = field.first.size(), .valuelen = field.second.size(), .flags = NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

Http2ClientSession::Http2ClientSession(const Executor& loop, std::unique_ptr<ClientConnection> connection, Http2ClientTimes times)
    : loop_(loop), pool_(ConnectionPool::of(loop)), connection_(std::move(connection)), times_(times), greeted_(loop), patience_(kPatienceMax) {
  idle_since_ = heard_ = steady_now();
}

Http2ClientSession::~Http2ClientSession() {
  if (session_ != nullptr) nghttp2_session_del(session_);
  if (!parked_) pool_.unwatch(*connection_);
}

std::shared_ptr<Http2ClientSession> Http2ClientSession::start(const Executor& loop, std::unique_ptr<ClientConnection> connection, Http2ClientTimes times) {
  auto session = std::make_shared<Http2ClientSession>(loop, std::move(connection), times);
  session->open();
  return session;
}

void Http2ClientSession::open() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, 100);   // PING and SETTINGS floods: answers that the peer does not read
  set_callbacks(callbacks);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
                                             {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, Http2Fields::kBytesMax}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  reading_ = true;
  flush();
  spawn(loop_, read_all(shared_from_this()));
}

void Http2ClientSession::set_callbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, [](nghttp2_session*, const nghttp2_frame_hd* head, void* data) {
    auto& self = self_of(data);
    if (head->type == NGHTTP2_HEADERS) self.field_bytes_ = 0;
    const bool carries = head->type == NGHTTP2_HEADERS || (head->type == NGHTTP2_DATA && head->length > 0);
    if (carries) self.earn_patience();
    return carries || self.spend_patience() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* data) { return self_of(data).on_frame(*frame); });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                    std::size_t value_size, std::uint8_t, void* data) {
        return self_of(data).on_field(*frame, text_of(name, name_size), text_of(value, value_size));
      });
  // What is not a valid field is not left out in silence: somebody else could read it.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                    void* data) {
        if (auto* stream = self_of(data).stream_of(frame->hd.stream_id)) stream->flaw = "has an invalid header field";
        return static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* data) {
        auto& self = self_of(data);
        // One slow stream must not hold up the others: the connection's window opens at once, the stream's when it is read.
        nghttp2_session_consume_connection(session, size);
        auto* stream = self.stream_of(id);
        if (stream == nullptr) {
          nghttp2_session_consume_stream(session, id, size);
          return 0;
        }
        stream->in.append(text_of(bytes, size));
        stream->moved = steady_now();
        stream->readable.wake();
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* data) {
        auto& self = self_of(data);
        if (auto* stream = self.stream_of(id)) self.close_stream(*stream, error);
        return 0;
      });
}

Http2ClientStream* Http2ClientSession::stream_of(std::int32_t id) const {
  return static_cast<Http2ClientStream*>(nghttp2_session_get_stream_user_data(session_, id));
}

bool Http2ClientSession::spend_patience() { return --patience_ > 0; }
void Http2ClientSession::earn_patience() {
  patience_ = std::min(kPatienceMax, patience_ + kPatienceEarned);
  useless_ = 0;
}

int Http2ClientSession::on_frame(const nghttp2_frame& frame) {
  const auto& head = frame.hd;
  if (head.type == NGHTTP2_SETTINGS && (head.flags & NGHTTP2_FLAG_ACK) == 0) {
    ready_ = true;
    greeted_.wake();
  }
  if (head.type == NGHTTP2_GOAWAY) going_away_ = true;   // nghttp2 ends the streams that the peer will not look at
  if (head.type == NGHTTP2_PING && (head.flags & NGHTTP2_FLAG_ACK) != 0) ping_pending_ = false;
  if (head.type != NGHTTP2_HEADERS && head.type != NGHTTP2_DATA) return 0;
  auto* stream = stream_of(head.stream_id);
  if (stream == nullptr) return 0;
  const bool ends = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (head.type == NGHTTP2_HEADERS) head_ended(*stream, ends);
  if (ends) stream->ended = true;
  stream->moved = steady_now();
  stream->readable.wake();
  return stream->interim > kInterimMax ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Http2ClientSession::head_ended(Http2ClientStream& stream, bool ends) {
  if (stream.head_done) return;   // trailers
  if (stream.status >= 200) {
    stream.head_done = true;
    return;
  }
  if (ends) stream.flaw = "ends with an interim answer";
  ++stream.interim;
  stream.status = 0;
  stream.head.clear();
}

int Http2ClientSession::on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value) {
  field_bytes_ += name.size() + value.size() + 32;   // RFC 9113 §6.5.2 counts so
  if (field_bytes_ > kFieldBytesMax) return NGHTTP2_ERR_CALLBACK_FAILURE;
  auto* stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  if (name == ":status") {
    stream->status = static_cast<int>(parse_int(value).value_or(0));
    return 0;
  }
  auto& fields = stream->head_done ? stream->late : stream->head;
  if (fields.add(name, value)) return 0;
  stream->flaw = stream->head_done ? "has trailers that are too large" : "has a head that is too large";
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void Http2ClientSession::close_stream(Http2ClientStream& stream, std::uint32_t error) {
  stream.closed = true;
  stream.error = error;
  stream.readable.wake();
  stream.writable.wake();
}

Task<void> Http2ClientSession::greet(SteadyTime until) {
  while (!ready_ && !dead_ && steady_now() < until) co_await greeted_.until(until);
  if (ready_ && !dead_) co_return Result<void>();
  if (!dead_) fail("did not begin to speak HTTP/2 in time");
  co_return failure(Fault::upstream, why_);
}

bool Http2ClientSession::takes_stream() const {
  if (dead_ || going_away_ || !ready_) return false;
  const auto allowed = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return streams_.size() < std::min<std::size_t>(allowed, kStreamsMax) && nghttp2_session_check_request_allowed(session_) != 0;
}

bool Http2ClientSession::takes_websocket() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

Result<void> Http2ClientSession::submit(Http2ClientStream& stream, const std::vector<std::pair<std::string, std::string>>& head, bool ends) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(head.size());
  for (const auto& field : head) fields.push_back(pair_of(field));
  nghttp2_data_provider source{};
  source.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                            void* data) { return static_cast<ssize_t>(self_of(data).read_out(id, into, room, flags)); };
  stream.id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), ends ? nullptr : &source, &stream);
  if (stream.id < 0) return failure(Fault::upstream, fmt::format("cannot take a request: {}", nghttp2_strerror(stream.id)));
  stream.moved = steady_now();
  stream.out_ended = ends;
  if (streams_.empty()) heard_ = stream.moved;
  streams_.insert(&stream);
  flush();
  return {};
}

std::ptrdiff_t Http2ClientSession::read_out(std::int32_t id, std::uint8_t* into, std::size_t room, std::uint32_t* flags) {
  auto* stream = stream_of(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const auto bytes = std::min(room, stream->out.size());
  if (bytes > 0) std::memcpy(into, stream->out.data(), bytes);   // an empty view may have no address
  stream->out.remove_prefix(bytes);
  if (bytes > 0) {
    stream->moved = steady_now();
    earn_patience();   // the peer answers a body with WINDOW_UPDATE frames
  }
  if (!stream->out.empty()) return static_cast<std::ptrdiff_t>(bytes);
  stream->writable.wake();
  if (stream->out_ends) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->out_ended = true;
    if (!stream->out_trailers.empty()) {
      std::vector<nghttp2_nv> fields;
      for (const auto& field : stream->out_trailers) fields.push_back(pair_of(field));
      if (nghttp2_submit_trailer(session_, id, fields.data(), fields.size()) == 0) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return static_cast<std::ptrdiff_t>(bytes);
  }
  return bytes > 0 ? static_cast<std::ptrdiff_t>(bytes) : NGHTTP2_ERR_DEFERRED;
}

void Http2ClientSession::resume(Http2ClientStream& stream) {
  if (dead_ || stream.closed) return;
  nghttp2_session_resume_data(session_, stream.id);
  flush();
}

void Http2ClientSession::took(Http2ClientStream& stream, std::size_t bytes) {
  if (dead_ || stream.closed) return;
  nghttp2_session_consume_stream(session_, stream.id, bytes);
  flush();
}

void Http2ClientSession::drop(Http2ClientStream& stream) {
  streams_.erase(&stream);
  if (streams_.empty()) idle_since_ = steady_now();
  if (dead_ || stream.id < 0) return;
  nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
  if (!stream.closed) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  flush();
}

void Http2ClientSession::give_up(Http2ClientStream& stream) {
  if (dead_ || stream.closed) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  close_stream(stream, NGHTTP2_CANCEL);
  flush();
}

// Takes what nghttp2 wants to send, up to what one write should carry. False: the connection is over.
bool Http2ClientSession::collect() {
  out_.clear();
  while (out_.size() < kWriteMax) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) {
      fail(fmt::format("cannot be spoken to: {}", nghttp2_strerror(static_cast<int>(size))));
      return false;
    }
    if (size == 0) break;
    out_.append(text_of(bytes, static_cast<std::size_t>(size)));
  }
  return !out_.empty();
}

// Not from inside a callback of nghttp2.
void Http2ClientSession::flush() {
  if (writing_ || dead_ || nghttp2_session_want_write(session_) == 0) return;
  writing_ = true;
  spawn(loop_, write_all(shared_from_this()));
}

// By itself, so that an exchange that is given up leaves no half frame on the wire.
asio::awaitable<void> Http2ClientSession::write_all(std::shared_ptr<Http2ClientSession> self) {
  while (!self->dead_ && self->collect()) {
    ClientConnection::Pieces pieces;
    pieces[0] = self->out_;
    const auto code = co_await self->connection_->write(pieces, self->times_.write_timeout);
    if (code) self->fail(code == asio::error::timed_out ? "does not read what it is sent" : fmt::format("closed the connection: {}", code.message()));
  }
  if (self->out_.capacity() > 2 * kWriteMax) self->out_ = std::string();
  self->writing_ = false;
}

bool Http2ClientSession::take_in() {
  const auto bytes = connection_->unread();
  heard_ = steady_now();
  const auto used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) {
    fail(patience_ <= 0 ? "sends frames that carry nothing" : fmt::format("does not speak HTTP/2 properly: {}", nghttp2_strerror(static_cast<int>(used))));
    return false;
  }
  connection_->consume(bytes.size());
  useless_ += bytes.size();
  flush();
  const bool goes_on = nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
  if (goes_on && useless_ <= kUselessMax) return true;
  fail(goes_on ? "sends frames that carry nothing" : ready_ ? "broke the rules of HTTP/2, or ended the connection" : "does not speak HTTP/2");
  return false;
}

asio::awaitable<void> Http2ClientSession::read_all(std::shared_ptr<Http2ClientSession> self) {
  while (!self->dead_ && !self->parked_) {
    const auto code = co_await self->connection_->fill(kReadForever);
    if (code && (self->dead_ || self->parked_)) break;
    if (code) self->fail(code == asio::error::eof ? "closed the connection" : fmt::format("closed the connection: {}", code.message()));
    else if (!self->take_in()) break;
  }
  self->reading_ = false;
}

void Http2ClientSession::fail(std::string why) {
  if (std::exchange(dead_, true)) return;
  why_ = std::move(why);
  connection_->expire();
  for (auto* stream : streams_) {
    if (stream->closed) continue;
    stream->why = why_;
    close_stream(*stream, NGHTTP2_INTERNAL_ERROR);
  }
  greeted_.wake();
}

bool Http2ClientSession::unpark() {
  if (dead_ || reading_ || !connection_->quiet()) return false;
  parked_ = false;
  pool_.watch(*connection_);
  reading_ = true;
  heard_ = steady_now();
  spawn(loop_, read_all(shared_from_this()));
  return true;
}

void Http2ClientSession::tick(SteadyTime now) {
  if (dead_ || parked_) return;
  if (streams_.empty()) {
    if (now - idle_since_ < kPark || writing_ || !ready_) return;
    parked_ = true;
    pool_.unwatch(*connection_);
    connection_->cancel();
    return;
  }
  if (ping_pending_ && heard_ < pinged_ && now - pinged_ >= times_.ping_patience) return fail("gave no sign of life");
  if (now - heard_ < times_.ping_after || (pinged_ != SteadyTime() && now - pinged_ < kPingAgain)) return;
  pinged_ = now;
  ping_pending_ = true;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  flush();
}

}  // namespace gatehouse::net
