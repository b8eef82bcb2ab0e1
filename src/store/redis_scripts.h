// store::take in Lua, for the room store. By Redis' own clock, so that gateways whose clocks differ count alike. Numbers are
// doubles there: microseconds since 1970 fit exactly. Answers {allowed, remaining, retry_after ms, reset ms}.
#pragma once

namespace gatehouse::store {

// ARGV: interval of one request in us, capacity of the bucket in us.
inline constexpr const char* kTakeFromBucket = R"(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
if full_at < now then full_at = now end
if full_at > now + capacity then full_at = now + capacity end
local debt = full_at - now
if debt + interval > capacity then
  return {0, math.floor((capacity - debt) / interval), math.max(1, math.ceil((debt + interval - capacity) / 1000)), math.ceil(debt / 1000)}
end
debt = debt + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000) + 1)
return {1, math.floor((capacity - debt) / interval), 0, math.ceil(debt / 1000)}
)";

// ARGV: window in us, requests. The value is "number of the window:current:previous".
inline constexpr const char* kTakeFromWindow = R"(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local number, elapsed = math.floor(now / window), now % window
local current, previous = 0, 0
local known = redis.call('GET', KEYS[1])
if known then
  local n, c, p = string.match(known, '^(%d+):(%d+):(%d+)$')
  n, c, p = tonumber(n), tonumber(c), tonumber(p)
  if n == number then current, previous = c, p
  elseif n == number - 1 then previous = c end
end
local used = previous * (window - elapsed) / window + current
local allowed = used + 1 <= limit
if allowed then
  current = current + 1
  redis.call('SET', KEYS[1], string.format('%.0f:%d:%d', number, current, previous), 'PX', math.ceil((2 * window - elapsed) / 1000) + 1)
end
local reset = 0
if current > 0 then reset = 2 * window - elapsed elseif previous > 0 then reset = window - elapsed end
reset = math.ceil(reset / 1000)
if allowed then return {1, math.max(0, math.floor(limit - used) - 1), 0, reset} end
local room, wait = limit - 1, 0
if current < limit then wait = window * (1 - (room - current) / previous) - elapsed
else wait = window - elapsed + window * (1 - room / current) end
return {0, 0, math.max(1, math.ceil(wait / 1000)), reset}
)";

}  // namespace gatehouse::store
