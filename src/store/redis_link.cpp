#include "store/redis_link.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "store/redis_scripts.h"

namespace gatehouse::store {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

std::string_view text_of(const redisReply& reply) { return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len); }

Result<RedisValue> value_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_NIL: return RedisValue();
    case REDIS_REPLY_INTEGER: return RedisValue(std::int64_t{reply.integer});
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING:
      if (reply.len > kRedisReplyMax) return failure(Fault::upstream, "redis: an answer is too large");
      return RedisValue(std::string(text_of(reply)));
    case REDIS_REPLY_ERROR: return failure(Fault::upstream, fmt::format("redis: {}", text_of(reply).substr(0, 200)));
    case REDIS_REPLY_ARRAY: break;
    default: return failure(Fault::upstream, "redis: an answer of a kind that nobody asked for");
  }
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < std::min<std::size_t>(reply.elements, 16); ++i) {
    if (reply.element[i]->type != REDIS_REPLY_INTEGER) return failure(Fault::upstream, "redis: an answer of a kind that nobody asked for");
    numbers.push_back(reply.element[i]->integer);
  }
  return RedisValue(std::move(numbers));
}

}  // namespace

void RedisLink::Free::operator()(redisContext* context) const { redisFree(context); }

RedisLink::RedisLink(const RedisOptions& options, Log log)
    : options_(options), log_(std::move(log)), pause_(options.pause_min), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::jthread([this] { work(); });
}

RedisLink::~RedisLink() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(wake_);
}

bool RedisLink::push(RedisJob& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || (tried_ && !up_)) {
      job.result = failure(Fault::upstream, "redis: not connected");
      return false;
    }
    if (waiting_.size() >= kRedisQueueMax) {
      job.result = failure(Fault::limited, "redis: too many questions wait");
      return false;
    }
    waiting_.push_back(&job);
    if (waiting_.size() > 1) return true;   // somebody woke it already
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  return true;
}

// The coroutine goes on where it was; afterwards the job may be gone.
void RedisLink::finish(RedisJob& job) {
  auto resume = std::move(job.resume);
  resume();
}

void RedisLink::append(const std::vector<std::string>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const auto& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
  unsent_ = true;
}

