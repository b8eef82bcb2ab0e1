#include "net/http2_client_stream.h"

namespace gatehouse::net {

bool Http2Fields::add(std::string_view name, std::string_view value) {
  if (places_.size() >= kCountMax || text_.size() + name.size() + value.size() > kBytesMax) return false;
  places_.push_back({.at = text_.size(), .name = name.size(), .value = value.size()});
  text_.append(name).append(value);
  return true;
}

void Http2Fields::clear() {
  text_.clear();
  places_.clear();
}

}  // namespace gatehouse::net
