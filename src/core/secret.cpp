#include "core/secret.h"

#include <string.h>
#include <utility>

#include "core/bytes.h"

namespace gatehouse {

Secret::Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

// Copies, then wipes the source: a moved-from std::string may keep its characters (small strings live inside).
Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = other.text_;
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() noexcept {
  text_.resize(text_.capacity());
  ::explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

bool operator==(const Secret& a, const Secret& b) { return equal_constant_time(a.text_, b.text_); }

}  // namespace gatehouse
