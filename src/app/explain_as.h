// Whom `gatehouse explain --as USER` imagines: a user of the built-in org, described as a sign-in or a token of the org
// would describe them on the route that is asked about. Reads the store beside a running program; writes nothing, signs
// nobody in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/explain.h"
#include "directory/types.h"

namespace gatehouse::app {

// How they proved who they are.
struct ImaginedProof {
  Timestamp auth_time{};
  std::string acr;  // empty: no such claim
  std::vector<std::string> amr{"pwd"};
  std::vector<std::string> scopes;  // of the imagined token, on routes that take tokens
};

// What the org knows, read at once: the rest is decided without the store.
struct KnownPerson {
  directory::User user;
  std::vector<directory::Group> groups;
  std::vector<std::string> clients;   // client ids of the org's applications …
  std::vector<std::string> assigned;  // … and of those that the user is assigned to
};

// Blocks. `user` is a login or an id. Fault::missing, with what to do, when there is no such user or no store yet.
Result<KnownPerson> find_person(const Config& config, const std::string& user, const Clock& clock);
// For ExplainAsk. `config` is borrowed.
ImagineAt imagine_person(const Config& config, KnownPerson person, ImaginedProof proof);

}  // namespace gatehouse::app
