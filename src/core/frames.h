// Where coroutine frames come from. A proxied request takes and gives back some fifteen of them. Asio keeps a short list per
// thread, searches it from its start for each, takes the first that is large enough, and lets go of one of them whenever none
// fits; frames over 1020 bytes it does not keep at all. Together that is a tenth of our instructions per request. Here is a
// free list for each size instead.
//
// Asio offers no seam for this, but where it asks for a frame it calls a function template with a tag: the specialisations below
// answer for that tag. They must be seen before the first coroutine of a file, wherever that comes from, and one file that missed
// them would free what it never had: therefore the compiler is told to include this file first (CMakeLists.txt). The same in
// Boost 1.81 and 1.83.
#pragma once

#include <boost/asio/detail/thread_info_base.hpp>
#include <cstddef>

namespace gatehouse::frames {

// Of this thread's lists; any thread may give back what another one took.
void* take(std::size_t size);
void give(void* frame, std::size_t size) noexcept;

}  // namespace gatehouse::frames

template <>
inline void* boost::asio::detail::thread_info_base::allocate(awaitable_frame_tag, thread_info_base*, std::size_t size, std::size_t) {
  return gatehouse::frames::take(size);
}

template <>
inline void boost::asio::detail::thread_info_base::deallocate(awaitable_frame_tag, thread_info_base*, void* frame, std::size_t size) {
  gatehouse::frames::give(frame, size);
}
