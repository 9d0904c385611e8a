-- wrk: submit tasks; the arguments are the type and how many users take turns.
local count, kind = 0, "text"
function init(args) kind = args[1] or "text" end
function request()
  count = count + 1
  local body = string.format(
    '{"type":"%s","model":"bench","user_id":"user-%d","input":{"prompt":"a small boat on a wide river, study %d","size":"2K"}}',
    kind, count % 50, count)
  return wrk.format("POST", "/api/v1/ai/tasks", {["Content-Type"] = "application/json", ["Authorization"] = "Bearer bench-key-0123456789"}, body)
end
function done(summary, latency, _)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.status
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, errors,
    latency:percentile(50), latency:percentile(99)))
end
