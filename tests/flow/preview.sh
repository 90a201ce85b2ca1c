#!/bin/sh
# preview.sh - kill -9 in a loop while bodies are only looked at (POST /v1/map)
# and batches are stored: nothing of the former stays, nothing of the latter
# is lost, and no id stands for two things, though those of previews, of turns
# that were not stored and of a person who was erased are gone
. "${srcdir:-.}/tests/flow/lib.sh"

start_open_sink
make_open_config < /dev/null
start_agent

# Twenty people whom nobody knows, each with an event.
jq -nc '[range(20) | {user_identities: {customer_id: "seen-\(.)"},
    events: [{event_type: "custom_event", data: {event_name: "Seen"}}]}]' \
    > "$work/people.json"
jq -c '{path: "/v2/bulkevents", body: tojson}' "$work/people.json" \
    > "$work/question"

# look: a line for each preview that is answered, with its number of outcomes;
# until there is a file $work/over.
look() {
	trap - EXIT
	while [ ! -e "$work/over" ]; do
		admin_call POST /v1/map -H 'Content-Type: application/json' \
		    -d "@$work/question" 2> /dev/null |
		    jq '.outcomes | length' 2> /dev/null || true
	done
}

"$build/heaprelayctl" -c "$work/agent.conf" --json tail > "$work/told" \
    2> "$work/tail.log" &
readers="$readers $!"
lookers=
for n in 1 2; do
	look > "$work/looked.$n" &
	lookers="$lookers $!"
done
readers="$readers $lookers"
: > "$work/acknowledged"
"$build/tests/flow/poster" "$ingest_port" key:secret 4 2400 50 run \
    > "$work/acknowledged" &
poster_pid=$!

# lines FILE...
lines() {
	cat "$@" | wc -l
}

# note_ids: what each id stands for.
note_ids() {
	sql "SELECT 'batch', id, receipt_id FROM batch UNION ALL
	    SELECT 'event', id, batch || '.' || event_index FROM event UNION ALL
	    SELECT 'request', id, started_at || '.' || bytes FROM request" \
	    >> "$work/ids"
}

kills=0
while kill -0 "$poster_pid" 2> /dev/null && [ "$kills" -lt 6 ]; do
	looked=$(lines "$work"/looked.*)
	stored=$(lines "$work/acknowledged")
	more() {
		! kill -0 "$poster_pid" || {
			[ "$(lines "$work"/looked.*)" -gt $((looked + 3)) ] &&
			    [ "$(lines "$work/acknowledged")" -gt \
			    $((stored + 100)) ]
		}
	}
	wait_for 30 more || fail 'no answers any more'
	kill_agent
	kills=$((kills + 1))
	note_ids
	start_agent
done
wait "$poster_pid" || fail 'the poster gave up'
[ "$kills" -ge 3 ] || fail "only $kills kills happened under load"

# The newest batch is of somebody who is erased, with the previews behind it.
cat > "$work/gone.json" <<'EOT'
{"mpid":"77","events":[{"event_type":"custom_event","data":{"event_name":"G"}}]}
EOT
drained() {
	sql_is 'SELECT queued + inflight FROM v_conservation' 0
}
highest() {
	sql "SELECT max(id) FROM $1"
}
for n in 1 2; do
	[ "$(post /v2/events "$work/gone.json")" = 202 ] || fail 'no 202'
	wait_for 60 drained || fail 'not delivered'
	note_ids
	batch=$(highest batch) event=$(highest event)
	[ "$(admin_call DELETE /v1/identities/77 | jq .events)" = "$n" ] ||
	    fail 'nobody was erased'
	[ "$(highest event)" -lt "$event" ] || fail 'it was not the newest'
	looked=$(lines "$work"/looked.*)
	seen() {
		[ "$(lines "$work"/looked.*)" -gt $((looked + 2)) ]
	}
	wait_for 30 seen || fail 'no previews any more'
	kill_agent
	start_agent
	[ "$(post /v2/events "$work/gone.json")" = 202 ] || fail 'no 202'
	if [ "$(highest batch)" -le "$batch" ] ||
	    [ "$(highest event)" -le "$event" ]; then
		fail 'the ids of who was erased came again'
	fi
done
touch "$work/over"
for pid in $lookers; do
	wait "$pid" || true
done
wait_for 60 drained || fail 'not delivered'
note_ids

# What the live stream told of, in each life, is as stored.
jq -r 'select(.kind == "batch") | "batch|\(.id)|\(.receipt_id)"' \
    "$work/told" | sort -u > "$work/told.ids"
[ -s "$work/told.ids" ] || fail "nothing was told: $(cat "$work/tail.log")"
sort -u "$work/ids" | comm -23 "$work/told.ids" - > "$work/never"
[ ! -s "$work/never" ] || fail "told, never stored: $(head "$work/never")"
sort -u "$work/ids" | cut -d '|' -f 1,2 | uniq -d > "$work/twice"
[ ! -s "$work/twice" ] || fail "used twice: $(head "$work/twice")"
if sort -u "$work"/looked.* | grep -qv '^20$'; then
	fail "a preview had $(sort -u "$work"/looked.*) outcomes"
fi
sql_is "SELECT (SELECT count(*) FROM event WHERE name = 'Seen') +
    (SELECT count(*) FROM profile_identity WHERE value LIKE 'seen-%')" 0 ||
    fail 'something of a preview is stored'
curl -s "$sink/events?limit=100000" | jq -r '.events[].object |
    .properties.id // .event' | grep -v '^G$' | sort > "$work/arrived"
lost=$(sort "$work/acknowledged" | comm -23 - "$work/arrived" | wc -l)
[ "$lost" = 0 ] || fail "$lost acknowledged events did not arrive"
[ -z "$(uniq -d "$work/arrived")" ] || fail 'something arrived twice'
! grep -q '^Seen' "$work/arrived" || fail 'a preview arrived'
check_conserved
"$build/heaprelayctl" -c "$work/agent.conf" map --path /v2/bulkevents \
    "$work/people.json" > "$work/alone" || fail 'map'
[ "$(lines "$work/alone")" = 20 ] || fail "map: $(cat "$work/alone")"
echo "$kills kills under load, $(lines "$work/acknowledged") acknowledged," \
    "$(lines "$work"/looked.*) previews, $(sort -u "$work/ids" | wc -l) ids"
stop_agent
