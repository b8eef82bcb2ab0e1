// `gatehouse up --tls`: an authority of this machine's own, made on first use and kept in <folder>, and a certificate of it
// for localhost and the guarded hosts, made anew when it is about to end. Start-up code: blocks.
#pragma once

#include <filesystem>
#include <string>

#include "app/config.h"
#include "core/clock.h"
#include "core/random.h"

namespace gatehouse::app {

inline constexpr Seconds kAuthorityLife{10L * 365 * 24 * 3600};
inline constexpr Seconds kLeafLife{90L * 24 * 3600};
inline constexpr Seconds kLeafRenew{14L * 24 * 3600};    // a certificate that ends sooner is replaced at start

struct LocalTls {
  TlsFiles files;
  std::string authority;     // PEM to trust in a browser or with `curl --cacert`
};
Result<LocalTls> ensure_local_tls(const std::filesystem::path& folder, const Clock& clock, Random& random);

// What `check` and start-up say about a listener's certificate: readable, for this key, begun and not ended.
Result<void> check_certificate(const TlsFiles& files, Timestamp now);

}  // namespace gatehouse::app
