#!/bin/sh
# instructions.sh - what a batch costs on its way in, and an event on its way
# out: instructions of the agent, counted by callgrind
#
# Unlike times, they are the same on a busy machine.  The bounds are twice
# what was counted when they were written (doc/PERFORMANCE), so that only what
# matters fails.

batch_most=240000	# 121,000 were counted
event_most=140000	# 71,000

. "${srcdir:-.}/tests/flow/lib.sh"

# An instrumented build counts its instruments.
for tool in valgrind callgrind_control callgrind_annotate jq; do
	command -v "$tool" > /dev/null || skip "no $tool here"
done
! nm "$build/heaprelayd" 2> /dev/null | grep -q ' __[a-z]*san_init$' ||
    skip "a build with sanitizers"

# Stands where lib.sh looks for the agent; everything else is what it is.
mkdir "$work/bin"
for program in heaprelay-sink heaprelay-load heaprelayd; do
	ln -s "$(cd "$build" && pwd)/$program" "$work/bin/$program.plain"
done
cat > "$work/bin/heaprelayd" <<EOT
#!/bin/sh
exec valgrind --quiet --tool=callgrind --instr-atstart=no \\
    --callgrind-out-file="$work/counts" "$work/bin/heaprelayd.plain" "\$@"
EOT
chmod +x "$work/bin/heaprelayd"
mv "$work/bin/heaprelay-sink.plain" "$work/bin/heaprelay-sink"
mv "$work/bin/heaprelay-load.plain" "$work/bin/heaprelay-load"
build=$work/bin

# count COMMAND...: runs it, and sets $counted to the instructions meanwhile.
count() {
	rm -f "$work"/counts*
	callgrind_control -i on "$agent_pid" > /dev/null 2>&1
	"$@"
	callgrind_control -i off "$agent_pid" > /dev/null 2>&1
	callgrind_control -d "$agent_pid" > /dev/null 2>&1
	counted=$(cat "$work"/counts.* | awk '/^(summary|totals):/ {
		if ($2 > most) most = $2 } END { printf "%d", most }')
	[ "$counted" -gt 0 ] || fail "nothing was counted"
}

# judge WHAT NUMBER MOST
judge() {
	each=$((counted / $2))
	echo "instructions $1: $each, at most $3"
	[ "$each" -le "$3" ] || fail "$each instructions $1, more than $3"
}

load() {
	"$build/heaprelay-load" -c "$work/agent.conf" \
	    --to "127.0.0.1:$ingest_port" --duration 0 --identities 200 \
	    "$@" > "$work/load" || fail "$(cat "$work/load")"
}

delivered() {
	[ "$(curl -s "$sink/stats" | jq .objects)" -ge "$1" ]
}

deliver() {
	[ "$(admin_call POST /v1/outputs/heap/resume -o /dev/null \
	    -w '%{http_code}')" = 200 ] || fail "the output is not resumed"
	wait_for 100 delivered "$1" || fail "not all is delivered"
}

start_sink --no-windows
make_config <<EOT
track_limit = 1000000/1s
identity_limit = 1000000/1s
app_limit = 1000000/1s
EOT
start_agent
[ "$(admin_call POST /v1/outputs/heap/pause -o /dev/null \
    -w '%{http_code}')" = 200 ] || fail "the output is not paused"
load --requests 200 --connections 8	# everybody is known, all is prepared

count load --requests 1000 --connections 16
judge "a batch of one event" 1000 "$batch_most"

count deliver 1200
judge "a delivered event" 1200 "$event_most"

stop_agent
