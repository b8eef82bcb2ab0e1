#include "app/keys_command.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "app/exit_code.h"
#include "app/private_file.h"

namespace gatehouse::app {
namespace {

namespace fs = std::filesystem;

struct Fit {
  std::string_view begins, type, curve;
  jose::KeyUse use;
};
// The longest beginning first where one holds another.
constexpr std::array kFits{
    Fit{"RSA-OAEP", "RSA", "", jose::KeyUse::enc}, Fit{"RS", "RSA", "", jose::KeyUse::sig},  Fit{"PS", "RSA", "", jose::KeyUse::sig},
    Fit{"ES256", "EC", "P-256", jose::KeyUse::sig}, Fit{"ES384", "EC", "P-384", jose::KeyUse::sig}, Fit{"ES512", "EC", "P-521", jose::KeyUse::sig},
    Fit{"EdDSA", "OKP", "Ed25519", jose::KeyUse::sig}, Fit{"ECDH-ES", "EC", "P-256", jose::KeyUse::enc},
    Fit{"HS", "oct", "", jose::KeyUse::sig}, Fit{"A", "oct", "", jose::KeyUse::enc}, Fit{"dir", "oct", "", jose::KeyUse::enc}};

struct File {
  std::string name, text;
};

std::vector<File> files_of(const jose::GeneratedKey& key) {
  std::vector<File> files{{"private.jwk.json", std::string(key.secret_jwk.reveal()) + "\n"},
                          {"private.jwks.json", std::string(key.secret_set.reveal()) + "\n"}};
  if (key.public_jwk.empty()) return files;
  files.push_back({"private.pem", std::string(key.private_pem.reveal())});
  files.push_back({"public.jwk.json", to_text(key.public_jwk) + "\n"});
  files.push_back({"public.jwks.json", to_text(key.public_set) + "\n"});
  files.push_back({"public.pem", key.public_pem});
  return files;
}

Result<void> write(const fs::path& folder, const std::vector<File>& files, bool force) {
  GH_DO(open_private_folder(folder));
  for (const auto& file : files)
    if (!force && fs::exists(folder / file.name))
      return failure(Fault::conflict, (folder / file.name).string() + " is there already; --force replaces it, and what it opened is then closed");
  for (const auto& file : files) GH_DO(write_private_file(folder / file.name, file.text));
  return {};
}

json::value parsed(std::string_view text) { return parse_json(text).value(); }

std::string as_json(const jose::GeneratedKey& key) {
  json::object out;
  out["kid"] = key.kid;
  out["alg"] = key.alg;
  out["private_jwk"] = parsed(key.secret_jwk.reveal());
  out["private_jwks"] = parsed(key.secret_set.reveal());
  if (!key.public_jwk.empty()) {
    out["public_jwk"] = key.public_jwk;
    out["public_jwks"] = key.public_set;
    out["private_pem"] = key.private_pem.reveal();
    out["public_pem"] = key.public_pem;
  }
  return to_text(out) + "\n";
}

std::string as_page(const jose::GeneratedKey& key) {
  auto page = fmt::format("Key {} for {}\n\nPrivate, for the one who signs or decrypts; nobody else may have it:\n{}\n", key.kid, key.alg, key.secret_jwk.reveal());
  if (key.public_jwk.empty()) return page + "\nA secret key has no public half: both sides need it.\n";
  return page + fmt::format("\nPublic key set, to be registered as \"jwks\":\n{}\n\nPublic key:\n{}", to_text(key.public_set), key.public_pem);
}

int complain(const Error& error, Exit exit) {
  fmt::print(stderr, "gatehouse: {}\n", error.message());
  return static_cast<int>(exit);
}

}  // namespace

void fit_to_algorithm(jose::KeyOrder& order) {
  for (const auto& fit : kFits) {
    if (!std::string_view(order.alg).starts_with(fit.begins)) continue;
    order.type = fit.type;
    order.use = fit.use;
    if (order.curve.empty()) order.curve = fit.curve;
    return;
  }
}

int run_generate_keys(GenerateKeys ask) {
  const auto clock = system_clock();
  const auto random = system_random();
  fit_to_algorithm(ask.order);
  ask.order.now = clock->now();
  const auto key = jose::generate_key(ask.order, *random);
  if (!key) return complain(key.error(), Exit::usage);
  if (!ask.out.empty()) {
    const auto files = files_of(*key);
    if (auto written = write(ask.out, files, ask.force); !written) return complain(written.error(), Exit::data);
    if (!ask.json)
      for (const auto& file : files) fmt::print("{}\n", (fs::path(ask.out) / file.name).string());
    else fmt::print("{}\n", to_text(json::object{{"kid", key->kid}, {"alg", key->alg}, {"folder", ask.out}}));
    return static_cast<int>(Exit::ok);
  }
  const auto text = ask.json ? as_json(*key) : as_page(*key);
  std::fputs(text.c_str(), stdout);
  return static_cast<int>(Exit::ok);
}

}  // namespace gatehouse::app