int RedisLink::wait_for(Time until, bool write) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd on[2] = {{.fd = wake_, .events = POLLIN, .revents = 0},
                  {.fd = context_ ? context_->fd : -1, .events = static_cast<short>(write ? POLLIN | POLLOUT : POLLIN), .revents = 0}};
  if (::poll(on, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))) < 0) return 0;
  if (on[0].revents != 0) {
    std::uint64_t count = 0;
    (void)!::read(wake_, &count, sizeof count);
  }
  return ((on[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 ? 1 : 0) | ((on[1].revents & POLLOUT) != 0 ? 2 : 0);
}

// Bytes out as far as they go; false when the connection is gone.
bool RedisLink::flush() {
  int done = 0;
  if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return false;
  unsent_ = done == 0;
  return true;
}

bool RedisLink::connect() {
  context_.reset(options_.host.starts_with('/') ? redisConnectUnixNonBlock(options_.host.c_str()) : redisConnectNonBlock(options_.host.c_str(), options_.port));
  if (!context_) return false;
  if (context_->err != 0) return false;
  const auto until = Clock::now() + options_.timeout;
  int error = 0;
  socklen_t size = sizeof error;
  while ((wait_for(until, true) & 2) == 0)
    if (stopping_ || Clock::now() >= until) return false;
  if (::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return false;
  const int on = 1;
  ::setsockopt(context_->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return greet();
}

// Who we are and which database; then the scripts, whose names Redis tells. A script that it does not take (an access list may
// forbid SCRIPT) is sent in full each time.
bool RedisLink::greet() {
  std::vector<std::vector<std::string>> words;
  if (!options_.password.empty()) {
    words.push_back({"AUTH"});
    if (!options_.user.empty()) words.back().push_back(options_.user);
    words.back().emplace_back(options_.password.reveal());
  }
  words.push_back({"SELECT", std::to_string(options_.database)});
  const auto scripts_from = words.size();
  for (const auto* script : {kTakeFromBucket, kTakeFromWindow}) words.push_back({"SCRIPT", "LOAD", script});
  for (const auto& command : words) append(command);
  names_.clear();
  const auto until = Clock::now() + options_.timeout;
  for (std::size_t at = 0; at < words.size();) {
    if (unsent_ && !flush()) return false;
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return false;
    if (const ReplyPtr reply(static_cast<redisReply*>(raw)); reply) {
      if (at < scripts_from && reply->type == REDIS_REPLY_ERROR) {
        log_.error("redis.refused", {{"why", text_of(*reply)}});
        return false;
      }
      if (at >= scripts_from && reply->type == REDIS_REPLY_STRING) names_[words[at][2]] = text_of(*reply);
      ++at;
      continue;
    }
    if (stopping_ || Clock::now() >= until) return false;
    if ((wait_for(until, unsent_) & 1) != 0 && redisBufferRead(context_.get()) != REDIS_OK) return false;
  }
  return true;
}

void RedisLink::lose(const std::string& why) {
  std::deque<RedisJob*> lost;
  {
    const std::lock_guard lock(mutex_);
    if (up_.exchange(false) || !tried_) log_.warn("redis.lost", {{"host", options_.host}, {"why", why}});
    tried_ = true;
    lost.swap(waiting_);
  }
  lost.insert(lost.begin(), sent_.begin(), sent_.end());
  sent_.clear();
  context_.reset();
  unsent_ = false;
  for (auto* job : lost) {
    job->result = failure(Fault::upstream, "redis: " + why);
    finish(*job);
  }
}

void RedisLink::pause() {
  const auto until = Clock::now() + pause_;
  pause_ = std::min(pause_ * 2, options_.pause_max);
  while (!stopping_ && Clock::now() < until) wait_for(until, false);
}

void RedisLink::send_waiting() {
  std::deque<RedisJob*> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(waiting_);
  }
  for (auto* job : jobs) {
    if (job->script != nullptr) {
      const auto name = names_.find(std::string_view(job->script));
      job->sent_in_full = name == names_.end();
      job->words[0] = job->sent_in_full ? "EVAL" : "EVALSHA";
      job->words[1] = job->sent_in_full ? std::string(job->script) : name->second;
    }
    append(job->words);
    sent_.push_back(job);
  }
}

bool RedisLink::answer(redisReply& reply) {
  if (sent_.empty()) return false;   // an answer to nothing: whose would the next one be?
  auto* job = sent_.front();
  sent_.pop_front();
  // A script that this server has not seen, or has forgotten: in full, once.
  if (job->script != nullptr && !job->sent_in_full && reply.type == REDIS_REPLY_ERROR && text_of(reply).starts_with("NOSCRIPT")) {
    job->sent_in_full = true;
    job->words[0] = "EVAL";
    job->words[1] = job->script;
    append(job->words);
    sent_.push_back(job);
    return true;
  }
  job->result = value_of(reply);
  finish(*job);
  return true;
}

bool RedisLink::receive() {
  if (redisBufferRead(context_.get()) != REDIS_OK) return false;
  for (;;) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return false;
    const ReplyPtr reply(static_cast<redisReply*>(raw));
    if (!reply) return true;
    if (!answer(*reply)) return false;
  }
}

RedisLink::Time RedisLink::next_deadline() const {
  return sent_.empty() ? Clock::now() + std::chrono::seconds(60) : sent_.front()->until;
}

void RedisLink::work() {
  ::pthread_setname_np(::pthread_self(), "redis");
  while (!stopping_) {
    if (!connect()) {
      lose(context_ && context_->err != 0 ? context_->errstr : "cannot connect");
      pause();
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      tried_ = up_ = true;
    }
    pause_ = options_.pause_min;
    log_.info("redis.connected", {{"host", options_.host}});
    while (!stopping_) {
      send_waiting();
      if (unsent_ && !flush()) break;
      if ((wait_for(next_deadline(), unsent_) & 1) != 0 && !receive()) break;
      // The first one waits longest. Answers behind a missing one cannot be told apart from it: the connection is done for.
      if (!sent_.empty() && Clock::now() >= sent_.front()->until) break;
    }
    lose(stopping_ ? "stopping" : context_->err != 0 ? context_->errstr : "no answer in time");
  }
  lose("stopping");
}

}  // namespace gatehouse::store
