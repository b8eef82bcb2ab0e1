// Handlers of the authorization endpoint.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

inline constexpr std::size_t kPostedMax = 12 * 1024;   // bytes of a posted request; it becomes a query

// The parameters as they came; what stands twice is found later, so that it can be answered by a page and a line in the log.
struct RawForm {
  net::Form form;
  static Result<RawForm> read(net::Form form) { return RawForm{std::move(form)}; }
};

Task<net::Reply> authorize(Provider& provider, const net::Call& call, RawForm ask);
Task<net::Reply> authorize_posted(Provider& provider, const net::Call& call, RawForm ask);
Task<net::Reply> authorize_continued(Provider& provider, const net::Call& call);

}  // namespace gatehouse::idp
