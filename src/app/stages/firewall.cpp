#include "gateway/stages/firewall.h"
#include "app/stages/traffic.h"

namespace gatehouse::app {

using gateway::FirewallConfig;

MakeStage read_firewall(Map& in, std::string_view key) {
  static const std::vector<std::string> kModes{"block", "detect"}, kOver{"refuse", "inspect_start"};
  FirewallConfig firewall;
  if (!in.switched(key)) {
    auto map = in.map(key);
    if (map.has("rules")) firewall.rules = map.texts("rules");
    firewall.crs = map.text("crs", firewall.crs);
    if (map.choice("mode", kModes) == 1u) firewall.mode = FirewallConfig::Mode::detect;
    if (const auto level = map.number("paranoia", 1, 4)) firewall.paranoia = static_cast<int>(*level);
    if (const auto threshold = map.number("anomaly_threshold", 1, 10'000))
      firewall.threshold = static_cast<int>(*threshold);
    if (const auto most = map.bytes("body_max", 1024, gateway::kFirewallBodyMax))
      firewall.body_max = static_cast<std::size_t>(*most);
    if (map.choice("over_body_max", kOver) == 1u) firewall.over_body_max = FirewallConfig::OverBodyMax::inspect_start;
    firewall.grpc = map.flag("grpc").value_or(false);
    firewall.answers = map.flag("answers").value_or(false);
    if (const auto most = map.bytes("answer_max", 1024, gateway::kFirewallBodyMax))
      firewall.answer_max = static_cast<std::size_t>(*most);
    firewall.exclude = map.texts("exclude");
    firewall.exclude_tags = map.texts("exclude_tags");
    map.done();
  }
  if (const auto fine = gateway::validate(firewall); !fine) in.fault(key, fine.error().message(), {});
  return [firewall](const StageNeeds& needs) {
    auto all = needs.firewalls ? needs.firewalls : std::make_shared<gateway::Firewalls>();
    return gateway::make_firewall_stage(firewall, std::move(all));
  };
}

}  // namespace gatehouse::app
