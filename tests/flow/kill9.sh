#!/bin/sh
# kill9.sh - kill -9 in a loop under load loses nothing that was acknowledged
. "${srcdir:-.}/tests/flow/lib.sh"

start_open_sink
make_open_config < /dev/null
start_agent
: > "$work/acknowledged"
"$build/tests/flow/poster" "$ingest_port" key:secret 8 6000 50 run \
    > "$work/acknowledged" &
poster_pid=$!

kills=0
while kill -0 "$poster_pid" 2>/dev/null && [ "$kills" -lt 12 ]; do
	before=$(wc -l < "$work/acknowledged")
	more() { [ "$(wc -l < "$work/acknowledged")" -gt $((before + 150)) ] ||
	    ! kill -0 "$poster_pid"; }
	wait_for 30 more || fail "no acknowledgement any more"
	kill_agent
	kills=$((kills + 1))
	start_agent
done
wait "$poster_pid" || fail "the poster gave up"
[ "$kills" -ge 3 ] || fail "only $kills kills happened under load"

waiting='SELECT queued + inflight + stuck FROM v_conservation'
wait_for 60 sql_is "$waiting" 0 ||
    fail "left behind: $(sql 'SELECT * FROM v_conservation')"
curl -s "$sink/events?limit=100000" |
    jq -r '.events[].object.properties.id' | sort > "$work/arrived"
sort "$work/acknowledged" > "$work/acknowledged.sorted"

lost=$(comm -23 "$work/acknowledged.sorted" "$work/arrived" | wc -l)
[ "$lost" = 0 ] || fail "$lost acknowledged events did not arrive"
twice=$(uniq -d "$work/arrived" | wc -l)
[ "$twice" = 0 ] || fail "$twice events arrived under two keys"
check_conserved
[ "$(sqlite3 "$work/queue.db" 'PRAGMA integrity_check')" = ok ] ||
    fail "integrity_check"
echo "$kills kills, $(wc -l < "$work/acknowledged") acknowledged," \
    "$(sink_stat .duplicates) repeats dropped by Heap"
stop_agent
