#!/bin/sh
#
# targets.sh - which of the targets the figures in a file reach
#
# usage: targets.sh RESULTS
#
# Those that were not measured are not mentioned.  A target that is missed is
# no failure: figures are of a machine and a minute.

set -eu
awk '
{ value[$1] = $2 }

# A line, if it was measured.
function target(name, order, limit, what) {
	if (!(name in value))
		return
	if (order == "<" ? value[name] + 0 < limit : value[name] + 0 >= limit)
		verdict = "reached"
	else
		verdict = "not reached"
	printf "%-12s %-48s %10s   target %s %s\n", verdict, what,
	    value[name], order == "<" ? "below" : "at least", limit
}

END {
	target("peers.ratio.raw", ">=", 0.6, "intake, of the bare prototype")
	target("peers.ratio.postgres", ">=", 1, "intake, of PostgreSQL")
	target("peers_slow.ratio.raw", ">=", 0.9,
	    "intake, fsync 2 ms, of the bare prototype")
	target("intake.bulk_of_100.16", ">=", 150000,
	    "events/s in requests of 100 batches")
	target("latency.p50", "<", 1, "ms from 202 to arrival, p50")
	target("latency.p99", "<", 5, "ms from 202 to arrival, p99")
	target("delivery.one", ">=", 50000, "events/s delivered")
	target("growth.1000000.intake_ratio", ">=", 0.9,
	    "1M queued: intake, of empty")
	target("growth.1000000.mib", "<", 64, "1M queued: MiB")
	target("growth.1000000.list_p99", "<", 20, "1M queued: ms of a list, p99")
	target("growth.1000000.start_ms", "<", 1000, "1M queued: ms until ready")
	target("turns.1000000.over_25ms", "<", 1,
	    "1M replayed: turns over 25 ms")
	target("growth.5000000.intake_ratio", ">=", 0.8,
	    "5M queued: intake, of empty")
	target("growth.5000000.mib", "<", 64, "5M queued: MiB")
}' "$1"
