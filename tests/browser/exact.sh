#!/bin/sh
# exact.sh - what the page shows as JSON is what the agent has stored

set -eu
srcdir=${srcdir:-.}

if ! command -v node > /dev/null; then
	echo "skipped: no node here"
	exit 77
fi
node --test-reporter=tap "$srcdir/tests/browser/exact.mjs" \
    "$srcdir/src/ui/exact.js"
