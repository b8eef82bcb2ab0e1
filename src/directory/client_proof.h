// How clients prove themselves: what a registration must have for it, and how secrets are kept. For this room's own
// files only.
#pragma once

#include "directory/app_store.h"

namespace gatehouse::directory {

// Keys, jwks_uri, subject and algorithm against the way to prove itself. A key with a private member is refused here,
// whoever brings it: nothing above can make it reach a table.
Result<void> check_client_proof(const App& app);
Result<void> check_given_secret(ClientAuth auth, const Secret& secret);

Secret random_secret(Random& random);
// As it goes into the table: hashed, and sealed too if the client signs with it. Fault::internal without a sealer.
Result<StoredSecret> kept_secret(const Needs& needs, const OrgId& org, const App& app, const Secret& secret);
// Ids and times of an app's keys; one that was there before keeps its own.
void name_keys(App& app, const std::vector<ClientKey>& before, const Needs& needs);
// What is left of them when the client turns from one way to another.
std::vector<StoredSecret> secrets_after(std::vector<StoredSecret> secrets, ClientAuth before, ClientAuth after);

// For the client to manage itself with: "ghm_" and 32 random bytes, of which the app keeps the hash.
Secret registration_token(Random& random);
std::string hash_of_registration(const Secret& token);

}  // namespace gatehouse::directory
