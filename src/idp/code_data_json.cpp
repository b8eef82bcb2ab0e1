#include "core/text.h"
#include "idp/code_data.h"

namespace gatehouse::idp {

json::value CodeData::to_json() const {
  json::object out;
  out["server"] = server_id;
  out["client"] = client_id;
  out["redirect_uri"] = redirect_uri;
  out["nonce"] = nonce;
  out["challenge"] = challenge;
  out["session"] = session_id;
  out["grant"] = grant_id;
  out["user"] = user.str();
  out["scopes"] = scopes.text();
  out["auth_time"] = to_millis(auth_time);
  out["amr"] = join(amr, " ");
  if (!dpop_key.empty()) out["dpop_key"] = dpop_key;
  if (!asked.id_token.empty()) out["id_claims"] = join(asked.id_token, " ");
  if (!asked.userinfo.empty()) out["userinfo_claims"] = join(asked.userinfo, " ");
  if (!asked.acr.empty()) out["acr"] = asked.acr;
  return out;
}

Result<CodeData> CodeData::from_json(const json::value& value) {
  Reader in(value);
  auto server = in.required<std::string>("server");
  auto client = in.required<std::string>("client");
  auto redirect = in.required<std::string>("redirect_uri");
  auto nonce = in.required<std::string>("nonce");
  auto challenge = in.required<std::string>("challenge");
  auto session = in.required<std::string>("session");
  auto grant = in.required<std::string>("grant");
  auto user = in.required("user", directory::UserId::parse);
  auto scopes = in.required("scopes", oauth::Scopes::parse);
  auto auth_time = in.required<std::int64_t>("auth_time");
  auto amr = in.required<std::string>("amr");
  auto dpop_key = in.optional<std::string>("dpop_key", "");
  auto id_claims = in.optional<std::string>("id_claims", "");
  auto userinfo_claims = in.optional<std::string>("userinfo_claims", "");
  auto acr = in.optional<std::string>("acr", "");
  GH_DO(in.done());
  AskedClaims asked{split_words(id_claims), split_words(userinfo_claims), acr};
  return CodeData{*server, *client, *redirect, *nonce, *challenge, *session, *grant, *user, *scopes, from_millis(*auth_time), split_words(*amr), dpop_key, std::move(asked)};
}

}  // namespace gatehouse::idp
