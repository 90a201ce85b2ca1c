#!/bin/sh
#
# growth.sh - what a backlog costs
#
# For each size: intake compared with an empty queue, delivery, memory, the
# lists an operator looks at, and the start.  A backlog of five millions by
# BENCH_SIZES=5000000.

. "$(dirname "$0")/lib.sh"

burst=$((events / 10))	# requests, of one event each
burst=$((burst > 0 ? burst : 1))

# The median of a few bursts, since one is short.
intake() {
	: > "$work/rates"
	for try in 1 2 3; do
		[ "${1:-}" != fresh ] || fresh_agent
		load --connections 64 --duration 0 --requests "$burst" \
		    --padding "$padding"
		loaded .events_per_s >> "$work/rates"
	done
	median < "$work/rates"
}

# admin_list_p99: of lists in turn, in ms; each on the same connection.
admin_list_p99() {
	lists=$(calc "100 * $seconds + 1" %d)
	{
		echo "header = \"Authorization: Bearer $(cat \
		    "$work/admin.token")\""
		awk -v n="$lists" -v base="http://127.0.0.1:$admin_port/v1/" '
		BEGIN {
			split("events?limit=100 events?state=queued&limit=100 " \
			    "outputs identities?limit=100 status " \
			    "events?state=stuck&limit=100", list, " ")
			for (i = 0; i < n; i++)
				printf "url = \"%s%s\"\noutput = /dev/null\n",
				    base, list[i % 6 + 1]
		}'
	} > "$work/lists"
	curl -s -f -w '%{time_total}\n' -K "$work/lists" > "$work/times" ||
	    fail 'a list was refused'
	sort -n "$work/times" | awk '{ v[NR] = $1 }
	    END { printf "%.2f\n", v[int((NR * 99 + 99) / 100)] * 1000 }'
}

# delivery: events a second, within so much time or until all is away.
delivery() {
	stop_agent
	start_sink
	make_config "$sink"
	start_agent
	wait_for 60 has_arrived 1 || fail 'nothing is delivered'
	wait_for "$(calc "$seconds + 1" %d)" has_arrived \
	    "$(($1 + 3 * burst))" || true
	calc "$(sink_stat .objects) * 1000 / \
	    ($(sink_stat '.last_ms - .first_ms') + 1)" '%.0f'
	stop_sink
}

# Figures go through files: a program that is started within $(...) is out of
# the trap's sight.
grow() {
	intake fresh > "$work/empty"
	fresh_agent
	fill "$1" 100000
	stop_agent
	start_agent
	start=$started_ms
	intake > "$work/full"
	rss=$(rss_mib)
	p99=$(admin_list_p99)
	delivery "$1" > "$work/delivery"
	disk=$(du -m "$work/queue.db" | cut -f 1)
	ratio=$(calc "$(cat "$work/full") / $(cat "$work/empty")")
	keep "growth.$1.intake_ratio" "$ratio"
	keep "growth.$1.delivery" "$(cat "$work/delivery")"
	keep "growth.$1.mib" "$rss"
	keep "growth.$1.list_p99" "$p99"
	keep "growth.$1.start_ms" "$start"
	printf '%8d queued: intake %.0f/s, %s of empty; delivery %d/s; ' \
	    "$1" "$(cat "$work/full")" "$ratio" "$(cat "$work/delivery")"
	printf '%d MiB; lists p99 %s ms; ready in %d ms; %d MiB on disk\n' \
	    "$rss" "$p99" "$start" "$disk"
}

say "backlogs"
for size in $sizes; do
	grow "$size"
done
