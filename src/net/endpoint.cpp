#include "net/endpoint.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <stdexcept>

#include "core/text.h"

namespace gatehouse::net {
namespace {

constexpr std::size_t kMethods = static_cast<std::size_t>(Method::other) + 1;
constexpr std::size_t kDepthMax = 32;  // segments of a path; deeper ones match nothing

// Segments between slashes; one slash at the end changes nothing.
struct Segments {
  std::array<std::string_view, kDepthMax> parts;
  std::size_t count = 0;
};
std::optional<Segments> segments_of(std::string_view path) {
  Segments out;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    if (out.count == kDepthMax) return std::nullopt;
    const auto end = std::min(path.find('/'), path.size());
    out.parts[out.count++] = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{' && segment.back() == '}'; }

Reply plain(int status) {
  return Reply::text(status, std::to_string(status) + " " + std::string(reason_of(status)) + "\n");
}

}  // namespace

const std::string& Call::path_value(std::string_view name) const {
  for (const auto& [key, value] : path)
    if (key == name) return value;
  throw std::logic_error("this row has no {" + std::string(name) + "} in its path");
}

std::optional<std::string> Call::query(std::string_view name) const {
  const auto form = Form::parse(request.query);
  return form ? form->get(name) : std::nullopt;
}

Result<json::value> detail::json_body(const Call& call) {
  if (call.body.empty()) return json::value(json::object());
  return parse_json(call.body);
}

Result<Form> detail::form_body(const Call& call) {
  if (call.body.empty()) return Form::parse(call.request.query);
  const auto type = call.request.fields.only(Header::content_type).value_or("");
  const auto media = trim(type.substr(0, type.find(';')));
  if (!equal_ignoring_case(media, "application/x-www-form-urlencoded"))
    return failure(Fault::invalid, "the body must be application/x-www-form-urlencoded");
  return Form::parse(call.body);
}

Reply detail::to_reply(const json::value& value) { return Reply::json_text(200, to_text(value)); }

// A tree of segments. A literal wins over a parameter; when the literal leads nowhere the parameter is tried.
struct Router::Table {
  struct Row {
    Guard guard;
    Style& style;
    Run run;
    std::vector<std::string_view> names;   // of the parameters, in order; the rows' texts live as long as the program
  };
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::array<std::unique_ptr<Row>, kMethods> rows;
    Style* style = nullptr;                // of the first row at or below
    bool has_rows() const { return std::ranges::any_of(rows, [](const auto& row) { return row != nullptr; }); }
  };
  struct Match {
    const Node* node = nullptr;            // nullptr: no such path
    Style* style = nullptr;                // of the nearest row
    std::array<std::string_view, kDepthMax> values;
    std::size_t value_count = 0;
    std::size_t nearest = 0;
  };

  explicit Table(std::size_t max) : body_max(max) {}

  void find(const Node& node, const Segments& path, std::size_t at, Match& match) const {
    if (at > 0 && at >= match.nearest && node.style != nullptr) {
      match.nearest = at;
      match.style = node.style;
    }
    if (at == path.count) {
      if (node.has_rows()) match.node = &node;
      return;
    }
    if (const auto literal = node.literals.find(path.parts[at]); literal != node.literals.end()) {
      find(*literal->second, path, at + 1, match);
      if (match.node != nullptr) return;
    }
    if (!node.parameter) return;
    match.values[match.value_count++] = path.parts[at];
    find(*node.parameter, path, at + 1, match);
    if (match.node == nullptr) --match.value_count;
  }

  Match find(std::string_view path) const {
    Match match;
    if (const auto segments = segments_of(path)) find(root, *segments, 0, match);
    if (match.node != nullptr) match.style = match.node->style;
    return match;
  }

  Node root;
  std::size_t body_max;
};

namespace {

// HEAD is GET without the body; the connection leaves the body out.
template <class Node>
auto* row_for(const Node& node, Method method) {
  auto* row = node.rows[static_cast<std::size_t>(method)].get();
  return row == nullptr && method == Method::head ? node.rows[static_cast<std::size_t>(Method::get)].get() : row;
}

template <class Node>
std::string allowed(const Node& node) {
  std::string names;
  for (std::size_t i = 0; i < kMethods; ++i) {
    const auto method = static_cast<Method>(i);
    if (method == Method::other || (row_for(node, method) == nullptr && method != Method::options)) continue;
    if (!names.empty()) names += ", ";
    names += name_of(method);
  }
  return names;
}

Result<void> check_scope(const Guard& guard, const Principal& who) {
  if (guard.is_open()) return {};
  if (who.kind == Principal::Kind::nobody) return failure(Fault::unauthenticated, "authentication is required");
  if (who.scopes.contains("*") || who.scopes.contains(guard.scope())) return {};
  return failure(Fault::denied, "the scope " + std::string(guard.scope()) + " is required");
}

Result<void> decode_parameters(const std::vector<std::string_view>& names, std::span<const std::string_view> values, Call& call) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    GH_TRY(auto value, percent_decode(values[i]));
    call.path.emplace_back(names[i], std::move(value));
  }
  return {};
}

