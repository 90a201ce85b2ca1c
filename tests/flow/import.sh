#!/bin/sh
# import.sh - a file of batches: killed in the middle and gone on with, each
# arrives once; bad lines are told; the agent's answers are waited for
. "${srcdir:-.}/tests/flow/lib.sh"

lines=3000

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@"
}

imported() {
	jq -c '[.skipped, .accepted, .refused]' "$work/result"
}

# batch N
batch() {
	printf '{"user_identities":{"email":"p%s@example.com"},"events":[' \
	    $(($1 % 50))
	printf '{"event_type":"custom_event","data":{"event_name":"E",'
	printf '"custom_event_type":"other","custom_attributes":{"id":"%s"}}}' \
	    "$1"
	printf ']}\n'
}

arrived() {
	curl -s "$sink/events?limit=100000" |
	    jq -r '.events[].object.properties.id' | sort
}

start_open_sink
make_open_config < /dev/null
# So slow that it can be killed in the middle; a bulk request of a hundred
# has to wait for a second.
sed -i 's/^secret = secret$/&\nrate_limit = 100/' "$work/agent.conf"
start_agent
n=0
while [ "$n" -lt "$lines" ]; do
	batch "$n"
	n=$((n + 1))
done > "$work/batches.jsonl"

# Two lines are the same, and are two batches all the same; an empty one is
# none; one has an id of its own.
batch same >> "$work/batches.jsonl"
echo >> "$work/batches.jsonl"
batch same >> "$work/batches.jsonl"
batch own | sed 's/}$/,"source_request_id":"own"}/' >> "$work/batches.jsonl"
total=$((lines + 3))

"$build/heaprelayctl" -c "$work/agent.conf" import "$work/batches.jsonl" \
    > "$work/result" 2> "$work/said" &
import_pid=$!
some() { [ "$(sql 'SELECT count(*) FROM batch')" -ge 300 ]; }
wait_for 30 some || fail "nothing is imported: $(cat "$work/said")"
kill -9 "$import_pid"
wait "$import_pid" 2> /dev/null || true
stored=$(sql 'SELECT count(*) FROM batch')
[ "$stored" -lt "$total" ] || fail "killed too late"
[ "$(jq .line "$work/batches.jsonl.progress")" -gt 0 ] ||
    fail "no progress is remembered"

# As fast as it can from here on; what was sent just before is sent again.
sed -i '/^rate_limit/d' "$work/agent.conf"
stop_agent
start_agent
jq -c '.line -= 100 | .offset = 0' "$work/batches.jsonl.progress" \
    > "$work/earlier"
line=$(jq .line "$work/earlier")
offset=$(head -n "$line" "$work/batches.jsonl" | wc -c)
jq -c ".offset = $offset" "$work/earlier" > "$work/batches.jsonl.progress"
ctl import "$work/batches.jsonl" > "$work/result" 2> "$work/said" ||
    fail "import: $(cat "$work/said")"
[ "$(imported)" = "[$line,$((total - line)),0]" ] ||
    fail "imported: $(cat "$work/result"), not $((total - line))"
wait_for 60 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_conservation')"
[ "$(sql "SELECT count(*) FROM event WHERE reason = 'duplicate'")" -ge 100 ] ||
    fail "nothing was sent twice, so nothing is proved"
arrived > "$work/arrived"
[ "$(wc -l < "$work/arrived")" = "$total" ] ||
    fail "$(wc -l < "$work/arrived") arrived, not $total"
[ "$(uniq -d "$work/arrived")" = same ] || fail "some arrived twice"

# Once more: there is nothing left.  With a line more: that one.
ctl import "$work/batches.jsonl" > "$work/result"
[ "$(imported)" = "[$((total + 1)),0,0]" ] || fail "$(cat "$work/result")"
batch more >> "$work/batches.jsonl"
ctl import "$work/batches.jsonl" > "$work/result"
[ "$(imported)" = "[$((total + 1)),1,0]" ] || fail "$(cat "$work/result")"

# Another file of that name is not gone on with.
{ batch other; cat "$work/batches.jsonl"; } > "$work/other.jsonl"
cp "$work/batches.jsonl.progress" "$work/other.jsonl.progress"
if ctl import "$work/other.jsonl" 2> "$work/said"; then
	fail "another file's progress was taken"
fi
grep -q 'another file' "$work/said" || fail "said: $(cat "$work/said")"

# A bad line ends it, or is told and left out.
{ batch a; batch b; echo '{"events":7}'; batch c; echo '['; batch d; } \
    > "$work/bad.jsonl"
if ctl import "$work/bad.jsonl" > "$work/result" 2> "$work/said"; then
	fail "a bad line was taken"
fi
[ "$(imported)" = '[0,2,1]' ] || fail "bad: $(cat "$work/result")"
grep -q "bad.jsonl:3: .*events" "$work/said" || fail "$(cat "$work/said")"
[ "$(jq .line "$work/bad.jsonl.progress")" = 2 ] || fail "it went too far"
if ctl import --keep-going "$work/bad.jsonl" > "$work/result" \
    2> "$work/said"; then
	fail "bad lines, and all is well"
fi
[ "$(imported)" = '[2,2,2]' ] || fail "bad: $(cat "$work/result")"
grep -q 'bad.jsonl:5: ' "$work/said" || fail "$(cat "$work/said")"

# Standard input; a second time it is known.
{ batch x; batch y; } > "$work/two"
ctl import - < "$work/two" > "$work/result" || fail "standard input"
[ "$(imported)" = '[0,2,0]' ] || fail "stdin: $(cat "$work/result")"
ctl import --input test - < "$work/two" > /dev/null || fail "again"
wait_for 60 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_conservation')"
wait_for 20 sink_is .objects $((total + 1 + 4 + 2)) ||
    fail "$(sink_stat .objects) arrived, not $((total + 7))"

# A wrong key is no reason to wait; nobody there is one for half a minute.
sed 's/^secret = secret/secret = other/' "$work/agent.conf" > "$work/wrong"
if "$build/heaprelayctl" -c "$work/wrong" import - < "$work/two" \
    2> "$work/said"; then
	fail "a wrong key was taken"
fi
grep -q 'does not accept' "$work/said" || fail "said: $(cat "$work/said")"
check_conserved
stop_agent

# An agent that comes back is waited for.
batch late | ctl import - > "$work/result" 2> "$work/said" &
import_pid=$!
start_agent
wait "$import_pid" || fail "did not wait: $(cat "$work/said")"
[ "$(imported)" = '[0,1,0]' ] || fail "late: $(cat "$work/result")"
stop_agent
