#!/bin/sh
#
# width.sh - no line of the sources is longer than 80 columns, tabs being 8

set -eu
src=${srcdir:-.}/src

long=$(for path in "$src"/*.[ch] "$src"/ui/*.js "$src"/ui/*.css; do
	expand -t 8 "$path" | awk -v file="${path##*/}" '
	length($0) > 80 { print file ":" NR ": " length($0) " columns" }'
done)
if [ -n "$long" ]; then
	echo "width.sh: longer than 80 columns:" >&2
	echo "$long" >&2
	exit 1
fi
