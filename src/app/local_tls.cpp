#include "app/local_tls.h"

#include <fmt/format.h>

#include "app/private_file.h"
#include "app/yaml.h"
#include "crypto/x509.h"

namespace gatehouse::app {
namespace {

constexpr std::size_t kPemMax = 64 * 1024;
// Some clients take no wildcard directly below a top-level name, so the demo's own hosts are there by name too.
const std::vector<std::string> kNames{"localhost", "wiki.localhost", "api.localhost", "*.localhost", "127.0.0.1", "::1"};

// A little in the past, for clocks that go wrong.
constexpr Seconds kBackdate{3600};

struct Paths {
  std::filesystem::path authority, authority_key, leaf, leaf_key;
};

Result<crypto::Certificate> load(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  GH_TRY(auto pem, read_small_file(certificate.string(), kPemMax));
  GH_TRY(auto key_text, read_small_file(key.string(), kPemMax));
  GH_TRY(auto private_key, crypto::PrivateKey::from_pem(Secret(std::move(key_text))));
  GH_DO(crypto::check_matches(pem, private_key));
  return crypto::Certificate{std::move(pem), std::move(private_key)};
}

Result<void> keep(const crypto::Certificate& made, std::string_view chain, const std::filesystem::path& certificate, const std::filesystem::path& key) {
  GH_DO(write_private_file(key, made.key.pem().reveal()));
  return write_private_file(certificate, made.pem + std::string(chain));
}

bool good_for(std::string_view pem, Timestamp until) {
  const auto facts = crypto::read_certificate(pem);
  return facts && facts->validity.until > until;
}

std::string day(Timestamp time) { return to_iso8601(time).substr(0, 10); }

}  // namespace

Result<LocalTls> ensure_local_tls(const std::filesystem::path& folder, const Clock& clock, Random& random) {
  GH_DO(open_private_folder(folder));
  const Paths paths{folder / "ca.pem", folder / "ca.key", folder / "localhost.pem", folder / "localhost.key"};
  const auto now = clock.now();
  LocalTls tls{{paths.leaf.string(), paths.leaf_key.string()}, paths.authority.string()};

  auto authority = load(paths.authority, paths.authority_key);
  if (!authority || !good_for(authority->pem, now + kLeafLife)) {
    const auto name = fmt::format("Gatehouse local authority {}", random_text(random, 6));
    authority = crypto::make_authority(name, crypto::Validity{now - kBackdate, now + kAuthorityLife}, random);
    if (!authority) return std::unexpected(std::move(authority.error()));
    GH_DO(keep(*authority, "", paths.authority, paths.authority_key));
  } else if (auto leaf = load(paths.leaf, paths.leaf_key); leaf && good_for(leaf->pem, now + kLeafRenew)) {
    return tls;
  }
  GH_TRY(const auto leaf, crypto::issue_leaf(*authority, kNames, crypto::Validity{now - kBackdate, now + kLeafLife}, random));
  GH_DO(keep(leaf, authority->pem, paths.leaf, paths.leaf_key));
  return tls;
}

Result<void> check_certificate(const TlsFiles& files, Timestamp now) {
  const auto about = [&](const Error& error) { return failure(Fault::invalid, fmt::format("{}: {}", files.certificate, error.message())); };
  GH_TRY(const auto pem, read_small_file(files.certificate, kPemMax));
  GH_TRY(auto key_text, read_small_file(files.key, kPemMax));
  const auto facts = crypto::read_certificate(pem);
  if (!facts) return about(facts.error());
  if (facts->validity.until <= now)
    return failure(Fault::invalid, fmt::format("{}: the certificate of {} expired on {}; put a new one there", files.certificate, facts->subject, day(facts->validity.until)));
  if (facts->validity.from > now)
    return failure(Fault::invalid, fmt::format("{}: the certificate of {} is not valid before {}; check the clock of this machine", files.certificate, facts->subject, day(facts->validity.from)));
  const auto key = crypto::PrivateKey::from_pem(Secret(std::move(key_text)));
  if (!key) return failure(Fault::invalid, fmt::format("{}: {}", files.key, key.error().message()));
  if (auto match = crypto::check_matches(pem, *key); !match) return about(match.error());
  return {};
}

}  // namespace gatehouse::app
