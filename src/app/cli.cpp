#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <map>
#include <sstream>

#include "app/exit_code.h"
#include "core/text.h"

namespace gatehouse::app {
namespace {

constexpr auto kFooter =
    "Exit codes: 0 ended as asked, 1 failed, 2 wrong command line, 3 configuration, seed or certificate,\n"
    "4 port taken, 5 data folder (not writable, in use, newer), 6 PostgreSQL not reachable.";

const std::map<std::string, LogLevel> kLevels{
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warn", LogLevel::warn}, {"error", LogLevel::error}};
const std::map<std::string, LogForm> kForms{{"people", LogForm::people}, {"json", LogForm::json}};

// What CLI11 fills in; one set of variables for all subcommands, since only one of them runs.
struct Words {
  Up up;
  std::string data, seed, config, level, form;
  Explain explain;
  GenerateKeys keys;
  std::string token, claims, at, as, auth_time;
  std::vector<std::string> headers;
  bool json = false;

  LogChoice log() const {
    LogChoice choice;
    if (!level.empty()) choice.level = kLevels.at(level);
    if (!form.empty()) choice.form = kForms.at(form);
    return choice;
  }
};

void add_log_options(CLI::App& command, Words& words) {
  command.add_option("--log-level", words.level, "debug, info, warn or error")->check(CLI::IsMember(kLevels));
  command.add_option("--log-form", words.form, "people or json; the log goes to standard error")->check(CLI::IsMember(kForms));
}

CLI::App* add_up(CLI::App& program, Words& words) {
  auto* up = program.add_subcommand("up", "start with a demo org, a wiki behind single sign-on and an API behind token checks");
  up->add_option("--port", words.up.port, "port to listen on, 0 for any free one")->capture_default_str();
  auto* data = up->add_option("--data", words.data, "folder to keep everything in [~/.local/share/gatehouse]")->type_name("DIR");
  up->add_flag("--ephemeral", words.up.ephemeral, "keep nothing")->excludes(data);
  up->add_option("--seed", words.seed, "YAML with users, groups, apps and authorization servers to add")->type_name("FILE");
  up->add_flag("--tls", words.up.tls, "HTTPS with a certificate of a local authority that is made on first use");
  up->add_flag("--json", words.json, "print one line of JSON when ready");
  add_log_options(*up, words);
  return up;
}

CLI::App* add_serve(CLI::App& program, Words& words) {
  auto* serve = program.add_subcommand("serve", "start with a configuration file");
  serve->add_option("-c,--config", words.config, "configuration file")->required()->type_name("FILE");
  serve->add_flag("--json", words.json, "print one line of JSON when ready");
  add_log_options(*serve, words);
  return serve;
}

CLI::App* add_check(CLI::App& program, Words& words) {
  auto* check = program.add_subcommand("check", "read a configuration file and say everything that is wrong with it; changes nothing");
  check->add_option("-c,--config", words.config, "configuration file")->required()->type_name("FILE");
  return check;
}

CLI::App* add_explain(CLI::App& program, Words& words) {
  auto* explain = program.add_subcommand("explain", "say what the gateway would do with a request, and why; exit code 0 allowed, 1 denied, 2 a mistake");
  explain->add_option("METHOD", words.explain.ask.method, "GET, POST …")->required();
  explain->add_option("URL", words.explain.ask.url, "address as a client calls it, https://wiki.example.com/page")->required();
  explain->add_option("-c,--config", words.config, "configuration file")->required()->type_name("FILE");
  auto* token = explain->add_option("--token", words.token, "access token to be verified; keys are fetched as usual");
  auto* claims = explain->add_option("--claims", words.claims, "claims of an imagined caller, JSON")->excludes(token);
  auto* as = explain->add_option("--as", words.as, "as this user of the built-in org, by login or id")->type_name("USER")->excludes(token)->excludes(claims);
  explain->add_option("--auth-time", words.auth_time, "when they signed in, 2026-11-21T09:30:00Z [now]")->needs(as);
  explain->add_option("--acr", words.explain.acr, "how well they proved who they are")->needs(as);
  explain->add_option("--amr", words.explain.amr, "by which methods, as often as wanted [pwd]")->needs(as)->allow_extra_args(false);
  explain->add_option("--scope", words.explain.scope, "scopes of their token, on routes that take tokens")->needs(as);
  explain->add_option("--client-ip", words.explain.ask.client_ip, "address of the client");
  explain->add_option("--header", words.headers, "\"Name: value\", as often as wanted")->allow_extra_args(false);
  explain->add_option("--at", words.at, "at this time instead of now, 2026-11-21T09:30:00Z");
  explain->add_flag("--json", words.json, "for programs");
  return explain;
}

CLI::App* add_keys(CLI::App& program, Words& words) {
  auto* keys = program.add_subcommand("keys", "keys of clients and services");
  keys->require_subcommand(1);
  auto* generate = keys->add_subcommand("generate", "make a key pair: JWK, JWK set and PEM, private and public");
  auto& order = words.keys.order;
  order.alg = "RS256";
  generate->add_option("--alg", order.alg, "RS256, PS256, ES256, ES384, ES512, EdDSA, HS256 …; RSA-OAEP-256, ECDH-ES, A256KW … to encrypt")->capture_default_str();
  generate->add_option("--size", order.bits, "bits of an RSA key (2048, 3072, 4096) or of a secret");
  generate->add_option("--curve", order.curve, "P-256, P-384 or P-521, where the algorithm leaves the choice");
  auto* kid = generate->add_option("--kid", order.kid_given, "name of the key [its RFC 7638 thumbprint]");
  generate->add_flag_callback("--kid-date", [&order] { order.kid = jose::KidPolicy::date; }, "name it after the time")->excludes(kid);
  auto* out = generate->add_option("--out", words.keys.out, "folder for the files, which only you may read [standard output]")->type_name("DIR");
  generate->add_flag("--force", words.keys.force, "replace files that are there")->needs(out);
  generate->add_flag("--json", words.json, "for programs");
  return generate;
}

GenerateKeys keys_of(const Words& words) {
  auto keys = words.keys;
  keys.json = words.json;
  if (!keys.order.kid_given.empty()) keys.order.kid = jose::KidPolicy::given;
  return keys;
}

Explain explain_of(const Words& words) {
  auto explain = words.explain;
  explain.config = words.config;
  explain.json = words.json;
  if (!words.token.empty()) explain.ask.token = words.token;
  if (!words.claims.empty()) explain.ask.claims = words.claims;
  if (!words.at.empty()) explain.at = words.at;
  if (!words.as.empty()) explain.as = words.as;
  if (!words.auth_time.empty()) explain.auth_time = words.auth_time;
  for (const auto& line : words.headers) {
    const auto colon = std::min(line.find(':'), line.size());
    explain.ask.headers.emplace_back(line.substr(0, colon), trim(std::string_view(line).substr(std::min(colon + 1, line.size()))));
  }
  return explain;
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App program("Gatehouse puts identity in front of everything you run.", "gatehouse");
  program.require_subcommand(1);
  program.footer(kFooter);
  program.set_version_flag("--version", "gatehouse " GATEHOUSE_VERSION);
  Words words;
  auto* up = add_up(program, words);
  auto* serve = add_serve(program, words);
  auto* check = add_check(program, words);
  auto* explain = add_explain(program, words);
  auto* keys = add_keys(program, words);
  auto* version = program.add_subcommand("version", "print the version");

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out, err;
    const bool wrong = program.exit(stop, out, err) != 0;
    return Quit{wrong ? static_cast<int>(Exit::usage) : 0, out.str(), err.str()};
  }
  if (*up) {
    words.up.json = words.json;
    if (!words.data.empty()) words.up.data = words.data;
    if (!words.seed.empty()) words.up.seed = words.seed;
    words.up.log = words.log();
    return words.up;
  }
  if (*serve) return Serve{words.config, words.json, words.log()};
  if (*check) return Check{words.config};
  if (*explain) return explain_of(words);
  if (*keys) return keys_of(words);
  if (*version) return Version{};
  return Quit{static_cast<int>(Exit::usage), "", program.help()};
}

}  // namespace gatehouse::app
