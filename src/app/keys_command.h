// `gatehouse keys generate`: a key pair in every form that somebody may want to paste or register. Reads no configuration and
// changes nothing but the folder that is named.
#pragma once

#include <string>

#include "jose/keygen.h"

namespace gatehouse::app {

struct GenerateKeys {
  jose::KeyOrder order;    // without `type` and `curve`: those of `order.alg`
  std::string out;         // folder; empty: standard output
  bool json = false, force = false;
};

// Type, curve and use that an algorithm of RFC 7518 or 8037 needs, where the order does not say them. Unknown names are left to
// generate_key() to refuse.
void fit_to_algorithm(jose::KeyOrder& order);

// The exit code. Existing files are never replaced unless `force`; then nothing at all is written.
int run_generate_keys(GenerateKeys ask);

}  // namespace gatehouse::app
