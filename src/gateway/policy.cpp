#include "gateway/policy.h"

#include "core/text.h"
#include "gateway/gateway.h"
#include "gateway/names.h"

namespace gatehouse::gateway {

namespace {

class PublicPolicy final : public Policy {
 public:
  std::optional<Verdict> at_once(const net::Request&, const Demand&) override { return Pass(); }
  Task<Verdict> check(net::Exchange&, const Demand&) override { co_return Pass(); }
  Result<Verdict> imagine(const net::Request&, const Demand&, std::shared_ptr<const json::object>) override { return Pass(); }
  std::string_view kind() const override { return "public"; }
};

std::optional<std::string> scalar_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  if (value.is_bool() || value.is_number()) return to_text(value);
  return std::nullopt;
}

// A group called "staff,admins" must not become two groups: an entry with the separator in it is left out.
std::string list_text(const json::array& list, const std::string& separator) {
  std::vector<std::string> parts;
  for (const auto& entry : list) {
    auto text = scalar_text(entry);
    if (text && !text->empty() && is_safe_value(*text) && !text->contains(separator)) parts.push_back(*std::move(text));
  }
  return join(parts, separator);
}

}  // namespace

Task<net::Reply> Policy::page(net::Exchange&) { co_return failure(Fault::missing, "there is no such page"); }

Task<net::Reply> Policy::step_up(net::Exchange& exchange, const Demand&, policy::StepUp) { co_return not_admitted_page(exchange.request()); }

Result<Verdict> Policy::imagine(const net::Request&, const Demand&, std::shared_ptr<const json::object>) {
  return failure(Fault::missing, "nobody can be imagined here");
}

std::unique_ptr<Policy> public_policy() { return std::make_unique<PublicPolicy>(); }

std::string identity_lines(const std::vector<IdentityHeader>& headers, const json::object& claims) {
  std::string lines;
  for (const auto& header : headers) {
    const auto* claim = claims.if_contains(header.claim);
    if (claim == nullptr) continue;
    const auto value = claim->is_array() ? list_text(claim->get_array(), header.separator) : scalar_text(*claim).value_or("");
    const auto bare = trim(value);
    if (bare.empty() || !is_safe_value(bare)) continue;
    lines.append(header.name).append(": ").append(bare).append("\r\n");
  }
  return lines;
}

}  // namespace gatehouse::gateway
