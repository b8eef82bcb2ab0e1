#include "gateway/stages/rewrite.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "gateway/gateway.h"
#include "gateway/names.h"
#include "gateway/stages/answer_layer.h"

namespace gatehouse::gateway {
namespace {

constexpr std::int64_t kPatternMemory = std::int64_t{1} << 20;   // of a compiled pattern

RE2::Options pattern_options() {
  RE2::Options options;
  options.set_max_mem(kPatternMemory);
  options.set_log_errors(false);
  return options;
}

bool is_canonical_path(std::string_view path) {
  const auto target = net::parse_target(path);
  return target && target->path == path && !target->has_query && path.size() <= kRewrittenPathMax && !path.contains(';');
}

bool has_prefix(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

std::string decoded_name(std::string_view pair) {
  const auto raw = pair.substr(0, pair.find('='));
  auto name = percent_decode(raw);
  return name ? *std::move(name) : std::string(raw);
}

class Rewriting final : public Stage {
 public:
  explicit Rewriting(RequestRewrite rewrite) : rewrite_(std::move(rewrite)) {
    if (!rewrite_.path.pattern.empty()) pattern_ = std::make_unique<RE2>(rewrite_.path.pattern, pattern_options());
  }
  Place place() const override { return Place::admitted; }
  std::vector<std::string> edited_headers() const override {
    auto names = rewrite_.remove;
    for (const auto& [name, value] : rewrite_.set) names.push_back(name);
    for (const auto& [from, to] : rewrite_.rename) {
      names.push_back(from);
      names.push_back(to);
    }
    return names;
  }

  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) override {
    const auto& request = exchange.request();
    if (!rewrite_path(request, journey.edits)) {
      exchange.log().warn("gateway.rewrite_refused", {{"path", request.path}});
      if (request.has_body) exchange.close_after();
      auto refused = refusal_page(request, 400, "Bad address", "This address cannot be translated into one of the application.");
      (void)co_await exchange.reply(std::move(refused));
      co_return;
    }
    rewrite_query(request, journey.edits);
    rewrite_headers(request, journey.edits);
    co_await next(exchange);
  }

 private:
  // False when the result is not an address in its one canonical form.
  bool rewrite_path(const net::Request& request, Edits& edits) const {
    const auto& [strip, pattern, replacement, add] = rewrite_.path;
    if (strip.empty() && pattern.empty() && add.empty()) return true;
    auto path = edits.path.value_or(request.path);
    if (!strip.empty() && has_prefix(path, strip)) {
      path.erase(0, strip.size());
      if (path.empty()) path = "/";
      edits.set.emplace_back("X-Forwarded-Prefix", strip);
    }
    if (pattern_ && !replace(path)) return false;
    if (!add.empty()) path.insert(0, path == "/" && add.ends_with('/') ? std::string_view(add).substr(0, add.size() - 1) : std::string_view(add));
    auto target = net::parse_target(path);
    if (!target || target->has_query || target->path.size() > kRewrittenPathMax) return false;
    // `//` and escapes that need none are made canonical; a path that then still reads otherwise is nobody's.
    if (!net::parse_target(target->path)) return false;
    edits.path = std::move(target->path);
    return true;
  }

  // The size is known before anything is written (CVE-2026-42945, CVE-2026-9256: captures outgrew a buffer that was measured
  // for their unescaped form).
  bool replace(std::string& path) const {
    constexpr int kGroups = 10;
    re2::StringPiece groups[kGroups];
    const auto wanted = std::min(pattern_->NumberOfCapturingGroups() + 1, kGroups);
    if (!pattern_->Match(path, 0, path.size(), RE2::UNANCHORED, groups, wanted)) return true;
    std::string middle;
    for (std::size_t i = 0; i < rewrite_.path.replacement.size(); ++i) {
      const char c = rewrite_.path.replacement[i];
      if (c != '\\') {
        middle += c;
        continue;
      }
      const auto digit = rewrite_.path.replacement[++i] - '0';   // checked when the stage was made
      const auto& group = groups[digit];
      if (middle.size() + group.size() > kRewrittenPathMax) return false;
      middle.append(group.data() == nullptr ? "" : group.data(), group.size());
    }
    if (path.size() + middle.size() > 2 * kRewrittenPathMax) return false;
    path.replace(static_cast<std::size_t>(groups[0].data() - path.data()), groups[0].size(), middle);
    return true;
  }

  void rewrite_query(const net::Request& request, Edits& edits) const {
    if (rewrite_.query_set.empty() && rewrite_.query_remove.empty()) return;
    std::string query;
    const auto goes = [&](const std::string& name) {
      return std::ranges::find(rewrite_.query_remove, name) != rewrite_.query_remove.end() ||
             std::ranges::find(rewrite_.query_set, name, &std::pair<std::string, std::string>::first) != rewrite_.query_set.end();
    };
    for (const auto pair : split(edits.query.value_or(request.query), '&')) {
      if (pair.empty() || goes(decoded_name(pair))) continue;
      if (!query.empty()) query += '&';
      query += pair;
    }
    for (const auto& [name, value] : rewrite_.query_set) {
      if (!query.empty()) query += '&';
      query.append(percent_encode(name)).append("=").append(percent_encode(value));
    }
    edits.query = std::move(query);
  }

  void rewrite_headers(const net::Request& request, Edits& edits) const {
    for (const auto& name : rewrite_.remove) edits.remove.push_back(name);
    for (const auto& [name, value] : rewrite_.set) edits.set.emplace_back(name, value);
    for (const auto& [from, to] : rewrite_.rename) {
      edits.remove.push_back(from);
      edits.remove.push_back(to);
      for (const auto& field : request.fields.all())
        if (equal_ignoring_case(field.name, from) && is_safe_value(field.value)) edits.set.emplace_back(to, field.value);
    }
    if (!rewrite_.host.empty()) edits.host = rewrite_.host;
  }

  const RequestRewrite rewrite_;
  std::unique_ptr<RE2> pattern_;
};

Result<void> check_pattern(const PathRewrite& path) {
  if (path.pattern.empty() && path.replacement.empty()) return {};
  if (path.pattern.empty()) return failure(Fault::invalid, "rewrite: a replacement needs a pattern");
  if (path.pattern.size() > kRewritePatternMax || path.replacement.size() > kRewritePatternMax)
    return failure(Fault::invalid, "rewrite: a pattern and its replacement have at most 1000 bytes");
  const RE2 pattern(path.pattern, pattern_options());
  if (!pattern.ok()) return failure(Fault::invalid, "rewrite: the pattern cannot be used: " + pattern.error());
  for (std::size_t i = 0; i < path.replacement.size(); ++i) {
    const char c = path.replacement[i];
    if (c == '?' || c == '#') return failure(Fault::invalid, "rewrite: a replacement is a path, without '?' and '#'");
    if (c != '\\') continue;
    const auto group = ++i < path.replacement.size() && is_digit(path.replacement[i]) ? path.replacement[i] - '0' : -1;
    if (group < 0 || group > pattern.NumberOfCapturingGroups())
      return failure(Fault::invalid, "rewrite: a backslash in a replacement stands before the number of a group of the pattern");
  }
  return {};
}

Result<void> check_request_header(std::string_view name, std::string_view value) {
  if (may_set_in_request(name) && is_safe_value(value)) return {};
  return failure(Fault::invalid, "rewrite: the header '" + std::string(name) + "' or its value is not fit for this");
}

}  // namespace

Result<std::shared_ptr<Stage>> make_rewrite_stage(RequestRewrite rewrite) {
  for (const auto* prefix : {&rewrite.path.strip_prefix, &rewrite.path.add_prefix})
    if (!prefix->empty() && (!is_canonical_path(*prefix) || prefix->ends_with('/')))
      return failure(Fault::invalid, "rewrite: '" + *prefix + "' is not a path in its normal form, without '/' at its end");
  GH_DO(check_pattern(rewrite.path));
  if (rewrite.set.size() + rewrite.remove.size() + rewrite.rename.size() + rewrite.query_set.size() + rewrite.query_remove.size() > kRewriteHeadersMax)
    return failure(Fault::invalid, "rewrite: at most 64 headers and parameters");
  for (const auto& [name, value] : rewrite.set) GH_DO(check_request_header(name, value));
  for (const auto& name : rewrite.remove) GH_DO(check_request_header(name, ""));
  for (const auto& [from, to] : rewrite.rename) {
    GH_DO(check_request_header(from, ""));
    GH_DO(check_request_header(to, ""));
  }
  if (const auto authority = net::parse_authority(rewrite.host); !rewrite.host.empty() && !authority)
    return failure(Fault::invalid, "rewrite: '" + rewrite.host + "' is not a host");
  return std::make_shared<Rewriting>(std::move(rewrite));
}

}  // namespace gatehouse::gateway
