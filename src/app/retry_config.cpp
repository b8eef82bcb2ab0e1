#include "app/retry_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace gatehouse::app {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kShortest{1}, kLongest{std::chrono::hours(24)}, kBackoffMost{std::chrono::minutes(1)};
const std::vector<std::string> kMethods{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"};

// The words of `on`. Statuses of gRPC: https://grpc.github.io/grpc/core/md_doc_statuscodes.html
struct Reason {
  std::string_view word;
  void (*add)(gateway::RetryRules& rules);
};
template <int status>
void add_status(gateway::RetryRules& rules) {
  rules.statuses.push_back(status);
}
template <int status>
void add_grpc(gateway::RetryRules& rules) {
  rules.grpc_statuses.push_back(status);
}
constexpr Reason kReasons[] = {
    {"connect", [](gateway::RetryRules& rules) { rules.on_connect = true; }},
    {"reset", [](gateway::RetryRules& rules) { rules.on_reset = true; }},
    {"timeout", [](gateway::RetryRules& rules) { rules.on_timeout = true; }},
    {"429", add_status<429>},
    {"500", add_status<500>},
    {"502", add_status<502>},
    {"503", add_status<503>},
    {"504", add_status<504>},
    {"grpc-cancelled", add_grpc<1>},
    {"grpc-deadline-exceeded", add_grpc<4>},
    {"grpc-resource-exhausted", add_grpc<8>},
    {"grpc-unavailable", add_grpc<14>},
};

std::vector<std::string> known_reasons() {
  std::vector<std::string> words;
  for (const auto& reason : kReasons) words.emplace_back(reason.word);
  return words;
}

void read_reasons(Map& in, gateway::RetryRules& rules) {
  const auto words = in.texts("on");
  if (words.empty()) {
    if (in.has("on")) in.fault("on", "is empty", "leave it out for [connect, reset], or write `retry: false`");
    return;
  }
  rules.on_connect = rules.on_reset = false;
  for (const auto& word : words) {
    const auto* const reason = std::ranges::find(kReasons, word, &Reason::word);
    if (reason != std::end(kReasons)) {
      reason->add(rules);
      continue;
    }
    const auto known = known_reasons();
    const auto near = nearest(word, known);
    in.fault("on", fmt::format("'{}' is no reason to send a request again", word),
             near.empty() ? "write some of " + join(known, ", ") : fmt::format("did you mean '{}'?", near));
  }
}

void read_methods(Map& in, gateway::RetryRules& rules) {
  const auto names = in.texts("methods");
  if (names.empty()) return;
  rules.methods.reset();
  for (const auto& name : names) {
    if (std::ranges::find(kMethods, name) == kMethods.end())
      in.fault("methods", fmt::format("'{}' is not known", name), "write some of " + join(kMethods, ", "));
    else rules.methods.set(static_cast<std::size_t>(net::method_of(name)));
  }
}

}  // namespace

gateway::RetryRules read_retry(Map& route) {
  gateway::RetryRules rules;
  if (!route.has("retry")) {
    route.ask("retry");
    return rules;
  }
  if (!route.is_map("retry")) {
    if (!route.flag("retry").value_or(true)) {
      rules.attempts = 1;
      rules.on_connect = rules.on_reset = false;
    }
    return rules;
  }
  auto in = route.map("retry");
  rules.attempts = static_cast<int>(in.number("attempts", 1, gateway::kAttemptsMax).value_or(rules.attempts));
  read_reasons(in, rules);
  read_methods(in, rules);
  rules.body_max = in.bytes("body_max", 0, gateway::kHeldBodyMax).value_or(rules.body_max);
  rules.backoff = in.duration("backoff", milliseconds(0), kBackoffMost).value_or(rules.backoff);
  rules.backoff_max =
      in.duration("backoff_max", milliseconds(0), kBackoffMost).value_or(std::max(rules.backoff, rules.backoff_max));
  if (rules.backoff_max < rules.backoff)
    in.fault("backoff_max", "is shorter than backoff", "it is where the doubling ends; leave it out for 1s");
  in.done();
  return rules;
}

gateway::Timeouts read_timeouts(Map& route) {
  gateway::Timeouts timeouts;
  if (!route.has("timeouts")) {
    route.ask("timeouts");
    return timeouts;
  }
  auto in = route.map("timeouts");
  const auto read = [&](std::string_view key) {
    return in.duration(key, kShortest, kLongest).value_or(milliseconds(0));
  };
  timeouts.total = read("total");
  timeouts.per_try = read("per_try");
  timeouts.first_byte = read("first_byte");
  timeouts.idle = read("idle");
  if (timeouts.total.count() > 0)
    for (const auto& [key, time] : {std::pair("per_try", timeouts.per_try),
                                    std::pair("first_byte", timeouts.first_byte), std::pair("idle", timeouts.idle)})
      if (time > timeouts.total)
        in.fault(key, "is longer than total",
                 "total ends the request, whatever else is allowed: shorten this or lengthen that");
  in.done();
  return timeouts;
}

}  // namespace gatehouse::app
