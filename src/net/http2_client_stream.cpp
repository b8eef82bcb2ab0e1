#include "net/http2_client_stream.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gatehouse::net {

boost::asio::awaitable<void> Wake::wait(SteadyTime until) {
  timer_.expires_at(until);
  co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

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
