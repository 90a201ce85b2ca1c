#!/bin/sh
# live.sh - the live stream tells what comes in and what becomes of it, waits
# for no reader, and tells a slow one what it has lost; heaprelayctl follows it
# over a restart of the agent
. "${srcdir:-.}/tests/flow/lib.sh"

# read_live FILE [QUERY]: reads the stream into the file; sets $reader.
read_live() {
	: > "$1"
	curl -sN -H "Authorization: Bearer $token" "$admin/v1/live${2:-}" \
	    > "$1" &
	reader=$!
	readers="$readers $reader"
	wait_for 20 grep -q '^id: ' "$1" || fail "the stream does not begin"
}

# told FILE EVENT JQ-FILTER: lines of that kind for which the filter is true.
told() {
	awk -v event="$2" '/^event: / { kind = $2 }
	    /^data: / { if (kind == event) print substr($0, 7) }' "$1" |
	    jq -c "select($3)"
}

is_told() {
	[ -n "$(told "$@")" ]
}

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@"
}

# batch NAME ENVIRONMENT EVENTS
batch() {
	printf '{"user_identities":{"email":"ada@example.com"},'
	printf '"environment":"%s","events":[' "$2"
	i=0
	while [ "$i" -lt "$3" ]; do
		[ "$i" -gt 0 ] && printf ','
		printf '{"event_type":"custom_event","data":{"event_name":'
		printf '"%s"}}' "$1"
		i=$((i + 1))
	done
	printf ']}'
}

send() {
	[ "$(post /v2/events "$work/batch.json")" = 202 ] || fail "no 202"
}

start_sink --remember 1000
make_config <<'EOT'
external_id = email
EOT
sed -i '/^development_app_id/d
    s/^\[ingest\]$/&\nrequest_timeout = 60s/' "$work/agent.conf"
curl -s -m 10 -X POST -H 'Content-Type: application/json' \
    -d '{"match":{"contains":"poison"},"do":{"status":400,"index":true}}' \
    "$sink/faults" > /dev/null
start_agent

# In, and out.
read_live "$work/all"
batch Booked production 2 > "$work/batch.json"
send
wait_for 20 is_told "$work/all" event '.id == 2 and .state == "delivered"' ||
    fail "not told: $(cat "$work/all")"
[ "$(told "$work/all" batch true | jq -c '[.id, .input, .events]')" = \
    '[1,"test",{"send":2,"skip":0,"reject":0}]' ] ||
    fail "the batch: $(told "$work/all" batch true)"
[ "$(told "$work/all" event true | jq -c '[.id, .output, .identity, .name,
    .state, .was, .status, .request_id]')" = \
    '[1,"heap","ada@example.com","Booked","delivered","inflight",200,1]
[2,"heap","ada@example.com","Booked","delivered","inflight",200,1]' ] ||
    fail "the events: $(told "$work/all" event true)"

# Followed by a filter, over a restart.
"$build/heaprelayctl" -c "$work/agent.conf" --json tail -n 0 --state stuck \
    > "$work/tail" 2> "$work/tail.err" &
tail_pid=$!
readers="$readers $tail_pid"
two_read() {
	[ "$(admin_call GET /metrics |
	    sed -n 's/^heaprelay_live_readers //p')" = 2 ]
}
wait_for 20 two_read || fail "tail does not begin: $(cat "$work/tail.err")"
batch 'poison one' production 1 > "$work/batch.json"
send
wait_for 20 grep -q 'poison one' "$work/tail" ||
    fail "tail: $(cat "$work/tail" "$work/tail.err")"
stop_agent
wait_for 20 grep -q 'connecting again' "$work/tail.err" ||
    fail "tail does not say so: $(cat "$work/tail.err")"
wait_for 20 grep -q . "$work/all" && ! kill -0 "$reader" 2> /dev/null ||
    fail "the stream does not end with the agent"
start_agent
batch 'poison two' production 1 > "$work/batch.json"
send
wait_for 20 grep -q 'poison two' "$work/tail" ||
    fail "tail: $(cat "$work/tail" "$work/tail.err")"
grep -q 'connected again' "$work/tail.err" ||
    fail "tail does not say so: $(cat "$work/tail.err")"
[ "$(jq -r '[.kind, .name, .reason] | @csv' "$work/tail")" = \
    '"event","poison one","refused"
"event","poison two","refused"' ] || fail "tail: $(cat "$work/tail")"
kill "$tail_pid"
wait "$tail_pid" 2> /dev/null && fail "tail ended by itself"

# It ends when nobody reads it any more, although nothing happens.
{ ctl tail || echo $? > "$work/status"; } | head -n 1 > "$work/first"
grep -q '"kind":"batch"' "$work/first" || fail "tail | head: $(cat "$work/first")"
[ "$(cat "$work/status")" = 141 ] || fail "tail | head: $(cat "$work/status")"

# A reader that is stopped: batches are answered as fast as ever, and it is
# told what it has missed.
read_live "$work/slow"
kill -STOP "$reader"
batch Skipped development 500 > "$work/batch.json"
n=0
while [ "$n" -lt 40 ]; do
	post /v2/events "$work/batch.json" -w '%{http_code} %{time_total}\n'
	n=$((n + 1))
done > "$work/times"
slowest=$(awk '$1 != 202 { print "refused"; exit }
    $2 > most { most = $2 } END { print most < 2 ? "fast" : most }' \
    "$work/times")
[ "$slowest" = fast ] || fail "a batch waited for a reader: $slowest"
kill -CONT "$reader"
all_told() {
	[ "$(awk '/^event: / { kind = $2; n += kind != "lost" }
	    /^data: / { if (kind == "lost") {
		sub(/.*"lines":/, ""); n += $0 + 0 } }
	    END { print n }' "$work/slow")" = $((40 + 40 * 500)) ]
}
wait_for 60 all_told || fail "lines and lost ones are not all there are:" \
    "$(grep -c '^event' "$work/slow") $(told "$work/slow" lost true)"
lost=$(told "$work/slow" lost true | jq -s 'map(.lines) | add')
[ "$lost" -gt 0 ] || fail "nothing was lost"
[ "$(admin_call GET /metrics |
    sed -n 's/^heaprelay_live_lost_total //p')" = "$lost" ] ||
    fail "the metrics do not tell of $lost lines"

# What matters, for programs and on a terminal, which gets its screen back.
[ "$(ctl top | jq -c '[.status.events.stuck, .stuck,
    (.identities.items | length > 0)]')" = '[2,{"refused":2},true]' ] ||
    fail "top: $(ctl top)"
if command -v script > /dev/null; then
	script -qec "$build/heaprelayctl -c $work/agent.conf top -n 1" \
	    /dev/null < /dev/null > "$work/screen"
	grep -q 'stuck 2' "$work/screen" || fail "top: $(cat "$work/screen")"
	# Without a number of looks it goes on until it is told to end.
	printf q | timeout 30 script -qec \
	    "$build/heaprelayctl -c $work/agent.conf top" /dev/null \
	    > "$work/screen" || fail "q does not end top"
	tail -c 8 "$work/screen" | od -An -c | tr -d ' \n' |
	    grep -qF '033[?1049l' || fail "the screen is not given back"
fi
check_conserved
stop_agent
