-- intake.lua - what wrk posts: one-event batches
--
-- BENCH_PEOPLE distinct people (0: a new one each time).

local people = tonumber(os.getenv("BENCH_PEOPLE") or "1000")
local authorization = "Basic " .. (os.getenv("BENCH_AUTHORIZATION") or "")
local thread_number = 0

function setup(thread)
   thread:set("number", thread_number)
   thread_number = thread_number + 1
end

function init(args)
   n = 0
   base = number * 1000000000 + os.time() % 1000000 * 1000
   wrk.method = "POST"
   wrk.headers["Authorization"] = authorization
   wrk.headers["Content-Type"] = "application/json"
end

function request()
   n = n + 1
   local person = people > 0 and n % people or base + n
   return wrk.format(nil, "/v2/events", nil, string.format(
      '{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Created","custom_event_type":"other","source_message_id":"m-%d-%d","timestamp_unixtime_ms":1796000000000,"custom_attributes":{"Ticket Name":"T-%d","priority":2,"amount":19.90}}}],"user_identities":{"email":"person-%d@example.com"},"environment":"production"}',
      number, n, n, person))
end
