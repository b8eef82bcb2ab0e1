// What the holder of a token has to prove besides having it (RFC 7800 `cnf`). A value; who checks it knows how.
#pragma once

#include <string>
#include <vector>

namespace gatehouse::idp {

struct Binding {
  std::string certificate = {};   // SHA-256 thumbprint, base64url, of a certificate (RFC 8705 §3)
  std::string dpop_key = {};      // RFC 7638 thumbprint of a DPoP key (RFC 9449 §6)

  bool none() const { return certificate.empty() && dpop_key.empty(); }
  friend bool operator==(const Binding&, const Binding&) = default;
};

// How a token came to whoever asks whether it is good.
struct Shown {
  enum class Scheme { bearer, dpop } scheme = Scheme::bearer;
  std::string certificate = {};         // thumbprint of the connection's; empty without one
  int proofs = 0;                       // DPoP headers: none, one, or more
  std::string proof = {}, method = {};  // the proof, if it is one
  std::vector<std::string> urls = {};   // the address that was called, by all its names
};

}  // namespace gatehouse::idp
