// Proof of possession at the org (RFC 9449, RFC 8705): what the tokens of a call get bound to, and whether whoever shows a token
// holds what it is bound to. Proofs that were good are remembered in the store. Knows no grant.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

inline constexpr Seconds kOrgNonceLife{24 * 3600};   // as at Okta: one is good for a day at least
inline constexpr Seconds kProofAge{300};             // of `iat`, also beside a nonce: for so long a proof is remembered

// For clients that are registered so; others may send a proof with everything, as Okta's SDK for Node does, and get bearer tokens.
// Code::invalid_dpop_proof, use_dpop_nonce, invalid_request.
Task<Binding> binding_for(Provider& provider, const net::Call& call, Server server, directory::App app);

// How the token of this request came.
Shown shown_by(const Provider& provider, const net::Request& request);
// `token` and its claims are good otherwise. Code::invalid_token, invalid_dpop_proof.
Task<void> check_possession(Provider& provider, SecurityProfile profile, json::object claims, std::string token, Shown shown);

// WWW-Authenticate of the org's own API, as Okta writes it.
std::string challenge_for(const Error& error, const net::Request& request);

// A thumbprint as RFC 7638 and RFC 9449 §10 (`dpop_jkt`) write it.
bool is_thumbprint(std::string_view text);

}  // namespace gatehouse::idp
