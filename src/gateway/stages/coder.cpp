#include "gateway/stages/coder.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <utility>

namespace gatehouse::gateway {
namespace {

// What pays at the speed of a proxy; and windows small enough that a thousand answers at once do not need a gigabyte.
constexpr int kGzipLevel = 5, kGzipWindow = 15, kGzipMemory = 8;
constexpr unsigned kBrotliQuality = 4, kBrotliWindow = 18;
constexpr int kZstdLevel = 3, kZstdWindow = 18;   // RFC 9659: a decoder need not take more than 23
constexpr std::size_t kPiece = 16 * 1024;

class Gzip final : public Coder {
 public:
  Gzip() { ready_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kGzipWindow + 16, kGzipMemory, Z_DEFAULT_STRATEGY) == Z_OK; }
  ~Gzip() override {
    if (ready_) deflateEnd(&stream_);
  }
  bool ready() const { return ready_; }
  bool code(std::string_view in, Push push, std::string& out) override {
    // avail_in has 32 bits; pieces are far smaller, whole answers might not be.
    while (in.size() > kHuge) {
      if (!run(in.substr(0, kHuge), Z_NO_FLUSH, out)) return false;
      in.remove_prefix(kHuge);
    }
    return run(in, push == Push::end ? Z_FINISH : push == Push::flush ? Z_SYNC_FLUSH : Z_NO_FLUSH, out);
  }

 private:
  static constexpr std::size_t kHuge = std::size_t{1} << 30;
  bool run(std::string_view in, int flush, std::string& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    do {
      char piece[kPiece];
      stream_.next_out = reinterpret_cast<Bytef*>(piece);
      stream_.avail_out = sizeof piece;
      const auto done = deflate(&stream_, flush);
      if (done == Z_STREAM_ERROR) return false;
      out.append(piece, sizeof piece - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return stream_.avail_in == 0;
  }
  z_stream stream_{};
  bool ready_ = false;
};

class Brotli final : public Coder {
 public:
  Brotli() : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (state_ == nullptr) return;
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, kBrotliQuality);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kBrotliWindow);
  }
  ~Brotli() override {
    if (state_ != nullptr) BrotliEncoderDestroyInstance(state_);
  }
  bool ready() const { return state_ != nullptr; }
  bool code(std::string_view in, Push push, std::string& out) override {
    const auto operation = push == Push::end     ? BROTLI_OPERATION_FINISH
                           : push == Push::flush ? BROTLI_OPERATION_FLUSH
                                                 : BROTLI_OPERATION_PROCESS;
    auto left = in.size();
    auto next = reinterpret_cast<const std::uint8_t*>(in.data());
    do {
      std::size_t none = 0;
      if (BrotliEncoderCompressStream(state_, operation, &left, &next, &none, nullptr, nullptr) == BROTLI_FALSE) return false;
      while (BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE) {
        std::size_t size = 0;
        const auto* made = BrotliEncoderTakeOutput(state_, &size);
        out.append(reinterpret_cast<const char*>(made), size);
      }
    } while (left > 0 || (push == Push::end && BrotliEncoderIsFinished(state_) == BROTLI_FALSE));
    return true;
  }

 private:
  BrotliEncoderState* state_;
};

class Zstd final : public Coder {
 public:
  Zstd() : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) return;
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kZstdWindow);
  }
  ~Zstd() override { ZSTD_freeCCtx(context_); }
  bool ready() const { return context_ != nullptr; }
  bool code(std::string_view in, Push push, std::string& out) override {
    const auto directive = push == Push::end ? ZSTD_e_end : push == Push::flush ? ZSTD_e_flush : ZSTD_e_continue;
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    for (;;) {
      char piece[kPiece];
      ZSTD_outBuffer to{piece, sizeof piece, 0};
      const auto left = ZSTD_compressStream2(context_, &to, &from, directive);
      if (ZSTD_isError(left) != 0) return false;
      out.append(piece, to.pos);
      if (from.pos == from.size && (left == 0 || directive == ZSTD_e_continue)) return true;
    }
  }

 private:
  ZSTD_CCtx* context_;
};

template <class Kind>
std::unique_ptr<Coder> made() {
  auto coder = std::make_unique<Kind>();
  if (!coder->ready()) return nullptr;
  return coder;
}

}  // namespace

std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::br: return "br";
    case Coding::zstd: return "zstd";
    case Coding::gzip: return "gzip";
  }
  std::unreachable();
}

std::optional<Coding> coding_of(std::string_view name) {
  for (const auto coding : {Coding::br, Coding::zstd, Coding::gzip})
    if (name == name_of(coding)) return coding;
  return std::nullopt;
}

std::unique_ptr<Coder> make_coder(Coding coding) {
  switch (coding) {
    case Coding::br: return made<Brotli>();
    case Coding::zstd: return made<Zstd>();
    case Coding::gzip: return made<Gzip>();
  }
  std::unreachable();
}

}  // namespace gatehouse::gateway
