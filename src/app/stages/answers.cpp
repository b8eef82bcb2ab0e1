#include <fmt/format.h>

#include "app/stages/traffic.h"
#include "gateway/stages/answers.h"
#include "gateway/stages/bounds.h"
#include "gateway/stages/rewrite.h"
#include "net/network.h"

namespace gatehouse::app {
namespace {

// Said while the file is read, so that the fault has a line: what the stage itself would refuse.
template <class Make>
void try_out(Map& in, std::string_view key, Make&& make) {
  if (auto made = make(); !made) in.fault(key, made.error().message(), {});
}

// A text, or a file with it. The file is read when the stage is made.
struct Body {
  gateway::FixedAnswer answer;
  std::string file;
};

Body read_body(Map& in) {
  Body body;
  body.answer.body = in.text("body", "");
  body.file = in.text("file", "");
  if (in.has("body") && in.has("file")) in.fault("file", "stands beside body", "keep one of the two");
  body.answer.content_type = in.text("content_type", body.answer.content_type);
  body.answer.headers = in.pairs("headers");
  return body;
}

Result<gateway::FixedAnswer> load(Body body) {
  if (!body.file.empty()) {
    GH_TRY(body.answer.body, read_small_file(body.file, gateway::kFixedBodyMax));
  }
  return std::move(body.answer);
}

}  // namespace

MakeStage read_respond(Map& in, std::string_view key) {
  auto map = in.map(key);
  auto body = read_body(map);
  body.answer.status = static_cast<int>(map.number("status", 200, 599).value_or(200));
  map.done();
  try_out(in, key, [&] { return gateway::make_fixed_stage(body.answer); });
  return [body](const StageNeeds&) -> Result<std::shared_ptr<gateway::Stage>> {
    GH_TRY(auto answer, load(body));
    return gateway::make_fixed_stage(std::move(answer));
  };
}

MakeStage read_redirect(Map& in, std::string_view key) {
  auto map = in.map(key);
  gateway::Redirect redirect;
  redirect.to = map.required_text("to", "https://new.example.com/docs");
  redirect.status = static_cast<int>(map.number("status", 301, 308).value_or(308));
  redirect.keep_rest = map.flag("keep_rest").value_or(false);
  redirect.keep_query = map.flag("keep_query").value_or(false);
  map.done();
  if (!redirect.to.empty()) try_out(map, "to", [&] { return gateway::make_redirect_stage(redirect); });
  return [redirect](const StageNeeds&) { return gateway::make_redirect_stage(redirect); };
}

MakeStage read_maintenance(Map& in, std::string_view key) {
  gateway::Maintenance maintenance;
  Body body;
  if (in.switched(key)) {
    maintenance.always = true;
  } else {
    auto map = in.map(key);
    maintenance.file = map.text("while", "");
    maintenance.always = maintenance.file.empty();
    if (const auto after = map.duration("retry_after", Seconds(1), Seconds(86'400))) maintenance.retry_after = std::chrono::duration_cast<Seconds>(*after);
    maintenance.allow = map.texts("allow");
    body = read_body(map);
    map.done();
  }
  if (const auto networks = net::Networks::parse(maintenance.allow); !networks) in.fault(key, networks.error().message(), {});
  return [maintenance, body](const StageNeeds& needs) -> Result<std::shared_ptr<gateway::Stage>> {
    auto whole = maintenance;
    GH_TRY(whole.page, load(body));
    return gateway::make_maintenance_stage(std::move(whole), needs.clock, needs.blocking);
  };
}

MakeStage read_bounds(Map& in, std::string_view key) {
  auto map = in.map(key);
  gateway::Bounds bounds;
  bounds.body = map.bytes("body", 0, std::uint64_t{1} << 50);
  if (const auto fields = map.number("headers", 1, 100)) bounds.fields = static_cast<std::size_t>(*fields);
  if (const auto path = map.bytes("path", 1, 1 << 20)) bounds.path = static_cast<std::size_t>(*path);
  if (const auto query = map.bytes("query", 0, 1 << 20)) bounds.query = static_cast<std::size_t>(*query);
  map.done();
  if (!map.has("body") && !map.has("headers") && !map.has("path") && !map.has("query"))
    in.fault(key, "names no bound", "for example `{body: 10MiB, headers: 50}`");
  return [bounds](const StageNeeds&) { return gateway::make_bounds_stage(bounds); };
}

MakeStage read_rewrite(Map& in, std::string_view key) {
  auto map = in.map(key);
  gateway::RequestRewrite rewrite;
  rewrite.path.strip_prefix = map.text("strip_prefix", "");
  rewrite.path.pattern = map.text("pattern", "");
  rewrite.path.replacement = map.text("replacement", "");
  rewrite.path.add_prefix = map.text("add_prefix", "");
  auto query = map.map("query");
  rewrite.query_set = query.pairs("set");
  rewrite.query_remove = query.texts("remove");
  query.done();
  auto headers = map.map("headers");
  rewrite.set = headers.pairs("set");
  rewrite.remove = headers.texts("remove");
  rewrite.rename = headers.pairs("rename");
  headers.done();
  rewrite.host = map.text("host", "");
  map.done();
  try_out(in, key, [&] { return gateway::make_rewrite_stage(rewrite); });
  return [rewrite](const StageNeeds&) { return gateway::make_rewrite_stage(rewrite); };
}

MakeStage read_answer(Map& in, std::string_view key) {
  auto map = in.map(key);
  gateway::AnswerRewrite rewrite;
  auto headers = map.map("headers");
  rewrite.set = headers.pairs("set");
  rewrite.remove = headers.texts("remove");
  headers.done();
  auto cookies = map.map("cookies");
  rewrite.cookies.domain = cookies.text("domain");
  rewrite.cookies.path = cookies.text("path");
  rewrite.cookies.same_site = cookies.text("same_site");
  rewrite.cookies.secure = cookies.flag("secure").value_or(false);
  rewrite.cookies.http_only = cookies.flag("http_only").value_or(false);
  cookies.done();
  rewrite.origins = map.texts("origins");
  // What is taken away on the way in comes back on the way out.
  if (in.has("rewrite")) rewrite.path_prefix = in.map("rewrite").text("strip_prefix", "");
  map.done();
  try_out(in, key, [&] { return gateway::make_answer_stage(rewrite); });
  return [rewrite](const StageNeeds&) { return gateway::make_answer_stage(rewrite); };
}

MakeStage read_security_headers(Map& in, std::string_view key) {
  gateway::SecurityHeaders headers;
  if (!in.switched(key)) {
    auto map = in.map(key);
    headers.hsts = map.text("hsts", headers.hsts);
    headers.frame = map.text("frame", headers.frame);
    headers.csp = map.text("csp", headers.csp);
    headers.referrer = map.text("referrer", headers.referrer);
    headers.permissions = map.text("permissions", headers.permissions);
    map.done();
  }
  try_out(in, key, [&] { return gateway::make_security_stage(headers); });
  return [headers](const StageNeeds&) { return gateway::make_security_stage(headers); };
}

}  // namespace gatehouse::app
