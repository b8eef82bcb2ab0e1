// Our own answers in the words of gRPC: a client of gRPC reads a status in the trailers and makes little of an HTML page.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Knows nothing of who refuses, and why.
#pragma once

#include "gateway/stage.h"

namespace gatehouse::gateway {

bool is_grpc(const net::Request& request);   // application/grpc, application/grpc+proto …; not gRPC-Web
int grpc_status_of(int http_status);         // never OK
// The same refusal as a "Trailers-Only" answer; its headers but those of the body stay.
net::Reply as_grpc(net::Reply reply, std::string_view message);

// Around a whole call, outermost: what a phase, a stage or the way to the application answers by itself (such answers are whole)
// becomes a status of gRPC. What the application answers is left as it is, even if that is no gRPC.
class GrpcCall final : public ExchangeLayer {
 public:
  explicit GrpcCall(net::Exchange& below) : ExchangeLayer(below) {}
  void application_says(int status) { said_ = status; }
  Task<void> reply(net::Reply reply) override;

 private:
  std::optional<int> said_;
};

}  // namespace gatehouse::gateway
