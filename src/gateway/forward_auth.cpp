#include "gateway/forward_auth.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "gateway/ext_authz.h"
#include "gateway/grpc.h"
#include "gateway/inquiry.h"
#include "gateway/names.h"

namespace gatehouse::gateway {

namespace {

using net::Reply;
using net::Request;

constexpr std::size_t kHopsMax = 32;   // of X-Forwarded-For

enum class Form { nginx, nginx_page, forwarded, envoy };

std::optional<Form> form_of(std::string_view path) {
  const auto rest = path.substr(kForwardAuthPrefix.size());
  if (rest == "nginx") return Form::nginx;
  if (rest == "nginx/page") return Form::nginx_page;
  if (rest == "traefik" || rest == "caddy") return Form::forwarded;
  if (rest == "envoy" || rest.starts_with("envoy/")) return Form::envoy;
  return std::nullopt;
}

std::unexpected<Error> refuse(std::string why) { return failure(Fault::denied, std::move(why)); }

Result<std::string_view> only(const Request& request, std::string_view name) {
  const auto value = request.fields.only(name);
  if (!value || value->empty()) return refuse(std::string(name) + " is missing, empty or there twice");
  return *value;
}

Result<OriginalWords> read_nginx(const Request& request) {
  OriginalWords words;
  GH_TRY(words.method, only(request, "x-original-method"));
  GH_TRY(const auto url, only(request, "x-original-url"));
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return refuse("x-original-url is not an address");
  words.scheme = url.substr(0, colon);
  const auto rest = url.substr(colon + 3);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || rest.find_first_of("?#\\@") < slash) return refuse("x-original-url has no plain host");
  words.host = rest.substr(0, slash);
  words.target = rest.substr(slash);
  return words;
}

Result<OriginalWords> read_forwarded(const Request& request) {
  OriginalWords words;
  GH_TRY(words.method, only(request, "x-forwarded-method"));
  GH_TRY(words.scheme, only(request, "x-forwarded-proto"));
  GH_TRY(words.host, only(request, "x-forwarded-host"));
  GH_TRY(words.target, only(request, "x-forwarded-uri"));
  if (has_named(request.fields, "x-original-url")) return refuse("x-original-url is of another form");
  return words;
}

// The header lines that a route would add, by name; every name that only the gateway may set has an entry.
std::vector<std::pair<std::string, std::string>> identity_of(const Journey& journey) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& name : journey.snapshot.injected()) headers.emplace_back(name, "");
  const auto put = [&](std::string_view lines) {
    while (!lines.empty()) {
      const auto end = std::min(lines.find("\r\n"), lines.size());
      const auto line = lines.substr(0, end);
      lines.remove_prefix(std::min(end + 2, lines.size()));
      const auto colon = line.find(": ");
      if (colon == std::string_view::npos) continue;
      for (auto& [name, value] : headers)
        if (equal_ignoring_case(name, line.substr(0, colon))) value = line.substr(colon + 2);
    }
  };
  put(journey.route.fixed_lines);
  if (journey.pass.header_lines) put(*journey.pass.header_lines);
  return headers;
}

// Answers are kept instead of sent: they still have to take the caller's form.
class Asked final : public ExchangeLayer, public Inquiry {
 public:
  Asked(net::Exchange& outer, const Request& original) : ExchangeLayer(outer), original_(original) {}
  const Request& request() const override { return original_; }
  Task<std::string_view> read_some() override { co_return std::string_view(); }
  Task<void> reply(Reply reply) override {
    kept = std::move(reply);
    co_return Result<void>();
  }
  Task<void> start(Reply head, std::optional<std::uint64_t>) override { return reply(std::move(head)); }
  Task<void> send(std::string_view) override { co_return Result<void>(); }
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override { co_return Result<void>(); }
  bool started() const override { return kept.has_value(); }
  bool relays() const override { return false; }

  boost::asio::awaitable<void> arrive(net::Exchange& exchange, const Journey& journey) override {
    admitted = true;
    auto out = Reply::empty(200);
    identity = identity_of(journey);
    out.headers = identity;
    if (const auto cookies = original_.fields.only(net::Header::cookie)) cookie = without_cookies(*cookies, journey.snapshot.own_cookies());
    out.with("X-Gatehouse-Cookie", cookie.value_or(""));
    out.with("X-Gatehouse-User", is_safe_value(journey.pass.who) ? journey.pass.who : "");
    out.with("Cache-Control", "no-store");
    keeps_authorization = journey.pass.authorization == Pass::Authorization::keep;
    (void)co_await exchange.reply(std::move(out));
  }
  bool passes_by(const Stage& stage) const override { return !stage.guards(); }

