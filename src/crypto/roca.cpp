// CVE-2017-15361: the generator of some smart cards made primes p = k·M + 65537^a mod M, with M a product of small
// primes. Thus n mod r is a power of 65537 modulo every small prime r. The primes below are those where the powers of
// 65537 are few; a sound modulus passes all of them by chance about once in 2^27.
// Source: Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017, §3.2.
#include <array>

#include "crypto/evp.h"

namespace gatehouse::crypto {
namespace {

constexpr std::array<unsigned, 17> kPrimes{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157};

unsigned remainder(std::string_view number, unsigned by) {
  unsigned rest = 0;
  for (const char c : number) rest = (rest << 8 | static_cast<unsigned char>(c)) % by;
  return rest;
}

bool is_power_of_65537(unsigned value, unsigned modulo) {
  unsigned power = 1;
  do {
    if (power == value) return true;
    power = power * (65537 % modulo) % modulo;
  } while (power != 1);
  return false;
}

}  // namespace

bool is_roca_modulus(std::string_view modulus) {
  for (const auto prime : kPrimes)
    if (!is_power_of_65537(remainder(modulus, prime), prime)) return false;
  return true;
}

}  // namespace gatehouse::crypto