// What one exchange comes to: an answer, and who asked.
struct Answered {
  Reply reply;
  Principal who;
};

}  // namespace

Router::Router(std::size_t body_max) : table_(std::make_unique<Table>(body_max)) {}
Router::~Router() = default;

void Router::add_row(Method method, std::string_view path, Guard guard, Style& style, Run run) {
  const auto segments = segments_of(path);
  if (!segments || !path.starts_with('/')) throw std::logic_error("bad path of a row: " + std::string(path));
  auto row = std::make_unique<Table::Row>(Table::Row{.guard = guard, .style = style, .run = std::move(run), .names = {}});
  auto* node = &table_->root;
  for (std::size_t i = 0; i < segments->count; ++i) {
    const auto segment = segments->parts[i];
    const bool parameter = is_parameter(segment);
    if (parameter) row->names.push_back(segment.substr(1, segment.size() - 2));
    auto& next = parameter ? node->parameter : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Table::Node>();
    node = next.get();
    if (node->style == nullptr) node->style = &style;
  }
  if (node->style == nullptr) node->style = &style;
  auto& place = node->rows[static_cast<std::size_t>(method)];
  if (place) throw std::logic_error("two rows for " + std::string(name_of(method)) + " " + std::string(path));
  place = std::move(row);
}

bool Router::knows(std::string_view path) const { return table_->find(path).node != nullptr; }

namespace {

// The body of the request, whole. What fails here is answered in the style's form with the status that HTTP has for it.
Task<std::string> read_body(Exchange& exchange, std::size_t max) {
  if (!exchange.request().has_body) co_return std::string();
  co_return co_await exchange.read_all(max);
}

// One order for every row: authenticate, scope, admit, read, run.
template <class Row>
boost::asio::awaitable<Answered> run_row(Exchange& exchange, const Row& row, std::span<const std::string_view> values, std::size_t body_max) {
  const auto& request = exchange.request();
  Answered out;
  const auto shaped = [&row, &request, &exchange](const Error& error) {
    if (error.fault() == Fault::internal || error.fault() == Fault::upstream)
      exchange.log().error("request.failed", {{"fault", name_of(error.fault())}, {"message", error.message()}, {"trail", error.trail()}});
    return row.style.shape(error, request);
  };
  if (!row.guard.is_open()) {
    auto who = co_await row.style.authenticate(request);
    if (!who) {
      out.reply = shaped(who.error());
      co_return out;
    }
    out.who = *std::move(who);
  }
  Call call{.request = request, .who = out.who, .path = {}, .body = {}, .log = exchange.log()};
  auto fine = check_scope(row.guard, call.who);
  if (fine) fine = row.style.admit(request, call.who);
  if (fine) fine = decode_parameters(row.names, values, call);
  if (!fine) {
    out.reply = shaped(fine.error());
    co_return out;
  }
  auto body = co_await read_body(exchange, body_max);
  if (!body) {
    out.reply = shaped(body.error());
    if (body.error().fault() == Fault::limited) out.reply.status = 413;
    co_return out;
  }
  call.body = *std::move(body);
  auto reply = co_await row.run(call);
  if (reply) out.reply = *std::move(reply);
  else out.reply = shaped(reply.error());
  co_return out;
}

void write_line(const Exchange& exchange, int status, const Principal& who, std::chrono::steady_clock::time_point began) {
  const auto& log = exchange.log();
  if (!log.enabled(LogLevel::info)) return;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  const auto& request = exchange.request();
  const std::string_view caller = who.login.empty() ? who.id : who.login;
  log.info("request", {{"method", request.method_name}, {"path", request.path}, {"status", status}, {"ms", took.count()}, {"caller", caller}});
}

}  // namespace

boost::asio::awaitable<void> Router::handle(Exchange& exchange) {
  const auto began = std::chrono::steady_clock::now();
  const auto& request = exchange.request();
  const auto match = table_->find(request.path);
  const auto* row = match.node == nullptr ? nullptr : row_for(*match.node, request.method);
  Answered out;
  if (row != nullptr) {
    out = co_await run_row(exchange, *row, std::span(match.values).first(match.value_count), table_->body_max);
  } else if (match.node != nullptr && request.method == Method::options) {
    out.reply = Reply::empty(204).with("Allow", allowed(*match.node));
  } else {
    const bool known = match.node != nullptr;
    const Error error(Fault::missing, known ? "this method is not allowed here" : "not found: " + request.path);
    const int status = known ? 405 : 404;
    out.reply = match.style == nullptr ? plain(status) : match.style->shape(error, request);
    out.reply.status = status;
    if (known) out.reply.with("Allow", allowed(*match.node));
  }
  auto* style = row != nullptr ? &row->style : match.style;
  if (style != nullptr) style->decorate(out.reply, request, out.who);
  write_line(exchange, out.reply.status, out.who, began);
  if (auto* notes = exchange.notes()) notes->who = out.who.login.empty() ? out.who.id : out.who.login;
  auto sent = co_await exchange.reply(std::move(out.reply));
  if (!sent && sent.error().fault() == Fault::internal)
    exchange.log().error("request.failed", {{"message", sent.error().message()}, {"trail", sent.error().trail()}});
}

}  // namespace gatehouse::net