  // The verdict. Whoever answers without arriving here, or changes the answer on its way back to a refusal, does not let it pass.
  bool passes() const { return admitted && kept && kept->status < 300; }

  std::optional<Reply> kept;
  bool admitted = false, keeps_authorization = true;
  std::vector<std::pair<std::string, std::string>> identity;   // "": to be taken away
  std::optional<std::string> cookie;                           // without our own; nullopt: there is none

 private:
  const Request& original_;
};

// ext_authz copies what is there over what the client sent; what is absent has to be taken away by name (CVE-2026-30851).
void fit_for_envoy(Reply& reply, bool keeps_authorization) {
  std::vector<std::string> gone;
  std::erase_if(reply.headers, [&](const auto& header) {
    if (header.second.empty()) gone.push_back(to_lower(header.first));
    return header.second.empty();
  });
  if (!keeps_authorization) gone.emplace_back("authorization");
  if (!gone.empty()) reply.with("x-envoy-auth-headers-to-remove", join(gone, ","));
}

// auth_request knows 2xx, 401 and 403; anything else would be an error page of nginx.
void fit_for_nginx(Reply& reply) {
  if (reply.status < 300) return;
  const bool sign_in = reply.status == 401 || (reply.status >= 300 && reply.status < 400);
  reply.status = sign_in ? 401 : 403;
}

// The page itself is asked for after a refusal. Should the verdict have changed meanwhile, the browser tries again.
Reply page_for_nginx(const Request& original, Reply reply) {
  if (reply.status >= 300) return reply;
  const bool repeatable = original.method == net::Method::get || original.method == net::Method::head;
  if (!repeatable) return refusal_page(original, 403, "Not allowed", "Try again.");
  return Reply::redirect(original.origin() + original.target());
}

}  // namespace

struct ForwardAuth::Original {
  Form form = Form::nginx;
  Request request;
};

std::string sign_context(const Secret& secret, const SignedContext& context) {
  std::string text = "gatehouse-forward-auth/1\n";
  const auto time = std::to_string(context.time);
  for (const std::string_view part : {std::string_view(time), context.method, context.scheme, context.host, context.target, context.client})
    text.append(std::to_string(part.size())).append(":").append(part).append("\n");
  return base64url_encode(crypto::hmac_sha256(secret.reveal(), text));
}

Result<std::unique_ptr<ForwardAuth>> ForwardAuth::make(ForwardAuthConfig config, const Clock& clock) {
  GH_TRY(auto callers, Networks::parse(config.callers));
  if (callers.empty()) return failure(Fault::invalid, "forward_auth: name the networks of those who may ask; there is no default");
  if (config.proof != ForwardAuthConfig::Proof::network && config.secret.reveal().size() < kCallerSecretMin)
    return failure(Fault::invalid, "forward_auth: the secret has at least 16 bytes");
  return std::unique_ptr<ForwardAuth>(new ForwardAuth(std::move(config), std::move(callers), clock));
}

Result<void> ForwardAuth::check_caller(const Request& request) const {
  const auto ip = parse_ip(request.via.ip.empty() ? request.client.ip : request.via.ip);
  if (!ip || !callers_.contains(*ip)) return refuse("the caller is not in forward_auth.callers");
  if (config_.proof != ForwardAuthConfig::Proof::secret) return {};
  const auto said = request.fields.only(kCallerSecret);
  if (!said || !equal_constant_time(*said, config_.secret.reveal())) return refuse("the caller does not know the secret");
  return {};
}

Result<void> ForwardAuth::check_proof(const Request& request, const OriginalWords& words, std::string_view client) const {
  if (config_.proof != ForwardAuthConfig::Proof::signature) return {};
  const auto said = request.fields.only(kCallerSignature).value_or("");
  const auto comma = said.find(",v1=");
  const auto time = said.starts_with("t=") && comma != std::string_view::npos ? parse_int(said.substr(2, comma - 2)) : std::nullopt;
  if (!time) return refuse("there is no signature");
  const auto now = to_seconds(clock_.now());
  if (*time < now - kSignatureAge.count() || *time > now + kSignatureAge.count()) return refuse("the signature is not of this moment");
  const auto expected = sign_context(config_.secret, {*time, words.method, words.scheme, words.host, words.target, client});
  if (!equal_constant_time(said.substr(comma + 4), expected)) return refuse("the signature is wrong");
  return {};
}

