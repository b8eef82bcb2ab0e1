// What the holder of a token has to prove besides having it (RFC 7800 `cnf`). A value; who checks it knows how.
#pragma once

#include <string>

namespace gatehouse::idp {

struct Binding {
  std::string certificate = {};   // SHA-256 thumbprint, base64url, of a certificate (RFC 8705 §3)
  std::string dpop_key = {};      // RFC 7638 thumbprint of a DPoP key (RFC 9449 §6)

  bool none() const { return certificate.empty() && dpop_key.empty(); }
  friend bool operator==(const Binding&, const Binding&) = default;
};

}  // namespace gatehouse::idp
