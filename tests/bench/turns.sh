#!/bin/sh
#
# turns.sh - how long a turn keeps the loop while everything goes on at once
#
# For each size of backlog: that many stuck events are replayed, all of them
# are delivered and removed by retention, others come in, a copy is made, and
# an operator reads lists.  The time of commits does not count in a turn: that
# is the disk's.

. "$(dirname "$0")/lib.sh"

command -v sqlite3 > /dev/null || fail 'turns needs sqlite3'

admin() {
	curl -s -f -m 60 -H "Authorization: Bearer $(cat \
	    "$work/admin.token")" "http://127.0.0.1:$admin_port$1"
}

# order PATH JSON
order() {
	curl -s -f -m 60 -o /dev/null -H "Authorization: Bearer $(cat \
	    "$work/admin.token")" -H 'Content-Type: application/json' \
	    -d "$2" "http://127.0.0.1:$admin_port$1" || fail "$1 is refused"
}

# All that is queued is stuck, as the agent itself would have written it.
make_stuck() {
	sqlite3 "$work/queue.db" <<'EOT' || fail 'the events are not stuck'
UPDATE event SET state = 'stuck', reason = 'refused' WHERE state = 'queued';
INSERT INTO tally (lane, name, events)
SELECT lane, 'stuck', events FROM tally WHERE name = 'queued'
    ON CONFLICT DO UPDATE SET events = excluded.events;
UPDATE tally SET events = 0 WHERE name = 'queued';
EOT
}

# turns_over SECONDS: how many took longer, by the metrics that were read.
turns_over() {
	awk -v le="le=\"$1\"" '/^heaprelay_turn_duration_seconds_bucket/ {
		if (index($1, le)) below = $2; all = $2 }
	    END { print all - below }' "$work/metrics"
}

jobs_are_done() {
	[ "$(admin '/v1/jobs' | jq '[.items[] |
	    select(.state == "running")] | length')" = 0 ]
}

read_lists() {
	while [ -e "$work/going" ]; do
		for list in 'events?limit=100' 'events?state=queued' \
		    'events?name=nothing' outputs identities status forecast; do
			admin "/v1/$list" > /dev/null || true
		done
	done
}

measure() {
	fresh_agent
	fill "$1" 100000
	stop_agent
	make_stuck
	start_sink
	make_config "$sink"
	printf '[retention]\ndelivered = 1s\nrequests = 1s\n' \
	    >> "$work/agent.conf"
	start_agent
	order /v1/replay '{"filter":{"state":"stuck"}}'
	order /v1/backup "{\"file\":\"$work/copy.db\"}"
	: > "$work/going"
	read_lists &
	other_pid=$!
	load --connections 16 --rate 1000 --duration "$(calc "$seconds + 1")" \
	    --padding "$padding"
	wait_for 600 jobs_are_done || fail 'a job stands still'
	wait_for 600 has_arrived "$1" || fail 'it stands still'
	rm "$work/going"
	wait "$other_pid"
	other_pid=
	admin /metrics > "$work/metrics"
	turns=$(awk '/^heaprelay_turn_duration_seconds_count/ { print $2 }' \
	    "$work/metrics")
	keep "turns.$1.all" "$turns"
	keep "turns.$1.over_25ms" "$(turns_over 0.025)"
	printf '%8d replayed: %d turns; %d over 10 ms, %d over 25 ms, ' \
	    "$1" "$turns" "$(turns_over 0.01)" "$(turns_over 0.025)"
	printf '%d over 50 ms\n' "$(turns_over 0.05)"
	stop_agent
	stop_sink
	rm -f "$work/copy.db"
}

say "turns while all goes on at once"
for size in $sizes; do
	measure "$size"
done
