// From a parsed head to the one canonical Request (docs/decisions/005-canonical-request.md). Internal to net.
#pragma once

#include <expected>

#include "net/http1.h"
#include "net/message.h"
#include "net/network.h"

namespace gatehouse::net {

// See Request.
struct ClientCertificate {
  std::string thumbprint, der;   // empty: none
  bool trusted = false;
};

// What the connection knows and the head does not.
struct Arrival {
  bool tls = false;
  Address peer;
  ClientCertificate client_certificate = {};
  const Networks* trusted = nullptr;  // whose X-Forwarded-* are believed; nobody by default
};

// Fills everything of `request` but its id. `scratch` spares allocations.
std::expected<void, Refusal> make_request(const Head& head, const Arrival& arrival, Target& scratch, Request& request);

}  // namespace gatehouse::net
