#include "gateway/forward_auth.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
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

bool has_named(const Request& request, std::string_view name) {
  return std::ranges::any_of(request.fields.all(), [&](const net::Field& field) { return equal_ignoring_case(field.name, name); });
}

std::unexpected<Error> refuse(std::string why) { return failure(Fault::denied, std::move(why)); }

Result<std::string_view> only(const Request& request, std::string_view name) {
  const auto value = request.fields.only(name);
  if (!value || value->empty()) return refuse(std::string(name) + " is missing, empty or there twice");
  return *value;
}

// Headers that say what the original request is; those that a form does not use must not say something else.
constexpr std::string_view kTargets[] = {"x-original-uri", "x-forwarded-uri", "x-envoy-original-path"};
constexpr std::string_view kMethods[] = {"x-original-method", "x-forwarded-method"};

Result<void> check_agreement(const Request& request, std::string_view target, std::string_view method) {
  const auto agrees = [&](std::string_view name, std::string_view value) { return !has_named(request, name) || request.fields.only(name) == value; };
  for (const auto name : kTargets)
    if (!agrees(name, target)) return refuse(std::string(name) + " says something else");
  for (const auto name : kMethods)
    if (!agrees(name, method)) return refuse(std::string(name) + " says something else");
  if (has_named(request, "x-original-host")) return refuse("x-original-host belongs to no form");
  return {};
}

struct Words {
  std::string_view method, scheme, host, target;
};

Result<Words> read_nginx(const Request& request) {
  Words words;
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

Result<Words> read_forwarded(const Request& request) {
  Words words;
  GH_TRY(words.method, only(request, "x-forwarded-method"));
  GH_TRY(words.scheme, only(request, "x-forwarded-proto"));
  GH_TRY(words.host, only(request, "x-forwarded-host"));
  GH_TRY(words.target, only(request, "x-forwarded-uri"));
  if (has_named(request, "x-original-url")) return refuse("x-original-url is of another form");
  return words;
}

std::optional<bool> is_tls(std::string_view scheme) {
  if (scheme == "https" || scheme == "wss") return true;
  if (scheme == "http" || scheme == "ws") return false;
  return std::nullopt;
}

bool is_about_the_way(std::string_view name) {
  const auto low = to_lower(name);
  return low.starts_with("x-forwarded-") || low.starts_with("x-original-") || low.starts_with("x-gatehouse-") || low == "forwarded" ||
         low == "x-real-ip" || low == "x-envoy-original-path" || low == "content-length" || low == "transfer-encoding";
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
    out.headers = identity_of(journey);
    const auto cookies = original_.fields.only(net::Header::cookie);
    out.with("X-Gatehouse-Cookie", cookies ? without_cookies(*cookies, journey.snapshot.own_cookies()) : "");
    out.with("X-Gatehouse-User", is_safe_value(journey.pass.who) ? journey.pass.who : "");
    out.with("Cache-Control", "no-store");
    keeps_authorization = journey.pass.authorization == Pass::Authorization::keep;
    (void)co_await exchange.reply(std::move(out));
  }
  bool passes_by(const Stage& stage) const override { return !stage.guards(); }

  std::optional<Reply> kept;
  bool admitted = false, keeps_authorization = true;

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
  Words words;
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

Result<void> ForwardAuth::check_proof(const Request& request, const Original& original) const {
  if (config_.proof != ForwardAuthConfig::Proof::signature) return {};
  const auto said = request.fields.only(kCallerSignature).value_or("");
  const auto comma = said.find(",v1=");
  const auto time = said.starts_with("t=") && comma != std::string_view::npos ? parse_int(said.substr(2, comma - 2)) : std::nullopt;
  if (!time) return refuse("there is no signature");
  const auto now = to_seconds(clock_.now());
  if (*time < now - kSignatureAge.count() || *time > now + kSignatureAge.count()) return refuse("the signature is not of this moment");
  const auto client = request.fields.only(net::Header::x_forwarded_for).value_or("");
  const auto& words = original.words;
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
  Original original;
  const auto form = form_of(request.path);
  if (!form) return failure(Fault::missing, "there is no such form of forward-auth");
  original.form = *form;
  std::string target;   // Envoy's, put together again
  if (*form == Form::envoy) {
    constexpr auto skip = kForwardAuthPrefix.size() + std::string_view("envoy").size();
    target = request.path.size() > skip ? request.path.substr(skip) : "/";
    if (request.has_query) target.append("?").append(request.query);
    GH_TRY(const auto scheme, only(request, "x-forwarded-proto"));
    if (has_named(request, "x-original-url")) return refuse("x-original-url is of another form");
    original.words = {request.method_name, scheme, request.authority, target};
  } else {
    GH_TRY(original.words, *form == Form::forwarded ? read_forwarded(request) : read_nginx(request));
  }
  const auto& words = original.words;
  GH_DO(check_agreement(request, words.target, words.method));
  GH_DO(check_proof(request, original));
  if (!words.target.starts_with('/')) return refuse("the original target is not a path");
  auto parsed = net::parse_target(words.target);
  if (!parsed || !parsed->authority.empty()) return refuse("the original target cannot be read");
  auto authority = net::parse_authority(words.host);
  if (!authority) return refuse("the original host cannot be read");
  const auto tls = is_tls(words.scheme);
  if (!tls || !is_field_name(words.method)) return refuse("the original scheme or method cannot be read");

  auto& out = original.request;
  out.method = net::method_of(words.method);
  out.method_name = words.method;
  out.tls = *tls;
  out.host = std::move(authority->host);
  const std::uint16_t usual = *tls ? 443 : 80;
  out.port = authority->port.value_or(usual);
  out.authority = out.host.contains(':') ? "[" + out.host + "]" : out.host;
  if (out.port != usual) out.authority += ":" + std::to_string(out.port);
  out.path = std::move(parsed->path);
  out.query = std::move(parsed->query);
  out.has_query = parsed->has_query;
  out.client.ip = client_of(request);
  out.id = request.id;
  for (const auto& field : request.fields.all())
    if (!is_about_the_way(field.name)) (void)out.fields.add(field);
  original.words = {};   // its views end here
  return original;
}

boost::asio::awaitable<void> ForwardAuth::answer(net::Exchange& exchange, Gateway& gateway) const {
  const auto& request = exchange.request();
  if (request.has_body) exchange.close_after();   // nobody reads it
  auto original = [&]() -> Result<Original> {
    GH_DO(check_caller(request));
    return read(request);
  }();
  if (!original) {
    exchange.log().warn("gateway.forward_auth_refused", {{"why", original.error().message()}, {"caller", request.via.ip.empty() ? request.client.ip : request.via.ip}});
    auto no = Reply::text(403, "403 Forbidden\n");
    (void)co_await exchange.reply(std::move(no));
    co_return;
  }
  Asked asked(exchange, original->request);
  co_await gateway.inquire(asked, asked);
  auto reply = asked.kept ? *std::move(asked.kept) : Reply::text(403, "403 Forbidden\n");
  if (!asked.admitted && reply.status < 300) reply = Reply::text(403, "403 Forbidden\n");   // whoever answered did not let it pass
  switch (original->form) {
    case Form::nginx: fit_for_nginx(reply); break;
    case Form::nginx_page: reply = page_for_nginx(original->request, std::move(reply)); break;
    case Form::envoy: if (asked.admitted) fit_for_envoy(reply, asked.keeps_authorization); break;
    case Form::forwarded: break;
  }
  (void)co_await exchange.reply(std::move(reply));
}

}  // namespace gatehouse::gateway
