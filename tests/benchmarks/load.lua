-- One case for wrk, from the environment; it reports one line of JSON.
wrk.method = os.getenv("BENCHMARK_METHOD")
wrk.headers["x-request-id"] = "0d3c7c54-6a3e-4d0c-9f43-8f6f7c1a2b11"
wrk.headers["cookie"] = "session=1f0c9be2a7; theme=dark"
wrk.headers["accept"] = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
for name, value in string.gmatch(os.getenv("BENCHMARK_HEADERS"), "([^\n:]+): ([^\n]+)") do
  wrk.headers[name] = value
end
local body = os.getenv("BENCHMARK_BODY")
if body ~= "" then
  wrk.body = body
  wrk.headers["content-type"] = os.getenv("BENCHMARK_TYPE")
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
