#!/bin/sh
# terminal.sh - what heaprelayctl shows on a terminal of an agent whose Heap
# refuses, and how it ends when there is nothing to do
. "${srcdir:-.}/tests/flow/lib.sh"

command -v script > /dev/null || skip 'no script, from bsdutils'

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@"
}

# on_terminal ANSWER ARG...: on one of 132 columns, at which somebody types the
# answer; what stands there then is in $work/screen, the exit status in $status.
on_terminal() {
	answer=$1
	shift
	status=0
	printf '%s\n' "$answer" | NO_COLOR=1 script -qec \
	    "stty cols 132; $build/heaprelayctl -c $work/agent.conf $*" \
	    "$work/typescript" > "$work/out" || status=$?
	tr '\r' '\n' < "$work/out" > "$work/screen"
}

shows() {
	grep -qE -e "$1" "$work/screen" ||
	    fail "no '$1' in: $(cat "$work/screen")"
}

start_sink
make_config <<'EOT'
external_id = email
EOT
curl -s -m 10 -H 'Content-Type: application/json' \
    -d '{"match":{"event":"Poison"},"do":{"index":true}}' "$sink/faults" \
    > /dev/null
start_agent

cat > "$work/batch.json" <<'EOT'
{"environment":"production","user_identities":{"email":"ada@example.com"},
"events":[{"event_type":"custom_event","data":{"event_name":"Poison"}}]}
EOT
[ "$(post /v2/events "$work/batch.json")" = 202 ] || fail "no 202"
wait_for 20 sql_is "SELECT count(*) FROM v_stuck" 1 || fail "it is not stuck"

# doc/OPERATIONS sends operators here for what Heap says.
on_terminal '' events --state stuck
shows '^ID .* HTTP +REASON +ERROR$'
shows ' 400 +refused +postBody\.events\[0\]'
on_terminal '' requests
shows '^ID .* HTTP +ERROR +ANSWER$'
shows ' 400 +- +postBody\.events\[0\]'

on_terminal '' identities
shows ' FULLEST WINDOW$'
shows '^ada@example\.com .* (track|identity)_limit [1-9][0-9]*/'

# Somebody is asked in a language that they know.
on_terminal n replay --reason refused
shows 'replay 1 event of 1 identity\?'
shows 'nothing was done'
[ "$status" = 1 ] || fail "no is not what was answered: $status"
on_terminal y discard --reason refused
shows 'discard 1 event of 1 identity\?'
shows '1 of 1 events'
[ "$status" = 0 ] || fail "it was not discarded: $status"

# Nothing matches any more, which is told whether or not somebody is asked.
on_terminal y discard --reason refused
shows 'no event matches'
[ "$status" = 1 ] || fail "asked, it ends with $status"
status=0
ctl discard --reason refused --yes > "$work/job" 2> "$work/said" || status=$?
grep -q 'no event matches' "$work/said" || fail "said: $(cat "$work/said")"
[ "$(jq -c '[.state, .total]' "$work/job")" = '["done",0]' ] ||
    fail "the job: $(cat "$work/job")"
[ "$status" = 1 ] || fail "unasked, it ends with $status"

# What is a line of JSON elsewhere is a sentence here.
stop_agent	# once more, now that its file names the ports, for reloads
start_agent
ask="$build/heaprelayctl -c $work/agent.conf"
on_terminal '' "why 1; $ask outputs; $ask pause heap; $ask probe heap;" \
    "$ask resume heap; $ask reload; $ask verify"
[ "$status" = 0 ] || fail "verify ends with $status"
shows '^[A-Z].*discarded'
shows '^app_id +1234567890$'
shows '^heap: paused, events that wait: 0$'
shows '^heap track: its breaker is closed, there is nothing to probe$'
shows '^heap: sends, events that wait: 0$'
shows '^reloaded, nothing has changed$'
shows '^CHECK +RESULT +DETAIL$'
shows '^conservation +ok +1 accepted; '

on_terminal n erase ada@example.com
shows '^erase all events, batches and profiles of ada@example\.com\?'
shows 'nothing was done'
[ "$(sql 'SELECT count(*) FROM event')" = 1 ] || fail "erased in spite of no"
on_terminal y erase ada@example.com
[ "$status" = 0 ] || fail "erase ends with $status: $(cat "$work/screen")"
[ "$(sql 'SELECT count(*) FROM event')" = 0 ] || fail "the event is there"
stop_agent
