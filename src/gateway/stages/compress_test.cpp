// Coded answers decode to what the upstream said; what must not be coded is not.
#include "gateway/stages/compress.h"

#include <zlib.h>
#include <zstd.h>
#include <brotli/decode.h>

#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

// Decodes as far as the bytes go: a flushed stream need not have ended.
std::string gunzip(std::string_view coded) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string plain(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  inflate(&stream, Z_SYNC_FLUSH);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}
std::string unbrotli(std::string_view coded) {
  std::string plain(1 << 20, '\0');
  auto* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  auto in = reinterpret_cast<const std::uint8_t*>(coded.data());
  auto out = reinterpret_cast<std::uint8_t*>(plain.data());
  std::size_t in_left = coded.size(), out_left = plain.size();
  BrotliDecoderDecompressStream(state, &in_left, &in, &out_left, &out, nullptr);
  BrotliDecoderDestroyInstance(state);
  plain.resize(plain.size() - out_left);
  return plain;
}
std::string unzstd(std::string_view coded) {
  std::string plain(1 << 20, '\0');
  auto* context = ZSTD_createDCtx();
  ZSTD_inBuffer in{coded.data(), coded.size(), 0};
  ZSTD_outBuffer out{plain.data(), plain.size(), 0};
  while (in.pos < in.size && ZSTD_isError(ZSTD_decompressStream(context, &out, &in)) == 0) {}
  ZSTD_freeDCtx(context);
  plain.resize(out.pos);
  return plain;
}
std::string decoded(std::string_view coding, std::string_view coded) {
  return coding == "gzip" ? gunzip(coded) : coding == "br" ? unbrotli(coded) : coding == "zstd" ? unzstd(coded) : std::string(coded);
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "line " + std::to_string(i) + " of a text that repeats itself\n";
  return text;
}

struct CompressTest : StageFixture {
  void start() { open({made(make_compression_stage({}))}); }
};

TEST_F(CompressTest, whole_and_streamed_answers_decode_to_what_was_said) {
  const auto text = long_text();
  app.reply = net::Reply::text(200, text).with("ETag", "\"v1\"").with("Accept-Ranges", "bytes");
  start();
  for (const auto* coding : {"br", "gzip", "zstd"}) {
    const auto whole = get({std::string("Accept-Encoding: ") + coding});
    EXPECT_EQ(whole.header("Content-Encoding"), coding);
    EXPECT_EQ(whole.header("ETag"), "W/\"v1\"");
    EXPECT_EQ(whole.header("Vary"), "Accept-Encoding");
    EXPECT_EQ(whole.header("Accept-Ranges"), "");
    EXPECT_LT(whole.body.size(), text.size() / 2);
    EXPECT_EQ(decoded(coding, whole.body), text) << coding;

    app.pieces = {text, "", "between", text};
    const auto streamed = get({std::string("Accept-Encoding: ") + coding});
    EXPECT_EQ(streamed.header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(decoded(coding, streamed.body), text + "between" + text) << coding;
    app.pieces.clear();
    const auto head = ask("HEAD /", {std::string("Accept-Encoding: ") + coding});
    EXPECT_EQ(head.header("Content-Encoding"), coding);
    EXPECT_EQ(head.header("Content-Length"), "");
  }
}

TEST_F(CompressTest, what_is_streamed_is_not_held_back) {
  for (const auto coding : {Coding::br, Coding::gzip, Coding::zstd}) {
    const auto coder = make_coder(coding);
    std::string sent;
    for (const auto* piece : {"data: 1\n\n", "data: 2\n\n"}) {
      ASSERT_TRUE(coder->code(piece, Coder::Push::flush, sent));
      EXPECT_TRUE(decoded(name_of(coding), sent).ends_with(piece)) << name_of(coding);
    }
  }
}

TEST_F(CompressTest, what_must_stay_as_it_is_does) {
  const auto text = long_text();
  start();
  const auto is_plain = [&](const net::Reply& reply, std::vector<std::string> lines = {"Accept-Encoding: gzip"}) {
    app.reply = reply;
    const auto answer = get(lines);
    return answer.body == reply.body && answer.header("Content-Encoding") != "gzip";
  };
  EXPECT_TRUE(is_plain(net::Reply::text(200, "short")));
  EXPECT_TRUE(is_plain(net::Reply::text(200, text).with("Cache-Control", "max-age=1, No-Transform")));
  EXPECT_TRUE(is_plain(net::Reply::text(200, text).with("Content-Encoding", "br")));
  EXPECT_TRUE(is_plain(net::Reply::text(206, text).with("Content-Range", "bytes 0-1/2")));
  EXPECT_TRUE(is_plain(net::Reply{.status = 200, .headers = {{"Content-Type", "image/png"}}, .body = text}));
  EXPECT_TRUE(is_plain(net::Reply::text(200, text), {}));
  EXPECT_TRUE(is_plain(net::Reply::text(200, text), {"Accept-Encoding: gzip;q=0"}));
  // BREACH: another site's page makes a browser ask with cookies.
  EXPECT_TRUE(is_plain(net::Reply::text(200, text), {"Accept-Encoding: gzip", "Sec-Fetch-Site: cross-site", "Cookie: session=1"}));
  EXPECT_FALSE(is_plain(net::Reply::text(200, text)));
  EXPECT_FALSE(is_plain(net::Reply::text(200, text), {"Accept-Encoding: gzip", "Sec-Fetch-Site: same-origin", "Cookie: session=1"}));
}

TEST(Negotiation, follows_weights_and_then_our_order) {
  const auto chosen = [](std::string_view text) {
    net::Fields fields;
    fields.add({"Accept-Encoding", text, net::Header::accept_encoding});
    const auto coding = negotiated(fields, {Coding::br, Coding::zstd, Coding::gzip});
    return coding ? name_of(*coding) : "identity";
  };
  EXPECT_EQ(chosen("gzip, br, zstd"), "br");
  EXPECT_EQ(chosen("gzip;q=1.0, br;q=0.5"), "gzip");
  EXPECT_EQ(chosen("x-gzip"), "gzip");
  EXPECT_EQ(chosen("*"), "br");
  EXPECT_EQ(chosen("*;q=0.1, br;q=0"), "zstd");
  EXPECT_EQ(chosen("identity, gzip;q=0.5"), "identity");
  EXPECT_EQ(chosen("identity;q=0.5, gzip"), "gzip");
  EXPECT_EQ(chosen("*;q=0"), "identity");
  EXPECT_EQ(chosen(""), "identity");
  EXPECT_EQ(chosen("gzip;q=2, br;q=-1, zstd;q=0.0001"), "identity");
  EXPECT_EQ(chosen(" GZIP ; Q=0.300 "), "gzip");
  EXPECT_EQ(chosen("deflate, compress"), "identity");
}

}  // namespace
}  // namespace gatehouse::gateway
