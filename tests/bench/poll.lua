-- wrk: poll tasks in random order; the argument is the file of their ids, one in a line.
local paths = {}
function init(args)
  for id in io.lines(args[1]) do paths[#paths + 1] = "/api/v1/tasks/" .. id end
  math.randomseed(7)
end
function request() return wrk.format("GET", paths[math.random(#paths)], {["Authorization"] = "Bearer bench-key-0123456789"}) end
function done(summary, latency, _)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.status
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, errors,
    latency:percentile(50), latency:percentile(99)))
end
