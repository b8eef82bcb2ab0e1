// Readers of the stages that shape traffic. Each takes what stands under `key` of `in`, a route or defaults.
#pragma once

#include "app/stages.h"

namespace gatehouse::app {

// Limits that are counted before anybody is asked who calls, and those that want to know.
MakeStage read_early_limits(Map& in, std::string_view key);
MakeStage read_late_limits(Map& in, std::string_view key);
MakeStage read_firewall(Map& in, std::string_view key);
MakeStage read_cors(Map& in, std::string_view key);
MakeStage read_compression(Map& in, std::string_view key);
MakeStage read_rewrite(Map& in, std::string_view key);
MakeStage read_answer(Map& in, std::string_view key);
MakeStage read_security_headers(Map& in, std::string_view key);
MakeStage read_redirect(Map& in, std::string_view key);
MakeStage read_respond(Map& in, std::string_view key);
MakeStage read_maintenance(Map& in, std::string_view key);
MakeStage read_cache(Map& in, std::string_view key);
MakeStage read_bounds(Map& in, std::string_view key);

}  // namespace gatehouse::app
