// Writes the head of a message into a string. A head is fifty short pieces; asking a std::string for room at each of them costs
// more than copying it. Here the string is as long as its room while the pen is out, and as long as its text afterwards.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "net/message.h"

namespace gatehouse::net {

class HeadText {
 public:
  // Appends to `out`, which nobody else may touch meanwhile; no piece may lie in it.
  explicit HeadText(std::string& out) : out_(out), used_(out.size()) { make_room(kRoom); }
  ~HeadText() { out_.resize(used_); }
  HeadText(const HeadText&) = delete;
  HeadText& operator=(const HeadText&) = delete;

  HeadText& add(std::string_view text) {
    if (text.empty()) return *this;   // it may have no address
    if (text.size() > room_) [[unlikely]] make_room(text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    used_ += text.size();
    room_ -= text.size();
    return *this;
  }
  HeadText& line(std::string_view name, std::string_view value) { return add(name).add(": ").add(value).add("\r\n"); }
  // Of a head that was read: its line, when it was spelled as ours are.
  HeadText& line(const Field& field) {
    const auto* const after = field.name.data() + field.name.size();
    if (after + 2 != field.value.data() || after[0] != ':' || after[1] != ' ') return line(field.name, field.value);
    return add({field.name.data(), field.name.size() + 2 + field.value.size()}).add("\r\n");
  }
  HeadText& line(std::string_view name, std::uint64_t number) {
    char digits[20];
    const auto* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return line(name, std::string_view(digits, end));
  }

 private:
  static constexpr std::size_t kRoom = 512;
  void make_room(std::size_t wanted) {
    out_.resize(used_ + std::max(wanted, kRoom));
    at_ = out_.data() + used_;
    room_ = out_.size() - used_;
  }

  std::string& out_;
  std::size_t used_ = 0, room_ = 0;
  char* at_ = nullptr;
};

}  // namespace gatehouse::net
