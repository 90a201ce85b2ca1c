#!/bin/sh
#
# run.sh - each fuzz target for some seconds, by clang's libFuzzer
#
# Builds the targets with the sanitizers in a directory of its own, two run at
# a time.  They start from tests/fuzz/corpus, and what they find on the way is
# kept in the build directory, for the next run.  HEAPRELAY_FUZZ_SECONDS says
# for how long each (20); arguments name some of them (http map ...).

set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=${HEAPRELAY_BUILDDIR:-.}/fuzz
seconds=${HEAPRELAY_FUZZ_SECONDS:-20}
targets=${*:-$(cd "$src/tests/fuzz/corpus" && ls)}

command -v clang > /dev/null || { echo "skipped: no clang"; exit 77; }
mkdir -p "$build"
cd "$build"
echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n)
    { return p == 0 && n > 0; }' > probe.c
clang -fsanitize=fuzzer,address,undefined -o probe probe.c 2> /dev/null ||
    { echo "skipped: clang has no libFuzzer"; exit 77; }

# A make that runs this must not hand its own settings on.
unset MAKEFLAGS MFLAGS MAKELEVEL
[ -f Makefile ] || "$src/configure" --quiet --enable-werror \
    --enable-fuzzers CC=clang CFLAGS='-O1 -g' > configure.out
programs=
for target in $targets; do
	programs="$programs tests/fuzz/fuzz_$target"
done
# shellcheck disable=SC2086
make -s -j2 $programs > make.out 2>&1 || { cat make.out; exit 1; }

# fuzz TARGET: 0 if nothing was found.
fuzz() {
	mkdir -p "corpus/$1" scratch
	TMPDIR=$PWD/scratch "tests/fuzz/fuzz_$1" -max_total_time="$seconds" \
	    -max_len=8192 -timeout=20 -rss_limit_mb=1500 \
	    -print_final_stats=1 -artifact_prefix="found-$1-" \
	    "corpus/$1" "$src/tests/fuzz/corpus/$1" \
	    < /dev/null > "$1.out" 2>&1
}

# finish TARGET PID
finish() {
	if wait "$2"; then
		sed -n "s/^stat::number_of_executed_units: */$1: /p" "$1.out"
	else
		echo "$1: found something; the input is below $PWD" >&2
		tail -n 40 "$1.out" >&2
		status=1
	fi
}

status=0
other=
for target in $targets; do
	fuzz "$target" &
	pid=$!
	if [ -z "$other" ]; then
		other=$target other_pid=$pid
	else
		finish "$other" "$other_pid"
		finish "$target" "$pid"
		other=
	fi
done
[ -z "$other" ] || finish "$other" "$other_pid"
exit $status
