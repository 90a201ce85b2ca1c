#!/bin/sh
#
# layers.sh - includes point down the layers only, and a library is known to
# the files that may know it

set -eu
src=${srcdir:-.}/src

# The floor first.  A file may include headers of lower numbers, its own, and
# private headers of its own module; modules are named by their headers.
layers='
0 mem log clock hash notify
1 answers gather histogram json head inflate memo
2 mparticle heap rate retry
3 config filter forecast update
4 map store http sender
5 queue profile inspect
6 output pending
7 accept
8 intake dispatch jobs preview backup
9 live erase
10 admin
11 main ctl sink load
'

status=0
complain() {
	echo "layers.sh: $*" >&2
	status=1
}

# The module of a file: the longest module name that begins its own.
module() {
	echo "$layers" | awk -v file="$1" '
	{
		for (i = 2; i <= NF; i++)
			if ((file == $i || index(file, $i "_") == 1) &&
			    length($i) > length(best))
				best = $i
	}
	END { print best }'
}

level() {
	echo "$layers" | awk -v module="$1" '
	{ for (i = 2; i <= NF; i++) if ($i == module) print $1 }'
}

for path in "$src"/*.c "$src"/*.h; do
	file=${path##*/}
	name=${file%.*}
	own=$(module "$name")
	if [ -z "$own" ]; then
		complain "$file belongs to no module that layers.sh knows"
		continue
	fi
	own_level=$(level "$own")
	sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$path" |
	while read -r header; do
		[ "$header" = sql_gen ] && continue
		other=$(module "$header")
		other_level=$(level "$other")
		# The floor holds itself: log writes with mem's buffers, mem
		# ends the program through log.
		if [ "$other" = "$own" ] || [ "$other_level" = 0 ] ||
		    { [ -n "$other_level" ] &&
		    [ "$other_level" -lt "$own_level" ]; }; then
			continue
		fi
		echo "$file (layer $own_level) includes $header.h" \
		    "(layer ${other_level:-unknown})"
	done > "${TMPDIR:-/tmp}/layers.$$"
	if [ -s "${TMPDIR:-/tmp}/layers.$$" ]; then
		complain "$(cat "${TMPDIR:-/tmp}/layers.$$")"
	fi
	rm -f "${TMPDIR:-/tmp}/layers.$$"
done

# may_know HEADER MODULE...: only these modules include it.
may_know() {
	header=$1
	shift
	grep -l "^#include <$header" "$src"/*.c "$src"/*.h |
	while read -r path; do
		own=$(module "$(basename "$path" | sed 's/\.[ch]$//')")
		for allowed; do
			[ "$own" = "$allowed" ] && continue 2
		done
		echo "$(basename "$path") includes <$header>"
	done
}

found=$(
	may_know 'sqlite3\.h' store queue profile inspect ctl
	may_know 'curl/' sender ctl
	may_know 'event2/' http sender live main sink load
	may_know 'cjson/' json
	may_know 'pthread\.h' queue
	may_know 'zlib\.h' inflate
	may_know 'ini\.h' config
	may_know 'openssl/' hash http
)
if [ -n "$found" ]; then
	complain "$found"
fi

# Pure modules read no clock, write nothing and log nothing.
pure='answers histogram json head mparticle heap rate retry filter forecast map update'
for module in $pure; do
	for path in "$src/$module".[ch] "$src/${module}_"*.[ch]; do
		[ -e "$path" ] || continue
		impure=$(grep -nE '\b(clock_now|clock_gettime|time|fopen|fprintf|printf|write|log_(info|warn|error|debug)|stat_add|hash_random)\(' \
		    "$path" || true)
		[ -z "$impure" ] || complain \
		    "$path is pure (no I/O, no clock, no logging): $impure"
	done
done

exit $status
