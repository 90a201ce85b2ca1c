#!/bin/sh
#
# coverage.sh - which lines of src the tests run
#
# Builds for gcov in a directory of its own, runs the tests in C, the flows and
# what tries command lines, and prints a line a file, least covered first, and
# their sum.  A process that is killed, as many are in tests/fault and some
# flows, leaves no figures.
# With HEAPRELAY_COVERAGE=n it fails below n percent, and always when a test
# does: what that one did not reach is not counted.

set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=${HEAPRELAY_BUILDDIR:-.}/coverage
least=${HEAPRELAY_COVERAGE:-0}

command -v gcov > /dev/null || { echo "skipped: no gcov"; exit 77; }
mkdir -p "$build"
cd "$build"

# A make that runs this must not hand its own settings on.
unset MAKEFLAGS MFLAGS MAKELEVEL
[ -f Makefile ] || "$src/configure" --quiet --enable-coverage \
    CC=gcc CFLAGS='-O0 -g' > configure.out
make -s -j2 all > make.out 2>&1 || { cat make.out; exit 1; }
find . -name '*.gcda' -exec rm {} +
failed=0
# shellcheck disable=SC2016
make -s check TESTS='$(COVERED)' > check.out 2>&1 || failed=1
[ "$failed" = 0 ] || echo "Not all tests passed:"
grep -E '^(FAIL|ERROR):' check.out || true

# One object a source; of the headers' lines there are too few to matter.
for object in src/*.gcno; do
	# An earlier build may have had files that are gone.
	[ -f "$src/${object%.gcno}.c" ] || continue
	gcov -n "$object" 2> /dev/null || true
done | awk -v src="$src/src/" -v least="$least" '
/^File / {
	file = $0
	gsub(/^File .|.$/, "", file)
	next
}
/^Lines executed:/ && index(file, src) == 1 && file ~ /\.c$/ {
	split($0, part, /[:% ]+/)
	name = substr(file, length(src) + 1)
	lines = part[5]
	hit = int(part[3] * lines / 100 + 0.5)
	all += lines
	hits += hit
	printf "%6.1f %% of %5d  %s\n", part[3], lines, name | "sort -n"
	file = ""
}
END {
	close("sort -n")
	if (all == 0) {
		print "nothing was measured"
		exit 1
	}
	printf "%6.1f %% of %5d  in all\n", 100 * hits / all, all
	exit 100 * hits / all < least
}'
exit $failed
