#include "app/stages.h"

#include <span>

namespace gatehouse::app {
namespace {

// What stands under the key of a route becomes at most one stage.
struct Reader {
  const char* key;
  MakeStage (*read)(Map& route, std::string_view key);
};

// Outermost first.
constexpr std::span<const Reader> kReaders{};

}  // namespace

std::vector<MakeStage> read_stages(Map& route) {
  std::vector<MakeStage> stages;
  for (const auto& reader : kReaders) {
    if (route.has(reader.key)) stages.push_back(reader.read(route, reader.key));
    else (void)route.text(reader.key);   // so that done() can suggest it
  }
  return stages;
}

}  // namespace gatehouse::app
