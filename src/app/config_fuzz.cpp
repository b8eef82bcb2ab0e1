// Configuration and seed files come from people: any text gives a config or a fault that names the file, never a crash.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/config.h"
#include "app/seed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = gatehouse::app::parse_config(text, "fuzz.yaml");
  if (!config && !config.error().message().starts_with("fuzz.yaml")) std::abort();
  const auto seed = gatehouse::app::parse_seed(text, "fuzz.yaml");
  if (!seed && !seed.error().message().starts_with("fuzz.yaml")) std::abort();
  return 0;
}
