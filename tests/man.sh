#!/bin/sh
#
# man.sh - the manual pages are well formed, and heaprelay-schema(7) names
# every table, view and column that there is, in their order, and no other

set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "man.sh: $*" >&2
	status=1
}

# Each relation is headed ".Ss NAME" or ".Ss NAME and NAME"; each column heads
# an item of the list below it.
awk '
/^\.Sh / { part = $0 == ".Sh THE VIEWS" ? "view" :
	$0 == ".Sh THE TABLES" ? "table" : ""; n = 0 }
part == "" { next }
/^\.Ss / {
	n = split(substr($0, 5), name, " and ")
	for (i = 1; i <= n; i++)
		print part, name[i]
}
/^\.It Va / {
	for (i = 1; i <= n; i++)
		print part, name[i], $3
}
' "$srcdir/man/heaprelay-schema.7" > "$work/page"

cat "$srcdir/sql/schema.sql" "$srcdir/sql/views.sql" | sqlite3 "$work/db"
sqlite3 -bail -separator ' ' "$work/db" "
    SELECT type, name FROM sqlite_schema
     WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%';
    SELECT s.type, s.name, c.name FROM sqlite_schema AS s
      JOIN pragma_table_info(s.name) AS c
     WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%'
     ORDER BY s.name, c.cid" > "$work/schema"

# Relations in any order, columns in theirs.
in_order() {
	sort -s -k 1,2 "$1" | uniq
}
in_order "$work/page" > "$work/page.sorted"
in_order "$work/schema" > "$work/schema.sorted"
[ "$(wc -l < "$work/schema")" -gt 100 ] || complain 'the schema is not read'
diff -u "$work/schema.sorted" "$work/page.sorted" >&2 ||
    complain 'the schema (-) and heaprelay-schema(7) (+) differ'

# Pages of this program that a page refers to exist.
for page in "$srcdir"/man/*.[1-8]; do
	sed -n 's/^\.Xr \(heaprelay[^ ]*\) \([1-8]\).*/\1.\2/p' "$page" |
	    sort -u > "$work/referred"
	while read -r other; do
		[ -f "$srcdir/man/$other" ] ||
		    complain "$page refers to $other, which there is not"
	done < "$work/referred"
done

if ! command -v mandoc > /dev/null; then
	[ "$status" = 0 ] || exit 1
	echo 'man.sh: without mandoc the pages are not looked at more closely'
	exit 77
fi
# Whether other manuals are installed here says nothing about these.
mandoc -T lint "$srcdir"/man/*.[1-8] 2> /dev/null > "$work/lint" || true
lint=$(grep -v -e 'referenced manual not found' -e 'outdated mandoc.db' \
    "$work/lint" || true)
[ -z "$lint" ] || complain "$lint"

exit $status
