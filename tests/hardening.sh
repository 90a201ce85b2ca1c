#!/bin/sh
#
# hardening.sh - the programs are built so that a mistake in them is hard to
# use: at random addresses, with read-only tables, guarded stacks, checked
# calls of libc, and a stack that holds no code

set -eu
build=${HEAPRELAY_BUILDDIR:-.}
status=0

command -v readelf > /dev/null || { echo "skipped: no readelf"; exit 77; }

complain() {
	echo "hardening.sh: $*" >&2
	status=1
}

setting() {
	sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}
cflags=$(setting CFLAGS)
instrument=$(setting INSTRUMENT_CFLAGS)

for program in heaprelayd heaprelayctl heaprelay-sink heaprelay-load; do
	path=$build/$program
	dynamic=$(readelf -dW "$path")
	segments=$(readelf -lW "$path")
	symbols=$(readelf -sW --dyn-syms "$path")

	readelf -hW "$path" | grep -q 'Type: *DYN' ||
	    complain "$program has a fixed address"
	echo "$segments" | grep -q GNU_RELRO ||
	    complain "$program has no read-only relocations"
	echo "$dynamic" | grep -Eq 'BIND_NOW|FLAGS_1.* NOW' ||
	    complain "$program resolves symbols when they are called"
	echo "$segments" | grep -q 'GNU_STACK.* RW ' ||
	    complain "$program has a stack that may be executed"
	echo "$symbols" | grep -q '__stack_chk_fail' ||
	    complain "$program has unguarded stacks"
	[ -n "$(echo "$dynamic" | grep -E 'R(UN)?PATH')" ] &&
	    complain "$program looks for libraries where it was built"

	# Neither without an optimizer, nor beside sanitizers.
	case "$instrument $cflags" in
	*sanitize* | *coverage* | *-O0*) continue ;;
	*-O*) ;;
	*) continue ;;
	esac
	echo "$symbols" | grep -q '_chk@\|_chk ' ||
	    complain "$program calls libc unchecked"
done
exit $status
