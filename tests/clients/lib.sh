# lib.sh - what the tests with clients of others share
#
# Sourced.  The clients are unmodified, at the version that the test names; a
# test is skipped where its client cannot be had.  Each prints a line for each
# client: its name, its version, and what came of it.

. "${srcdir:-.}/tests/flow/lib.sh"

clients=$srcdir/tests/clients

# npm_packages PACKAGE@VERSION...: into $work, with scripts beside them.
npm_packages() {
	for program in node npm; do
		command -v "$program" > /dev/null || skip "no $program here"
	done
	(cd "$work" && npm install --no-audit --no-fund --ignore-scripts \
	    --silent "$@") > "$work/npm.out" 2>&1 ||
	    skip "no npm registry: $(tail -n 1 "$work/npm.out")"
}

# tried CLIENT VERSION RESULT
tried() {
	printf '%-28s %-10s %s\n' "$1" "$2" "$3"
}

# An SDK that looks at ids itself finds nothing wrong with it; mParticle does.
not_guid=urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8

# sdk_agent: what the drivers of mParticle's SDKs post to.
sdk_agent() {
	start_sink
	make_config <<-'EOF'
	external_id = customer_id
	forward_user_attributes = true
	EOF
	cat >> "$work/agent.conf" <<-'EOF'
	[input slow]
	key = slow
	secret = secret
	rate_limit = 1
	EOF
	start_agent
}

# sdk_judge: what a driver of an SDK has printed into $work/said, a line for
# each case with what its caller learns, and what of it arrived at Heap.
#
#	single		a custom event and a screen view of s-1, who has
#			the attribute `hair color`: brown
#	bulk-100	`Bulk 0` of b-0 to `Bulk 99` of b-99
#	bulk-101	one batch more than may be
#	partial		of two batches, that of p-0 with `$not_guid` as
#			advertising id: `Partial 1` of p-1 is stored
#	not-guid	a batch like that, alone
#	wrong-secret	key `key`, secret `wrong`
#	limited		key `slow`, secret `secret`: until it is refused
sdk_judge() {
	why="Error converting value &quot;$not_guid&quot; to type 'System.Guid'."
	path="Path 'device_info.ios_advertising_id', line 1, position N."
	cat > "$work/expected" <<-EOF
	single 202
	bulk-100 202
	bulk-101 400 A request may hold at most 100 batches; this one holds 101.
	partial 202
	not-guid 400 $why $path
	wrong-secret 403
	limited 429 Retry-After 1
	EOF
	# Where the id stands depends on the client.
	sed 's/position [0-9]*/position N/' "$work/said" |
	    diff "$work/expected" - >&2 || fail 'the client saw something else'

	wait_for 40 sql_is \
	    'SELECT queued + inflight + stuck FROM v_conservation' 0 ||
	    fail "left: $(sql 'SELECT * FROM v_queue')"
	curl -s "$sink/events?limit=1000" | jq -r '.events[].object |
	    select(.event != "Limited") | "\(.identity) \(.event)"' |
	    sort > "$work/arrived"
	{
		echo 's-1 Single'
		echo 's-1 Viewed: Single screen'
		echo 'p-1 Partial 1'
		i=0
		while [ $i -lt 100 ]; do
			echo "b-$i Bulk $i"
			i=$((i + 1))
		done
	} | sort > "$work/expected"
	diff "$work/expected" "$work/arrived" >&2 ||
	    fail 'something else arrived'
	hair=$(curl -s "$sink/users?identity=s-1" |
	    jq -r '.users[].properties["hair color"]')
	[ "$hair" = brown ] || fail "the user property is $hair"
	check_conserved
	stop_agent
}
