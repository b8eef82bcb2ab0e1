#include "net/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "core/spawn.h"
#include "core/text.h"
#include "net/chars.h"
#include "net/http2_callbacks.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

constexpr std::array<std::uint8_t, 8> kDrainPing{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
constexpr std::uint8_t kNoCopyName = NGHTTP2_NV_FLAG_NO_COPY_NAME, kNoCopy = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

nghttp2_nv field_of(std::string_view name, std::string_view value, std::uint8_t flags) {
  const auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
  return {.name = bytes(name), .value = bytes(value), .namelen = name.size(), .valuelen = value.size(), .flags = flags};
}

// Fields that belong to a connection, and those that we write ourselves: a handler's are left out.
bool is_hop_field(Header id) {
  switch (id) {
    case Header::connection: case Header::keep_alive: case Header::proxy_connection: case Header::transfer_encoding:
    case Header::content_length: case Header::trailer: case Header::upgrade: case Header::te:
      return true;
    default:
      return false;
  }
}

bool may_be_sent(std::string_view name, std::string_view value) {
  return !name.empty() && chars::all(name, chars::token) && !chars::has_control(value);
}

// For the fields of one head, until nghttp2 has taken them.
std::vector<nghttp2_nv>& scratch() {
  thread_local std::vector<nghttp2_nv> fields;
  return fields;
}

std::vector<nghttp2_nv>& begin_fields(char (&text)[3], int status) {
  auto& fields = scratch();
  fields.clear();
  std::to_chars(text, text + sizeof text, status);
  fields.push_back(field_of(":status", {text, sizeof text}, kNoCopy));
  return fields;
}

// An id that never comes again would only push others out of the peer's table.
std::uint8_t indexing_of(Header id) { return id == Header::x_request_id ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE; }

void lower(std::string& name) {
  for (auto& c : name) c = to_lower(c);
}

}  // namespace

Http2Session::Http2Session(std::shared_ptr<LoopState> loop, Arrival arrival)
    : loop_(std::move(loop)), arrival_(std::move(arrival)), session_(Http2Callbacks::new_session(*this)), guard_(steady_now()) {}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
  streams_.clear();
}

