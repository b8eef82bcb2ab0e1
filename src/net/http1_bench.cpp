// What reading a request costs before anybody looks at it: `./dev bench net`.
#include <benchmark/benchmark.h>

#include "net/canonical.h"
#include "net/http1.h"

namespace {

using namespace gatehouse::net;

constexpr std::string_view kSmall =
    "GET /api/v1/users/00u1 HTTP/1.1\r\nHost: api.example.com\r\nAccept: application/json\r\nAuthorization: Bearer abcdefghijklmnop\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /wiki/Main_Page?action=view HTTP/1.1\r\nHost: wiki.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, "
    "like Gecko) Chrome/120.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nUpgrade-Insecure-Requests: 1\r\nReferer: https://wiki.example.com/\r\n"
    "Cookie: session=0123456789012345678901234567890123456789012345678901234567890123456789; theme=dark; lang=en\r\n\r\n";

void read_head(benchmark::State& state, std::string_view text) {
  const HttpLimits limits;
  Head head;
  for (auto _ : state) {
    std::size_t scanned = 0;
    benchmark::DoNotOptimize(parse_request_head(text, limits, scanned, head));
  }
}
void canonical_request(benchmark::State& state, std::string_view text) {
  const HttpLimits limits;
  const Networks nobody;
  const Arrival arrival{.tls = false, .peer = {.ip = "127.0.0.1", .port = 1}, .trusted = &nobody};
  Head head;
  Target scratch;
  Request request;
  for (auto _ : state) {
    std::size_t scanned = 0;
    benchmark::DoNotOptimize(parse_request_head(text, limits, scanned, head));
    benchmark::DoNotOptimize(make_request(head, arrival, scratch, request));
  }
}
BENCHMARK_CAPTURE(read_head, small, kSmall);
BENCHMARK_CAPTURE(read_head, browser, kBrowser);
BENCHMARK_CAPTURE(canonical_request, small, kSmall);
BENCHMARK_CAPTURE(canonical_request, browser, kBrowser);

}  // namespace
