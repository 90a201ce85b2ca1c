#!/bin/sh
# full.sh - a disk that takes nothing more is tried now and then, not all the
# time, however much there is to write; and nothing is lost by it
. "${srcdir:-.}/tests/flow/lib.sh"

command -v prlimit > /dev/null || skip "there is no prlimit"

failed_commits() {
	admin_call GET /metrics | awk \
	    '/^heaprelay_commits_failed_total / { print $NF }'
}

cannot_store() {
	[ "$(failed_commits)" -gt 0 ]
}

# The longest file that the agent may write stands for a disk that is full.
start_sink --fault '{"match":{},"do":{"delay_ms":1000}}'
make_config < /dev/null
start_agent
"$build/heaprelayctl" -c "$work/agent.conf" pause heap > /dev/null
"$build/heaprelay-load" -c "$work/agent.conf" --requests 300 --bulk 10 \
    --connections 2 > "$work/load" || fail "$(cat "$work/load")"
"$build/heaprelayctl" -c "$work/agent.conf" resume heap > /dev/null

# The answers to some thousand events come when they cannot be written.
wait_for 20 sql_is "SELECT count(*) >= 1000 FROM event
	WHERE state = 'inflight'" 1 || fail "nothing was sent"
prlimit --pid "$agent_pid" --fsize=65536:unlimited
wait_for 20 cannot_store || fail "it could store all the same"

# Each question and each answer wakes it, too; without a pause there are some
# forty a second, and with it no more than eight, however long this sleeps.
begun=$(date +%s%3N)
before=$(failed_commits)
sleep 3
after=$(failed_commits)
took=$(($(date +%s%3N) - begun))
[ "$after" -gt "$before" ] || fail "it gave up"
[ $((after - before)) -le $((8 * took / 1000)) ] ||
    fail "it tried $((after - before)) times in $took ms"

prlimit --pid "$agent_pid" --fsize=unlimited:unlimited
wait_for 30 sql_is 'SELECT delivered FROM v_conservation' 3000 ||
    fail "not delivered: $(sql 'SELECT * FROM v_conservation')"
check_conserved
stop_agent
