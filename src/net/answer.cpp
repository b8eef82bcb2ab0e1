// Answering half of a connection: heads, pieces, ends.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/text.h"
#include "net/chars.h"
#include "net/connection.h"
#include "net/head_text.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

// Fields that belong to the connection are this file's business; a handler's are left out.
bool is_hop_field(Header id) {
  return id == Header::connection || id == Header::keep_alive || id == Header::transfer_encoding || id == Header::content_length ||
         id == Header::trailer || id == Header::upgrade;
}

bool may_be_sent(std::string_view name, std::string_view value) {
  return !name.empty() && chars::all(name, chars::token) && !chars::has_control(value);
}

std::string_view status_line(int status) {
  switch (status) {
    case 200: return "HTTP/1.1 200 OK\r\n";
    case 204: return "HTTP/1.1 204 No Content\r\n";
    case 302: return "HTTP/1.1 302 Found\r\n";
    case 304: return "HTTP/1.1 304 Not Modified\r\n";
    case 401: return "HTTP/1.1 401 Unauthorized\r\n";
    default: return {};
  }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void write_status_line(HeadText& text, int status) {
  if (const auto line = status_line(status); !line.empty()) text.add(line);
  else text.add(fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status)));
}

}  // namespace

bool Connection::bodiless(int status) const { return head_only_ || status == 204 || status == 304; }

// Status line and the handler's fields into work_->out. Nothing is written when one of them must not be sent.
Result<void> Connection::write_head_of(const Reply& reply, bool tunnel) {
  auto& out = work_->out;
  if (reply.status < 200 && !tunnel) return failure(Fault::internal, fmt::format("an answer cannot have status {}", reply.status));
  if (reply.status > 999) return failure(Fault::internal, "an answer has no such status");
  out.clear();
  HeadText text(out);
  write_status_line(text, reply.status);
  bool dated = false;
  for (const auto& [name, value] : reply.headers) {
    const auto id = header_of(name);
    if (is_hop_field(id)) {
      if (id == Header::connection && equal_ignoring_case(value, "close")) keep_alive_ = false;
      continue;
    }
    if (!may_be_sent(name, value)) return failure(Fault::internal, "a header of the answer has characters that must not be sent");
    dated = dated || id == Header::date;
    text.line(name, value);
  }
  if (!dated) text.line("Date", loop_.date());
  return {};
}

void Connection::end_head(HeadText& text, std::optional<std::uint64_t> length, bool chunked) {
  // A client that waits for 100-continue may send the body now or not: nobody can tell what comes next.
  if (loop_.shared->stopping || std::exchange(continue_due_, false)) keep_alive_ = false;
  if (length) text.line("Content-Length", *length);
  if (chunked) text.add("Transfer-Encoding: chunked\r\n");
  if (!keep_alive_) text.add("Connection: close\r\n");
  else if (work_->request.minor_version == 0) text.add("Connection: keep-alive\r\n");
  text.add("\r\n");
}

void Connection::end_head(std::optional<std::uint64_t> length, bool chunked) {
  HeadText text(work_->out);
  end_head(text, length, chunked);
}

Result<void> Connection::flushed(bool fine) {
  if (!fine) return failure(Fault::upstream, "the client went away");
  return {};
}

Result<void> Connection::may_answer() const {
  if (answer_ != Answer::none) return failure(Fault::internal, "a request was answered twice");
  if (broken_) return failure(Fault::upstream, "the client went away");
  return {};
}

Task<void> Connection::reply(Reply reply) {
  GH_CO_DO(may_answer());
  if (body_status_ != 0 && reply.status >= 400) reply.status = body_status_;  // what went wrong with the body is known best here
  GH_CO_DO(write_head_of(reply, false));
  const bool no_body = bodiless(reply.status);
  std::optional<std::uint64_t> length = reply.body.size();
  if (reply.status == 204 || reply.status == 304) length = std::nullopt;
  // (An answer that only starts says nothing: its handler may be reading still.)
  if (keep_alive_ && !body_ends_soon()) keep_alive_ = false;
  end_head(length, false);
  answer_ = Answer::done;
  const std::array<std::string_view, 3> parts{work_->out, no_body ? std::string_view() : std::string_view(reply.body), ""};
  Pending pending(parts);
  const bool fine = push(pending) == Io::ok || co_await write(pending);
  co_return flushed(fine);
}

