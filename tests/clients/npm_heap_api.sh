#!/bin/sh
# npm_heap_api.sh - the simulated Heap is one that Heap's own client for Node
# accepts, and what the mapping makes passes that client's own rules
#
# The client, unmodified, posts to https://heapanalytics.com.  A proxy on
# loopback takes it to the sink instead, whose certificate is for that name.
. "${srcdir:-.}/tests/clients/lib.sh"

version=1.0.1
npm_packages "heap-api@$version" any-promise@1.3.0 request@2.88.2
. "$clients/authority.sh"
certificate heap heapanalytics.com 2
cp "$clients/npm_heap_api.js" "$work"

start_sink --certificate "$work/heap.chain.pem" --key "$work/heap.key" \
    --no-windows --properties-limit 30/30s --remember 100000

node "$clients/proxy.js" heapanalytics.com:443 "$sink_port" \
    > "$work/proxy.out" &
readers=$!
wait_for 10 grep -q listening "$work/proxy.out" || fail 'no proxy'
HTTPS_PROXY=http://127.0.0.1:$(sed -n 's/listening on //p' "$work/proxy.out")
NODE_EXTRA_CA_CERTS=$work/root.pem
NO_PROXY=
export HTTPS_PROXY NODE_EXTRA_CA_CERTS NO_PROXY

heap() {
	node --no-deprecation "$work/npm_heap_api.js" "$@" ||
	    fail "heap-api: $1"
}

# ask PATH [CURL-OPTION...]: the sink.
ask() {
	path=$1
	shift
	curl -s -m 30 --noproxy '*' --cacert "$work/root.pem" \
	    --resolve "heapanalytics.com:$sink_port:127.0.0.1" "$@" \
	    "https://heapanalytics.com:$sink_port$path"
}

# arrived WHAT: what the client was given is what the sink has.  Of user
# properties, the last value of each counts.
arrived() {
	{
		ask '/events?limit=100000' | jq -Sc '.events[].object |
		    [.identity, .event, .properties // {}]'
		ask '/users?limit=100000' | jq -Sc '.users[] |
		    select(.properties != {}) | [.identity, .properties]'
	} | sort > "$work/arrived"
	jq -Scn '[inputs] | .[] | select(length == 3)' "$work/said" \
	    > "$work/calls"
	jq -Scn '[inputs | select(length == 2)] | group_by(.[0])[] |
	    [.[0][0], (map(.[1]) | add)]' "$work/said" >> "$work/calls"
	sort "$work/calls" > "$work/expected"
	[ -s "$work/expected" ] || fail "$1: nothing was sent"
	diff "$work/expected" "$work/arrived" >&2 ||
	    fail "$1: something else arrived"
}

heap calls > "$work/said"
arrived 'calls'
[ "$(ask /stats | jq .bad_bodies)" = 0 ] || fail 'the sink saw bad bodies'

# What the client makes of answers that are no success.
for fault in '"event":"Away"},"do":{"status":503,"body":"a moment"' \
    '"event":"Cut"},"do":{"reset":true'; do
	ask /faults -d "{\"match\":{$fault}}" > /dev/null
done
heap errors > "$work/said"
cat > "$work/expected" <<'EOF'
app id: Heap API server error 400: postBody.app_id should be text of 20 digits at most
window: Heap API server error 429: too many requests: properties_limit
away: Heap API server error 503: a moment
cut: ECONNRESET
EOF
diff "$work/expected" "$work/said" >&2 || fail 'other errors'

# Every object of the golden cases of the mapping, and of the samples if they
# are at hand, as the client sends it.
ask /reset -d '' > /dev/null
jq -r '.expect.outcomes[].body // empty' "$srcdir"/tests/data/map/*.json \
    > "$work/bodies"
echo 'forward_user_attributes = true' | make_config
for sample in ${shared:+"$shared"/samples/mparticle/*.json}; do
	case $sample in
	*.captured.json | *.response.json) continue ;;
	esac
	path=/v2/events
	[ "$(head -c 1 "$sample")" != '[' ] || path=/v2/bulkevents
	"$build/heaprelayctl" -c "$work/agent.conf" map --path "$path" \
	    < "$sample" > "$work/outcomes" || true	# 1: it is refused
	jq -r '.body // empty' "$work/outcomes" >> "$work/bodies"
done
heap mapped > "$work/said" < "$work/bodies"
arrived 'mapped'
[ "$(ask /stats | jq .bad_bodies)" = 0 ] || fail 'the sink saw bad bodies'
tried 'heap-api (npm)' "$version" \
    "calls, errors, $(wc -l < "$work/said") mapped objects"
