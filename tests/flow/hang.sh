#!/bin/sh
# hang.sh - a host that takes requests and never answers slows down nobody but
# its own output, neither the way in, nor another output, nor the end
. "${srcdir:-.}/tests/flow/lib.sh"

slow_pid=
trap 'status=$?; end "$slow_pid"; (exit $status); cleanup' EXIT

# The first sink hangs for ever, the second works.
start_sink
curl -s -m 10 -X POST -H 'Content-Type: application/json' \
    -d '{"match":{},"do":{"hang":true}}' "$sink/faults" > /dev/null
slow=$sink
slow_pid=$sink_pid
sink_pid=
sink_port=
start_sink
make_config <<EOT
[output slow]
app_id = 1111111111
base_url = $slow
connect_timeout = 60s
timeout = 60s
EOT
sed -i '/^\[agent\]/a stop_grace = 1s' "$work/agent.conf"
start_agent

# send N: an event of its own person; answered at once.
send() {
	cat > "$work/event.json" <<EOT
{"mpid":"$1","events":[{"event_type":"custom_event","data":{"event_name":"e$1"}}]}
EOT
	[ "$(post /v2/events "$work/event.json" -m 2)" = 202 ] ||
	    fail "$1: no 202"
}

state_of() {
	echo "SELECT count(*) FROM event AS e JOIN lane AS l ON l.id = e.lane
	    JOIN output AS o ON o.id = l.output
	    WHERE o.name = '$1' AND e.state = '$2'"
}

# The slow output's requests are all out before the rest comes.
for n in 1 2 3 4; do
	send $n
	wait_for 10 sql_is "SELECT count(*) FROM request AS r
	    JOIN lane AS l ON l.id = r.lane JOIN output AS o
	    ON o.id = l.output WHERE o.name = 'slow'" $n ||
	    fail "the slow output has no request $n"
done
for n in $(seq 5 60); do
	send "$n"
	wait_for 2 sink_is .objects "$n" || fail "$n: it waits for another's \
host: $(sink_stat .objects) have arrived"
done
sql_is "$(state_of heap delivered)" 60 ||
    wait_for 5 sql_is "$(state_of heap delivered)" 60 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
sql_is "$(state_of slow delivered)" 0 || fail "the slow host has answered"
sql_is "$(state_of slow inflight)" 4 ||
    fail "in flight: $(sql "$(state_of slow inflight)")"
id=$(sql "SELECT max(event_id) FROM v_queue WHERE output = 'slow'")
admin_call GET "/v1/events/$id/why" > "$work/why"
[ "$(jq -r .blocked_by "$work/why")" = flight ] ||
    fail "why: $(cat "$work/why")"

# Nor does it hold up the end for longer than stop_grace.
begun=$(date +%s)
stop_agent
took=$(($(date +%s) - begun))
[ "$took" -le 10 ] || fail "it took $took s to stop"
check_conserved
