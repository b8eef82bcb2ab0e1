#include "net/websocket.h"

#include <openssl/evp.h>

#include <array>

#include "core/bytes.h"

namespace gatehouse::net {

// SHA-1 because the protocol says so; it proves that a server understood the handshake and keeps no secret.
std::string websocket_accept(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha1(), nullptr) != 1) return {};
  return base64_encode(std::string_view(reinterpret_cast<const char*>(hash.data()), size));
}

}  // namespace gatehouse::net
