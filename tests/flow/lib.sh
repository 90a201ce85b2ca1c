# lib.sh - what the flow tests share: the real processes on loopback
#
# Sourced.  Ports are chosen by the kernel and read from what the programs say;
# nothing sleeps for a fixed time, everything waits for a counter.  Whatever
# was started is ended by pid.

set -eu

build=${HEAPRELAY_BUILDDIR:-.}
srcdir=${srcdir:-.}
shared=${HEAPRELAY_SHARED:-}
wrap=${HEAPRELAY_WRAP:-}	# what the agent runs under: valgrind ...
work=$(mktemp -d)
agent_pid=
sink_pid=
readers=		# pids of whoever looks on, stopped or not

fail() {
	echo "FAIL: $*" >&2
	[ -f "$work/agent.log" ] && tail -n 30 "$work/agent.log" >&2
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

end() {
	[ -z "$1" ] && return 0
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

cleanup() {
	status=$?
	trap - EXIT
	for pid in $readers; do
		kill -CONT "$pid" 2> /dev/null || true
		end "$pid"
	done
	end "$agent_pid"
	end "$sink_pid"
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	tries=$(($1 * 20))
	shift
	while ! "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# start_sink [OPTION...]: sets $sink.
start_sink() {
	: > "$work/sink.out"
	"$build/heaprelay-sink" --listen "127.0.0.1:${sink_port:-0}" "$@" \
	    > "$work/sink.out" 2> "$work/sink.log" &
	sink_pid=$!
	wait_for 20 grep -q 'listening on' "$work/sink.out" ||
	    fail "the sink did not start"
	sink=$(sed -n 's/^.*listening on //p' "$work/sink.out")
	sink_port=${sink##*:}
}

# make_config FILE-LINES: the usual configuration; what is on stdin is added
# to its [output heap].
make_config() {
	cat > "$work/agent.conf" <<EOT
[agent]
database = $work/queue.db
log_level = ${log_level:-info}
[ingest]
listen = 127.0.0.1:${ingest_port:-0}
[admin]
listen = 127.0.0.1:${admin_port:-0}
[input test]
key = key
secret = secret
[output heap]
app_id = 1234567890
development_app_id = 987654321
base_url = $sink
EOT
	cat >> "$work/agent.conf"
}

# start_open_sink, and make_open_config with lines as above: nothing waits for
# a window, nor long after a failure; the sink remembers what a test sends.
start_open_sink() {
	start_sink --track-limit 1000000/1s --identity-limit 1000000/1s \
	    --app-limit 1000000/1s --remember 100000
}

make_open_config() {
	{
		cat
		for limit in track identity app properties properties_app; do
			echo "${limit}_limit = 1000000/1s"
		done
		echo "backoff_base = 50ms"
		echo "backoff_max = 200ms"
	} | make_config
}

# start_agent: sets $ingest, $admin and $token.  A second start keeps the
# ports of the first.
start_agent() {
	: > "$work/agent.log"
	# shellcheck disable=SC2086
	$wrap "$build/heaprelayd" -c "$work/agent.conf" \
	    2>> "$work/agent.log" &
	agent_pid=$!
	wait_for 20 grep -q 'main: started' "$work/agent.log" ||
	    fail "the agent did not start"
	if [ -z "${ingest_port:-}" ]; then
		ingest_port=$(sed -n \
		    's/.*listening front=ingest.* port=\([0-9]*\).*/\1/p' \
		    "$work/agent.log")
		admin_port=$(sed -n \
		    's/.*listening front=admin.* port=\([0-9]*\).*/\1/p' \
		    "$work/agent.log")
		sed -i "s/^listen = 127.0.0.1:0$/listen = 127.0.0.1:PORT/
		    0,/:PORT/s/:PORT/:$ingest_port/
		    s/:PORT/:$admin_port/" "$work/agent.conf"
	fi
	ingest=http://127.0.0.1:$ingest_port
	admin=http://127.0.0.1:$admin_port
	token=$(cat "$work/admin.token")
}

# stop_agent: with TERM, which must end it with 0.
stop_agent() {
	kill "$agent_pid"
	wait "$agent_pid" || fail "the agent ended with $?"
	agent_pid=
}

kill_agent() {
	kill -9 "$agent_pid"
	wait "$agent_pid" 2>/dev/null || true
	agent_pid=
}

# post PATH FILE [CURL-OPTION...]: prints the status; the body is in
# $work/answer.
post() {
	path=$1
	file=$2
	shift 2
	curl -s -m 30 -o "$work/answer" -w '%{http_code}' -u key:secret \
	    -H 'Content-Type: application/json' --data-binary "@$file" \
	    "$@" "$ingest$path"
}

# admin METHOD PATH [CURL-OPTION...]
admin_call() {
	method=$1
	path=$2
	shift 2
	curl -s -m 30 -X "$method" -H "Authorization: Bearer $token" "$@" \
	    "$admin$path"
}

# sink_stat JQ-FILTER
sink_stat() {
	curl -s -m 30 "$sink/stats" | jq -r "$1"
}

# sql STATEMENT: by the shell, as an operator would.
sql() {
	sqlite3 -readonly "$work/queue.db" "$1"
}

equals() {
	[ "$1" = "$2" ]
}

sql_is() {
	equals "$(sql "$1")" "$2"
}

sink_is() {
	equals "$(sink_stat "$1")" "$2"
}

# Nothing lost, no window overrun, nothing under two keys.
check_conserved() {
	"$build/heaprelayctl" -c "$work/agent.conf" --json verify \
	    > "$work/verified" || fail "verify: $(cat "$work/verified")"
	sql_is 'SELECT ok FROM v_conservation' 1 ||
	    fail "v_conservation: $(sql 'SELECT * FROM v_conservation')"
	[ "$(sink_stat '.overruns | add')" = 0 ] ||
	    fail "windows overrun: $(sink_stat '.overruns')"
	[ "$(sink_stat .conflicts)" = 0 ] ||
	    fail "a key came with two contents"
}
