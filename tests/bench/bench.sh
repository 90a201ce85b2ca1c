#!/bin/sh
#
# bench.sh - the benchmark: cases, and which targets are reached
#
# usage: bench.sh [CASE...]
#
# Without a case all of them, in this order.  lib.sh says what can be set.
# Figures of different machines, or of a busy one, do not compare.

set -eu
dir=$(dirname "$0")
all='intake slow peers delivery drain latency growth turns cost'

[ $# -gt 0 ] || set -- $all
for case; do
	case " $all " in
	*" $case "*) ;;
	*)
		echo "bench: there is no $case; there are: $all" >&2
		exit 64
		;;
	esac
done

made=
if [ -z "${BENCH_RESULTS:-}" ]; then
	BENCH_RESULTS=$(mktemp)
	made=$BENCH_RESULTS
fi
export BENCH_RESULTS
trap '[ -z "$made" ] || rm -f "$made"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "$(date -u '+%Y-%m-%d %H:%M UTC'), $(nproc) processors," \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "$(awk '/^MemTotal/ { print int($2 / 1048576) " GiB" }' /proc/meminfo)," \
    "$(uname -sr), $(df --output=fstype "${TMPDIR:-/tmp}" | tail -n 1)," \
    "load $(cut -d ' ' -f 1 /proc/loadavg)"
awk '$1 >= 0.5 { print "the machine is busy: what counts are ratios" }' \
    /proc/loadavg
for case; do
	echo
	sh "$dir/$case.sh"
done
echo
sh "$dir/targets.sh" "$BENCH_RESULTS"
