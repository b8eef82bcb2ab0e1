// `gatehouse explain METHOD URL`: what the gateway would do with a request, phase by phase, and why. Evaluates through the
// very objects that serve live traffic, built from the same file; changes nothing and needs no running server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "core/clock.h"
#include "core/json.h"
#include "gateway/gateway.h"

namespace gatehouse::app {

// Who is imagined as the caller depends on the route: one asks for other claims than another.
struct ImaginedCaller {
  std::shared_ptr<const json::object> claims;                 // nullptr: the request itself says who calls
  std::string told;                                           // about whom, for the explanation
  std::string barred;                                         // why they would not even be recognised; empty: they would
};
using ImagineAt = std::function<ImaginedCaller(const gateway::Route&)>;

struct ExplainAsk {
  std::string method, url;
  std::vector<std::pair<std::string, std::string>> headers;   // further ones of the request
  std::optional<std::string> token;                           // sent as bearer token and verified for real
  std::optional<std::string> claims;                          // JSON: whoever has these is imagined as the caller
  std::string client_ip;                                      // empty: not known
  ImagineAt imagine = nullptr;                                // instead of `claims`
};

// One thing that was found.
struct Found {
  enum class Verdict { passed, refused, told } verdict;
  std::string phase, what;
};
struct Explanation {
  bool allowed = false;
  int status = 0;                        // of the answer that a refused client gets
  std::string host, path, route, kind;   // kind of access: public, token, sign-on
  std::vector<Found> found;
  std::string upstream, head;            // where it would go, and what the head of the request would be; credentials cut out
};

// Fault::invalid: not a request that can be asked about.
Result<Explanation> explain(gateway::Gateway& gateway, ExplainAsk ask);

json::object to_json(const Explanation& explanation);
enum class Paint { yes, no };
std::string to_page(const Explanation& explanation, Paint paint);

// Builds the gateway of a configuration without listening, storing or locking anything, and asks it. 0 allowed, 1 denied, 2 a mistake.
struct ExplainRun {
  std::string config;
  ExplainAsk ask;
  std::optional<std::string> at;         // ISO 8601; empty: now
  bool json = false;
  std::optional<std::string> as;         // login or id of a user of the built-in org
  std::optional<std::string> auth_time;  // ISO 8601; empty: at the moment that is asked about
  std::string acr, scope;                // of the imagined sign-in; scopes of an imagined token, with blanks between
  std::vector<std::string> amr;          // empty: pwd
};
int run_explain(const ExplainRun& run, Paint paint);

}  // namespace gatehouse::app
