#!/bin/sh
#
# valgrind.sh - flows whose agent runs under valgrind: memory that is used
# before it is set, which no sanitizer of gcc's sees, and what is lost
#
# Arguments name flows (main_job ...), of which some have deadlines that this
# is too slow for.  Takes minutes.

set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${HEAPRELAY_BUILDDIR:-.}" && pwd)
logs=$build/valgrind
flows=${*:-main_job retry isolation}

command -v valgrind > /dev/null || { echo "skipped: no valgrind"; exit 77; }
! grep -q __asan_init "$build/heaprelayd" ||
    { echo "skipped: this build has the sanitizers"; exit 77; }

rm -rf "$logs"
mkdir -p "$logs"
HEAPRELAY_WRAP="valgrind --quiet --leak-check=full --track-origins=yes \
--errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
--error-exitcode=99 --log-file=$logs/%p"
export HEAPRELAY_WRAP
export srcdir="$src" HEAPRELAY_BUILDDIR="$build"

status=0
for flow in $flows; do
	result=0
	sh "$src/tests/flow/$flow.sh" > "$logs/out" 2>&1 || result=$?
	case $result in
	0) echo "$flow: passed" ;;
	77) echo "$flow: $(tail -n 1 "$logs/out")" ;;
	*)
		echo "$flow: failed"
		tail -n 30 "$logs/out"
		status=1
		;;
	esac
	rm "$logs/out"
done
[ -n "$(ls "$logs")" ] || { echo "nothing ran under valgrind"; exit 1; }
for log in "$logs"/*; do
	[ ! -s "$log" ] || { cat "$log"; status=1; }
done
exit $status
