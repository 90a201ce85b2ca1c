#!/bin/sh
# run.sh - Apex, run: contrib/salesforce and the page's design save tickets
#
# What runs Apex here is a subset of it, as we read its manuals: apex.mjs and
# its neighbours.  An org is not needed, and is not replaced.
. "${srcdir:-.}/tests/flow/lib.sh"

# How much faster the orgs' clock runs while they wait for one that is silent.
hurry=10

for program in node npm; do
	command -v "$program" > /dev/null || skip "no $program here"
done
node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' ||
    skip "node $(node --version) is older than what the parser needs"
(cd "$work" && npm install --no-audit --no-fund --silent \
    @apexdevtools/apex-parser@5.2.0) > "$work/npm.out" 2>&1 ||
    skip "no npm registry: $(tail -n 1 "$work/npm.out")"
cp "$srcdir"/tests/salesforce/*.mjs "$work"
# It runs what is run here, and is not to grow into an Apex of its own.
lines=$(cat "$work"/apex*.mjs | wc -l)
[ "$lines" -lt 800 ] || fail "apex*.mjs has $lines lines, 800 are too many"

start_sink --no-windows --remember 50000
make_config <<'EOT'
external_id = email
forward_user_attributes = true
track_limit = 1000/1s
app_limit = 1000000/1s
properties_app_limit = 1000000/1s
[input slow]
key = slow
secret = secret
rate_limit = 100
EOT
start_agent
node "$work/proxy.mjs" "$ingest" $((25000 / hurry)) > "$work/proxy.out" &
proxy_pid=$!
readers=$proxy_pid
wait_for 20 grep -q 'listening on' "$work/proxy.out" || fail "no proxy"

source=$(cd "$srcdir" && pwd)
(cd "$work" && APEX_SOURCE=$source \
    APEX_PROXY=$(sed -n 's/^listening on //p' "$work/proxy.out") \
    APEX_SINK=$sink APEX_HURRY=$hurry \
    node --test-reporter=tap run.mjs) > "$work/run.out" 2>&1 ||
    { cat "$work/run.out" >&2; fail "an org did not get what it was promised"; }
grep -q '^# tests [1-9]' "$work/run.out" || fail "no test has run"
sed -n 's/^.*figures: //p' "$work/run.out"

# What came twice was told by its source_request_id: a hundred batches whose
# answer was swallowed twice, and 120 of a job that died.
duplicates=$(sql "SELECT count(*) FROM event WHERE reason = 'duplicate'")
[ "$duplicates" -ge 320 ] || fail "$duplicates events were known to have come"
wait_for 60 sql_is 'SELECT queued + inflight + stuck FROM v_conservation' 0 ||
    fail "left: $(sql 'SELECT * FROM v_queue LIMIT 5')"
check_conserved
stop_agent
