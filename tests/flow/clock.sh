#!/bin/sh
# clock.sh - the wall clock is stepped by hours, days and decades, and the
# machine sleeps, while a backlog drains: no window gains room, no event waits
# longer than for an hour, a fresh event is delivered and the admin API answers
# with sense
#
# The agent and the sink have the same clocks, which a file shifts
# (tests/fault/preload.c).
. "${srcdir:-.}/tests/flow/lib.sh"

preload=$build/tests/fault/preload.so
! grep -q __asan_init "$build/heaprelayd" ||
	skip 'a sanitizer has hands of its own between the agent and the library'
[ -f "$preload" ] || fail "$preload was not built"

hour=3600000
day=$((24 * hour))
wall=0		# ms that are added to the wall clock ...
boot=0		# ... and to that of spans
steps=0

real_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# shift_clocks WALL BOOT: as a whole, as preload.c asks.
shift_clocks() {
	wall=$1
	boot=$2
	echo "$wall $boot" > "$work/clock.new"
	mv "$work/clock.new" "$work/clock"
}

# Both clocks go on: a suspend.
sleep_for() {
	shift_clocks $((wall + $1)) $((boot + $1))
}

# step_to MS: what the wall clock shows next.
step_to() {
	shift_clocks $(($1 - $(real_ms))) "$boot"
}

now_ms() {
	echo $(($(real_ms) + wall))
}

# tell NAME: an event of somebody new.
tell() {
	printf '{"user_identities":{"customer_id":"%s"},"events":[{"event_type":
	    "custom_event","data":{"event_name":"Told","custom_attributes":
	    {"id":"%s"}}}]}' "$1" "$1" > "$work/told.json"
	[ "$(post /v2/events "$work/told.json")" = 202 ] ||
		fail "$1 is not accepted: $(cat "$work/answer")"
}

delivered() {
	sql_is "SELECT count(*) FROM event e JOIN batch b ON b.id = e.batch
	    WHERE e.state = 'delivered' AND json_extract(b.body,
	    '\$.events[0].data.custom_attributes.id') = '$1'" 1
}

# backlog PREFIX: six seconds of the app's room, at least.
backlog() {
	"$build/tests/flow/poster" "$ingest_port" key:secret 4 900 40 "$1" \
	    >> "$work/acknowledged" || fail 'the poster gave up'
}

negative='[.. | numbers | select(. < 0)] | length'

# Every number that people are shown is one that can be.
ask_admin() {
	for path in status outputs forecast; do
		admin_call GET "/v1/$path" > "$work/shown"
		[ "$(jq "$negative" "$work/shown")" = 0 ] ||
			fail "$path $1: $(cat "$work/shown")"
	done
	curl -s -m 10 "$admin/healthz" | jq -e '.' > /dev/null ||
		fail "health $1"
	admin_call GET /metrics > "$work/metrics"
	! grep -v '^#' "$work/metrics" | grep ' -[0-9]' > "$work/shown" ||
		fail "metrics $1: $(cat "$work/shown")"
}

# check NAME: the backlog goes on, and so does all else.
check() {
	steps=$((steps + 1))
	tell "fresh-$steps"
	wait_for 10 delivered "fresh-$steps" ||
		fail "a fresh event does not arrive $1: $(sql \
		    'SELECT * FROM v_queue ORDER BY id DESC LIMIT 5')"
	ask_admin "$1"
}

limits="--track-limit 6/1s --identity-limit 60/1s --app-limit 150/1s"
shift_clocks 0 0
export LD_PRELOAD="$preload" FAULT_CLOCK="$work/clock"
# shellcheck disable=SC2086
start_sink $limits --remember 100000
unset LD_PRELOAD
wrap="env LD_PRELOAD=$preload $wrap"
make_config <<'EOT'
track_limit = 6/1s
identity_limit = 60/1s
app_limit = 150/1s
backoff_base = 50ms
EOT
start_agent
backlog before

check 'before all'
shift_clocks $hour 0
check 'an hour later'
shift_clocks $day 0
check 'a day later'
step_to 5000
check 'in 1970'
shift_clocks -$hour 0
check 'an hour earlier'
sleep_for $((2 * hour))
check 'after a suspend'
step_to 2210000000000
check 'after 2038'

backlog after
# What waits there for ten seconds would wait for decades.
curl -s -X POST -H 'Content-Type: application/json' -d '{"match":
    {"contains":"\"late\""},"do":{"status":503,"retry_after":10},"count":1}' \
    "$sink/faults" > /dev/null
tell late
late="SELECT due_at FROM event WHERE due_at > $(now_ms)"
waits() { [ -n "$(sql "$late")" ]; }
wait_for 10 waits || fail 'nothing is deferred'
clamped() {
	sql_is "SELECT count(*) FROM event WHERE due_at > $(now_ms) + $hour" 0
}
! { wall=0; clamped; } || fail 'a due event would not wait for decades'
shift_clocks 0 "$boot"
wait_for 10 clamped || fail "it waits for decades: $(sql "$late")"
check 'after the step back'

# The same while there is no agent, and in the middle of windows.
step_to 2210000000000
check 'after 2038 again'
kill_agent
shift_clocks -$day "$boot"
start_agent
wait_for 10 clamped || fail "it waits for decades: $(sql "$late")"
check 'after a step while it was down'
sleep_for $((30 * day))
check 'after a month'
shift_clocks $((wall + 2 * hour)) "$boot"

done_all='SELECT queued + inflight FROM v_conservation'
wait_for 60 sql_is "$done_all" 0 || fail "left behind: $(sink_stat .)"
[ "$(sink_stat .objects)" = \
    $(($(wc -l < "$work/acknowledged") + steps + 1)) ] ||
	fail "not all arrived: $(sink_stat .)"
check_conserved
limited=$(sql 'SELECT count(*) FROM v_requests WHERE status = 429')
[ "$limited" = 0 ] || fail "$limited requests were answered 429"
stop_agent
echo "$steps times a fresh event was delivered after a step or a suspend"
