#!/bin/sh
# maintenance.sh - what an operator does to the database with the sqlite3
# shell, beside the agent and without it, and a copy in its place: nothing is
# lost, no id comes again, and what cannot be is refused in words
. "${srcdir:-.}/tests/flow/lib.sh"

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@" < /dev/null
}

drained() {
	sql_is 'SELECT queued + inflight FROM v_conservation' 0
}

# send NAME: thirty people with an event and a property each, which say NAME.
# No message ids: a repeated event is known by the receipt of its batch.
send() {
	jq -nc --arg name "$1" '[range(30) | {mpid: "\(. + 1)",
	    user_attributes: {plan: $name}, events: [{event_type:
	    "custom_event", data: {event_name: "\($name) \(.)"}}]}]' \
	    > "$work/batch.json"
	[ "$(post /v2/bulkevents "$work/batch.json")" = 202 ] ||
	    fail "$1: no 202: $(cat "$work/answer")"
}

# arrived NAME: how many of its events Heap has kept.
arrived() {
	curl -s "$sink/events?limit=100000" | jq --arg name "$1 " \
	    '[.events[].object.event | select(startswith($name))] | length'
}

plans() {
	curl -s "$sink/users?limit=1000" |
	    jq -r '[.users[].properties.plan // empty] | unique | join(" ")'
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

start_open_sink
make_open_config <<'EOT'
forward_user_attributes = true
EOT

# A copy in place of the database, as doc/OPERATIONS says.  What waited in it
# has gone out since, and so has what is not in it.
start_agent
fault '{"do":{"status":503}}'
send waited
ctl backup "$work/copy.db" > "$work/result" || fail "$(cat "$work/result")"
curl -s -X DELETE "$sink/faults" > /dev/null
ctl probe heap > /dev/null
wait_for 30 drained || fail 'not delivered'
send since
wait_for 30 drained || fail 'not delivered'
[ "$(plans)" = since ] || fail "properties: $(plans)"
newest=$(sql 'SELECT max(id) FROM event')
stop_agent
mkdir "$work/aside"
mv "$work"/queue.db* "$work/aside"
install -m 0600 "$work/copy.db" "$work/queue.db"
ctl verify > "$work/verified" || fail "the copy: $(cat "$work/verified")"
[ "$(sqlite3 "$work/queue.db" 'SELECT max(id) FROM event')" -lt "$newest" ] ||
    fail 'the copy has what came since'
start_agent
wait_for 30 drained || fail 'what waited in the copy is not delivered'
# No property of the sender has a key: it is what it was in the copy.
[ "$(plans)" = waited ] || fail "properties: $(plans)"
send after
wait_for 30 drained || fail 'not delivered'
[ "$(plans)" = after ] || fail "properties: $(plans)"
for name in waited since after; do
	[ "$(arrived $name)" = 30 ] || fail "$(arrived $name) of $name arrived"
done
[ "$(sink_stat .duplicates)" -ge 30 ] || fail 'nothing went twice'
check_conserved

# The shell beside the agent, under load: it does what it was told, or says
# that the database is locked.
# keep_posting: until there is a file $work/over.
keep_posting() {
	trap - EXIT
	round=0
	while [ ! -e "$work/over" ]; do
		round=$((round + 1))
		"$build/tests/flow/poster" "$ingest_port" key:secret 4 200 50 \
		    "run$round" || exit
	done
}
keep_posting > "$work/acknowledged" &
poster_pid=$!
readers="$readers $poster_pid"
enough() {
	[ "$(wc -l < "$work/acknowledged")" -ge 1000 ]
}
wait_for 30 enough || fail 'nobody posts'
worked=0
for statement in VACUUM ANALYZE REINDEX 'PRAGMA optimize' VACUUM \
    'PRAGMA wal_checkpoint(TRUNCATE)' VACUUM; do
	if sqlite3 -cmd '.timeout 5000' "$work/queue.db" "$statement" \
	    > "$work/said" 2>&1; then
		worked=$((worked + 1))
	else
		grep -q 'is locked' "$work/said" ||
		    fail "$statement: $(cat "$work/said")"
	fi
done
[ "$worked" -gt 0 ] || fail 'the shell never had its turn'
if sqlite3 "$work/queue.db" 'PRAGMA journal_mode = DELETE' \
    > "$work/said" 2>&1; then
	fail "the WAL was taken from the agent: $(cat "$work/said")"
fi
grep -q 'is locked' "$work/said" || fail "journal: $(cat "$work/said")"
: > "$work/over"
wait "$poster_pid" || fail 'the poster gave up'
wait_for 60 drained || fail "left: $(sql 'SELECT * FROM v_conservation')"
curl -s "$sink/events?limit=100000" |
    jq -r '.events[].object.properties.id // empty' | sort > "$work/arrived"
lost=$(sort "$work/acknowledged" | comm -23 - "$work/arrived" | wc -l)
[ "$lost" = 0 ] || fail "$lost acknowledged events did not arrive"
[ -z "$(uniq -d "$work/arrived")" ] || fail 'something arrived twice'
check_conserved

# The shell on a database without an agent; the newest rows have gone.
cat > "$work/gone.json" <<'EOT'
{"mpid":"77","events":[{"event_type":"custom_event","data":{"event_name":"G"}}]}
EOT
while read -r statements; do
	[ "$(post /v2/events "$work/gone.json")" = 202 ] || fail 'no 202'
	wait_for 30 drained || fail 'not delivered'
	batch=$(sql 'SELECT max(id) FROM batch')
	event=$(sql 'SELECT max(id) FROM event')
	request=$(sql 'SELECT max(id) FROM request')
	[ "$(admin_call DELETE /v1/identities/77 | jq .events)" -ge 1 ] ||
	    fail 'nobody was erased'
	stop_agent
	sqlite3 "$work/queue.db" "$statements" > "$work/said" 2>&1 ||
	    fail "$statements: $(cat "$work/said")"
	ctl verify > "$work/verified" ||
	    fail "$statements: $(cat "$work/verified")"
	start_agent
	sql_is 'PRAGMA journal_mode' wal || fail "$statements: no WAL"
	[ "$(post /v2/events "$work/gone.json")" = 202 ] || fail 'no 202'
	wait_for 30 drained || fail "$statements: not delivered"
	sql_is "SELECT min(id) > $batch FROM batch WHERE id >= $batch" 1 ||
	    fail "$statements: a batch's id came again"
	sql_is "SELECT min(id) > $event FROM event WHERE id >= $event" 1 ||
	    fail "$statements: an event's id came again"
	[ "$(sql 'SELECT max(id) FROM request')" -gt "$request" ] ||
	    fail "$statements: a request's id came again"
done <<'EOT'
VACUUM
ANALYZE
PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM
PRAGMA journal_mode = TRUNCATE; PRAGMA auto_vacuum = FULL; VACUUM
EOT
check_conserved
stop_agent

# What the shell writes as SQL has lost whose database it was.
sqlite3 "$work/queue.db" .dump | sqlite3 "$work/dumped.db" ||
    fail 'it cannot be dumped'
sum=$(sha256sum < "$work/dumped.db")
sed "s|^database = .*|database = $work/dumped.db|" "$work/agent.conf" \
    > "$work/dumped.conf"
status=0
timeout 20 "$build/heaprelayd" -c "$work/dumped.conf" 2> "$work/said" ||
    status=$?
[ "$status" = 78 ] || fail "what was dumped ended it with $status, not 78"
grep -q 'dumped.db: not a database of heaprelay' "$work/said" ||
    fail "it does not say why: $(cat "$work/said")"
[ "$(sha256sum < "$work/dumped.db")" = "$sum" ] || fail 'it was written to'
echo "$worked statements beside $(wc -l < "$work/acknowledged") batches"
