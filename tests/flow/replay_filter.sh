#!/bin/sh
# replay_filter.sh - all that match are counted, replayed, discarded, while
# batches come in; a job can be cancelled, and goes on after kill -9
. "${srcdir:-.}/tests/flow/lib.sh"

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# batch PERSON NAME: a batch of a hundred events; PERSON is the member of it
# that says whose.
batch() {
	printf '{%s,"events":[' "$1"
	i=0
	while [ "$i" -lt 100 ]; do
		[ "$i" -gt 0 ] && printf ','
		printf '{"event_type":"custom_event","data":'
		printf '{"event_name":"%s %s"}}' "$2" "$i"
		i=$((i + 1))
	done
	printf ']}'
}

send() {
	[ "$(post /v2/events "$work/batch.json")" = 202 ] || fail "no 202"
}

# ask PATH BODY: the answer's status; its body is in $work/asked.
ask() {
	admin_call POST "$1" -H 'Content-Type: application/json' -d "$2" \
	    -o "$work/asked" -D "$work/head" -w '%{http_code}'
}

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@" < /dev/null
}

job() {
	admin_call GET "/v1/jobs/$1" | jq -r "$2"
}

job_is() {
	equals "$(job "$1" "$2")" "$3"
}

stuck_are() {
	sql_is 'SELECT stuck FROM v_conservation' "$1"
}

start_sink --track-limit 100000/1s --identity-limit 1000000/1s \
    --app-limit 1000000/1s --remember 100000
make_config <<'EOT'
track_limit = 100000/1s
identity_limit = 1000000/1s
app_limit = 1000000/1s
external_id = email
EOT

# Three hundred events that Heap refuses, of three people: too few to make it
# look as if it refused everything.
fault '{"match":{"contains":"poison"},"do":{"status":400,"index":true}}'
start_agent
for person in ada bob eve; do
	batch "\"user_identities\":{\"email\":\"$person@example.com\"}" \
	    poison > "$work/batch.json"
	send
done
wait_for 60 stuck_are 300 ||
    fail "not stuck: $(sql 'SELECT * FROM v_conservation')"

# How many they are, before anything is done.
[ "$(ask /v1/replay '{"filter":{},"dry_run":true}')" = 400 ] ||
    fail "an empty filter was not refused"
[ "$(ask /v1/replay '{"filter":{"reason":"refused"},"dry_run":true}')" = \
    200 ] || fail "dry run: $(cat "$work/asked")"
[ "$(jq -c '[.count, .identities, .forecast.seconds]' "$work/asked")" = \
    '[300,3,0]' ] || fail "dry run: $(cat "$work/asked")"
[ "$(ctl discard --name 'poison 7' --dry-run | jq .count)" = 3 ] ||
    fail "heaprelayctl counts something else"
if ctl replay --all 2> "$work/refused"; then
	fail "heaprelayctl replays everything unasked"
fi
grep -q -e --yes "$work/refused" || fail "it does not tell of --yes"
stuck_are 300 || fail "a dry run has changed something"

# One of them is given up, the others go again once Heap takes them.
ctl discard --identity eve@example.com --yes > "$work/job" ||
    fail "discard: $(cat "$work/job")"
[ "$(jq -c '[.state, .total, .moved, .skipped]' "$work/job")" = \
    '["done",100,100,0]' ] || fail "discard: $(cat "$work/job")"
sql_is 'SELECT discarded FROM v_conservation' 100 || fail "not discarded"
curl -s -X DELETE "$sink/faults" > /dev/null
[ "$(ask /v1/replay '{"filter":{"since":"-1h"}}')" = 202 ] ||
    fail "replay: $(cat "$work/asked")"
grep -qi '^location: /v1/jobs/2' "$work/head" || fail "where is the job?"
wait_for 20 job_is 2 .state done || fail "the job does not end: $(job 2 .)"
job_is 2 .moved 200 || fail "moved: $(job 2 .)"
wait_for 20 sql_is 'SELECT delivered FROM v_conservation' 200 ||
    fail "the replayed ones are not through"
sql_is "SELECT count(*) FROM audit" 2 || fail "an audit row a job"

# Three thousand that nobody could be found for, until the settings change:
# each is mapped again, with the hundred events of its batch.
stop_agent
sed -i 's/^external_id.*/external_id = customer_id/' "$work/agent.conf"
start_agent
batch '"user_identities":{"email":"ada@example.com"}' lost > "$work/batch.json"
n=0
while [ "$n" -lt 30 ]; do
	send
	n=$((n + 1))
done
stuck_are 3000 || fail "not stuck: $(sql 'SELECT * FROM v_conservation')"
stop_agent
sed -i 's/^external_id.*/external_id = email/' "$work/agent.conf"
start_agent

remap='{"filter":{"reason":"no_identity"},"remap":true}'
[ "$(ask /v1/replay "$remap")" = 202 ] || fail "remap: $(cat "$work/asked")"
moves() { [ "$(job "$1" .moved)" -gt 0 ]; }
wait_for 20 moves 3 || fail "the job does not begin: $(job 3 .)"
ctl jobs cancel 3 > /dev/null || fail "cannot cancel"
job_is 3 .state cancelled || fail "not cancelled: $(job 3 .)"
[ "$(job 3 '.moved < .total')" = true ] || fail "cancelled too late"
[ "$(admin_call DELETE /v1/jobs/3 -o /dev/null -w '%{http_code}')" = 409 ] ||
    fail "cancelled twice"

# Killed in the middle, it goes on; batches are answered at once meanwhile.
left=$(sql 'SELECT stuck FROM v_conservation')
[ "$(ask /v1/replay "$remap")" = 202 ] || fail "remap: $(cat "$work/asked")"
wait_for 20 moves 4 || fail "the job does not begin: $(job 4 .)"
kill_agent
sql_is "SELECT state, moved < total FROM job WHERE id = 4" 'running|1' ||
    fail "killed too late: $(sql 'SELECT * FROM job')"
start_agent
slowest=$(for n in 1 2 3 4 5; do
	post /v2/events "$work/batch.json" -w '%{http_code} %{time_total}\n'
done | awk '$1 != 202 { print "refused"; exit }
    $2 > most { most = $2 } END { print most < 1 ? "fast" : most }')
[ "$slowest" = fast ] || fail "a batch waited for the job: $slowest"
wait_for 60 job_is 4 .state done || fail "it does not go on: $(job 4 .)"
[ "$(job 4 '[.total, .moved, .skipped] | @csv')" = "$left,$left,0" ] ||
    fail "not $left: $(job 4 .)"
stuck_are 0 || fail "left behind: $(sql 'SELECT * FROM v_conservation')"
wait_for 60 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_conservation')"
sink_is .objects 3700 || fail "$(sink_stat .objects) arrived, not 3700"
check_conserved
stop_agent
