// /api/v1/authorizationServers/{id}/policies and …/policies/{id}/rules.
#include "okta/paging.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

std::string policy_url(const net::Call& call, const idp::Server& server) {
  return server_url(call, server.id) + "/policies/" + call.path_value("policyId");
}

// --- policies ---

Task<net::Reply> list_policies(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  json::array items;
  for (const auto& policy : server.terms->policies) items.push_back(shape(policy, server_url(call, server.id)));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> policy_reply(const net::Call& call, idp::Server server, std::string id, int status) {
  GH_CO_TRY(auto policy, found_or(idp::policy_of(server, id), id, kPolicyType));
  co_return answer(shape(policy, server_url(call, server.id)), status);
}

Task<net::Reply> get_policy(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await policy_reply(call, std::move(server), call.path_value("policyId"), 200);
}

Task<net::Reply> create_policy(ServerApi& api, const net::Call& call, PolicyAsk ask) {
  ask.policy.id = new_id(api.org.random, "00p");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) { return idp::add_policy(at, now, ask.policy); };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide));
  co_return co_await policy_reply(call, std::move(server), ask.policy.id, 201);
}

Task<net::Reply> replace_policy(ServerApi& api, const net::Call& call, PolicyAsk ask) {
  ask.policy.id = call.path_value("policyId");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) -> Result<idp::Changes> {
    GH_TRY(const auto known, idp::policy_of(now, ask.policy.id));
    if (!ask.says_status) ask.policy.active = known.active;
    return idp::change_policy(at, now, ask.policy);
  };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide, ask.policy.id, kPolicyType));
  co_return co_await policy_reply(call, std::move(server), ask.policy.id, 200);
}

Task<void> switch_policy_to(ServerApi& api, const net::Call& call, bool active) {
  const auto id = call.path_value("policyId");
  const auto at = edit_at(api);
  const auto decide = [at, &id, active](const idp::Server& now) { return idp::switch_policy(at, now, id, active); };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kPolicyType));
  co_return Result<void>();
}
Task<void> activate_policy(ServerApi& api, const net::Call& call) { return switch_policy_to(api, call, true); }
Task<void> deactivate_policy(ServerApi& api, const net::Call& call) { return switch_policy_to(api, call, false); }

Task<void> delete_policy(ServerApi& api, const net::Call& call) {
  const auto id = call.path_value("policyId");
  const auto at = edit_at(api);
  const auto decide = [at, &id](const idp::Server& now) { return idp::remove_policy(at, now, id); };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kPolicyType));
  co_return Result<void>();
}

// --- rules ---

Task<net::Reply> list_rules(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  const auto& id = call.path_value("policyId");
  GH_CO_TRY(auto policy, found_or(idp::policy_of(server, id), id, kPolicyType));
  json::array items;
  for (const auto& rule : policy.rules) items.push_back(shape(rule, policy_url(call, server)));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> rule_reply(const net::Call& call, idp::Server server, std::string id, int status) {
  const auto& policy_id = call.path_value("policyId");
  GH_CO_DO(found_or(idp::policy_of(server, policy_id), policy_id, kPolicyType));
  GH_CO_TRY(auto rule, found_or(idp::rule_of(server, policy_id, id), id, kRuleType));
  co_return answer(shape(rule, policy_url(call, server)), status);
}

Task<net::Reply> get_rule(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await rule_reply(call, std::move(server), call.path_value("ruleId"), 200);
}

// A rule that names a hook which is not there would refuse every token.
Result<void> check_hook(ServerApi& api, const idp::AccessRule& rule) {
  if (rule.hook.empty() || api.provider.has_token_hook(rule.hook)) return {};
  return std::unexpected(okta::error("E0000001", "inlineHook: there is no such inline hook"));
}

Task<net::Reply> create_rule(ServerApi& api, const net::Call& call, RuleAsk ask) {
  GH_CO_DO(check_hook(api, ask.rule));
  ask.rule.id = new_id(api.org.random, "0pr");
  const auto policy_id = call.path_value("policyId");
  const auto at = edit_at(api);
  const auto decide = [at, &ask, &policy_id](const idp::Server& now) {
    return idp::add_rule(at, now, policy_id, ask.rule);
  };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide, policy_id, kPolicyType));
  co_return co_await rule_reply(call, std::move(server), ask.rule.id, 201);
}