// The last hop that is no caller itself; what stands before it was written by the client. Empty: not known.
std::string ForwardAuth::client_of(const Request& request) const {
  std::vector<std::string_view> hops;
  for (const auto& field : request.fields.all())
    if (field.id == net::Header::x_forwarded_for)
      for (const auto hop : split(field.value, ',')) hops.push_back(trim(hop));
  if (hops.size() > kHopsMax) return {};
  std::string client;
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto ip = parse_ip(*hop);
    if (!ip) return {};
    client = ip_text(*ip);
    if (!callers_.contains(*ip)) return client;
  }
  return client;
}

Result<ForwardAuth::Original> ForwardAuth::read(const Request& request) const {
  const auto form = form_of(request.path);
  if (!form) return failure(Fault::missing, "there is no such form of forward-auth");
  std::string target;   // Envoy's, put together again
  OriginalWords words;
  if (*form == Form::envoy) {
    constexpr auto skip = kForwardAuthPrefix.size() + std::string_view("envoy").size();
    target = request.path.size() > skip ? request.path.substr(skip) : "/";
    if (request.has_query) target.append("?").append(request.query);
    GH_TRY(const auto scheme, only(request, "x-forwarded-proto"));
    if (has_named(request.fields, "x-original-url")) return refuse("x-original-url is of another form");
    words = {request.method_name, scheme, request.authority, target};
  } else {
    GH_TRY(words, *form == Form::forwarded ? read_forwarded(request) : read_nginx(request));
  }
  GH_DO(check_agreement(request.fields, words));
  GH_DO(check_proof(request, words, request.fields.only(net::Header::x_forwarded_for).value_or("")));
  GH_TRY(auto original, original_request(words));
  original.client.ip = client_of(request);
  original.id = request.id;
  for (const auto& field : request.fields.all())
    if (!is_about_the_way(field.name)) (void)original.fields.add(field);
  return Original{*form, std::move(original)};
}

void ForwardAuth::note_refused(const net::Exchange& exchange, const Error& why) const {
  const auto& request = exchange.request();
  exchange.log().warn("gateway.forward_auth_refused", {{"why", why.message()}, {"caller", request.via.ip.empty() ? request.client.ip : request.via.ip}});
}

boost::asio::awaitable<void> ForwardAuth::answer(net::Exchange& exchange, Gateway& gateway) const {
  const auto& request = exchange.request();
  if (request.has_body) exchange.close_after();   // nobody reads it
  auto original = [&]() -> Result<Original> {
    GH_DO(check_caller(request));
    return read(request);
  }();
  if (!original) {
    note_refused(exchange, original.error());
    auto no = Reply::text(403, "403 Forbidden\n");
    (void)co_await exchange.reply(std::move(no));
    co_return;
  }
  Asked asked(exchange, original->request);
  co_await gateway.inquire(asked, asked);
  const bool passes = asked.passes();
  auto reply = asked.kept && (passes || asked.kept->status >= 300) ? *std::move(asked.kept) : Reply::text(403, "403 Forbidden\n");
  switch (original->form) {
    case Form::nginx: fit_for_nginx(reply); break;
    case Form::nginx_page: reply = page_for_nginx(original->request, std::move(reply)); break;
    case Form::envoy: if (passes) fit_for_envoy(reply, asked.keeps_authorization); break;
    case Form::forwarded: break;
  }
  (void)co_await exchange.reply(std::move(reply));
}

// ---- Envoy over gRPC.

