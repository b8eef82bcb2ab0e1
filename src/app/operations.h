// What operators and their machines ask of a running program: is it alive, is it ready, which configuration does it have,
// take over the new one. Knows nothing of users; who may ask is the edge's business.
#pragma once

#include <memory>
#include <span>

#include "net/endpoint.h"

namespace gatehouse::app {

class House;

class Operations {
 public:
  explicit Operations(House& house) : house_(house) {}
  House& house() { return house_; }

 private:
  House& house_;
};

// GET /healthz: the program serves. GET /readyz: 503 while it leaves or its database is away. Open: they tell nothing else.
std::span<const net::Endpoint<Operations>> health_rows();
// GET /gatehouse/v1/configuration, POST /gatehouse/v1/configuration/reload, POST /gatehouse/v1/cache/purge.
std::span<const net::Endpoint<Operations>> configuration_rows();

// health_rows() and GET /metrics (Prometheus), for a listener that only machines reach.
std::unique_ptr<net::Handler> operations_handler(Operations& operations);

}  // namespace gatehouse::app
