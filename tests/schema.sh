#!/bin/sh
#
# schema.sh - the schema loads in the sqlite3 shell, is commented and strict,
# and a migrated database equals a fresh one

set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "schema.sh: $*" >&2
	status=1
}

sqlite3 -bail "$work/fresh" < "$srcdir/sql/schema.sql"
sqlite3 -bail "$work/fresh" < "$srcdir/sql/views.sql"

loose=$(sqlite3 "$work/fresh" "SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type = 'table' AND strict = 0
      AND name NOT LIKE 'sqlite_%'")
[ -z "$loose" ] || complain "not STRICT: $loose"

# Within a CREATE TABLE each line that begins a column has a comment, there
# or on the lines that go on with it; keys that say what they are need none.
bare=$(awk '
/^CREATE TABLE/ { table = $3; next }
/^\)/ { check(); table = ""; next }
function check() {
	if (column != "" && !commented)
		print table "." column
	column = ""
}
table != "" && /^\t[a-z_]+\t? ?(INTEGER|TEXT|REAL|ANY)/ {
	check()
	column = $1
	commented = /--/ || /REFERENCES/ || /PRIMARY KEY/
	next
}
table != "" && /--/ { commented = 1 }
' "$srcdir/sql/schema.sql")
[ -z "$bare" ] || complain "columns without a comment: $bare"

version=$(sqlite3 "$work/fresh" 'PRAGMA user_version')
known=$(sed -n 's/^#define STORE_VERSION[^0-9]*\([0-9]*\).*/\1/p' \
    "$srcdir/src/store.h")
[ "$version" = "$known" ] ||
    complain "schema.sql is version $version, store.h knows $known"

shape() {
	sqlite3 "$1" "SELECT type, name, tbl_name, sql FROM sqlite_schema
	    WHERE name NOT LIKE 'sqlite_%' AND type <> 'view'
	    ORDER BY type, name" | sed 's/[[:space:]]\{1,\}/ /g'
}

# Each older schema that is kept, led up to today by the steps after it.
migrations=0
for old in "$srcdir"/tests/data/schema/[0-9]*.sql; do
	[ -e "$old" ] || continue
	rm -f "$work/old"
	sqlite3 -bail "$work/old" < "$old"
	from=$(sqlite3 "$work/old" 'PRAGMA user_version')
	for step in "$srcdir"/sql/migrate/[0-9]*.sql; do
		n=$(basename "$step" .sql | sed 's/^0*//')
		[ "$n" -gt "$from" ] || continue
		sqlite3 -bail "$work/old" < "$step"
		migrations=$((migrations + 1))
	done
	shape "$work/old" > "$work/old.shape"
	shape "$work/fresh" > "$work/fresh.shape"
	diff "$work/fresh.shape" "$work/old.shape" >&2 ||
	    complain "$old, migrated, differs from a fresh schema"
done
[ "$version" = 1 ] || [ "$migrations" -gt 0 ] ||
    complain "no migration to version $version was tried"

exit $status
