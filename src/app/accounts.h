// Who may do what in the demo org of `gatehouse up`: made at random on first start, kept in <data>/demo.json (mode 0600), so
// that a second start prints the same. Knows neither the directory nor the network.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"

namespace gatehouse::app {

inline constexpr std::string_view kAccountsFile = "demo.json";
inline constexpr std::size_t kAccountsBytesMax = 64 * 1024;

struct Account {
  std::string login;
  Secret password;
};
struct DemoClient {
  std::string client_id;
  Secret secret;             // empty: a public client
};
struct DemoAccounts {
  Account admin, user;
  Secret api_token;          // empty until the directory has made one
  DemoClient spa, web, service, wiki;
};

DemoAccounts make_accounts(Random& random);
// Blocks. Fault::missing when there is none; Fault::invalid when it cannot be understood.
Result<DemoAccounts> load_accounts(const std::filesystem::path& data);
// Blocks. Whole or not at all; nobody but the owner may read it.
Result<void> save_accounts(const std::filesystem::path& data, const DemoAccounts& accounts);

}  // namespace gatehouse::app
