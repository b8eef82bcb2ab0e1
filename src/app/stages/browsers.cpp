#include "app/stages/traffic.h"
#include "gateway/stages/compress.h"
#include "gateway/stages/cors.h"

namespace gatehouse::app {

MakeStage read_cors(Map& in, std::string_view key) {
  auto map = in.map(key);
  gateway::CorsConfig cors;
  cors.origins = map.texts("origins");
  if (!map.has("origins")) map.fault("origins", "is missing", "for example `origins: [https://app.example.com]`");
  if (auto methods = map.texts("methods"); !methods.empty()) cors.methods = std::move(methods);
  cors.headers = map.texts("headers");
  cors.expose = map.texts("expose");
  if (const auto age = map.duration("max_age", Seconds(0), Seconds(86'400))) cors.max_age = std::chrono::duration_cast<Seconds>(*age);
  cors.credentials = map.flag("credentials").value_or(false);
  cors.private_network = map.flag("private_network").value_or(false);
  map.done();
  if (map.has("origins"))
    if (const auto made = gateway::make_cors_stage(cors); !made) in.fault(key, made.error().message(), {});
  return [cors](const StageNeeds&) { return gateway::make_cors_stage(cors); };
}

MakeStage read_compression(Map& in, std::string_view key) {
  gateway::Compression compression;
  if (!in.switched(key)) {
    auto map = in.map(key);
    if (map.has("codings")) {
      compression.codings.clear();
      for (const auto& name : map.texts("codings"))
        if (const auto coding = gateway::coding_of(name)) compression.codings.push_back(*coding);
        else map.fault("codings", "'" + name + "' is not known", "write some of br, zstd, gzip");
    }
    compression.types = map.texts("types");
    if (const auto least = map.bytes("least", 0, 1 << 30)) compression.least = *least;
    map.done();
  }
  if (const auto made = gateway::make_compression_stage(compression); !made) in.fault(key, made.error().message(), {});
  return [compression](const StageNeeds&) { return gateway::make_compression_stage(compression); };
}

}  // namespace gatehouse::app
