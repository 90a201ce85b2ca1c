#!/bin/sh
#
# openapi.sh - doc/openapi.yaml has exactly the routes that the program has,
# and every schema and response it refers to
#
# usage: openapi.sh [PRINT_ROUTES]
#
# $srcdir is the top of the source tree.

set -eu

routes=${1:-${HEAPRELAY_BUILDDIR:-.}/tests/unit/print_routes}
srcdir=${srcdir:-.}
yaml=$srcdir/doc/openapi.yaml

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$routes" | sort > "$work/program"
# A path is indented by two blanks and its methods by four.
awk '
/^[a-z]/ { in_paths = $1 == "paths:" }
in_paths && /^  \// { path = $1; sub(/:$/, "", path) }
in_paths && /^    (get|post|put|patch|delete):$/ {
	method = $1
	sub(/:$/, "", method)
	print toupper(method), path
}' "$yaml" | sort > "$work/document"

if [ ! -s "$work/program" ]; then
	echo "openapi.sh: $routes printed no route" >&2
	exit 1
fi
status=0
if ! diff -u "$work/program" "$work/document"; then
	echo "openapi.sh: the program's routes and the document's differ" >&2
	status=1
fi

# "#/components/KIND/NAME" is a NAME indented by four below a KIND by two.
awk '
/^[a-z]/ { in_components = $1 == "components:" }
in_components && /^  [a-zA-Z]+:$/ { kind = $1; sub(/:$/, "", kind) }
in_components && /^    [a-zA-Z]+:$/ {
	name = $1
	sub(/:$/, "", name)
	print "#/components/" kind "/" name
}' "$yaml" | sort -u > "$work/defined"
grep -o '#/components/[a-zA-Z]*/[a-zA-Z]*' "$yaml" | sort -u > "$work/used"
missing=$(comm -13 "$work/defined" "$work/used")
if [ -n "$missing" ]; then
	echo "openapi.sh: used, but not defined: $missing" >&2
	status=1
fi
exit $status
