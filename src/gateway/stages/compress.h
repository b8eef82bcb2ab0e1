// Answers leave in a coding that the client prefers (RFC 9110 §12.5.3). Never buffers: what is streamed is flushed piece by
// piece. Off unless a route asks for it, because the size of a coded answer tells something of what is in it: a page that
// holds a secret beside what a stranger may choose gives the secret away (BREACH, CRIME). Answers to requests that another
// site made a browser send with its cookies are therefore never coded.
#pragma once

#include "gateway/stage.h"
#include "gateway/stages/coder.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kCompressTypesMax = 128;

struct Compression {
  std::vector<Coding> codings{Coding::br, Coding::zstd, Coding::gzip};   // the first one wins among equals
  std::vector<std::string> types;           // "text/html", "text/*"; empty: what is known to shrink
  std::uint64_t least = 1024;               // bytes; an answer whose length is not known is taken for large
};
Result<std::shared_ptr<Stage>> make_compression_stage(Compression compression);

// What the client would have; nullopt: the answer as it is. `codings` by our preference.
std::optional<Coding> negotiated(const net::Fields& fields, const std::vector<Coding>& codings);

}  // namespace gatehouse::gateway
