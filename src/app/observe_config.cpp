#include "app/observe_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/text.h"
#include "gateway/names.h"
#include "net/message.h"

namespace gatehouse::app {
namespace {

const std::vector<std::string> kForms{"json"};
const std::vector<std::string> kIncoming{"trace_id", "trust", "ignore"};
constexpr std::size_t kServiceNameMax = 100;

double read_ratio(Map& in, std::string_view key, double otherwise) {
  const auto text = in.text(key);
  if (!text) return otherwise;
  double ratio = -1;
  const auto* end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, ratio, std::chars_format::fixed);
  if (read.ec == std::errc() && read.ptr == end && ratio >= 0 && ratio <= 1) return ratio;
  in.fault(key, fmt::format("'{}' is not a number from 0 to 1", *text), "for example `0.1` for every tenth request");
  return otherwise;
}

std::uint32_t read_fields(Map& in) {
  const auto names = in.texts("fields");
  if (names.empty()) return ~0U;
  const std::vector<std::string> known(kAccessFields.begin(), kAccessFields.end());
  std::uint32_t bits = 0;
  for (const auto& name : names) {
    const auto at = std::ranges::find(known, name);
    if (at != known.end()) {
      bits |= 1U << static_cast<unsigned>(at - known.begin());
      continue;
    }
    const auto meant = nearest(name, known);
    in.fault("fields", fmt::format("'{}' is no field of a line", name), meant.empty() ? "write some of " + join(known, ", ") : fmt::format("did you mean '{}'?", meant));
  }
  return bits;
}

std::vector<std::string> read_excluded(Map& in) {
  auto paths = in.texts("exclude");
  for (const auto& path : paths) {
    const auto canonical = net::parse_target(path);
    if (!canonical || canonical->path != path || canonical->has_query)
      in.fault("exclude", fmt::format("'{}' is not a path in its normal form", path), "begin with '/', without query and without escapes that need none");
  }
  if (paths.size() > kExcludedPathsMax) in.fault("exclude", fmt::format("has more than {} entries", kExcludedPathsMax), {});
  return paths;
}

AccessLogConfig read_access_log(Map in, const std::string& folder) {
  AccessLogConfig log;
  log.file = in.required_text("file", "access.log");
  const bool standard = log.file == "stdout" || log.file == "stderr";
  if (!log.file.empty() && !standard && !std::filesystem::path(log.file).is_absolute())
    log.file = (std::filesystem::path(folder) / log.file).lexically_normal().string();
  (void)in.choice("format", kForms);
  log.fields = read_fields(in);
  log.sample = read_ratio(in, "sample", log.sample);
  log.exclude = read_excluded(in);
  in.done();
  return log;
}

void read_headers(Map& in, TelemetryConfig& telemetry) {
  telemetry.headers = in.pairs("headers");
  if (telemetry.headers.size() > kTelemetryHeadersMax) in.fault("headers", fmt::format("has more than {} entries", kTelemetryHeadersMax), {});
  for (const auto& [name, reference] : telemetry.headers) {
    const auto id = net::header_of(name);
    const bool ours = id == net::Header::host || id == net::Header::content_length || id == net::Header::content_type ||
                      id == net::Header::transfer_encoding || id == net::Header::connection;
    if (!gateway::is_field_name(name) || ours) in.fault("headers", fmt::format("'{}' cannot be set", name), "use the header that your collector asks for, for example `Authorization`");
    if (const auto fine = secrets::Reference::parse(reference); !fine) in.fault("headers", fmt::format("'{}': {}", name, fine.error().message()), "values are secrets and stand elsewhere: `env:NAME` or `file:/path`");
  }
}

TelemetryConfig read_telemetry(Map in) {
  TelemetryConfig telemetry;
  const auto address = in.required_text("otlp", "http://127.0.0.1:4318");
  if (auto url = net::Url::parse(address); url && !url->has_query) {
    while (url->path.ends_with('/')) url->path.pop_back();
    if (!url->path.ends_with("/v1/traces")) url->path += "/v1/traces";   // as OTEL_EXPORTER_OTLP_ENDPOINT is meant
    telemetry.endpoint = url->str();
  } else if (!address.empty()) {
    in.fault("otlp", fmt::format("'{}' is not an http or https address", address), "the address of your collector's OTLP receiver for HTTP, for example `http://127.0.0.1:4318`");
  }
  telemetry.sample = read_ratio(in, "sample", telemetry.sample);
  telemetry.service_name = in.text("service_name", telemetry.service_name);
  if (telemetry.service_name.empty() || telemetry.service_name.size() > kServiceNameMax)
    in.fault("service_name", fmt::format("has {} bytes", telemetry.service_name.size()), fmt::format("1 to {} are fine", kServiceNameMax));
  if (const auto incoming = in.choice("incoming", kIncoming)) telemetry.incoming = static_cast<IncomingTrace>(*incoming);
  read_headers(in, telemetry);
  in.done();
  return telemetry;
}

}  // namespace

ObserveConfig read_observe(Map& root, const std::string& folder) {
  ObserveConfig observe;
  if (root.has("access_log")) observe.access_log = read_access_log(root.map("access_log"), folder);
  else root.ask("access_log");
  if (root.has("telemetry")) observe.telemetry = read_telemetry(root.map("telemetry"));
  else root.ask("telemetry");
  observe.metrics = root.flag("metrics").value_or(true);
  return observe;
}

}  // namespace gatehouse::app
