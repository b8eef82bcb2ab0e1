#include "gateway/stages/compress.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "gateway/stages/answer_layer.h"

namespace gatehouse::gateway {
namespace {

using net::Reply;
using Push = Coder::Push;

constexpr std::string_view kTypes[] = {
    "text/*", "application/json", "application/javascript", "application/xml", "application/xhtml+xml", "application/manifest+json",
    "application/ld+json", "application/problem+json", "application/atom+xml", "application/rss+xml", "application/graphql-response+json",
    "application/wasm", "image/svg+xml", "image/bmp", "font/ttf", "font/otf"};

// RFC 9110 §12.4.2: 0 to 1 with at most three digits, in thousandths; what is none counts as refused.
int weight(std::string_view parameters) {
  for (auto part : split(parameters, ';')) {
    part = trim(part);
    if (part.size() < 2 || to_lower(part[0]) != 'q' || part[1] != '=') continue;
    const auto text = part.substr(2);
    if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5 || (text.size() > 1 && text[1] != '.')) return 0;
    int value = (text[0] - '0') * 1000, unit = 100;
    for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
      if (!is_digit(text[i])) return 0;
      value += (text[i] - '0') * unit;
    }
    return std::min(value, 1000);
  }
  return 1000;
}

bool is_bodiless(int status) { return status < 200 || status == 204 || status == 205 || status == 206 || status == 304; }

// CVE-2013-3587 (BREACH) needs a browser that sends cookies for a stranger's page. Sec-Fetch-Site cannot be set by pages.
bool may_be_watched_by_strangers(const net::Request& request) {
  const auto site = request.fields.only(net::Header::sec_fetch_site);
  return site == "cross-site" && (request.fields.has(net::Header::cookie) || request.fields.has(net::Header::authorization));
}

class CompressionStage final : public Stage {
 public:
  explicit CompressionStage(Compression compression) : compression_(std::move(compression)) {
    if (compression_.types.empty()) compression_.types.assign(std::begin(kTypes), std::end(kTypes));
  }
  Place place() const override { return Place::admitted; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    Layer layer(exchange, *this);
    co_await next(layer);
  }

 private:
  class Layer;

  bool covers(std::string_view type) const {
    const auto bare = trim(type.substr(0, type.find(';')));
    return std::ranges::any_of(compression_.types, [&](std::string_view known) {
      if (!known.ends_with("/*")) return equal_ignoring_case(known, bare);
      known.remove_suffix(1);
      return bare.size() > known.size() && equal_ignoring_case(bare.substr(0, known.size()), known);
    });
  }

  // Would this answer be coded for a client that asks for it?
  bool fits(const Reply& head, std::optional<std::uint64_t> length) const {
    if (is_bodiless(head.status) || (length && *length < compression_.least)) return false;
    if (find_header(head, "Content-Encoding") != nullptr || find_header(head, "Content-Range") != nullptr) return false;
    if (has_header_word(head, "Cache-Control", "no-transform")) return false;   // RFC 9111 §5.2.2.6
    const auto* type = find_header(head, "Content-Type");
    return type != nullptr && covers(*type);
  }