namespace {

// A header of the original request. Envoy has put the pseudo headers among them.
Result<void> add_header(Request& original, const OriginalWords& words, std::string_view name, std::string_view value) {
  const std::pair<std::string_view, std::string_view> told[] = {
      {":method", words.method}, {":scheme", words.scheme}, {":path", words.target}, {":authority", words.host}, {"host", words.host}};
  for (const auto& [pseudo, said] : told) {
    if (name != pseudo) continue;
    if (value != said) return refuse(std::string(name) + " says something else");
    return {};
  }
  if (!is_field_name(name) || name != to_lower(name)) return refuse("a header has a name that Envoy does not send");
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return refuse("a header has a line break");
  if (name == "x-forwarded-proto" && is_tls(value) != is_tls(words.scheme)) return refuse("x-forwarded-proto says something else");
  if (!original.fields.add({.name = name, .value = trim(value), .id = net::header_of(name)})) return refuse("there are too many headers");
  return {};
}

// Left out is what would make the answer unreadable for Envoy.
Result<CheckPassed> passed_by(const Asked& asked) {
  CheckPassed passed;
  for (const auto& [name, value] : asked.identity) {
    if (!is_utf8(value)) return failure(Fault::internal, "the value of " + name + " is not UTF-8");
    if (value.empty()) passed.remove.push_back(to_lower(name));
    else passed.set.emplace_back(to_lower(name), value);
  }
  const auto sent = asked.request().fields.only(net::Header::cookie);
  if (sent && asked.cookie != sent) {   // ours stay with us
    if (asked.cookie->empty() || !is_utf8(*asked.cookie)) passed.remove.emplace_back("cookie");
    else passed.set.emplace_back("cookie", *asked.cookie);
  }
  if (!asked.keeps_authorization) passed.remove.emplace_back("authorization");
  return passed;
}

std::string denied_by(const Error& error) {
  // 3: INVALID_ARGUMENT, 7: PERMISSION_DENIED
  if (error.fault() == Fault::invalid) return write_denied(3, Reply::text(400, "400 Bad Request\n"));
  return write_denied(7, Reply::text(403, "403 Forbidden\n"));
}

}  // namespace

bool ForwardAuth::is_check(const Request& call) { return call.path == kCheckPath && call.major_version == 2; }

Result<Request> ForwardAuth::read_call(const Request& question, std::string_view body) const {
  GH_TRY(const auto message, unframe_grpc(body));
  GH_TRY(const auto check, gateway::read_check(message));
  const OriginalWords words{check.method, check.scheme, check.host, check.path};
  GH_DO(check_proof(question, words, check.source));
  GH_TRY(auto original, original_request(words));
  for (const auto& [name, value] : check.headers) GH_DO(add_header(original, words, name, value));
  GH_DO(check_agreement(original.fields, words));
  net::Fields own;
  for (const auto& field : original.fields.all())
    if (!is_about_the_way(field.name)) (void)own.add(field);
  original.fields = own;
  // Whom Envoy takes for the client is its own configuration; X-Forwarded-For is only what that was made of.
  if (const auto ip = parse_ip(check.source)) original.client.ip = ip_text(*ip);
  original.id = question.id;
  return original;
}

boost::asio::awaitable<void> ForwardAuth::answer_check(net::Exchange& exchange, Gateway& gateway) const {
  const auto& question = exchange.request();
  Result<std::string> body = std::string();   // the original request looks into it
  auto original = Result<Request>(failure(Fault::denied, ""));
  if (auto known = check_caller(question); !known) {
    original = std::unexpected(std::move(known.error()));
  } else {
    body = co_await exchange.read_all(kCheckMessageMax);
    if (body) original = read_call(question, *body);
    else original = std::unexpected(std::move(body.error()));
  }
  std::string message;
  if (original) {
    Asked asked(exchange, *original);
    co_await gateway.inquire(asked, asked);
    auto passed = passed_by(asked);
    if (asked.passes() && passed) message = write_passed(*passed);
    else if (asked.kept && asked.kept->status >= 300) message = write_denied(grpc_status_of(asked.kept->status), *asked.kept);
    else message = denied_by(Error(Fault::denied, "whoever answered did not let it pass"));
  } else {
    note_refused(exchange, original.error());
    message = denied_by(original.error());
  }
  auto head = Reply::empty(200).with("Content-Type", "application/grpc");
  const std::vector<std::pair<std::string, std::string>> ok{{"grpc-status", "0"}};
  const auto framed = frame_grpc(message);
  if (!co_await exchange.start(std::move(head), std::nullopt)) co_return;
  if (!co_await exchange.send(framed)) co_return;
  (void)co_await exchange.finish(ok);
}

}  // namespace gatehouse::gateway
