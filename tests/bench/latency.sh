#!/bin/sh
#
# latency.sh - from the 202 to the arrival at Heap, while nothing else happens

. "$(dirname "$0")/lib.sh"

times=$(calc "$seconds * 200 + 1" %d)
mkfifo "$work/port"
"$build/tests/bench/arrival" "$times" < "$work/port" > "$work/arrival" &
other_pid=$!
exec 3> "$work/port"
wait_for 20 test -s "$work/arrival" || fail 'there is no Heap'
make_config "http://127.0.0.1:$(cat "$work/arrival")"
start_agent
echo "$ingest_port" >&3
exec 3>&-
wait "$other_pid" || fail 'arrival failed'
other_pid=

p50=$(awk 'NR == 2 { print $1 }' "$work/arrival")
p99=$(awk 'NR == 2 { print $2 }' "$work/arrival")
keep latency.p50 "$p50"
keep latency.p99 "$p99"
say "latency of an idle agent, 202 to arrival, of $times events"
printf '%-32s p50 %.2f ms  p99 %.2f ms\n' idle "$p50" "$p99"
