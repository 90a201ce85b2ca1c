#!/bin/sh
# admin_door.sh - who is let in to the admin API, and what never comes out
. "${srcdir:-.}/tests/flow/lib.sh"

start_sink
log_level=debug
make_config < /dev/null
sed -i "s/^secret = .*/secret = s3cr3t-value/
    /^\[admin\]/a read_token_file = $work/read.token" "$work/agent.conf"
start_agent
read_token=$(cat "$work/read.token")

# ask STATUS WHAT PATH [CURL-OPTION...]: and no CORS header, ever.
ask() {
	expected=$1
	what=$2
	path=$3
	shift 3
	status=$(curl -s -m 20 -D "$work/headers" -o "$work/answer" \
	    -w '%{http_code}' -H 'Origin: http://evil.example' "$@" \
	    "$admin$path")
	[ "$status" = "$expected" ] ||
	    fail "$what: $path: $status, not $expected: $(cat "$work/answer")"
	! grep -qi '^access-control-' "$work/headers" ||
	    fail "$what: $path: $(cat "$work/headers")"
}
full="Authorization: Bearer $token"
look="Authorization: Bearer $read_token"
json='Content-Type: application/json'

reads='/metrics /v1/status /v1/events /v1/events/1 /v1/events/1/why /v1/jobs
/v1/jobs/1 /v1/requests /v1/outputs /v1/outputs/heap /v1/identities
/v1/identities/7 /v1/forecast /v1/live /v1/config /v1/verify /v1/audit'
for path in $reads; do
	ask 401 'no token' "$path"
	grep -qi '^www-authenticate: Bearer' "$work/headers" ||
	    fail "$path: no WWW-Authenticate"
	ask 401 'a wrong token' "$path" -H "Authorization: Bearer 0$token"
	ask 401 'a token by Basic' "$path" -u "x:$token"
	ask 421 'another host' "$path" -H "$full" -H 'Host: evil.example'
	[ "$path" = /v1/live ] ||
	    ask 400 'an unknown parameter' "$path?nonsense=1" -H "$full"
	ask 405 'a wrong method' "$path" -X PUT -H "$full"
	grep -qi '^allow: .*GET' "$work/headers" || fail "$path: no Allow"
done
ask 200 'the token' /v1/status -H "$full"
ask 200 'the reading token' /v1/status -H "$look"
denied=$(curl -s -H "$full" "$admin/metrics" |
    sed -n 's/^heaprelay_admin_denied_total //p')
[ "$denied" -ge 51 ] || fail "only $denied were counted as denied"

for path in /v1/events/1/replay /v1/events/1/discard /v1/replay /v1/discard \
    /v1/outputs/heap/pause /v1/outputs/heap/resume /v1/outputs/heap/probe \
    /v1/reload /v1/backup; do
	ask 403 'the reading token' "$path" -X POST -H "$look"
	ask 401 'no token' "$path" -X POST
	for site in cross-site same-site; do
		ask 403 "$site" "$path" -X POST -H "$full" \
		    -H "Sec-Fetch-Site: $site"
	done
	ask 415 'a form' "$path" -H "$full" -d 'a=b'
	ask 415 'text' "$path" -H "$full" -H 'Content-Type: text/plain' -d '{}'
done

# A wrong token waits.
took() {
	curl -s -m 20 -o /dev/null -w '%{time_total}' -H "$1" \
	    "$admin/v1/status" | awk '{ print int($1 * 1000) }'
}
[ "$(took 'Authorization: Bearer guess')" -ge 240 ] || fail 'guessing is fast'

knock=$build/tests/flow/knock
printf 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n%s\r\n\r\n' \
    "$full" | "$knock" "$admin_port" > "$work/came"
grep -q '^HTTP/1\.1 400 ' "$work/came" || fail "two Hosts: $(cat "$work/came")"

ask 200 'the page' /
grep -qi "^content-security-policy: .*default-src 'none'" "$work/headers" ||
    fail "the page's policy: $(cat "$work/headers")"

# Secrets, bodies and people stay out of log, metrics and settings.
cat > "$work/batch.json" <<'EOT'
{"user_identities":{"email":"private@example.com"},"events":[{"event_type":"custom_event","data":{"event_name":"Hush","custom_attributes":{"card":"4111"}}}]}
EOT
[ "$(post /v2/events "$work/batch.json" -u key:s3cr3t-value)" = 202 ] ||
    fail 'no 202'
wait_for 20 sink_is .objects 1 || fail 'not delivered'
curl -s -H "$full" "$admin/metrics" > "$work/metrics"
curl -s -H "$full" "$admin/v1/config" > "$work/config"
for private in s3cr3t-value "$token" "$read_token" private@example.com 4111; do
	! grep -qF -e "$private" "$work/agent.log" "$work/metrics" \
	    "$work/config" || fail "$private is told"
done

# No core of it is written: not to a file, not to a collector.
limit=$(sed -n 's/^Max core file size *\([0-9a-z]*\) *\([0-9a-z]*\).*/\1 \2/p' \
    "/proc/$agent_pid/limits")
case $limit in
'0 0' | '0 1' | '1 1') ;;
*) fail "the limit of cores is $limit" ;;
esac
stop_agent

# Not beyond loopback without being told, and not without TLS.
for more in 'hosts = x' 'allow_remote = true'; do
	sed "/^\[admin\]/,/^\[input/s/^listen = .*/listen = 0.0.0.0:0\n$more/" \
	    "$work/agent.conf" > "$work/remote.conf"
	status=0
	timeout 20 "$build/heaprelayd" -c "$work/remote.conf" \
	    2> "$work/remote.log" || status=$?
	[ "$status" = 78 ] || fail "remote, $more: $status, not 78"
	grep -q 'remote.conf:[0-9]*: .*listen' "$work/remote.log" ||
	    fail "remote, $more: $(cat "$work/remote.log")"
done