Task<void> Connection::start(Reply head, std::optional<std::uint64_t> length) {
  GH_CO_DO(may_answer());
  if (body_status_ != 0 && head.status >= 400) head.status = body_status_;
  GH_CO_DO(write_head_of(head, false));
  const bool no_body = bodiless(head.status);
  const bool chunked = !length && work_->request.minor_version == 1 && head.status != 204 && head.status != 304;
  answer_ = length || no_body ? Answer::length : chunked ? Answer::chunked : Answer::until_close;
  answer_left_ = no_body ? 0 : length.value_or(0);
  if (answer_ == Answer::until_close) keep_alive_ = false;
  if (head.status == 204) length = std::nullopt;
  end_head(length, chunked);
  head_only_ = no_body;
  // A body of known length follows at once and shares a write with its head; others may take their time.
  held_ = answer_ == Answer::length;
  if (held_) co_return Result<void>();
  const std::array<std::string_view, 3> parts{work_->out, "", ""};
  Pending pending(parts);
  const bool fine = push(pending) == Io::ok || co_await write(pending);
  co_return flushed(fine);
}

Task<void> Connection::start_tunnel(Reply head) {
  GH_CO_DO(may_answer());
  if (work_->request.upgrade == Upgrade::none) co_return failure(Fault::internal, "nobody asked for a tunnel");
  head.status = 101;
  GH_CO_DO(write_head_of(head, true));
  work_->out.append("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  keep_alive_ = false;
  answer_ = Answer::tunnel;
  const std::array<std::string_view, 3> parts{work_->out, "", ""};
  Pending pending(parts);
  const bool fine = push(pending) == Io::ok || co_await write(pending);
  co_return flushed(fine);
}

Task<void> Connection::send(std::string_view piece) {
  if (answer_ == Answer::none || answer_ == Answer::tunnel_half || answer_ == Answer::done) co_return failure(Fault::internal, "a piece of an answer that is not open");
  if (broken_) co_return failure(Fault::upstream, "the client went away");
  if (head_only_ || piece.empty()) co_return Result<void>();
  auto& out = work_->out;
  if (!std::exchange(held_, false)) out.clear();
  std::string_view after;
  if (answer_ == Answer::length) {
    if (piece.size() > answer_left_) {
      broken_ = true;
      stream_.close();
      co_return failure(Fault::internal, "an answer is longer than it said");
    }
    answer_left_ -= piece.size();
  } else if (answer_ == Answer::chunked) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", piece.size());
    after = "\r\n";
  }
  const std::array<std::string_view, 3> parts{out, piece, after};
  Pending pending(parts);
  const bool fine = push(pending) == Io::ok || co_await write(pending);
  co_return flushed(fine);
}

Task<void> Connection::finish(std::vector<std::pair<std::string, std::string>> trailers) {
  if (answer_ == Answer::none || answer_ == Answer::tunnel_half || answer_ == Answer::done) co_return failure(Fault::internal, "the end of an answer that is not open");
  if (broken_) co_return failure(Fault::upstream, "the client went away");
  if (answer_ == Answer::tunnel) {   // the other direction may go on
    answer_ = Answer::tunnel_half;
    stream_.end();
    co_return Result<void>();
  }
  auto& out = work_->out;
  if (!std::exchange(held_, false)) out.clear();
  if (answer_ == Answer::length && answer_left_ > 0) {
    broken_ = true;
    stream_.close();
    co_return failure(Fault::internal, "an answer is shorter than it said");
  }
  if (answer_ == Answer::chunked && !head_only_) {
    out.append("0\r\n");
    for (const auto& [name, value] : trailers)
      if (may_be_sent(name, value) && !is_hop_field(header_of(name))) append_field(out, name, value);
    out.append("\r\n");
  }
  answer_ = Answer::done;
  if (out.empty()) co_return Result<void>();
  const std::array<std::string_view, 3> parts{out, "", ""};
  Pending pending(parts);
  const bool fine = push(pending) == Io::ok || co_await write(pending);
  co_return flushed(fine);
}

