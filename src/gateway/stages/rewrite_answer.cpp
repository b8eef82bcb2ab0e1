// The way back: header fields of answers.
#include <algorithm>

#include "core/text.h"
#include "gateway/names.h"
#include "gateway/stages/answer_layer.h"
#include "gateway/stages/rewrite.h"
#include "net/url.h"

namespace gatehouse::gateway {
namespace {

// RFC 6265 §5.2: attributes are told apart by name in any case; the last one wins, so all of a name go.
std::string rewritten_cookie(std::string_view cookie, const CookieRewrite& rewrite) {
  const auto parts = split(cookie, ';');
  std::string made(trim(parts.front()));
  const auto replaced = [&](std::string_view name) {
    return (rewrite.domain && equal_ignoring_case(name, "domain")) || (rewrite.path && equal_ignoring_case(name, "path")) ||
           (rewrite.same_site && equal_ignoring_case(name, "samesite")) || (rewrite.secure && equal_ignoring_case(name, "secure")) ||
           (rewrite.http_only && equal_ignoring_case(name, "httponly"));
  };
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto part = trim(parts[i]);
    if (part.empty() || replaced(trim(part.substr(0, part.find('='))))) continue;
    made.append("; ").append(part);
  }
  const auto add = [&](std::string_view name, const std::optional<std::string>& value) {
    if (value && !value->empty()) made.append("; ").append(name).append("=").append(*value);
  };
  add("Domain", rewrite.domain);
  add("Path", rewrite.path);
  add("SameSite", rewrite.same_site);
  if (rewrite.secure) made += "; Secure";
  if (rewrite.http_only) made += "; HttpOnly";
  return made;
}

class Answering final : public Stage {
 public:
  explicit Answering(AnswerRewrite rewrite) : rewrite_(std::move(rewrite)) {}
  Place place() const override { return Place::admitted; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    Layer layer(exchange, *this);
    co_await next(layer);
  }

 private:
  class Layer final : public AnswerLayer {
   public:
    Layer(net::Exchange& below, const Answering& stage) : AnswerLayer(below), stage_(stage) {}

   private:
    void on_head(net::Reply& head) override { stage_.rewrite(request(), head); }
    const Answering& stage_;
  };

  void rewrite(const net::Request& request, net::Reply& head) const {
    for (auto& [name, value] : head.headers) {
      if (equal_ignoring_case(name, "Location") || equal_ignoring_case(name, "Content-Location")) value = our_address(request, std::move(value));
      else if (rewrite_.cookies.any() && equal_ignoring_case(name, "Set-Cookie")) value = rewritten_cookie(value, rewrite_.cookies);
    }
    for (const auto& name : rewrite_.remove) remove_header(head, name);
    for (const auto& [name, value] : rewrite_.set) set_header(head, name, value);
  }

  // Only an address that is the upstream's for certain is ours on this side; others stay as they are.
  std::string our_address(const net::Request& request, std::string address) const {
    if (address.starts_with('/') && !address.starts_with("//")) return rewrite_.path_prefix + address;
    const auto after_scheme = address.find("://");
    if (after_scheme == std::string::npos) return address;
    const auto end = std::min(address.find_first_of("/?#", after_scheme + 3), address.size());
    const auto url = net::Url::parse(std::string_view(address).substr(0, end));
    if (!url || std::ranges::find(rewrite_.origins, url->origin()) == rewrite_.origins.end()) return address;
    return request.origin() + rewrite_.path_prefix + address.substr(end);
  }

  const AnswerRewrite rewrite_;
};

class Careful final : public Stage {
 public:
  explicit Careful(SecurityHeaders headers) : headers_(std::move(headers)) {}
  Place place() const override { return Place::arrived; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    Layer layer(exchange, headers_);
    co_await next(layer);
  }

 private:
  class Layer final : public AnswerLayer {
   public:
    Layer(net::Exchange& below, const SecurityHeaders& headers) : AnswerLayer(below), headers_(headers) {}

   private:
    void on_head(net::Reply& head) override {
      set_header(head, "X-Content-Type-Options", "nosniff");
      if (request().tls && !headers_.hsts.empty()) set_header(head, "Strict-Transport-Security", headers_.hsts);
      const auto suggest = [&](std::string_view name, const std::string& value) {
        if (!value.empty() && find_header(head, name) == nullptr) head.headers.emplace_back(name, value);
      };
      suggest("X-Frame-Options", headers_.frame);
      suggest("Content-Security-Policy", headers_.csp);
      suggest("Referrer-Policy", headers_.referrer);
      suggest("Permissions-Policy", headers_.permissions);
    }
    const SecurityHeaders& headers_;
  };
  const SecurityHeaders headers_;
};

bool is_attribute_value(const std::optional<std::string>& value) {
  return !value || (is_safe_value(*value) && !value->contains(';') && !value->contains(','));
}

}  // namespace

Result<std::shared_ptr<Stage>> make_answer_stage(AnswerRewrite rewrite) {
  if (rewrite.set.size() + rewrite.remove.size() + rewrite.origins.size() > kRewriteHeadersMax)
    return failure(Fault::invalid, "answer: at most 64 headers and origins");
  for (const auto& [name, value] : rewrite.set)
    if (!may_set_in_answer(name) || !is_safe_value(value)) return failure(Fault::invalid, "answer: the header '" + name + "' or its value is not fit for this");
  for (const auto& name : rewrite.remove)
    if (!may_set_in_answer(name) && !equal_ignoring_case(name, "set-cookie")) return failure(Fault::invalid, "answer: the header '" + name + "' cannot be removed");
  for (const auto& origin : rewrite.origins)
    if (const auto url = net::Url::parse(origin); !url || url->origin() != origin)
      return failure(Fault::invalid, "answer: '" + origin + "' is not scheme://host[:port]");
  const auto& cookies = rewrite.cookies;
  if (!is_attribute_value(cookies.domain) || !is_attribute_value(cookies.path))
    return failure(Fault::invalid, "answer: a domain or path of cookies has characters that end it");
  if (cookies.same_site && !cookies.same_site->empty() && *cookies.same_site != "Strict" && *cookies.same_site != "Lax" && *cookies.same_site != "None")
    return failure(Fault::invalid, "answer: same_site is Strict, Lax or None");
  return std::make_shared<Answering>(std::move(rewrite));
}

Result<std::shared_ptr<Stage>> make_security_stage(SecurityHeaders headers) {
  for (const auto* value : {&headers.hsts, &headers.frame, &headers.csp, &headers.referrer, &headers.permissions})
    if (!is_safe_value(*value)) return failure(Fault::invalid, "security_headers: a value has characters that must not be sent");
  return std::make_shared<Careful>(std::move(headers));
}

}  // namespace gatehouse::gateway
