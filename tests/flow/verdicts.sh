#!/bin/sh
# verdicts.sh - each kind of answer gets its verdict, each form of Retry-After
# its wait
. "${srcdir:-.}/tests/flow/lib.sh"

n=0

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# post_event NAME: of a person of its own.
post_event() {
	n=$((n + 1))
	cat > "$work/event.json" <<EOT
{"mpid":"$n","events":[{"event_type":"custom_event","data":{"event_name":"$1"}}]}
EOT
	[ "$(post /v2/events "$work/event.json")" = 202 ] || fail "$1: no 202"
}

event_is() {
	sql_is "SELECT state || ' ' || coalesce(reason, '-') || ' ' ||
	    coalesce(last_status, '-') FROM event WHERE name = '$1'" "$2"
}

# expect NAME STATE: within a while.
expect() {
	wait_for 10 event_is "$1" "$2" || fail "$1: $(sql "SELECT state, reason,
	    last_status, last_error FROM event WHERE name = '$1'"), not $2"
}

start_sink
make_config <<'EOT'
backoff_base = 10ms
backoff_max = 20ms
timeout = 2s
EOT
start_agent
stop_agent	# once more, now that its file names the ports, for HUP
start_agent

for status in 200 201 204; do
	fault "{\"match\":{\"event\":\"is $status\"},\"do\":{\"status\":$status}}"
	post_event "is $status"
	expect "is $status" "delivered - $status"
done

for status in 400 422; do
	fault "{\"match\":{\"event\":\"is $status\"},\"do\":{\"status\":$status,\"body\":\"no good\"}}"
	post_event "is $status"
	expect "is $status" "stuck refused $status"
	post_event "fine after $status"
	expect "fine after $status" "delivered - 200"
done
fault '{"match":{"event":"is 413"},"do":{"status":413}}'
post_event 'is 413'
expect 'is 413' 'stuck too_large 413'

# What is for now: once, and then it is delivered.
for status in 408 425 500 502 503 504 418 599; do
	fault "{\"match\":{\"event\":\"is $status\"},\"do\":{\"status\":$status},\"count\":1}"
	post_event "is $status"
	expect "is $status" "delivered - 200"
	sql_is "SELECT attempts || ' ' || failures FROM event
	    WHERE name = 'is $status'" '2 1' ||
	    fail "$status: $(sql "SELECT attempts, failures FROM event
		WHERE name = 'is $status'")"
done

# A 429 is no failure of the event; its person waits for the window.
fault '{"match":{"event":"is 429"},"do":{"status":429},"count":1}'
post_event 'is 429'
expect 'is 429' 'queued - 429'
sql_is "SELECT failures FROM event WHERE name = 'is 429'" 0 ||
    fail "a 429 counts as a failure of the event"

# A misconfigured output holds its lane until it is told that it is mended.
for status in 401 403 404 405 302; do
	fault "{\"match\":{\"event\":\"is $status\"},\"do\":{\"status\":$status},\"count\":1}"
	post_event "is $status"
	expect "is $status" "queued - $status"
	sql_is "SELECT failures FROM event WHERE name = 'is $status'" 0 ||
	    fail "$status counts as a failure of the event"
	kill -HUP "$agent_pid"
	expect "is $status" "delivered - 200"
done

# Retry-After: the wait it makes, ms, and how much less a date may make.
http_date() {
	LC_ALL=C date -u -d "+$1 seconds" "+$2"
}
i=0
while IFS='|' read -r least most value; do
	i=$((i + 1))
	fault "{\"match\":{\"event\":\"after $i\"},\"do\":{\"status\":503,\"retry_after\":\"$value\"},\"count\":1}"
	post_event "after $i"
	deferred() {
		sql_is "SELECT state FROM request AS r JOIN event AS e
		    ON e.request = r.id AND r.status = 503
		    WHERE e.name = 'after $i'" queued ||
		    [ "$(sql "SELECT attempts FROM event
			WHERE name = 'after $i'")" -ge 2 ]
	}
	wait_for 10 deferred || fail "Retry-After: $value: nothing happened"
	wait_ms=$(sql "SELECT due_at - (SELECT ended_at FROM request
	    WHERE id = e.request) FROM event AS e WHERE name = 'after $i'")
	# It may have gone again already: then it did not wait.
	wait_ms=${wait_ms:-0}
	[ "$wait_ms" -ge "$least" ] && [ "$wait_ms" -le "$most" ] ||
	    fail "Retry-After: $value: $wait_ms ms, not $least to $most"
done <<EOT
7000|7100|7
0|100|0
3600000|3600000|99999999999
0|100|-5
0|100|soon
8000|10100|$(http_date 10 '%a, %d %b %Y %H:%M:%S GMT')
8000|10100|$(http_date 10 '%A, %d-%b-%y %H:%M:%S GMT')
8000|10100|$(http_date 10 '%a %b %e %H:%M:%S %Y')
0|100|$(http_date -50 '%a, %d %b %Y %H:%M:%S GMT')
EOT
check_conserved
stop_agent
