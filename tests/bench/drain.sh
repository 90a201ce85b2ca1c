#!/bin/sh
#
# drain.sh - how much of the windows a backlog really uses
#
# Queues a backlog while Heap is away, lets it come back, and compares the time
# until the last event arrived with the least that the windows allow
# (delivery: full use), for one identity, for fifty, and for many.  Windows
# are a thirtieth as long as Heap's, with the same limits, so that minutes
# become seconds.  The figure is a ratio: 1.00 is the least possible.

set -eu
build=${HEAPRELAY_BUILDDIR:-.}
work=$(mktemp -d)
agent_pid=
sink_pid=
end() {
	for pid in $agent_pid $sink_pid; do
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
	done
	agent_pid=
	sink_pid=
}
trap 'end; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

port=19099
window=2000	# ms, of app_limit and identity_limit

start_sink() {
	"$build/heaprelay-sink" --listen "127.0.0.1:$port" \
	    --track-limit 30/1s --identity-limit 1000/2s \
	    --app-limit 15000/2s > "$work/sink.out" 2>&1 &
	sink_pid=$!
	until grep -q 'listening on' "$work/sink.out"; do sleep 0.02; done
}

stat() {
	curl -s "http://127.0.0.1:$port/stats" | jq -r "$1"
}

# shape NAME PEOPLE EVENTS LARGEST: the largest is one person's backlog.
shape() {
	rm -f "$work"/queue.db*
	cat > "$work/agent.conf" <<EOT
[agent]
database = $work/queue.db
log_level = error
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
base_url = http://127.0.0.1:$port
track_limit = 30/1s
identity_limit = 1000/2s
app_limit = 15000/2s
backoff_base = 10ms
backoff_max = 50ms
EOT
	sed -i 's/log_level = error/log_level = info/' "$work/agent.conf"
	"$build/heaprelayd" -c "$work/agent.conf" 2> "$work/log" &
	agent_pid=$!
	until grep -q 'main: started' "$work/log"; do sleep 0.02; done
	ingest=$(sed -n 's/.*front=ingest.* port=\([0-9]*\).*/\1/p' "$work/log")
	sent=0
	while [ "$sent" -lt "$3" ]; do
		awk -v people="$2" -v from="$sent" 'BEGIN {
			printf "["
			for (b = 0; b < 100; b++) {
				printf "%s{\"mpid\":\"%d\",\"events\":[", b ? "," : "",
				    (from / 10 + b) % people + 1
				for (e = 0; e < 10; e++)
					printf "%s{\"event_type\":\"custom_event\",\"data\":{\"event_name\":\"e%d\"}}", e ? "," : "", from + b * 10 + e
				printf "]}"
			}
			printf "]" }' > "$work/bulk.json"
		[ "$(curl -s -o /dev/null -w '%{http_code}' -u key:secret \
		    --data-binary "@$work/bulk.json" \
		    "http://127.0.0.1:$ingest/v2/bulkevents")" = 202 ] ||
		    { echo "drain: a bulk request was refused" >&2; exit 1; }
		sent=$((sent + 1000))
	done
	start_sink
	tries=6000
	until [ "$(stat .objects)" = "$sent" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "drain: it stands still" >&2; exit 1; }
		sleep 0.05
	done
	first=$(stat .first_ms)
	last=$(stat .last_ms)
	overruns=$(stat '.overruns | add')
	awk -v name="$1" -v n="$sent" -v largest="$4" -v w="$window" \
	    -v took=$((last - first)) -v overruns="$overruns" 'BEGIN {
		app = w * (int((n + 14999) / 15000) - 1)
		one = w * (int((largest + 999) / 1000) - 1)
		least = app > one ? app : one
		printf "%-16s %6d events  least %6d ms  took %6d ms  ratio %.3f  overruns %d\n",
		    name, n, least, took, (least > 0 ? took / least : 0), overruns }'
	end
}

echo "drain ratio, windows a thirtieth as long (delivery: full use)"
shape 'one identity' 1 12000 12000
shape 'fifty' 50 100000 2000
shape 'ten thousand' 10000 100000 10
