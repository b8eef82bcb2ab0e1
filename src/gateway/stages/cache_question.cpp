#include "gateway/stages/cache_question.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "gateway/heads.h"
#include "gateway/names.h"
#include "net/url.h"

namespace gatehouse::gateway {
namespace {

// By these, too, applications learn who calls; none of them is a word of HTTP.
constexpr std::string_view kCredentials[] = {
    "x-api-key",       "api-key",      "apikey",       "x-auth-token",         "x-access-token",
    "x-session-token", "x-csrf-token", "x-xsrf-token", "x-amz-security-token", "private-token"};
// Whose answers are parts, or who asks something else than what would be kept.
constexpr std::string_view kOddConditions[] = {"range", "if-range", "if-match", "if-unmodified-since"};

const net::Field* field_of(const net::Fields& fields, std::string_view name) {
  const auto found =
      std::ranges::find_if(fields.all(), [&](const auto& field) { return equal_ignoring_case(field.name, name); });
  return found == fields.all().end() ? nullptr : &*found;
}

// With its length before it, so that no part can be shifted into the next one.
void add_part(std::string& to, std::string_view part) {
  to.append(std::to_string(part.size())).append(":").append(part);
}

std::string cookies_for_upstream(const net::Request& request, const Journey& journey) {
  if (journey.edits.removes("cookie")) return {};
  std::string all;
  for (const auto& field : request.fields.all())
    if (field.id == net::Header::cookie) add_part(all, without_cookies(field.value, journey.snapshot.own_cookies()));
  return all == "0:" ? std::string() : all;
}

// Everything by which the upstream, or the policy, may know who calls; empty: nobody in particular.
std::string credentials_of(const net::Request& request, const Journey& journey, const CacheConfig& config) {
  std::string all;
  const auto add = [&](std::string_view name, std::string_view value) {
    add_part(all, name);
    add_part(all, value);
  };
  const auto& pass = journey.pass;
  if (pass.header_lines && !pass.header_lines->empty()) add("identity", *pass.header_lines);
  if (auto cookies = cookies_for_upstream(request, journey); !cookies.empty()) add("cookie", cookies);
  for (const auto& field : request.fields.all()) {
    const auto is_it = [&](std::string_view name) { return equal_ignoring_case(name, field.name); };
    const bool counts = field.id == net::Header::authorization || std::ranges::any_of(kCredentials, is_it) ||
                        std::ranges::any_of(config.credentials, is_it);
    if (counts && (field.id == net::Header::authorization || !journey.edits.removes(field.name)))
      add(to_lower(field.name), field.value);
  }
  if (all.empty() && (pass.attributes || !pass.who.empty() || pass.shown != Pass::Shown::nothing)) add("who", pass.who);
  return all;
}

// Empty when the policy does not know it.
std::string subject_of(const Pass& pass) {
  if (!pass.attributes) return {};
  const auto text = [&](std::string_view name) {
    const auto* value = pass.attributes->if_contains(name);  // allowed: claims of a policy, which it has checked
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
  };
  const auto subject = text("sub");
  if (subject.empty()) return {};
  std::string both;
  add_part(both, text("iss"));
  add_part(both, subject);
  return both;
}

std::string base_key(const net::Request& request, const Journey& journey, std::string_view url) {
  const auto& [route, edits] = std::tie(journey.route, journey.edits);
  std::string key;
  key.reserve(url.size() + 256);
  add_part(key, route.demand.route);
  add_part(key, route.pool ? std::string_view(route.pool->name()) : std::string_view());
  add_part(key, route.fixed_lines);
  add_part(key, url);
  add_part(key, edits.path ? *edits.path : request.path);
  add_part(key, edits.query ? *edits.query : request.query);
  add_part(key, edits.host.value_or(""));
  return key;
}

std::string_view reason_to_bypass(const net::Request& request, const CacheQuestion& question) {
  if (request.upgrade != net::Upgrade::none || asks_for_websocket(request.fields)) return "upgrade";
  if (request.has_body) return "body";
  if (std::ranges::any_of(kOddConditions, [&](auto name) { return field_of(request.fields, name) != nullptr; }))
    return "range";
  if (const auto accept = request.fields.only(net::Header::accept); accept && accept->contains("text/event-stream"))
    return "stream";
  if (question.asked.no_store) return "no-store";
  if (question.shared_key.empty() && question.own_key.empty()) return "authorised";
  return {};
}

CacheControl asked_by(const net::Fields& fields) {
  CacheControl asked;
  bool pragma = false;
  for (const auto& field : fields.all()) {
    if (field.id == net::Header::cache_control) asked.add(field.value);
    else if (equal_ignoring_case(field.name, "pragma") && equal_ignoring_case(trim(field.value), "no-cache"))
      pragma = true;
  }
  // RFC 9111 §5.4: only where nothing newer speaks.
  if (!asked.present && pragma) asked.no_cache = true;
  if (asked.malformed) asked.no_cache = true;
  return asked;
}

std::string normal(std::string_view value) {
  std::string text;
  for (const char c : value)
    if (c != ' ' && c != '\t') text += to_lower(c);
  return text;
}

}  // namespace

const std::string& CacheQuestion::key_for(const Keeping& keeping, const CacheConfig& config) const {
  if (!recognised) return shared_key;
  return config.share_authorised && keeping.shared ? shared_key : own_key;
}

CacheQuestion question_of(const net::Request& request, const Journey& journey, const CacheConfig& config) {
  CacheQuestion question;
  question.url = request.origin() + request.target();
  if (request.method != net::Method::get && request.method != net::Method::head) {
    question.way = CacheQuestion::Way::method;
    question.why = "method";
    return question;
  }
  if (config.obey_clients) question.asked = asked_by(request.fields);
  const auto credentials = credentials_of(request, journey, config);
  question.recognised = !credentials.empty();
  const auto base = base_key(request, journey, question.url);
  if (!question.recognised || config.share_authorised) {
    question.shared_key = base;
    add_part(question.shared_key, "everybody");
  }
  if (const auto subject = subject_of(journey.pass); question.recognised && config.per_subject && !subject.empty()) {
    std::string whole;
    add_part(whole, subject);
    add_part(whole, credentials);
    question.own_key = base;
    add_part(question.own_key, "one");
    add_part(question.own_key,
             base64url_encode(crypto::sha256(whole)));  // nobody reads tokens out of the memory of a cache
  }
  question.why = reason_to_bypass(request, question);
  if (!question.why.empty()) question.way = CacheQuestion::Way::bypass;
  return question;
}

std::string head_for_upstream(const net::Request& request, const Journey& journey) {
  std::string head;
  const OnwardHead onward{request, journey, ""};
  write_upstream_head(onward, head);
  return head;
}

crypto::Sip128 selecting(const CacheStore& store, std::string_view head, const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) {
    // RFC 9110 §12: in what is negotiated neither case nor blanks mean anything. Everywhere else they may.
    const bool negotiates =
        name == "accept" || name == "accept-encoding" || name == "accept-language" || name == "accept-charset";
    std::string values;
    for (auto rest = head.substr(head.find('\n') + 1); !rest.empty();) {
      const auto end = rest.find("\r\n");
      const auto line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
      const auto colon = line.find(':');
      if (colon == std::string_view::npos || !equal_ignoring_case(line.substr(0, colon), name)) continue;
      const auto value = trim(line.substr(colon + 1));
      if (!values.empty()) values += ',';
      values += negotiates ? normal(value) : std::string(value);
    }
    add_part(all, name);
    add_part(all, values);
  }
  return store.hash(all);
}

