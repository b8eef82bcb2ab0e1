-- Each request with another token: lines FROM … FROM + COUNT - 1 (from 0) of FILE, once each; then no more are sent.
local requests, at = {}, 0

function init(args)
  local file, from, count = args[1], tonumber(args[2]), tonumber(args[3])
  local number = 0
  for line in io.lines(file) do
    if number >= from and number < from + count then
      requests[#requests + 1] = wrk.format("GET", "/", {["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. line})
    end
    number = number + 1
  end
end

-- Of the last token, the connections that were not stopped yet show a few copies.
function request()
  if at == #requests then wrk.thread:stop() else at = at + 1 end
  return requests[at]
end
