# trial.sh - one life of the real agent with one fault in it, and the judge
#
# Sourced after tests/flow/lib.sh.  A trial is: trial_begin, launch PLAN,
# workload, judge; $calls is then how many calls there were that count.  Wherever the fault ends the agent, it is started again
# without one (revive) once `rightly STATUS` of the test has agreed to how it
# ended; what was going on goes on.
#
# The judge is the same after every fault:
#
#   1  what was acknowledged is in the database, and it arrived, is stuck or
#      is discarded
#   2  nothing arrived that was not accepted
#   3  the database is sound, and its counts agree
#   4  no window was overrun, by the agent's records and as the far side counts
#   5  what came again had the same idempotency key
#   6  user properties did not go back
#   7  it does not spin, its memory has bounds, and TERM ends it in time
#   8  a fresh event is delivered

preload=$build/tests/fault/preload.so
deaths=0		# of the agent, by faults, in all
MEMORY_KB=300000	# at most, ever
STOP_MS=3000		# to end after TERM with nothing in flight

! grep -q __asan_init "$build/heaprelayd" ||
	skip 'a sanitizer has hands of its own between the agent and the library'
[ -f "$preload" ] || fail "$preload was not built"

# As lib.sh's, and how to try this one alone.
fail() {
	echo "FAIL: $* (HEAPRELAY_NTH=${nth:-0} repeats it)" >&2
	[ -f "$work/died.log" ] && tail -n 10 "$work/died.log" >&2
	[ -f "$work/agent.log" ] && tail -n 30 "$work/agent.log" >&2
	exit 1
}

# As lib.sh's, with shorter naps: there are many lives.
wait_for() {
	tries=$(($1 * 100))
	shift
	while ! "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.01
	done
}

# A process that has ended is a zombie until it is waited for.
alive() {
	[ -e "/proc/$1/exe" ]
}

started() {
	grep -q 'main: started' "$work/agent.log" || ! alive "$agent_pid"
}

# launch [VARIABLE=VALUE...]: the agent with a fault; it may end at once.
launch() {
	: > "$work/agent.log"
	env LD_PRELOAD="$preload" FAULT_COUNT="$work/count" "$@" \
	    "$build/heaprelayd" -c "$work/agent.conf" 2>> "$work/agent.log" &
	agent_pid=$!
	wait_for 20 started || fail 'it neither starts nor ends'
	token=$(cat "$work/admin.token" 2> /dev/null || true)
}

# How many calls there were that the fault may hit, until it ended.
counted() {
	od -An -td8 -N8 "$work/count" | tr -d ' '
}

# Starts the agent anew if the fault has ended it.
revive() {
	alive "$agent_pid" && return
	status=0
	wait "$agent_pid" 2> /dev/null || status=$?
	agent_pid=
	rightly "$status" || fail "the agent ended with $status"
	cp "$work/agent.log" "$work/died.log"
	deaths=$((deaths + 1))
	start_agent
}

