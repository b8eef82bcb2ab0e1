#include "orgapi/client_proof_json.h"

#include <array>

#include "idp/client_keys.h"

namespace gatehouse::orgapi {
namespace {

using Kind = directory::TlsSubject::Kind;

struct SubjectWord {
  Kind kind;
  std::string_view name;
};
constexpr std::array<SubjectWord, 5> kSubjects = {{{Kind::dn, "tls_client_auth_subject_dn"},
                                                   {Kind::dns, "tls_client_auth_san_dns"},
                                                   {Kind::uri, "tls_client_auth_san_uri"},
                                                   {Kind::ip, "tls_client_auth_san_ip"},
                                                   {Kind::email, "tls_client_auth_san_email"}}};

void read_subject(Reader& client, directory::App& app) {
  for (const auto& [kind, name] : kSubjects) {
    auto value = client.optional<std::string>(name);
    if (!value) continue;
    if (app.tls_subject) client.fault(name, "stands beside another one; RFC 8705 wants exactly one");
    app.tls_subject = directory::TlsSubject{kind, *std::move(value)};
  }
}

}  // namespace

json::object shape(const directory::ClientKey& key) {
  json::object shaped = {{"id", key.id},
                         {"status", key.active ? "ACTIVE" : "INACTIVE"},
                         {"created", to_iso8601(key.created)},
                         {"lastUpdated", to_iso8601(key.updated)}};
  const auto jwk = parse_json(key.jwk);
  if (!jwk || !jwk->is_object()) return shaped;
  for (const auto& member : jwk->get_object()) shaped[member.key()] = member.value();
  return shaped;
}

void put_proof(json::object& settings, const directory::App& app) {
  if (!app.keys.empty()) {
    json::array keys;
    for (const auto& key : app.keys) keys.push_back(shape(key));
    settings["jwks"] = {{"keys", std::move(keys)}};
  }
  if (!app.jwks_uri.empty()) settings["jwks_uri"] = app.jwks_uri;
  if (!app.auth_signing_alg.empty()) settings["token_endpoint_auth_signing_alg"] = app.auth_signing_alg;
  if (app.certificate_bound) settings["tls_client_certificate_bound_access_tokens"] = true;
  if (!app.tls_subject) return;
  for (const auto& [kind, name] : kSubjects)
    if (kind == app.tls_subject->kind) settings[name] = app.tls_subject->value;
}

void read_proof(Reader& client, directory::App& app) {
  if (const auto jwks = client.optional<json::value>("jwks")) {
    auto keys = idp::read_client_keys(*jwks);
    if (keys) app.keys = *std::move(keys);
    else client.fault("jwks", keys.error().message());
  }
  app.jwks_uri = client.optional<std::string>("jwks_uri", "");
  app.auth_signing_alg = client.optional<std::string>("token_endpoint_auth_signing_alg", "");
  app.certificate_bound = client.optional<bool>("tls_client_certificate_bound_access_tokens", false);
  read_subject(client, app);
}

}  // namespace gatehouse::orgapi
