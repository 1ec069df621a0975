-- What wrk sends, and the line of JSON that it ends with: counts, seconds and milliseconds.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = os.getenv("BODY")

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   local line = '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n'
   local p50, p99 = latency:percentile(50) / 1000, latency:percentile(99) / 1000
   io.write(line:format(summary.requests, summary.duration / 1e6, p50, p99, failed))
end
