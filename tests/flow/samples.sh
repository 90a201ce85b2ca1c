#!/bin/sh
# samples.sh - bodies that real SDKs sent are answered as documented
. "${srcdir:-.}/tests/flow/lib.sh"

samples=${shared:+$shared/samples/mparticle}
[ -n "$samples" ] && [ -f "$samples/README.md" ] ||
    skip "no samples at hand (HEAPRELAY_SHARED)"

start_sink
make_config < /dev/null
start_agent

# | `file` | path | source | 400 + 1 error | ...
awk -F'|' '$2 ~ /`.*json`/ && $3 ~ /\/v2\// {
	gsub(/[` ]/, "", $2); gsub(/ /, "", $3)
	split($5, expected, " ")
	print $2, $3, expected[1], expected[3] == "" ? 0 : expected[3] }' \
    "$samples/README.md" > "$work/table"
[ -s "$work/table" ] || fail "the table of samples cannot be read"

n=0
while read -r file path status errors; do
	got=$(post "$path" "$samples/$file")
	[ "$got" = "$status" ] || fail "$file: $got, not $status: $(cat "$work/answer")"
	entries=0
	[ -s "$work/answer" ] && entries=$(jq '.errors | length' "$work/answer")
	[ "$entries" = "$errors" ] || fail "$file: $entries errors, not $errors"
	n=$((n + 1))
done < "$work/table"
[ "$n" -gt 60 ] || fail "only $n samples were tried"

waiting='SELECT queued + inflight FROM v_conservation'
wait_for 60 sql_is "$waiting" 0 || fail "still queued: $(sql "$waiting")"
stuck=$(sql "SELECT count(*) FROM v_stuck
    WHERE reason NOT IN ('no_event_name', 'no_identity')")
[ "$stuck" = 0 ] || fail "Heap refused: $(sql 'SELECT * FROM v_stuck')"
[ "$(sink_stat .bad_bodies)" = 0 ] || fail "the sink saw bad bodies"
check_conserved
stop_agent
echo "$n samples"
