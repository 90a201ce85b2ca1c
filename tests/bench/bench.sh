#!/bin/sh
#
# bench.sh - how fast batches are accepted durably, and what a backlog costs
#
# usage: bench.sh [SECONDS-A-RUN]
#
# Runs wrk against the agent on loopback, with synchronous=FULL as always and
# an output whose Heap does not answer, so that the backlog grows.  Prints the
# machine, each command and its figures.  Figures of different machines, or of
# a busy one, do not compare.

set -eu
build=${HEAPRELAY_BUILDDIR:-.}
srcdir=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-10}
work=$(mktemp -d)
pid=
end() {
	[ -z "$pid" ] || kill "$pid" 2> /dev/null || true
	[ -z "$pid" ] || wait "$pid" 2> /dev/null || true
	pid=
}
trap 'end; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

command -v wrk > /dev/null || { echo "bench: wrk is missing" >&2; exit 1; }

start() {
	end
	rm -f "$work"/queue.db*
	cat > "$work/agent.conf" <<EOT
[agent]
database = $work/queue.db
[ingest]
listen = 127.0.0.1:0
[admin]
listen = 127.0.0.1:0
[input bench]
key = key
secret = secret
[output heap]
app_id = 1234567890
base_url = http://127.0.0.1:9
EOT
	"$build/heaprelayd" -c "$work/agent.conf" 2> "$work/log" &
	pid=$!
	until grep -q 'main: started' "$work/log"; do sleep 0.05; done
	port=$(sed -n 's/.*listening front=ingest.* port=\([0-9]*\).*/\1/p' \
	    "$work/log")
}

rss() {
	awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status"
}

cpu_seconds() {
	awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' \
	    "/proc/$pid/stat"
}

# load CONNECTIONS PEOPLE SECONDS: prints batches/s, CPU us a batch, RSS.
load() {
	command="wrk -t1 -c$1 -d$3s -s intake.lua"
	before=$(cpu_seconds)
	BENCH_PEOPLE=$2 BENCH_AUTHORIZATION=a2V5OnNlY3JldA== wrk -t1 -c"$1" \
	    -d"$3s" --latency -s "$srcdir/tests/bench/intake.lua" \
	    "http://127.0.0.1:$port/" > "$work/wrk"
	if grep -q 'Non-2xx\|Socket errors' "$work/wrk"; then
		cat "$work/wrk" >&2
		exit 1
	fi
	rate=$(awk '/^Requests\/sec/ { print int($2) }' "$work/wrk")
	count=$(awk '/requests in/ { print $1 }' "$work/wrk")
	p99=$(awk '$1 == "99%" { print $2 }' "$work/wrk")
	echo "$(cpu_seconds) $before $count" | awk -v rate="$rate" \
	    -v p99="$p99" -v rss="$(rss)" -v what="$command people=$2" \
	    '{ printf "%-50s %7d batches/s  p99 %8s  %5.1f us CPU/batch  %3d MiB\n",
		what, rate, p99, ($1 - $2) * 1e6 / $3, rss }'
}

echo "machine: $(nproc) cores," \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "$(awk '/^MemTotal/ { print int($2 / 1048576) " GiB" }' /proc/meminfo)," \
    "$(uname -sr), $(df --output=fstype "$work" | tail -n 1)"
echo "durable: WAL, synchronous=FULL; one-event batches, 3 attributes"

for connections in 1 16 64 256; do
	start
	load "$connections" 1000 "$seconds"
done
start
load 64 0 "$seconds"

echo
echo "a million events queued:"
start
while :; do
	load 64 1000 "$seconds"
	kill -0 "$pid"
	queued=$(sqlite3 -readonly "$work/queue.db" "SELECT coalesce(sum(events),
	    0) FROM tally WHERE name IN ('queued', 'inflight')")
	[ "$queued" -lt 1000000 ] || break
done
echo "queued $queued, resident $(rss) MiB," \
    "$(du -m "$work/queue.db" | cut -f 1) MiB on disk"