  // The coding of this answer, its head changed accordingly.
  std::optional<Coding> choose(const net::Request& request, Reply& head, std::optional<std::uint64_t> length) const {
    if (head.status == 304) add_vary(head, "Accept-Encoding");   // RFC 9110 §15.4.5: as the 200 would have had it
    if (!fits(head, length)) return std::nullopt;
    add_vary(head, "Accept-Encoding");
    const auto coding = negotiated(request.fields, compression_.codings);
    if (!coding || may_be_watched_by_strangers(request)) return std::nullopt;
    head.headers.emplace_back("Content-Encoding", name_of(*coding));
    // Other bytes: ranges and digests of the plain ones do not fit them, and a strong validator would promise the same ones.
    for (const auto* name : {"Content-Length", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"}) remove_header(head, name);
    for (auto& [name, value] : head.headers)
      if (equal_ignoring_case(name, "ETag") && !value.starts_with("W/")) value.insert(0, "W/");
    return coding;
  }

  class Layer final : public ExchangeLayer {
   public:
    Layer(net::Exchange& below, const CompressionStage& stage) : ExchangeLayer(below), stage_(stage) {}

    Task<void> reply(Reply reply) override {
      const auto coding = stage_.choose(request(), reply, reply.body.size());
      if (!coding) co_return co_await inner_.reply(std::move(reply));
      auto coder = make_coder(*coding);
      std::string coded;
      if (!coder || !coder->code(reply.body, Push::end, coded)) co_return failure(Fault::internal, "an answer could not be compressed");
      reply.body = std::move(coded);
      co_return co_await inner_.reply(std::move(reply));
    }

    Task<void> start(Reply head, std::optional<std::uint64_t> length) override {
      const auto coding = stage_.choose(request(), head, length);
      if (!coding) co_return co_await inner_.start(std::move(head), length);
      // Who does not know the length may be watching something live: it must see each piece at once.
      each_ = length ? Push::keep : Push::flush;
      if (request().method != net::Method::head) {
        coder_ = make_coder(*coding);
        if (!coder_) co_return failure(Fault::internal, "no memory to compress an answer");
      }
      co_return co_await inner_.start(std::move(head), std::nullopt);
    }

    Task<void> send(std::string_view piece) override {
      if (!coder_) co_return co_await inner_.send(piece);
      if (piece.empty()) co_return Result<void>();
      coded_.clear();
      if (!coder_->code(piece, each_, coded_)) co_return failure(Fault::internal, "an answer could not be compressed");
      if (coded_.empty()) co_return Result<void>();
      co_return co_await inner_.send(coded_);
    }

    Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override {
      if (coder_) {
        coded_.clear();
        if (!coder_->code("", Push::end, coded_)) co_return failure(Fault::internal, "an answer could not be compressed");
        if (!coded_.empty()) GH_CO_DO(co_await inner_.send(coded_));
      }
      co_return co_await inner_.finish(std::move(trailers));
    }

   private:
    const CompressionStage& stage_;
    std::unique_ptr<Coder> coder_;
    Push each_ = Push::keep;
    std::string coded_;   // of one piece; lives until it is sent
  };

  Compression compression_;
};

bool is_media_type(std::string_view type) {
  const auto slash = type.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < type.size() &&
         std::ranges::all_of(type, [](char c) { return is_alnum(c) || std::string_view("/+-.*").contains(c); });
}

}  // namespace

std::optional<Coding> negotiated(const net::Fields& fields, const std::vector<Coding>& codings) {
  std::array<int, 3> wanted{-1, -1, -1};
  int others = -1, identity = -1;
  for (const auto& field : fields.all()) {
    if (field.id != net::Header::accept_encoding) continue;
    for (const auto item : split(field.value, ',')) {
      const auto end = std::min(item.find(';'), item.size());
      const auto name = to_lower(trim(item.substr(0, end)));
      const auto value = weight(item.substr(end));
      if (name == "*") others = value;
      else if (name == "identity") identity = value;
      else if (const auto coding = coding_of(name == "x-gzip" ? "gzip" : name)) wanted[static_cast<std::size_t>(*coding)] = value;
    }
  }
  std::optional<Coding> best;
  int best_weight = std::max(identity, 0);   // an explicit wish for the plain answer counts; silence about it does not
  for (const auto coding : codings) {
    const auto own = wanted[static_cast<std::size_t>(coding)];
    const auto value = own >= 0 ? own : others;
    if (value <= 0 || value < best_weight || (best && value == best_weight)) continue;
    best = coding;
    best_weight = value;
  }
  return best;
}

Result<std::shared_ptr<Stage>> make_compression_stage(Compression compression) {
  if (compression.codings.empty()) return failure(Fault::invalid, "compress: names no coding");
  if (compression.types.size() > kCompressTypesMax) return failure(Fault::invalid, "compress: at most 128 types");
  for (const auto& type : compression.types)
    if (!is_media_type(type)) return failure(Fault::invalid, "compress: '" + type + "' is not a media type; write text/html or text/*");
  return std::make_shared<CompressionStage>(std::move(compression));
}

}  // namespace gatehouse::gateway
