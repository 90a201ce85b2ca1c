# lib.sh - what the cases of the benchmark share
#
# Sourced.  Starts the real programs on loopback, on ports that the kernel
# chooses, and ends them by pid.  How much is measured:
#
#   BENCH_SECONDS   of each measurement that lasts so long	5, quick: 1
#   BENCH_RUNS      of what is told as a median			5, quick: 1
#   BENCH_EVENTS    of what is told for so many events		200000, quick:
#								20000
#   BENCH_SIZES     backlogs of the case growth			10000 100000
#		    1000000, quick: 10000 100000
#   BENCH_POSTGRES  0: without it, as if it were not installed
#   BENCH_RESULTS   a file that gets NAME VALUE for each figure
#
# BENCH_QUICK=1 means the second default.

set -eu
export LC_ALL=C

build=${HEAPRELAY_BUILDDIR:-.}
if [ "${BENCH_QUICK:-0}" = 1 ]; then
	seconds=${BENCH_SECONDS:-1}
	runs=${BENCH_RUNS:-1}
	events=${BENCH_EVENTS:-20000}
	sizes=${BENCH_SIZES:-10000 100000}
else
	seconds=${BENCH_SECONDS:-5}
	runs=${BENCH_RUNS:-5}
	events=${BENCH_EVENTS:-200000}
	sizes=${BENCH_SIZES:-10000 100000 1000000}
fi
padding=177	# makes a one-event batch 600 bytes; rawsql.c has the same

work=$(mktemp -d)
agent_pid=
sink_pid=
other_pid=
slow=
slow_object=$build/tests/bench/slowsync.so

end() {
	[ -n "$1" ] || return 0
	kill "${2:--TERM}" "$1" 2> /dev/null || true
	wait "$1" 2> /dev/null || true
}

cleanup() {
	status=$?
	trap - EXIT INT TERM
	end "$agent_pid" -KILL
	end "$sink_pid" -KILL
	end "$other_pid"
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "bench: $*" >&2
	[ ! -s "$work/agent.log" ] || tail -n 5 "$work/agent.log" >&2
	exit 1
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	tries=$(($1 * 100))
	shift
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.01
	done
}

# keep NAME VALUE: for the targets, and for whoever compares.
keep() {
	[ -z "${BENCH_RESULTS:-}" ] || echo "$1 $2" >> "$BENCH_RESULTS"
}

# calc EXPRESSION [FORMAT]: by awk.
calc() {
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# median < NUMBERS
median() {
	sort -n | awk '{ v[NR] = $1 }
	    END { printf "%s\n", (NR % 2) ? v[(NR + 1) / 2] :
		(v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# become COMMAND...: instead of this shell, which is a process of its own, and
# with the fsync that slow_fsync asked for.
become() {
	if [ -n "$slow" ]; then
		set -- env "SLOWSYNC_US=$slow" "LD_PRELOAD=$slow_object" \
		    "ASAN_OPTIONS=verify_asan_link_order=0" "$@"
	fi
	exec "$@"
}

# slow_fsync MICROSECONDS: of all that is started from now on; 0: as it is.
slow_fsync() {
	slow=$1
	[ "$1" != 0 ] || slow=
}

# make_config BASE-URL: windows wide open, unless a variable says otherwise.
make_config() {
	cat > "$work/agent.conf" <<EOT
[agent]
database = $work/queue.db
[ingest]
listen = 127.0.0.1:0
max_request_bytes = 2m
[admin]
listen = 127.0.0.1:0
[input bench]
key = key
secret = secret
[output heap]
app_id = 1234567890
base_url = $1
track_limit = ${track_limit:-1000000/1s}
identity_limit = ${identity_limit:-1000000/1s}
app_limit = ${app_limit:-1000000/1s}
backoff_base = 10ms
backoff_max = 1s
EOT
}

forget() {
	rm -f "$work"/queue.db*
}

# start_agent: sets $ingest_port, $admin_port, and $started_ms: how long until
# it was ready.
start_agent() {
	: > "$work/agent.log"
	began=$(date +%s%N)
	become "$build/heaprelayd" -c "$work/agent.conf" \
	    2> "$work/agent.log" &
	agent_pid=$!
	wait_for 60 said_or_dead 'main: started' "$work/agent.log"
	grep -q 'main: started' "$work/agent.log" ||
	    fail 'the agent did not start'
	started_ms=$((($(date +%s%N) - began) / 1000000))
	ingest_port=$(port_of ingest)
	admin_port=$(port_of admin)
}

# said_or_dead WORDS FILE: the agent has said it, or will not any more.
said_or_dead() {
	grep -q "$1" "$2" || ! kill -0 "$agent_pid"
}

port_of() {
	sed -n "s/.*listening front=$1.* port=\([0-9]*\).*/\1/p" \
	    "$work/agent.log"
}

stop_agent() {
	kill "$agent_pid"
	wait "$agent_pid" || fail "the agent ended with $?"
	agent_pid=
}

# fresh_agent: with an empty queue, and a Heap that is away.
fresh_agent() {
	[ -z "$agent_pid" ] || stop_agent
	forget
	make_config "http://127.0.0.1:9"
	start_agent
}

# start_sink [OPTION...]: sets $sink.
start_sink() {
	: > "$work/sink.out"
	"$build/heaprelay-sink" --listen 127.0.0.1:0 --no-windows "$@" \
	    > "$work/sink.out" 2> "$work/sink.log" &
	sink_pid=$!
	wait_for 20 grep -q 'listening on' "$work/sink.out" ||
	    fail 'the sink did not start'
	sink=$(sed -n 's/^.*listening on //p' "$work/sink.out")
}

stop_sink() {
	end "$sink_pid"
	sink_pid=
}

# sink_stat JQ-FILTER
sink_stat() {
	curl -s -m 30 "$sink/stats" | jq -r "$1"
}

# has_arrived EVENTS
has_arrived() {
	[ "$(sink_stat .objects)" -ge "$1" ]
}

# load OPTION...: to the agent, or to $to; the report is $work/load.json.
load() {
	"$build/heaprelay-load" -c "$work/agent.conf" --json \
	    --to "127.0.0.1:${to:-$ingest_port}" "$@" > "$work/load.json" ||
	    fail "not all was accepted: $(cat "$work/load.json")"
}

# loaded JQ-FILTER: of the last load's report.
loaded() {
	jq -r "$1" "$work/load.json"
}

# fill EVENTS PEOPLE [EVENTS-A-BATCH]: as fast as possible, hundreds at a
# time.  EVENTS is a multiple of 100 of those.
fill() {
	load --duration 0 --connections 16 --bulk 100 --events "${3:-1}" \
	    --identities "$2" --padding "$padding" \
	    --requests "$(($1 / (100 * ${3:-1})))"
}

# cpu_seconds [PID]: of the agent or another, so far.
cpu_seconds() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, "");
	    printf "%.2f\n", ($12 + $13) / hz }' "/proc/${1:-$agent_pid}/stat"
}

# rss_mib: of the agent, now.
rss_mib() {
	awk '/^VmRSS/ { printf "%d\n", $2 / 1024 }' "/proc/$agent_pid/status"
}

say() {
	printf '%s\n' "$*"
}
