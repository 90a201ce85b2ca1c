#!/bin/sh
# retry.sh - what Heap refuses for now goes again, with the same key
. "${srcdir:-.}/tests/flow/lib.sh"

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

send() {
	cat > "$work/$1.json" <<EOT
{"mpid":"$2","events":[{"event_type":"custom_event","data":{"event_name":"$1","source_message_id":"$1"}}]}
EOT
	[ "$(post /v2/events "$work/$1.json")" = 202 ] || fail "$1: no 202"
}

start_sink
make_config <<'EOT'
backoff_base = 50ms
backoff_max = 300ms
timeout = 2s
EOT
start_agent

# Each fault hits once; the event arrives all the same, once.
fault '{"match":{"event":"unavailable"},"do":{"status":503},"count":2}'
fault '{"match":{"event":"reset"},"do":{"reset":true},"count":1}'
fault '{"match":{"event":"hangs"},"do":{"hang":true},"count":1}'
fault '{"match":{"event":"lost"},"do":{"status":500,"store":true},"count":1}'
n=0
for name in unavailable reset hangs lost; do
	n=$((n + 1))
	send "$name" "$n"
done
wait_for 40 sql_is 'SELECT delivered FROM v_conservation' 4 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
sink_is .objects 4 || fail "$(sink_stat .objects) objects arrived, not 4"
[ "$(sink_stat .duplicates)" -ge 1 ] ||
    fail "the event whose answer was lost did not go again"
attempts=$(sql "SELECT attempts FROM event WHERE name = 'unavailable'")
# More, if it shared a request with one of the others.
[ "$attempts" -ge 3 ] && [ "$attempts" -le 6 ] ||
    fail "unavailable took $attempts attempts, not 3"

# A misconfigured output keeps its events and says so.
fault '{"match":{"path":"/api/track"},"do":{"status":401},"count":1}'
send denied 9
wait_for 20 sql_is "SELECT state, last_status FROM event
    WHERE name = 'denied'" 'queued|401' ||
    fail "denied: $(sql "SELECT state FROM event WHERE name = 'denied'")"
grep -q 'state=config' "$work/agent.log" || fail "the breaker says nothing"
check_conserved
stop_agent
