#!/bin/sh
# forecast.sh - a backlog is gone when the forecast says so, and the database
# proves afterwards that no window was overrun; a database that was tampered
# with proves nothing
. "${srcdir:-.}/tests/flow/lib.sh"

start_sink --track-limit 6/2s --identity-limit 40/2s --app-limit 300/2s \
    --remember 100000
make_config <<'EOT'
track_limit = 6/2s
identity_limit = 40/2s
app_limit = 300/2s
EOT
start_agent

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@"
}

# events CONNECTIONS BATCHES PEOPLE PREFIX: adds to $posted.
posted=0
events() {
	"$build/tests/flow/poster" "$ingest_port" key:secret "$@" \
	    > "$work/acknowledged" || fail "the poster gave up"
	posted=$((posted + $(wc -l < "$work/acknowledged")))
}

now_ms() {
	date +%s%3N
}

# keeps_forecast BOUND: what waits is bound by that, and gone within 20 % and
# 2 s of what is told.
keeps_forecast() {
	began=$(now_ms)
	ctl --json forecast > "$work/forecast"
	told=$(jq '.seconds * 1000' "$work/forecast")
	bound=$(jq -r '.outputs[] | select(.output == "heap") | .bound_by' \
	    "$work/forecast")
	[ "$bound" = "$1" ] || fail "bound by $bound: $(cat "$work/forecast")"
	[ "$told" -ge 4000 ] || fail "too little to wait for: $told ms"
	wait_for 120 sink_is .objects "$posted" ||
	    fail "not all arrived: $(sink_stat .)"
	took=$(($(now_ms) - began))
	slack=$((told / 5 + 2000))
	echo "$1: told $told ms, took $took ms"
	[ "$took" -le $((told + slack)) ] ||
	    fail "told $told ms, took $took ms"
	[ "$took" -ge $((told - slack)) ] ||
	    fail "told $told ms, took only $took ms"
	wait_for 20 sql_is 'SELECT delivered FROM v_conservation' "$posted" ||
	    fail "not all are marked delivered"
}

# Forty people: their app's window is what they wait for.
events 4 1500 40 many
keeps_forecast app_limit

# One person, whose own window bounds.  The last of their events says so too.
events 1 220 1 one
last=$(sql "SELECT max(id) FROM event WHERE state = 'queued'")
ctl why "$last" > "$work/why"
grep -Eq '_limit of its identity behind [0-9]+ objects.* leaves at ' \
    "$work/why" || fail "why: $(cat "$work/why")"
ctl --json identities | head -n 1 > "$work/first"
[ "$(jq .queued "$work/first")" -gt 100 ] ||
    fail "identities: $(cat "$work/first")"
keeps_forecast identity_limit
[ "$(ctl --json forecast | jq .seconds)" = 0 ] ||
    fail "nothing waits, but: $(ctl --json forecast)"

check_conserved
[ "$(jq -s 'map(select(.check | startswith("window "))) | length' \
    "$work/verified")" -ge 3 ] || fail "verify: $(cat "$work/verified")"
stop_agent
ctl verify > "$work/verified" || fail "verify: $(cat "$work/verified")"

# tampered CHECK STATEMENTS: verify finds it, and it alone; no CHECK: it finds
# nothing, since that may be.
sed "s,^database = .*,database = $work/copy.db," "$work/agent.conf" \
    > "$work/copy.conf"
tampered() {
	rm -f "$work"/copy.db*
	sqlite3 "$work/queue.db" ".backup $work/copy.db"
	sqlite3 -bail "$work/copy.db" "$2" || fail "cannot tamper: $2"
	status=0
	"$build/heaprelayctl" -c "$work/copy.conf" verify \
	    > "$work/verified" || status=$?
	[ "$status" = $((${#1} > 0)) ] ||
	    fail "verify ended with $status after: $2"
	found=$(jq -r 'select(.ok | not) | .check' "$work/verified" | xargs)
	[ "$found" = "$1" ] ||
	    fail "found '$found' after: $2: $(cat "$work/verified")"
}

tampered 'conservation tally' 'DELETE FROM event WHERE id = 1'
tampered 'waiting' "INSERT INTO waiting VALUES (1, 1, 1, 0, NULL)"
tampered 'references' 'PRAGMA foreign_keys = OFF;
    UPDATE event SET identity = 999999 WHERE id = 1'
again="started_at, ended_at, boot_id, started_boot, ended_boot, status,
    verdict FROM request ORDER BY id DESC LIMIT 1"
tampered 'window app_limit' "INSERT INTO request (lane, app, form, events,
    objects, bytes, started_at, ended_at, boot_id, started_boot, ended_boot,
    status, verdict) SELECT lane, app, form, events, 300, bytes, $again"
tampered '' "UPDATE request SET verdict = 'interrupted',
    started_boot = started_boot + 1000000000
    WHERE id = (SELECT max(id) FROM request)"
tampered '' "UPDATE request SET boot_id = 'earlier' WHERE id % 2 = 0"
tampered '' 'DELETE FROM request WHERE id < 10'
tampered 'window track_limit' "UPDATE window_limit SET limit_n = 1
    WHERE name = 'track_limit'"
