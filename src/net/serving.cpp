#include "net/serving.h"

namespace gatehouse::net {
namespace {

constexpr std::size_t kFreeMax = 128;            // blocks and workspaces kept per loop
constexpr std::size_t kBlockMin = 33 * 1024;   // two frames of HTTP/2 of usual size
constexpr std::size_t kOutKeptMax = 16 * 1024;   // a larger answer head gives its memory back
constexpr std::size_t kInKeptMax = 4 * 1024;
constexpr std::size_t kRequestIdLength = 20;     // 100 bits

}  // namespace

LoopState::LoopState(std::shared_ptr<ServerShared> of, const Executor& on)
    : shared(std::move(of)),
      executor(on),
      deadlines(std::make_shared<Deadlines>(on)),
      block_size_(std::max(kBlockMin, shared->options.limits.head + 1)) {}

std::unique_ptr<Workspace> LoopState::take_workspace() {
  if (workspaces_.empty()) return std::make_unique<Workspace>();
  auto workspace = std::move(workspaces_.back());
  workspaces_.pop_back();
  return workspace;
}

void LoopState::give_back(std::unique_ptr<Workspace> workspace) {
  if (workspaces_.size() >= kFreeMax) return;
  if (workspace->out.capacity() > kOutKeptMax) workspace->out = std::string();
  if (workspace->in.capacity() > kInKeptMax) workspace->in = std::string();
  workspaces_.push_back(std::move(workspace));
}

Block LoopState::take_block() {
  if (blocks_.empty()) return {.data = std::make_unique_for_overwrite<char[]>(block_size_), .size = block_size_};
  auto block = std::move(blocks_.back());
  blocks_.pop_back();
  return block;
}

void LoopState::give_back(Block block) {
  if (block.data && blocks_.size() < kFreeMax) blocks_.push_back(std::move(block));
}

std::string_view LoopState::date() {
  const auto now = shared->clock.now();
  if (const auto second = to_seconds(now); second != date_second_) {
    date_second_ = second;
    date_ = to_http_date(now);
  }
  return date_;
}

void LoopState::new_request_id(std::string& id) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  if (chance_used_ + kRequestIdLength > chance_.size()) {
    shared->random.fill(chance_);
    chance_used_ = 0;
  }
  id.resize(kRequestIdLength);
  for (auto& c : id) c = kAlphabet[static_cast<std::size_t>(chance_[chance_used_++]) & 31];
}

}  // namespace gatehouse::net
