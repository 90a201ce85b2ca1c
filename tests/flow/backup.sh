#!/bin/sh
# backup.sh - a copy is made while batches come in; it is whole, and an agent
# that is started on it delivers what it had; a crash leaves no copy
. "${srcdir:-.}/tests/flow/lib.sh"

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@" < /dev/null
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# Heap is down at first, so that something is left to deliver.
start_open_sink
fault '{"do":{"status":503}}'
make_open_config < /dev/null
sed -i 's/^database = .*/&\ndatabase_mode = 0640/' "$work/agent.conf"
start_agent
"$build/tests/flow/poster" "$ingest_port" key:secret 4 5000 50 before \
    > "$work/before"

# Four senders that never pause, and a copy.
"$build/tests/flow/poster" "$ingest_port" key:secret 4 20000 50 during \
    > "$work/during" &
poster_pid=$!
ctl backup "$work/copy.db" > "$work/result" || fail "$(cat "$work/result")"
[ "$(jq -c '[.kind, .state, .moved == .total]' "$work/result")" = \
    '["backup","done",true]' ] || fail "backup: $(cat "$work/result")"
kill -0 "$poster_pid" 2> /dev/null ||
    fail "the batches ended before the copy: nothing is proved"
wait "$poster_pid" || fail "the senders gave up"

[ "$(stat -c %a "$work/copy.db")" = 640 ] || fail "not the database's mode"
[ ! -e "$work/copy.db.partial" ] || fail "something is left behind"
[ "$(sqlite3 "$work/copy.db" 'PRAGMA integrity_check')" = ok ] ||
    fail "integrity_check of the copy"
[ "$(sqlite3 "$work/copy.db" 'SELECT ok FROM v_conservation')" = 1 ] ||
    fail "$(sqlite3 "$work/copy.db" 'SELECT * FROM v_conservation')"
copied=$(sqlite3 "$work/copy.db" 'SELECT accepted FROM v_conservation')
[ "$copied" -ge 5000 ] || fail "the copy has only $copied events"

# No second one of that name, none without a path.
if ctl backup "$work/copy.db" 2> "$work/said"; then
	fail "a copy was replaced"
fi
grep -q 'is there already' "$work/said" || fail "said: $(cat "$work/said")"
status=0
ctl backup copy.db 2> /dev/null || status=$?
[ "$status" = 64 ] || fail "a relative path was taken"
check_conserved

# Killed in the middle of another one: no file, and the job says so.  Should
# the copy be faster than the kill, once more.
for try in 1 2 3 4 5; do
	curl -s -o "$work/asked" -H "Authorization: Bearer $token" \
	    -H 'Content-Type: application/json' \
	    -d "{\"file\":\"$work/second.db\"}" "$admin/v1/backup"
	kill_agent
	[ -e "$work/second.db" ] || break
	rm "$work/second.db"
	start_agent
done
[ "$(jq -r .state "$work/asked")" = running ] || fail "$(cat "$work/asked")"
[ "$try" -lt 5 ] || fail "killed too late five times"
start_agent
[ ! -e "$work/second.db" ] || fail "a crash left a copy"
[ ! -e "$work/second.db.partial" ] || fail "a crash left half a copy"
job=$(jq .id "$work/asked")
[ "$(ctl jobs "$job" | jq -r '.state + " " + .error')" = \
    'failed the agent ended before the copy was whole' ] ||
    fail "$(ctl jobs "$job")"
stop_agent

# Moved to its place, the copy is the database: all it has arrives.
curl -s -X DELETE "$sink/faults" > /dev/null
rm -f "$work/queue.db" "$work/queue.db-wal" "$work/queue.db-shm"
mv "$work/copy.db" "$work/queue.db"
start_agent
wait_for 120 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_conservation')"
curl -s "$sink/events?limit=100000" |
    jq -r '.events[].object.properties.id' | sort > "$work/arrived"
[ "$(wc -l < "$work/arrived")" = "$copied" ] ||
    fail "$(wc -l < "$work/arrived") arrived, not $copied"
sort "$work/before" > "$work/before.sorted"
lost=$(comm -23 "$work/before.sorted" "$work/arrived" | wc -l)
[ "$lost" = 0 ] || fail "$lost events from before the copy are not in it"
check_conserved
stop_agent
