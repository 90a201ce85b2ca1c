#!/bin/sh
#
# drain.sh - how much of the windows a backlog really uses
#
# Queues a backlog while Heap is away, lets it come back, and compares the time
# until the last event arrived with the least that the windows allow
# (delivery: full use), for one identity, for fifty, and for many.  Windows
# are a thirtieth as long as Heap's, with the same limits, so that minutes
# become seconds.  The figure is a ratio: 1.00 is the least possible.

. "$(dirname "$0")/lib.sh"

window=2000	# ms, of app_limit and identity_limit
track_limit=30/1s
identity_limit=1000/2s
app_limit=15000/2s

# shape NAME PEOPLE EVENTS: of each as many.
shape() {
	fresh_agent
	fill "$3" "$2" 10
	stop_agent
	start_sink --track-limit "$track_limit" \
	    --identity-limit "$identity_limit" --app-limit "$app_limit"
	make_config "$sink"
	start_agent
	wait_for 300 has_arrived "$3" || fail 'it stands still'
	ratio=$(awk -v n="$3" -v largest="$(($3 / $2))" -v w="$window" \
	    -v took="$(sink_stat '.last_ms - .first_ms')" 'BEGIN {
		app = w * (int((n + 14999) / 15000) - 1)
		one = w * (int((largest + 999) / 1000) - 1)
		least = app > one ? app : one
		printf "%.3f", (least > 0 ? took / least : 0) }')
	keep "drain.$2" "$ratio"
	printf '%-16s %6d events  ratio %s  overruns %d\n' "$1" "$3" \
	    "$ratio" "$(sink_stat '.overruns | add')"
	stop_agent
	stop_sink
}

say "drain ratio, windows a thirtieth as long"
if [ "$events" -lt 20000 ]; then
	shape 'one identity' 1 2000
elif [ "$events" -lt 100000 ]; then
	shape 'one identity' 1 3000
	shape 'fifty' 50 50000
else
	shape 'one identity' 1 12000
	shape 'fifty' 50 100000
	shape 'ten thousand' 10000 100000
fi