# persist SECONDS COMMAND...: until it succeeds, whatever becomes of the agent.
persist() {
	chances=$(($1 * 50))
	shift
	until "$@" > /dev/null 2>&1; do
		revive
		chances=$((tries - 1))
		[ "$chances" -gt 0 ] || return 1
		sleep 0.02
	done
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# Small windows that hold on both sides, and a far side that fails.
trial_setup() {
	limits='--track-limit 30/150ms --identity-limit 1000/150ms
	    --app-limit 1000/150ms --properties-limit 30/150ms
	    --properties-app-limit 1000/150ms'
	start_sink $limits
	make_config <<-'EOT'
	external_id = customer_id
	forward_user_attributes = true
	track_limit = 30/150ms
	identity_limit = 1000/150ms
	app_limit = 1000/150ms
	properties_limit = 30/150ms
	properties_app_limit = 1000/150ms
	backoff_base = 20ms
	backoff_max = 100ms
	EOT
	start_agent		# which finds the ports for all trials
	stop_agent
}

trial_begin() {
	rm -f "$work"/queue.db* "$work/admin.token" "$work"/ack.*
	curl -s -X POST "$sink/reset" > /dev/null
	curl -s -X DELETE "$sink/faults" > /dev/null
	fault '{"match":{"contains":"\"run-1-3\""},"do":{"status":400,"index":true}}'
	fault '{"match":{"contains":"\"run-2-5\""},"do":{"status":400,"index":false}}'
	fault '{"do":{"status":429,"retry_after":0},"count":1}'
	fault '{"do":{"status":500},"count":2}'
	fault '{"do":{"reset":true,"store":true},"count":1}'
}

# tell ID JSON-MEMBERS: posts a batch with this id; what is acknowledged is
# noted.  What is not is not sent again.
tell() {
	printf '{%s}' "$2" > "$work/told.json"
	[ "$(post /v2/events "$work/told.json" -m 5 || true)" = 202 ] || return 0
	echo "$1" >> "$work/ack.told"
}

event() {
	printf '"events":[{"event_type":"custom_event","data":{"event_name":'
	printf '"Told","custom_attributes":{"id":"%s"}}}]' "$1"
}

idle() {
	sql_is 'SELECT queued + inflight FROM v_conservation' 0
}

posted() {
	! alive "$poster_pid"
}

# A replay that was acknowledged is not asked for again.
replay_asked() {
	admin_call POST /v1/replay -H 'Content-Type: application/json' \
	    -d '{"filter":{"state":"stuck"}}' -o /dev/null -w '%{http_code}' |
	    grep -q 202
}

# What has no payload never can be.
replayed() {
	sql_is "SELECT count(*) FROM event
	    WHERE state = 'stuck' AND payload IS NOT NULL" 0
}

# Sixty events of ten people on four connections, while one person's property
# changes six times and one event has nobody; then all that is stuck goes again.
workload() {
	: > "$work/ack.poster"
	"$build/tests/flow/poster" "$ingest_port" key:secret 4 60 10 run \
	    > "$work/ack.poster" &
	poster_pid=$!
	readers=$poster_pid
	tell nobody-1 "$(event nobody-1)"
	for step in 1 2 3 4 5 6; do
		tell "step-$step" '"user_identities":{"customer_id":"climber"},
		    "user_attributes":{"step":"'$step'"}'
		revive
	done
	persist 60 posted || fail 'the poster does not end'
	wait "$poster_pid" || fail 'the poster gave up'
	readers=
	persist 30 idle || fail "left behind: $(sql 'SELECT * FROM v_queue')"
	curl -s -X DELETE "$sink/faults" > /dev/null
	persist 30 replay_asked || fail 'no replay is taken'
	persist 30 replayed || fail "not replayed: $(sql 'SELECT * FROM v_stuck')"
	persist 30 idle || fail "left behind: $(sql 'SELECT * FROM v_queue')"
}

# TERM ends what the fault has left; then the agent is as any other.
trial_over() {
	kill "$agent_pid" 2> /dev/null || true
	status=0
	wait "$agent_pid" 2> /dev/null || status=$?
	agent_pid=
	if [ "$status" != 0 ]; then
		rightly "$status" || fail "the agent ended with $status"
		deaths=$((deaths + 1))
	fi
	calls=$(counted)
	start_agent
}

# --- the judge ------------------------------------------------------------

arrived() {
	curl -s -m 10 "$sink/events?limit=10000" > "$work/events" &&
	    jq -r '.events[].object.properties.id' "$work/events" \
	    > "$work/arrived"
}

fresh_arrived() {
	arrived && grep -qx fresh-1 "$work/arrived"
}

judge_fates() {
	arrived || fail 'the sink does not answer'
	sort "$work/arrived" > "$work/arrived.sorted"
	sql "SELECT json_extract(body,
	    '\$.events[0].data.custom_attributes.id') FROM batch
	    WHERE events > 0 AND json_extract(body, '\$.events') IS NOT NULL" |
	    sort > "$work/stored"
	sql "SELECT json_extract(b.body,
	    '\$.events[0].data.custom_attributes.id')
	    FROM event e JOIN batch b ON b.id = e.batch
	    WHERE e.state IN ('stuck', 'discarded')" |
	    sort - "$work/arrived.sorted" > "$work/fates"
	cat "$work"/ack.* | grep -v '^step-' | sort > "$work/acknowledged"
	lost=$(comm -23 "$work/acknowledged" "$work/stored")
	[ -z "$lost" ] || fail "acknowledged and not stored: $lost"
	lost=$(comm -23 "$work/acknowledged" "$work/fates")
	[ -z "$lost" ] || fail "acknowledged and not arrived or stuck: $lost"
	strange=$(comm -13 "$work/stored" "$work/arrived.sorted")
	[ -z "$strange" ] || fail "arrived and not accepted: $strange"
	twice=$(uniq -d "$work/arrived.sorted")
	[ -z "$twice" ] || fail "arrived under two keys: $twice"
}

# What the property was last set to by who was told so, or later.
judge_order() {
	last=$(sed -n 's/^step-//p' "$work/ack.told" | tail -n 1)
	has=$(curl -s -m 10 "$sink/users?identity=climber" |
	    jq -r '.users[0].properties.step // 0')
	[ "$has" -ge "${last:-0}" ] ||
	    fail "the property is $has, and was set to $last"
}

judge_database() {
	check_conserved
	sound=$(sqlite3 "$work/queue.db" \
	    'PRAGMA integrity_check; PRAGMA foreign_key_check')
	[ "$sound" = ok ] || fail "the database: $sound"
}

ticks() {
	awk '{ print $14 + $15 }' "/proc/$agent_pid/stat"
}

# A tenth of a second of a processor that spins is ten ticks.
judge_process() {
	peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
	    "/proc/$agent_pid/status")
	[ "$peak" -lt "$MEMORY_KB" ] || fail "it needed $peak kB"
	before=$(ticks)
	sleep 0.1
	after=$(ticks)
	[ $((after - before)) -lt 7 ] || fail 'it spins'
	begun=$(date +%s%N)
	stop_agent
	took=$((($(date +%s%N) - begun) / 1000000))
	[ "$took" -le "$STOP_MS" ] || fail "it took $took ms to stop"
}

judge() {
	trial_over
	tell fresh-1 "\"user_identities\":{\"customer_id\":\"fresh\"},$(
	    event fresh-1)"
	grep -qx fresh-1 "$work/ack.told" ||
	    fail "a fresh event is not accepted: $(cat "$work/answer")"
	persist 10 fresh_arrived || fail 'a fresh event does not arrive'
	wait_for 10 idle || fail "left behind: $(sql 'SELECT * FROM v_queue')"
	judge_fates
	judge_order
	judge_database
	judge_process
}