Named named_by(const net::Request& request, const Journey& journey, std::string_view location) {
  std::string target;
  if (location.starts_with('/') && !location.starts_with("//")) {
    target = location;
  } else if (const auto url = net::Url::parse(location)) {
    if (url->origin() != request.origin()) return {};
    target = url->target();
  } else if (!location.empty() && !location.contains(':') && !location.starts_with('/')) {
    target = request.path.substr(0, request.path.rfind('/') + 1).append(location);
  }
  target = target.substr(0, target.find('#'));
  const auto parsed = net::parse_target(target);
  if (target.empty() || !parsed || !parsed->authority.empty()) return {};
  const auto rest = parsed->has_query ? "?" + parsed->query : std::string();
  Named named{.url = request.origin() + parsed->path + rest, .translated = {}};
  if (!journey.edits.path || *journey.edits.path == request.path) return named;
  // What both paths end with is common ground; what stands before it is the one prefix instead of the other.
  const auto& [ours, theirs] = std::tie(request.path, *journey.edits.path);
  const auto common = std::mismatch(ours.rbegin(), ours.rend(), theirs.rbegin(), theirs.rend()).first - ours.rbegin();
  const auto theirs_before = theirs.substr(0, theirs.size() - static_cast<std::size_t>(common));
  if (!parsed->path.starts_with(theirs_before)) return named;
  named.translated = request.origin() + ours.substr(0, ours.size() - static_cast<std::size_t>(common)) +
                     parsed->path.substr(theirs_before.size()) + rest;
  return named;
}

}  // namespace gatehouse::gateway
