#!/bin/sh
# isolation.sh - a bad event among many becomes stuck alone; mended, it is
# replayed
. "${srcdir:-.}/tests/flow/lib.sh"

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# Forty events of twenty people, two of them poisonous.
batch() {
	printf '['
	i=0
	while [ "$i" -lt 40 ]; do
		[ "$i" -gt 0 ] && printf ','
		name="good $i"
		case $i in 7 | 23) name="poison $i" ;; esac
		printf '{"mpid":"%s","events":[{"event_type":"custom_event",' \
		    $((i % 20 + 1))
		printf '"data":{"event_name":"%s"}}]}' "$name"
		i=$((i + 1))
	done
	printf ']'
}

start_sink
make_config <<'EOT'
track_limit = 1000/1s
identity_limit = 100000/1s
app_limit = 100000/1s
EOT
for index in true false; do
	fault "{\"match\":{\"contains\":\"poison\"},\"do\":{\"status\":400,\"index\":$index}}"
	[ -n "$agent_pid" ] || start_agent
	batch > "$work/batch.json"
	[ "$(post /v2/bulkevents "$work/batch.json")" = 202 ] || fail "no 202"
	wait_for 30 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
	    fail "still queued: $(sql 'SELECT * FROM v_conservation')"
	sql_is "SELECT count(*) FROM v_stuck
	    WHERE reason = 'refused' AND name LIKE 'poison%'" 2 ||
	    fail "stuck: $(sql 'SELECT name, reason FROM v_stuck')"
	sql_is 'SELECT stuck FROM v_conservation' 2 ||
	    fail "an innocent event is stuck"
	sql_is "SELECT count(*) FROM event WHERE state = 'stuck'
	    AND last_status = 400 AND last_error LIKE '%should%'" 2 ||
	    fail "Heap's text is not kept"

	curl -s -X DELETE "$sink/faults" > /dev/null
	for id in $(sql 'SELECT event_id FROM v_stuck'); do
		admin_call POST "/v1/events/$id/replay" > "$work/replayed"
		[ "$(jq -r .state "$work/replayed")" = queued ] ||
		    fail "replay: $(cat "$work/replayed")"
	done
	wait_for 20 sql_is 'SELECT stuck + queued + inflight
	    FROM v_conservation' 0 || fail "the replayed ones are not through"
done
sink_is .objects 80 || fail "$(sink_stat .objects) arrived, not 80"
check_conserved
stop_agent
