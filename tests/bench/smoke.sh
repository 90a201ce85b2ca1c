#!/bin/sh
#
# smoke.sh - every case of the benchmark runs, and measures what it says
#
# With so little of everything that the figures mean nothing.  What is looked
# at is that they are there, and what holds on any machine.

set -eu
srcdir=${srcdir:-.}
results=$(mktemp)
said=$(mktemp)
trap 'rm -f "$results" "$said"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$said" "$results" >&2
	exit 1
}

for tool in curl jq sqlite3; do
	command -v $tool > /dev/null || { echo "skipped: no $tool"; exit 77; }
done
BENCH_RESULTS=$results BENCH_QUICK=1 BENCH_SECONDS=0.05 BENCH_EVENTS=2000 \
    BENCH_SIZES=1000 BENCH_POSTGRES=0 \
    sh "$srcdir/tests/bench/bench.sh" > "$said" 2>&1 || fail 'a case failed'

while read -r name; do
	[ "$(awk -v name="$name" '$1 == name && $2 > 0' "$results" |
	    wc -l)" = 1 ] || fail "$name was not measured"
done <<EOT
intake.one.1
intake.one.256
intake.fresh.64
intake.bulk_of_100.16
intake_slow.one.64
peers.agent
peers.raw
peers.rawsql
peers.ratio.raw
peers_slow.ratio.rawsql
delivery.one
delivery.ten
drain.1
latency.p50
latency.p99
growth.1000.intake_ratio
growth.1000.delivery
growth.1000.mib
growth.1000.list_p99
growth.1000.start_ms
turns.1000.all
cost.one.cpu_in
cost.bulk_of_100.bytes
EOT

# One row a commit, and a commit takes 2 ms at least.
awk '$1 == "intake_slow.one.1" { n++; bad += $2 > 500 }
    $1 == "peers_slow.rawsql" { n++; bad += $2 > 64 * 500 }
    END { exit !(n == 2 && bad == 0) }' "$results" ||
    fail 'fsync was not slowed'

# Each target that was measured has a verdict, and 1.0 is both sides.
[ "$(grep -c '^\(not \)\{0,1\}reached ' "$said")" = 6 ] ||
    fail 'targets are missing'
printf 'latency.p50 1\npeers.ratio.raw 0.6\n' > "$results"
sh "$srcdir/tests/bench/targets.sh" "$results" > "$said"
grep -q '^not reached .* p50 ' "$said" && grep -q '^reached .*prototype ' \
    "$said" || fail 'verdicts are wrong'

! sh "$srcdir/tests/bench/bench.sh" nonsense > "$said" 2>&1 ||
    fail 'a case that there is not was run'
