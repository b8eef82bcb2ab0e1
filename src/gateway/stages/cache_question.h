// What a request asks of a cache: whether it may be answered from there at all, for whom, and under which key. This
// file is where one caller is kept apart from another. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/stage.h"
#include "gateway/stages/cache_store.h"

namespace gatehouse::gateway {

struct CacheConfig {
  CacheStore::Settings store;
  CacheRules rules;
  // What was authorised for somebody: may it be shared when the answer itself says so (RFC 9111 §3.5)? May it be kept
  // for that one alone? Neither: it is not kept at all.
  bool share_authorised = false, per_subject = false;
  bool obey_clients = true;              // Cache-Control and Pragma of requests
  bool tell = true;                      // Cache-Status
  Millis collapse{5000};                 // how long one request waits for another of the same key; 0: never
  std::vector<std::string> vary;         // fields that select an answer although the upstream does not say so
  std::vector<std::string> credentials;  // fields that say who calls, besides Authorization, Cookie and the usual ones
};

struct CacheQuestion {
  enum class Way { look, bypass, method } way = Way::look;
  std::string_view why;  // of a bypass, in a word; a constant
  CacheControl asked;
  std::string url;                  // as the client must write it
  std::string shared_key, own_key;  // empty: nothing may be there
  bool recognised = false;          // somebody in particular asks
  CacheStore::Turn turn;            // when the upstream was asked
  Timestamp at{};

  const std::string& flight_key() const { return own_key.empty() ? shared_key : own_key; }
  // Where an answer may be kept; empty: nowhere.
  const std::string& key_for(const Keeping& keeping, const CacheConfig& config) const;
};
CacheQuestion question_of(const net::Request& request, const Journey& journey, const CacheConfig& config);

// The request's head as the upstream gets it: what Vary speaks of are these fields, with what the gateway adds and
// takes away.
std::string head_for_upstream(const net::Request& request, const Journey& journey);
// Of the values of these fields there: names in lower case. Values that mean the same are made the same.
crypto::Sip128 selecting(const CacheStore& store, std::string_view head, const std::vector<std::string>& names);

// The URL that a Location or Content-Location of an answer to this request names, if it is of the same origin; else
// empty. With a rewritten path the upstream speaks of its own paths: `translated` is what the client would have to
// write.
struct Named {
  std::string url, translated;
};
Named named_by(const net::Request& request, const Journey& journey, std::string_view location);

}  // namespace gatehouse::gateway
