#!/bin/sh
# idle.sh - an agent with nothing to do sleeps
. "${srcdir:-.}/tests/flow/lib.sh"

# Ticks of CPU and voluntary switches of a process.
used() {
	awk '{ print $14 + $15 }' "/proc/$agent_pid/stat"
}
switches() {
	awk '/^voluntary/ { print $2 }' "/proc/$agent_pid/status"
}

start_sink
make_config < /dev/null
start_agent
cat > "$work/one.json" <<'EOT'
{"mpid":"1","events":[{"event_type":"session_start"}]}
EOT
[ "$(post /v2/events "$work/one.json")" = 202 ] || fail "no 202"
wait_for 20 sql_is 'SELECT delivered FROM v_conservation' 1 ||
    fail "not delivered"

# The connections to and from it may still close; then it is quiet.
before=$(used)
switches_before=$(switches)
quiet() {
	now=$(switches)
	sleep 2
	[ "$(switches)" -le $((now + 2)) ]
}
wait_for 15 quiet || fail "it wakes all the time: $(switches) switches"
after=$(used)
[ $((after - before)) -le 2 ] ||
    fail "it used $((after - before)) ticks for nothing"
stop_agent
