// One connection to Redis and the thread that owns it: what waits goes out in one pipeline, answers come back in order.
// Internal to store.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "store/redis.h"

struct redisContext;
struct redisReply;

namespace gatehouse::store {

// What Redis said, as far as anybody here asks for it.
using RedisValue = std::variant<std::monostate, std::int64_t, std::string, std::vector<std::int64_t>>;

// Lives in the frame of the coroutine that waits for it.
struct RedisJob {
  std::vector<std::string> words;
  const char* script = nullptr;      // the first two words are then the link's: EVALSHA and its name, or EVAL and its text
  bool sent_in_full = false;
  std::chrono::steady_clock::time_point until = {};
  Result<RedisValue> result = RedisValue();
  std::move_only_function<void()> resume = {};
};

class RedisLink {
 public:
  RedisLink(const RedisOptions& options, Log log);
  ~RedisLink();   // fails what waits
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  // Any thread. False, and job.result says why, when it was not taken.
  bool push(RedisJob& job);
  bool is_up() const { return up_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Free {
    void operator()(redisContext* context) const;
  };

  void work();
  bool connect();                    // and shake hands
  void lose(const std::string& why); // fails what was sent, begins the pause
  void send_waiting();
  bool flush();
  bool receive();
  bool answer(redisReply& reply);
  void finish(RedisJob& job);
  int wait_for(Time until, bool write);   // poll(2): readable 1, writable 2
  void pause();
  bool greet();
  void append(const std::vector<std::string>& words);
  Time next_deadline() const;

  const RedisOptions options_;
  const Log log_;
  std::unique_ptr<redisContext, Free> context_;
  std::deque<RedisJob*> sent_;       // in the order of their answers
  std::map<std::string, std::string, std::less<>> names_;   // text of a script -> what this server calls it
  Millis pause_;
  bool unsent_ = false;              // bytes are in the context's buffer
  int wake_ = -1;                    // eventfd
  std::atomic<bool> up_ = false, stopping_ = false;
  std::mutex mutex_;
  std::deque<RedisJob*> waiting_;
  bool tried_ = false;               // before the first try nobody knows that it is down: questions wait for it
  std::jthread thread_;
};

}  // namespace gatehouse::store
