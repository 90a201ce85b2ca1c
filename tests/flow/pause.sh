#!/bin/sh
# pause.sh - a paused output sends nothing, also after a restart; a probe
# releases a breaker at once; a reload answers with what is wrong
. "${srcdir:-.}/tests/flow/lib.sh"

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" --json "$@" \
	    > "$work/said" 2> "$work/complained"
}

# complained TEXT: the last ctl did.
complained() {
	grep -qF -e "$1" "$work/complained" ||
	    fail "no '$1' in: $(cat "$work/complained")"
}

# post_one NAME [ENVIRONMENT]
post_one() {
	cat > "$work/one.json" <<EOT
{"mpid":"7","environment":"${2:-production}","events":[
{"event_type":"custom_event","data":{"event_name":"$1"}}]}
EOT
	[ "$(post /v2/events "$work/one.json")" = 202 ] || fail "$1: no 202"
}

state_is() {
	sql_is "SELECT state FROM event WHERE name = '$1'" "$2"
}

# What is sent for the development app was planned behind what came before.
others_go_on() {
	post_one "$1" development
	wait_for 20 state_is "$1" delivered || fail "$1: not delivered"
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

start_sink
make_config < /dev/null
start_agent
stop_agent	# once more, now that its file names the ports, for reloads
start_agent

# --- pause ------------------------------------------------------------------

ctl pause heap || fail "pause: $(cat "$work/complained")"
[ "$(jq .paused "$work/said")" = true ] || fail "said: $(cat "$work/said")"
post_one waits
others_go_on first
kill_agent
start_agent
post_one waits too
others_go_on second
[ "$(sink_stat '.apps["1234567890"]')" = null ] || fail "something was sent"
sql_is "SELECT count(*) FROM event WHERE state = 'queued' AND attempts = 0" 2 ||
    fail "queued: $(sql 'SELECT * FROM v_queue')"
[ "$(admin_call GET /v1/events/1/why | jq -r .blocked_by)" = pause ] ||
    fail "why: $(admin_call GET /v1/events/1/why)"
[ "$(admin_call GET /health/progress | jq -r .status)" = ok ] ||
    fail "a pause is no failure"
ctl resume heap || fail "resume: $(cat "$work/complained")"
wait_for 20 sink_is '.apps["1234567890"].objects' 2 ||
    fail "did not arrive: $(sql 'SELECT * FROM v_queue')"
ctl pause no-such-output && fail "paused what is not there"
complained 'no output of that name'

# --- probe ------------------------------------------------------------------

fault '{"match":{"event":"denied"},"do":{"status":401},"count":1}'
fault '{"match":{"event":"hangs"},"do":{"hang":true},"count":1}'
post_one hangs
wait_for 20 state_is hangs inflight || fail "hangs: not sent"
post_one denied
wait_for 20 grep -q 'state=config' "$work/agent.log" ||
    fail "the breaker did not open"
ctl probe heap || fail "probe: $(cat "$work/complained")"
[ "$(jq -r .probe.track "$work/said")" = asked ] ||
    fail "said: $(cat "$work/said")"
wait_for 10 state_is denied delivered || fail "not probed at once"
state_is hangs inflight || fail "the other request has ended, too early"
ctl probe heap || fail "probe: $(cat "$work/complained")"
[ "$(jq -r .probe.track "$work/said")" = closed ] ||
    fail "said: $(cat "$work/said")"

# --- reload and settings ----------------------------------------------------

cp "$work/agent.conf" "$work/good.conf"
echo 'app_od = 1' >> "$work/agent.conf"
line=$(wc -l < "$work/agent.conf")
status=$(admin_call POST /v1/reload -o "$work/problem" -w '%{http_code}')
[ "$status" = 422 ] || fail "a bad file: $status"
jq -r '.errors[0]' "$work/problem" | grep -q "agent.conf:$line: .*app_od" ||
    fail "no line: $(cat "$work/problem")"
post_one fine
wait_for 20 state_is fine delivered || fail "the old settings are gone"

sed 's/^database = .*/database = other.db/; s/^secret = .*/secret = new/
    s/^listen = .*/listen = 127.0.0.1:1/' "$work/good.conf" \
    > "$work/agent.conf"
cp "$work/admin.token" "$work/token"
"$build/heaprelayctl" reload --url "$admin" --token-file "$work/token" \
    2> "$work/complained" && fail "reloaded what needs a restart"
complained '[agent] database cannot change while the agent runs'
complained '[ingest] listen cannot change while the agent runs'
[ "$(post /v2/events "$work/one.json")" = 202 ] || fail "no 202"

sed 's/^secret = .*/secret = new/' "$work/good.conf" > "$work/agent.conf"
ctl reload || fail "reload: $(cat "$work/complained")"
[ "$(jq -c .changed "$work/said")" = '["[input test] secret: changed"]' ] ||
    fail "said: $(cat "$work/said")"
status=$(post /v2/events "$work/one.json")
[ "$status" = 403 ] || fail "the old secret is answered $status"
admin_call GET /v1/config > "$work/settings"
jq -r '.settings[] | select(.section == "output" and .key == "app_id") |
    .value + " " + .origin' "$work/settings" |
    grep -q "^1234567890 .*agent.conf:[0-9]*$" ||
    fail "settings: $(cat "$work/settings")"
[ "$(jq -r '.settings[] | select(.section == "input" and .key == "secret") |
    .value' "$work/settings")" = '(hidden)' ] || fail "a secret is shown"

# --- a body that is only looked at ------------------------------------------

before=$(sql 'SELECT count(*) FROM batch')
jq -n --rawfile body "$work/one.json" '{body: $body}' > "$work/question"
admin_call POST /v1/map -H 'Content-Type: application/json' \
    --data-binary "@$work/question" > "$work/outcomes"
[ "$(jq -r '.outcomes[0].action' "$work/outcomes")" = send ] ||
    fail "outcomes: $(cat "$work/outcomes")"
[ "$(sql 'SELECT count(*) FROM batch')" = "$before" ] ||
    fail "what was looked at is stored"

ctl audit || fail "audit: $(cat "$work/complained")"
[ "$(jq -r .action "$work/said" | tr '\n' ' ')" = \
    'reload probe probe resume pause ' ] || fail "audit: $(cat "$work/said")"

# --- a listener in the file system ------------------------------------------

kill_agent	# one request hangs still
sed "s|^listen = 127.0.0.1:$admin_port|listen = unix:$work/admin.socket|" \
    "$work/good.conf" > "$work/agent.conf"
start_agent
ctl resume heap || fail "by the configuration: $(cat "$work/complained")"
"$build/heaprelayctl" --json --url "unix:$work/admin.socket" \
    --token-file "$work/token" status > "$work/said" ||
    fail "no answer by unix:PATH"
[ "$(jq '.outputs | length' "$work/said")" = 2 ] || fail "$(cat "$work/said")"
wait_for 20 state_is hangs delivered || fail "hangs: not sent again"
stop_agent
check_conserved
