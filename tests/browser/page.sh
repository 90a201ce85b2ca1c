#!/bin/sh
# page.sh - the operator's page in Chromium, with the real agent behind it
#
# With HEAPRELAY_SHOTS set to a directory, a picture of every view is left
# there.
. "${srcdir:-.}/tests/flow/lib.sh"

for program in node npm chromium; do
	command -v "$program" > /dev/null || skip "no $program here"
done
(cd "$work" && npm install --no-audit --no-fund --silent \
    playwright-core@1.65.1 axe-core@4.14.1) > "$work/npm.out" 2>&1 ||
    skip "no npm registry: $(tail -n 1 "$work/npm.out")"
cp "$srcdir/tests/browser/harness.mjs" "$srcdir/tests/browser/page.mjs" \
    "$work"

start_sink
make_config <<'EOT'
external_id = email
track_limit = 1000/1s
EOT
sed -i 's/^\[admin\]$/&\nread_token_file = read.token/
    s/^secret = secret$/secret = hunter2/' "$work/agent.conf"
# The second start has the ports in its settings, so that these can be taken
# over while it runs.
start_agent
stop_agent
start_agent

HEAPRELAY_ADMIN=$admin HEAPRELAY_INGEST=$ingest HEAPRELAY_SINK=$sink \
HEAPRELAY_TOKEN=$token HEAPRELAY_READ_TOKEN=$(cat "$work/read.token") \
HEAPRELAY_CONF=$work/agent.conf CHROMIUM=$(command -v chromium) \
    node --test-reporter=tap "$work/page.mjs" > "$work/page.out" 2>&1 ||
    { cat "$work/page.out" >&2; fail "the page does not do what it should"; }
grep -q '^# tests [1-9]' "$work/page.out" || fail "no test has run"
check_conserved
stop_agent
