#include "app/accounts.h"

#include <fmt/format.h>

#include <system_error>

#include "app/private_file.h"
#include "app/yaml.h"
#include "core/json.h"

namespace gatehouse::app {
namespace {

// Long enough that nobody guesses it, short enough to be typed: 4 groups of 5 letters and digits, 119 bits.
Secret make_password(Random& random) {
  std::string text = random_text(random, 5);
  for (int group = 0; group < 3; ++group) text += "-" + random_text(random, 5);
  return Secret(std::move(text));
}

Secret make_secret(Random& random) { return Secret(random_text(random, 40)); }

json::object account_json(const Account& account) {
  return {{"login", account.login}, {"password", std::string(account.password.reveal())}};
}

json::object client_json(const DemoClient& client) {
  json::object object{{"client_id", client.client_id}};
  if (!client.secret.empty()) object["client_secret"] = std::string(client.secret.reveal());
  return object;
}

Account read_account(Reader in) {
  Account account;
  account.login = in.required<std::string>("login").value_or("");
  account.password = Secret(in.required<std::string>("password").value_or(""));
  return account;
}

DemoClient read_client(Reader in) {
  DemoClient client;
  client.client_id = in.required<std::string>("client_id").value_or("");
  client.secret = Secret(in.optional<std::string>("client_secret", ""));
  return client;
}

}  // namespace

DemoAccounts make_accounts(Random& random) {
  DemoAccounts accounts;
  accounts.admin = {"admin@example.com", make_password(random)};
  accounts.user = {"ada@example.com", make_password(random)};
  accounts.spa = {"demo-spa", Secret()};
  accounts.web = {"demo-web", make_secret(random)};
  accounts.service = {"demo-service", make_secret(random)};
  accounts.wiki = {"demo-wiki", make_secret(random)};
  return accounts;
}

Result<DemoAccounts> load_accounts(const std::filesystem::path& data) {
  const auto file = data / kAccountsFile;
  std::error_code fault;
  if (!std::filesystem::exists(file, fault)) return failure(Fault::missing, file.string() + ": there is none");
  const auto unusable = [&](const Error& error) {
    return failure(Fault::invalid, fmt::format("{}: {}; put it back as it was, or start with another --data folder", file.string(), error.message()));
  };
  GH_TRY(const auto text, read_small_file(file.string(), kAccountsBytesMax));
  const auto value = parse_json(text);
  if (!value) return unusable(value.error());
  Reader in(*value);
  DemoAccounts accounts;
  accounts.admin = read_account(in.object("admin"));
  accounts.user = read_account(in.object("user"));
  accounts.api_token = Secret(in.optional<std::string>("api_token", ""));
  auto clients = in.object("clients");
  accounts.spa = read_client(clients.object("spa"));
  accounts.web = read_client(clients.object("web"));
  accounts.service = read_client(clients.object("service"));
  accounts.wiki = read_client(clients.object("wiki"));
  if (auto done = in.done(); !done) return unusable(done.error());
  return accounts;
}

Result<void> save_accounts(const std::filesystem::path& data, const DemoAccounts& accounts) {
  const json::object clients{{"spa", client_json(accounts.spa)},
                             {"web", client_json(accounts.web)},
                             {"service", client_json(accounts.service)},
                             {"wiki", client_json(accounts.wiki)}};
  json::object all{{"admin", account_json(accounts.admin)}, {"user", account_json(accounts.user)}, {"clients", clients}};
  if (!accounts.api_token.empty()) all["api_token"] = std::string(accounts.api_token.reveal());
  return write_private_file(data / kAccountsFile, to_text(all) + "\n");
}

}  // namespace gatehouse::app
