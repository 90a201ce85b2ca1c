#!/bin/sh
# windows.sh - a backlog drains at full speed without overrunning a window,
# also when the agent is killed and started again in the middle
. "${srcdir:-.}/tests/flow/lib.sh"

limits="--track-limit 6/2s --identity-limit 40/2s --app-limit 300/2s"
start_sink $limits --remember 100000
make_config <<'EOT'
track_limit = 6/2s
identity_limit = 40/2s
app_limit = 300/2s
backoff_base = 50ms
EOT
start_agent
"$build/tests/flow/poster" "$ingest_port" key:secret 4 2000 40 window \
    > "$work/acknowledged" || fail "the poster gave up"
for arrived in 300 800; do
	later() { [ "$(sink_stat .objects)" -ge "$arrived" ]; }
	wait_for 60 later || fail "nothing moves: $(sink_stat .)"
	kill_agent
	start_agent
done
wait_for 120 sink_is .objects "$(wc -l < "$work/acknowledged")" ||
    fail "not all arrived: $(sink_stat .)"
done_all='SELECT delivered FROM v_conservation'
wait_for 20 sql_is "$done_all" "$(wc -l < "$work/acknowledged")" ||
    fail "not all are marked delivered"
check_conserved
limited=$(sql "SELECT count(*) FROM v_requests WHERE status = 429")
[ "$limited" = 0 ] || fail "$limited requests were answered 429"
stop_agent
