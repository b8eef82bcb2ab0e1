// A directory on an empty database, for the tests of this room.
#pragma once

#include "directory/apps.h"
#include "directory/groups.h"
#include "directory/users.h"
#include "store/backend_test.h"

namespace gatehouse::directory {

inline constexpr crypto::PasswordCost kCheap{.memory_kib = 64, .passes = 1, .lanes = 1};

class DirectoryTest : public store::BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto all = events::migrations();
    for (auto& migration : migrations()) all.push_back(migration);
    ASSERT_TRUE(run(store::migrate(database(), all)));
    log = std::make_unique<events::SystemLog>(events::Needs{database(), clock, *random});
    users = std::make_unique<Users>(needs(), org);
    groups = std::make_unique<Groups>(needs(), org);
    apps = std::make_unique<Apps>(needs(), org);
    tokens = std::make_unique<ApiTokens>(needs(), org);
    admins = std::make_unique<Admins>(needs(), org);
    auto made = run(groups->ensure_everyone());
    ASSERT_TRUE(made) << made.error().message();
    everyone = made->id.str();
  }

  std::shared_ptr<Memory> memory = make_memory(clock);   // shared, as in the program: what it remembers must never show
  static crypto::Sealer given_sealer(Random& random) {
    std::vector<crypto::SealKey> keys;
    keys.push_back({"k1", Secret(std::string(crypto::kSealKeySize, 's'))});
    return crypto::Sealer::make(std::move(keys), random).value();
  }
  Needs needs(crypto::PasswordCost cost = kCheap) { return {database(), *log, clock, *random, hashing, cost, memory, &sealer}; }

  static Profile profile(std::string login) {
    return {.login = login, .email = login, .first_name = "Ada", .last_name = "Lovelace", .more = {}};
  }
  User given_user(std::string login, std::string password = "analytical-Engine1") {
    NewUser asked{.profile = profile(std::move(login)), .password = Secret(std::move(password)), .activate = true, .must_change_password = false, .id = {}};
    return run(users->create(std::move(asked), cause)).value();
  }
  Group given_group(std::string name) { return run(groups->create(std::move(name), "", std::nullopt, cause)).value(); }
  AppWithSecret given_app(std::string label, AppKind kind = AppKind::web, ClientAuth auth = ClientAuth::secret_basic) {
    NewApp asked{.app = {.id = no_app_id(), .label = std::move(label), .kind = kind, .active = true, .client_id = {}, .auth = auth,
                         .redirect_uris = {"https://app.example.com/callback"}, .post_logout_redirect_uris = {},
                         .grant_types = {"authorization_code"}, .scopes = {}, .initiate_login_uri = {}, .created = {}, .updated = {},
                         .more = {}},
                 .client_id = {}, .secret = {}};
    return run(apps->create(std::move(asked), cause)).value();
  }
  // Event types of the log, oldest first.
  std::vector<std::string> told() {
    std::vector<std::string> types;
    for (const auto& event : run(log->read(org, "", 1000)).value().events) types.push_back(*find_string(event, "eventType"));
    return types;
  }
  json::value last_event() {
    events::Query query;
    query.newest_first = true;
    query.limit = 1;
    return run(log->search(org, query)).value().events.at(0);
  }

  OrgId org = OrgId::parse("00oacme").value();
  Cause cause{{"00uadmin", "User", "admin@example.com", "Admin"}, {"192.0.2.1", "test", "req-1"}};
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(7);
  std::unique_ptr<Random> seal_random = system_random();
  crypto::Sealer sealer = given_sealer(*seal_random);
  Pool hashing{"hashing", 1, 100};
  std::unique_ptr<events::SystemLog> log;
  std::unique_ptr<Users> users;
  std::unique_ptr<Groups> groups;
  std::unique_ptr<Apps> apps;
  std::unique_ptr<ApiTokens> tokens;
  std::unique_ptr<Admins> admins;
  std::string everyone;
};

}  // namespace gatehouse::directory