void Http2Session::open() {
  const auto& limits = options().http2;
  const std::array<nghttp2_settings_entry, 5> settings{{
      {.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, .value = limits.streams_max},
      {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = limits.stream_window},
      {.settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, .value = static_cast<std::uint32_t>(options().limits.head)},
      {.settings_id = NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, .value = 1},
      // RFC 9218 §2.1: the tree of RFC 7540 is not followed, so nobody need build one.
      {.settings_id = NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, .value = 1},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(limits.connection_window));
  output_ready();
}

bool Http2Session::feed(std::string_view bytes) {
  const auto used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (guard_.fault() != Http2Fault::none) {
    calm();
  } else if (used < 0) {
    loop_->shared->log.info("http2.refused", {{"why", nghttp2_strerror(static_cast<int>(used))}, {"client", arrival_.peer.ip}});
    nghttp2_session_terminate_session(session_, used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
    failed_ = true;
  }
  start_ready();
  if (nghttp2_session_want_write(session_) != 0) output_ready();
  return !failed_;
}

void Http2Session::calm() {
  if (std::exchange(failed_, true)) return;
  loop_->shared->log.warn("http2.calmed", {{"why", name_of(guard_.fault())}, {"client", arrival_.peer.ip}});
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

std::size_t Http2Session::pull(char* to, std::size_t size) {
  out_ = to;
  out_used_ = 0;
  out_size_ = size;
  while (!gone_ && size - out_used_ >= kPullMin) {
    const std::uint8_t* frame = nullptr;
    const auto before = out_used_;
    const auto bytes = nghttp2_session_mem_send(session_, &frame);
    if (bytes < 0) {
      failed_ = true;
      break;
    }
    if (bytes > 0) std::memcpy(out_ + out_used_, frame, static_cast<std::size_t>(bytes));
    out_used_ += static_cast<std::size_t>(bytes);
    if (out_used_ == before) break;
  }
  return out_used_;
}

bool Http2Session::over() const { return failed_ || (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0); }

bool Http2Session::overrun() const { return nghttp2_session_get_outbound_queue_size(session_) > kQueueMax; }

// Twice: the first GOAWAY asks for no more, the second says which were the last. Between them passes a round trip, so that
// what the client sent before it knew is still served (RFC 9113 §6.8).
void Http2Session::drain() {
  if (gone_ || std::exchange(draining_, true)) return;
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing.data());
  output_ready();
}

void Http2Session::drained() {
  if (!draining_ || gone_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Session::terminate() {
  if (gone_) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  output_ready();
}

void Http2Session::abandon() {
  gone_ = true;
  heading_ = nullptr;
  for (std::size_t i = streams_.size(); i-- > 0;) {
    auto& stream = *streams_[i];
    stream.closed();
    if (stream.handled_ || !stream.ready_) forget(stream);
  }
}

// ---- From the streams.

bool Http2Session::submit_head(Http2Stream& stream, int status, std::optional<std::uint64_t> length, bool has_body) {
  if (gone_ || status < 200 || status > 599) return false;
  auto& fields = begin_fields(stream.status_, status);
  bool dated = false;
  for (auto& [name, value] : stream.reply_.headers) {
    const auto id = header_of(name);
    if (id == Header::connection && equal_ignoring_case(value, "close")) drain();
    if (is_hop_field(id)) continue;
    if (!may_be_sent(name, value)) return false;
    dated = dated || id == Header::date;
    lower(name);
    fields.push_back(field_of(name, value, kNoCopy | indexing_of(id)));
  }
  return submit_fields(stream, length, dated, has_body);
}

// What it points to is borrowed, so nghttp2 copies it, and makes the names lower-case on the way.
bool Http2Session::submit_relayed_head(Http2Stream& stream, int status, const Borrowed& answer, std::optional<std::uint64_t> length, bool has_body) {
  if (gone_ || status < 200 || status > 599) return false;
  auto& fields = begin_fields(stream.status_, status);
  bool dated = false;
  for (const auto& field : answer.fields.all()) {
    if (is_hop_field(field.id) || !answer.keep(field, answer.by)) continue;
    dated = dated || field.id == Header::date;
    fields.push_back(field_of(field.name, field.value, indexing_of(field.id)));
  }
  return submit_fields(stream, length, dated, has_body);
}

// The fields that begin_fields() began, and with them those that every answer has.
bool Http2Session::submit_fields(Http2Stream& stream, std::optional<std::uint64_t> length, bool dated, bool has_body) {
  auto& fields = scratch();
  if (!dated) fields.push_back(field_of("date", loop_->date(), kNoCopyName));
  char digits[20];
  if (length) {
    const auto* const end = std::to_chars(digits, digits + sizeof digits, *length).ptr;
    fields.push_back(field_of("content-length", {digits, static_cast<std::size_t>(end - digits)}, kNoCopyName));
  }
  nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = Http2Callbacks::read_answer};
  if (nghttp2_submit_response(session_, stream.id_, fields.data(), fields.size(), has_body ? &body : nullptr) != 0) return false;
  if (stream.unsent() > 0) stream.writer_.arm(options().write_timeout);
  output_ready();
  return true;
}

bool Http2Session::submit_trailers(Http2Stream& stream) {
  auto& fields = scratch();
  fields.clear();
  for (auto& [name, value] : stream.last_fields_) {
    if (is_hop_field(header_of(name)) || !may_be_sent(name, value)) continue;
    lower(name);
    fields.push_back(field_of(name, value, kNoCopy));
  }
  return !fields.empty() && nghttp2_submit_trailer(session_, stream.id_, fields.data(), fields.size()) == 0;
}

void Http2Session::submit_continue(Http2Stream& stream) {
  if (gone_ || stream.closed_ || stream.started()) return;
  const auto status = field_of(":status", "100", kNoCopy);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, &status, 1, nullptr);
  output_ready();
}

void Http2Session::resume(Http2Stream& stream) {
  if (gone_ || stream.closed_) return;
  if (stream.unsent() > 0 && !stream.writer_.armed()) stream.writer_.arm(options().write_timeout);
  nghttp2_session_resume_data(session_, stream.id_);
  output_ready();
}

void Http2Session::consume(Http2Stream& stream, std::size_t bytes) {
  if (gone_ || stream.closed_) return;
  nghttp2_session_consume(session_, stream.id_, bytes);
  if (nghttp2_session_want_write(session_) != 0) output_ready();
}

void Http2Session::reset(Http2Stream& stream, Reset why) {
  if (gone_ || stream.closed_) return;
  const std::uint32_t code = why == Reset::no_error ? NGHTTP2_NO_ERROR : why == Reset::cancel ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
  output_ready();
}

// ---- From nghttp2.

bool Http2Session::frame_begins(std::uint8_t type, std::uint8_t flags) {
  const bool ack = (flags & NGHTTP2_FLAG_ACK) != 0;
  if (type != NGHTTP2_CONTINUATION) head_open_ = false;
  switch (type) {
    case NGHTTP2_DATA: return true;   // judged when it is whole
    case NGHTTP2_HEADERS:
      guard_.head_begins();
      guard_.earn(Http2Guard::kRequestCredit);
      return true;
    case NGHTTP2_CONTINUATION: return guard_.continuation();
    case NGHTTP2_RST_STREAM: return guard_.reset(steady_now);
    case NGHTTP2_SETTINGS: return ack || guard_.toll(Http2Guard::kSettingsToll, steady_now);
    case NGHTTP2_PING: return ack || guard_.toll(Http2Guard::kPingToll, steady_now);
    case NGHTTP2_PRIORITY: return guard_.toll(Http2Guard::kPriorityToll, steady_now);
    case NGHTTP2_WINDOW_UPDATE: return guard_.toll(Http2Guard::kWindowUpdateToll, steady_now);
    default: return guard_.toll(Http2Guard::kOtherToll, steady_now);
  }
}

void Http2Session::head_begins(std::int32_t id, bool request) {
  ++heads_;
  head_open_ = true;
  head_is_request_ = request;
  heading_ = nullptr;
  if (!request) {
    heading_ = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
    if (heading_ != nullptr) head_.begin(Http2Head::Part::trailers, heading_->work_->in);
    return;
  }
  // A stream that the client has left counts until its handler has ended: else who resets at once has no limit at all.
  if (streams_.size() >= options().http2.streams_max || head_bytes_ > kHeadBytesMax) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  auto stream = std::make_unique<Http2Stream>(*this, id);
  stream->place_ = streams_.size();
  heading_ = stream.get();
  streams_.push_back(std::move(stream));
  nghttp2_session_set_stream_user_data(session_, id, heading_);
  head_.begin(Http2Head::Part::request, heading_->work_->in);
}

void Http2Session::head_ends(bool stream_ends) {
  head_open_ = false;
  if (heading_ == nullptr) return;
  auto& stream = *std::exchange(heading_, nullptr);
  if (head_is_request_) return request_ends(stream, stream_ends);
  auto trailers = head_.make_trailers();
  if (!trailers) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  stream.trailers_ = *std::move(trailers);
  if (stream_ends) stream.body_ended();
}

void Http2Session::request_ends(Http2Stream& stream, bool stream_ends) {
  auto& work = *stream.work_;
  const auto made = head_.make(arrival_, stream_ends ? Http2Head::End::stream_ends : Http2Head::End::body_follows, options().limits, work);
  stream.remote_ended_ = stream_ends;
  stream.head_bytes_ = work.in.size();
  head_bytes_ += stream.head_bytes_;
  if (loop_->shared->stopping) drain();
  if (made) loop_->new_request_id(work.request.id);
  stream.continue_due_ = made && work.head.expects_continue;
  stream.ready_ = true;
  ready_.emplace_back(&stream, made ? std::nullopt : std::optional(made.error()));
}

bool Http2Session::data_came(Http2Stream* stream, bool empty, bool ends) {
  if (empty && !ends) return guard_.toll(Http2Guard::kEmptyDataToll, steady_now);
  if (!empty) guard_.earn(1);
  if (ends && stream != nullptr) stream->body_ended();
  return true;
}

void Http2Session::stream_closed(Http2Stream& stream) {
  if (heading_ == &stream) {   // a head that nghttp2 itself refuses
    heading_ = nullptr;
    head_open_ = false;
  }
  std::size_t unread = 0;
  for (const auto& chunk : stream.chunks_) unread += chunk.end - chunk.begin;
  if (unread > 0) nghttp2_session_consume_connection(session_, unread);
  stream.closed();
  if (stream.handled_ || !stream.ready_) forget(stream);
}

// An answer that is whole before its request: the client may stop sending (RFC 9113 §8.1).
void Http2Session::end_sent(Http2Stream& stream) {
  stream.sent_end_ = true;
  if (stream.handled_ && !stream.remote_ended_) reset(stream, Reset::no_error);
}

// ---- Handlers.

void Http2Session::start_ready() {
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    auto& [stream, refusal] = ready_[i];
    if (stream->closed_) {   // reset in the same breath
      forget(*stream);
      continue;
    }
    ++running_;
    if (refusal) spawn(loop_->executor, refuse(shared_from_this(), stream, *refusal));
    else spawn(loop_->executor, serve(shared_from_this(), stream));
  }
  ready_.clear();
}

asio::awaitable<void> Http2Session::serve(std::shared_ptr<Http2Session> self, Http2Stream* stream) {
  bool bug = false;
  try {
    co_await self->loop_->shared->handler.handle(*stream);
  } catch (const std::exception& thrown) {
    bug = true;
    self->loop_->shared->log.error("bug", {{"where", "stream"}, {"what", thrown.what()}});
  }
  if (!bug && !stream->started() && !stream->closed_) {
    stream->log().error("request.unanswered", {{"path", stream->request().path}});
    auto sorry = Reply::text(500, "Internal Server Error\n");
    (void)co_await stream->reply(std::move(sorry));
  }
  self->handled(*stream);
}

asio::awaitable<void> Http2Session::refuse(std::shared_ptr<Http2Session> self, Http2Stream* stream, Refusal refusal) {
  self->loop_->shared->log.info("request.refused", {{"status", refusal.status}, {"why", refusal.why}, {"client", self->arrival_.peer.ip}});
  auto answer = Reply::text(refusal.status, std::to_string(refusal.status).append(" ").append(reason_of(refusal.status)).append(": ").append(refusal.why) + "\n");
  (void)co_await stream->reply(std::move(answer));
  self->handled(*stream);
}

void Http2Session::handled(Http2Stream& stream) {
  stream.handled_ = true;
  --running_;
  if (!stream.closed_) {
    stream.drop_unread();
    // Half an answer must not be taken for a whole one.
    if (stream.answer_ != Http2Stream::Answer::done) reset(stream, Reset::internal);
    else if (stream.sent_end_ && !stream.remote_ended_) reset(stream, Reset::no_error);
  } else {
    forget(stream);
  }
  if (running_ == 0) went_quiet();
}

void Http2Session::forget(Http2Stream& stream) {
  head_bytes_ -= stream.head_bytes_;
  const auto place = stream.place_;
  if (place + 1 != streams_.size()) {
    std::swap(streams_[place], streams_.back());
    streams_[place]->place_ = place;
  }
  streams_.pop_back();
  if (streams_.empty()) went_quiet();
}

}  // namespace gatehouse::net
