#include "net/exchange.h"

namespace gatehouse::net {

Result<bool> Exchange::relay(const Borrowed&) { return failure(Fault::internal, "this exchange does not relay"); }

Task<void> Exchange::relayed() { co_return Result<void>(); }

Task<std::string> Exchange::read_all(std::size_t max) {
  std::string whole;
  const auto announced = request().content_length;
  if (announced && *announced > max) co_return failure(Fault::limited, "request body: it is too large");
  if (announced) whole.reserve(*announced);
  for (;;) {
    GH_CO_TRY(const auto piece, co_await read_some());
    if (piece.empty()) co_return whole;
    if (whole.size() + piece.size() > max) co_return failure(Fault::limited, "request body: it is too large");
    whole += piece;
  }
}

Task<void> Exchange::start_tunnel(Reply) { co_return failure(Fault::internal, "this exchange cannot become a tunnel"); }

}  // namespace gatehouse::net
