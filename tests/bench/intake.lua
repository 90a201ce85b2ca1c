-- intake.lua - what wrk posts: one-event batches
--
-- BENCH_PEOPLE distinct people, whose requests are made beforehand so that wrk
-- is not what is measured; 0: a new person each time.

local people = tonumber(os.getenv("BENCH_PEOPLE") or "1000")
local authorization = "Basic " .. (os.getenv("BENCH_AUTHORIZATION") or "")

local function make(person)
   return wrk.format("POST", "/v2/events", {
      ["Authorization"] = authorization,
      ["Content-Type"] = "application/json",
   }, string.format(
      '{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Created","custom_event_type":"other","source_message_id":"m-%d","timestamp_unixtime_ms":1796000000000,"custom_attributes":{"Ticket Name":"T-%d","priority":2,"amount":19.90}}}],"user_identities":{"email":"person-%d@example.com"},"environment":"production"}',
      person, person, person))
end

function init(args)
   wrk.headers["Host"] = "127.0.0.1"
   n = 0
   base = os.time() % 1000000 * 100000000
   made = {}
   for person = 1, people do
      made[person] = make(person)
   end
end

function request()
   n = n + 1
   if people > 0 then
      return made[n % people + 1]
   end
   return make(base + n)
end
