#include "app/stages.h"

#include <span>

#include "app/stages/traffic.h"

namespace gatehouse::app {
namespace {

// What stands under the key of a route becomes at most one stage.
struct Reader {
  const char* key;
  MakeStage (*read)(Map& route, std::string_view key);
};

// Outermost first. What refuses before the policy comes before it here, too, and what says something on every answer before
// that: a page must be able to read why it was refused.
constexpr Reader kReaders[] = {
    {"security_headers", read_security_headers},
    {"cors", read_cors},
    {"maintenance", read_maintenance},
    {"request", read_bounds},
    {"limits", read_early_limits},
    {"firewall", read_firewall},   // behind what costs less
    // behind the policy
    {"limits", read_late_limits},
    {"compress", read_compression},
    {"redirect", read_redirect},
    {"respond", read_respond},
    {"answer", read_answer},
    {"rewrite", read_rewrite},
    {"cache", read_cache},   // last: it keeps what the upstream said, under what the upstream was asked
};

}  // namespace

std::vector<MakeStage> read_stages(Map& route, std::span<Map> defaults) {
  std::vector<MakeStage> stages;
  for (const auto& reader : kReaders) {
    auto* from = route.has(reader.key) ? &route : nullptr;
    for (auto& level : defaults) {
      if (from == nullptr && level.has(reader.key)) from = &level;
      (void)level.ask(reader.key);
    }
    (void)route.ask(reader.key);   // so that done() can suggest it
    if (from == nullptr || from->switched(reader.key) == false) continue;
    if (auto make = reader.read(*from, reader.key)) stages.push_back(std::move(make));
  }
  return stages;
}

void check_defaults(Map& defaults) {
  for (const auto& reader : kReaders) {
    const bool wanted = defaults.has(reader.key) && defaults.switched(reader.key) != false;
    if (wanted) (void)reader.read(defaults, reader.key);
    defaults.ask(reader.key);
  }
  for (const auto* alone : {"redirect", "respond"})
    if (defaults.has(alone)) defaults.fault(alone, "cannot be a default", "every route would answer the same; write it at the routes that are meant");
  defaults.done();
}

bool answers_by_itself(const Map& route) { return route.has("redirect") || route.has("respond"); }

}  // namespace gatehouse::app
