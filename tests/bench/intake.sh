#!/bin/sh
#
# intake.sh - how fast batches are acknowledged, each on disk before it is
#
# By connections, and by what a request holds, from people who are known and
# from new ones.  Heap is away, so the backlog grows.  intake.sh MICROSECONDS:
# with a disk whose fsync takes so much longer.

. "$(dirname "$0")/lib.sh"

slow_fsync "${1:-0}"
name=intake${slow:+_slow}

# shape NAME OPTION...
shape() {
	shape=$1
	shift
	fresh_agent
	before=$(cpu_seconds)
	load --duration "$seconds" --padding "$padding" "$@"
	keep "$name.$shape" "$(loaded .events_per_s)"
	printf '%-32s %8.0f events/s  p50 %7.2f ms  p99 %7.2f ms  ' \
	    "$shape" "$(loaded .events_per_s)" "$(loaded .latency_ms.p50)" \
	    "$(loaded .latency_ms.p99)"
	printf '%5.1f us CPU/event  %3d MiB\n' "$(calc "1e6 * \
	    ($(cpu_seconds) - $before) / ($(loaded .events_per_s) * \
	    $(loaded .seconds))")" "$(rss_mib)"
}

say "intake${slow:+, fsync $slow us slower}"
for connections in 1 16 64 256; do
	shape "one.$connections" --connections $connections
done
shape fresh.64 --connections 64 --fresh
shape hundred_events.16 --connections 16 --events 100
shape bulk_of_100.16 --connections 16 --bulk 100
shape bulk_of_100.fresh.16 --connections 16 --bulk 100 --fresh
