// References to secrets, as they stand in configuration: "env:NAME", "file:/path". The secret itself never does.
// A new place (vault:, pkcs11:) is one file with a resolver and one line in the table of reference.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/pool.h"
#include "core/secret.h"
#include "core/task.h"

namespace gatehouse::secrets {

inline constexpr std::size_t kReferenceMax = 4096;         // bytes of the reference
inline constexpr std::size_t kSecretFileMax = 64 * 1024;   // bytes of a secret

class Reference {
 public:
  // Fault::invalid names the schemes that exist; a literal secret is refused and not repeated in the message.
  static Result<Reference> parse(std::string_view text);
  const std::string& scheme() const { return scheme_; }
  const std::string& place() const { return place_; }
  std::string str() const { return scheme_ + ":" + place_; }  // names a place, not a secret: fit for logs
  friend bool operator==(const Reference&, const Reference&) = default;

 private:
  Reference(std::string scheme, std::string place) : scheme_(std::move(scheme)), place_(std::move(place)) {}
  std::string scheme_, place_;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Borrowed for as long as a References lives.
struct ReferenceNeeds {
  Environment environment;  // app passes std::getenv
  Pool& files;              // files are read here, not on an I/O thread
};

class References {
 public:
  explicit References(ReferenceNeeds needs) : needs_(std::move(needs)) {}
  // One trailing line break is not part of the secret. Fault::invalid or ::missing with what to do.
  Task<Secret> resolve(Reference reference) const;

 private:
  ReferenceNeeds needs_;
};

}  // namespace gatehouse::secrets
