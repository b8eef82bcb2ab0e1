// Our own answers in the words of gRPC: a client of gRPC reads a status in the trailers and makes little of an HTML page.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Pure.
#pragma once

#include "net/message.h"

namespace gatehouse::gateway {

bool is_grpc(const net::Request& request);   // application/grpc, application/grpc+proto …; not gRPC-Web
// The same refusal as a "Trailers-Only" answer; its headers but those of the body stay.
net::Reply as_grpc(net::Reply reply, std::string_view message);

}  // namespace gatehouse::gateway