void Connection::write_relayed_head(int status, const Borrowed& answer, std::optional<std::uint64_t> length) {
  work_->out.clear();
  HeadText text(work_->out);
  write_status_line(text, status);
  bool dated = false;
  for (const auto& field : answer.fields.all()) {
    if (is_hop_field(field.id) || !answer.keep(field, answer.by)) continue;
    dated = dated || field.id == Header::date;
    text.line(field);
  }
  if (!dated) text.line("Date", loop_.date());
  end_head(text, length, false);
}

Result<bool> Connection::relay(const Borrowed& answer) {
  GH_DO(may_answer());
  const auto status = body_status_ != 0 && answer.status >= 400 ? body_status_ : answer.status;
  if (status < 200 || status > 999) return failure(Fault::internal, "an answer has no such status");
  std::optional<std::uint64_t> length = answer.body.size();
  if (status == 204 || status == 304) length = std::nullopt;
  if (keep_alive_ && !body_ends_soon()) keep_alive_ = false;
  auto& out = work_->out;
  write_relayed_head(status, answer, length);
  answer_ = Answer::done;
  Pending pending({out, bodiless(status) ? std::string_view() : answer.body, ""});
  const auto io = push(pending);
  if (io == Io::ok) return true;
  GH_DO(flushed(io != Io::closed));
  std::string rest;   // the fields and the body are borrowed for as long as this call
  for (; pending.first < pending.count; ++pending.first)
    rest.append(static_cast<const char*>(pending.left[pending.first].iov_base), pending.left[pending.first].iov_len);
  out = std::move(rest);
  return false;
}

Task<void> Connection::relayed() {
  const std::array<std::string_view, 3> parts{work_->out, "", ""};
  const Pending pending(parts);
  const bool fine = co_await write(pending);
  co_return flushed(fine);
}

Connection::Pending::Pending(std::array<std::string_view, 3> parts) {
  for (const auto part : parts)
    if (!part.empty()) left[count++] = {.iov_base = const_cast<char*>(part.data()), .iov_len = part.size()};
}

Io Connection::push(Pending& pending) {
  while (pending.first < pending.count) {
    if (broken_) return Io::closed;
    const auto wrote = stream_.write_now(std::span(pending.left).subspan(pending.first, pending.count - pending.first));
    if (wrote.io == Io::closed) broken_ = true;
    if (wrote.io != Io::ok) return wrote.io;
    for (auto done = wrote.bytes; done > 0;) {
      auto& part = pending.left[pending.first];
      const auto take = std::min(done, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + take;
      part.iov_len -= take;
      done -= take;
      if (part.iov_len == 0) ++pending.first;
    }
  }
  if (tunnels()) loop_.deadlines->arm(slot_, options_.tunnel_timeout);   // a byte in one direction shows that the other is alive
  return Io::ok;
}

// Writes all, or marks the connection as broken. The write timeout runs anew after every progress.
asio::awaitable<bool> Connection::write(Pending pending) {
  for (;;) {
    const auto io = push(pending);
    if (io == Io::ok || io == Io::closed) co_return io == Io::ok;
    timed_out_ = false;
    loop_.deadlines->arm(slot_, options_.write_timeout);
    writing_ = true;
    const bool fine = co_await stream_.wait(io) && !timed_out_;
    writing_ = false;
    loop_.deadlines->disarm(slot_);
    if (!fine) {
      broken_ = true;
      co_return false;
    }
  }
}

}  // namespace gatehouse::net
