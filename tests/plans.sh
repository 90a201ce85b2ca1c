#!/bin/sh
#
# plans.sh - no statement scans `event` or `batch`
#
# Every named statement is explained on an empty database of the schema.  A
# walk along the primary key, or along an index, is a search with bounds; a
# scan of a partial index that holds only what is in flight, deferred, stuck
# or under suspicion is as large as that set, and allowed.  The statements
# named verify_ are those of a command that reads everything, outside the agent.

set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat "$srcdir/sql/schema.sql" "$srcdir/sql/views.sql" |
    sqlite3 "$work/db" > /dev/null

# Without parameters there is a plan for each all the same.
awk '
/^--: / { name = $2; next }
name != "" && !/^--/ { text[name] = text[name] $0 "\n"
	if (!(name in seen)) { seen[name] = 1; order[++n] = name } }
END { for (i = 1; i <= n; i++)
	printf ".print == %s\nEXPLAIN QUERY PLAN %s\n", order[i],
	    text[order[i]] }
' "$srcdir/sql/queue.sql" "$srcdir/sql/inspect.sql" > "$work/script"

sqlite3 "$work/db" < "$work/script" > "$work/plans" 2> "$work/errors" || true
if [ -s "$work/errors" ]; then
	echo "plans.sh: statements that SQLite refuses:" >&2
	cat "$work/errors" >&2
	exit 1
fi

statements=$(grep -c '^== ' "$work/plans")
bad=$(awk '
/^== / { name = $2; next }
name ~ /^verify_/ { next }
/SCAN (event|batch|e|b)( |$)/ &&
!/USING (COVERING )?INDEX event_(deferred|inflight|stuck|suspect)/ &&
!/USING (COVERING )?INDEX batch_without_events/ { print name ": " $0 }
' "$work/plans")
if [ -n "$bad" ]; then
	echo "plans.sh: these scan:" >&2
	echo "$bad" >&2
	exit 1
fi
echo "plans.sh: $statements statements, none scans event or batch"
