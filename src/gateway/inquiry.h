// Somebody else than a client asks whether a request may pass: `gatehouse explain`, which wants to hear of every phase, and
// forward-auth, whose caller sends the request on itself. They walk through the very phases that live traffic walks through.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/stage.h"
#include "policy/rules.h"

namespace gatehouse::gateway {

class Inquiry {
 public:
  virtual ~Inquiry() = default;
  // Instead of the upstream: the request may pass. Answers on `exchange`.
  virtual boost::asio::awaitable<void> arrive(net::Exchange& exchange, const Journey& journey) = 0;
  // Is this stage left out? Those that do not guard anything have no part in a verdict.
  virtual bool passes_by(const Stage& stage) const = 0;

  // What was found on the way. Borrowed for the time of the call.
  virtual void chose(const Route&) {}
  virtual void passed(std::string_view /*phase*/, std::string_view /*what*/) {}
  virtual void refused(std::string_view /*phase*/, int /*status*/, std::string_view /*why*/) {}
  enum class Which { enforced, shadow };
  virtual void judged(Which, const policy::Trace&, const policy::Decision&) {}
  // The claims of whoever is to be imagined as the caller; nullptr: the request itself says who calls.
  virtual std::shared_ptr<const json::object> imagined() const { return nullptr; }
};

}  // namespace gatehouse::gateway