Task<net::Reply> replace_rule(ServerApi& api, const net::Call& call, RuleAsk ask) {
  GH_CO_DO(check_hook(api, ask.rule));
  ask.rule.id = call.path_value("ruleId");
  const auto policy_id = call.path_value("policyId");
  const auto at = edit_at(api);
  const auto decide = [at, &ask, &policy_id](const idp::Server& now) -> Result<idp::Changes> {
    GH_TRY(const auto known, idp::rule_of(now, policy_id, ask.rule.id));
    if (!ask.says_status) ask.rule.active = known.active;
    return idp::change_rule(at, now, policy_id, ask.rule);
  };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide, ask.rule.id, kRuleType));
  co_return co_await rule_reply(call, std::move(server), ask.rule.id, 200);
}

Task<void> switch_rule_to(ServerApi& api, const net::Call& call, bool active) {
  const auto policy_id = call.path_value("policyId"), id = call.path_value("ruleId");
  const auto at = edit_at(api);
  const auto decide = [at, &policy_id, &id, active](const idp::Server& now) {
    return idp::switch_rule(at, now, policy_id, id, active);
  };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kRuleType));
  co_return Result<void>();
}
Task<void> activate_rule(ServerApi& api, const net::Call& call) { return switch_rule_to(api, call, true); }
Task<void> deactivate_rule(ServerApi& api, const net::Call& call) { return switch_rule_to(api, call, false); }

Task<void> delete_rule(ServerApi& api, const net::Call& call) {
  const auto policy_id = call.path_value("policyId"), id = call.path_value("ruleId");
  const auto at = edit_at(api);
  const auto decide = [at, &policy_id, &id](const idp::Server& now) {
    return idp::remove_rule(at, now, policy_id, id);
  };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kRuleType));
  co_return Result<void>();
}

using net::Method;
constexpr net::Endpoint<ServerApi> kPolicyRows[] = {
    net::on<list_policies>(Method::get, "/api/v1/authorizationServers/{authServerId}/policies",
                           "okta.authorizationServers.read"),
    net::on<create_policy>(Method::post, "/api/v1/authorizationServers/{authServerId}/policies",
                           "okta.authorizationServers.manage"),
    net::on<get_policy>(Method::get, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}",
                        "okta.authorizationServers.read"),
    net::on<replace_policy>(Method::put, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}",
                            "okta.authorizationServers.manage"),
    net::on<delete_policy>(Method::delete_, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}",
                           "okta.authorizationServers.manage"),
    net::on<activate_policy>(Method::post,
                             "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/lifecycle/activate",
                             "okta.authorizationServers.manage"),
    net::on<deactivate_policy>(Method::post,
                               "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/lifecycle/deactivate",
                               "okta.authorizationServers.manage"),
};
constexpr net::Endpoint<ServerApi> kRuleRows[] = {
    net::on<list_rules>(Method::get, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules",
                        "okta.authorizationServers.read"),
    net::on<create_rule>(Method::post, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules",
                         "okta.authorizationServers.manage"),
    net::on<get_rule>(Method::get, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules/{ruleId}",
                      "okta.authorizationServers.read"),
    net::on<replace_rule>(Method::put, "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules/{ruleId}",
                          "okta.authorizationServers.manage"),
    net::on<delete_rule>(Method::delete_,
                         "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules/{ruleId}",
                         "okta.authorizationServers.manage"),
    net::on<activate_rule>(
        Method::post,
        "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules/{ruleId}/lifecycle/activate",
        "okta.authorizationServers.manage"),
    net::on<deactivate_rule>(
        Method::post,
        "/api/v1/authorizationServers/{authServerId}/policies/{policyId}/rules/{ruleId}/lifecycle/deactivate",
        "okta.authorizationServers.manage"),
};

}  // namespace

ServerRows server_policy_rows() { return kPolicyRows; }
ServerRows server_rule_rows() { return kRuleRows; }

}  // namespace gatehouse::orgapi
