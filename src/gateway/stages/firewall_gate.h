// Answers on their way out through a firewall: the first bytes of a text are held back until the rules have seen them.
// Knows when an answer can be inspected and what of it; the verdict is somebody else's.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "gateway/stage.h"
#include "gateway/stages/firewall_engine.h"

namespace gatehouse::gateway {

// What the client gets instead; nullopt: the answer itself.
using AskAnswer = std::function<Task<std::optional<net::Reply>>(InspectedAnswer answer)>;
using HoldBytes = std::function<bool(std::size_t bytes)>;   // false: too many are held

// A layer around `below`, which lives longer. At most `most` bytes of an answer are held; what follows them is not inspected.
std::unique_ptr<net::Exchange> make_answer_gate(net::Exchange& below, std::size_t most, AskAnswer ask, HoldBytes hold);

}  // namespace gatehouse::gateway
