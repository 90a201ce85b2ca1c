#!/bin/sh
# admin_wait.sh - while wrong tokens wait their delay nobody else is held up
. "${srcdir:-.}/tests/flow/lib.sh"

start_sink
make_config < /dev/null
start_agent
echo '{"mpid":"7","events":[{"event_type":"session_start"}]}' \
    > "$work/batch.json"

# guess: wrong tokens, twenty connections at a time, until it is ended.
guess() {
	while :; do
		for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			printf 'url = "%s/v1/status"\noutput = /dev/null\n' \
			    "$admin"
		done | curl -s -m 30 -Z --parallel-max 20 -K - \
		    -H 'Authorization: Bearer guess' 2> /dev/null
	done
}

denied() {
	curl -s -m 10 -H "Authorization: Bearer $token" "$admin/metrics" |
	    sed -n 's/^heaprelay_admin_denied_total //p'
}

denied_are() {
	[ "$(denied)" -ge "$1" ]
}

guess &
readers=$!
wait_for 20 denied_are 20 || fail 'nobody guesses'

# took STATUS: the ms of a request that was answered so; on stdin, as curl
# prints them.
took() {
	awk -v want="$1" '$1 != want { print "refused with " $1; exit }
	    { print int($2 * 1000) }'
}
# at_once NAME LIST: the middle of ten, since one may be slow for other reasons;
# who waited for the guesses would need 250 ms each time.
at_once() {
	[ "$(grep -c . "$2")" = 10 ] && ! grep -q refused "$2" ||
	    fail "$1: $(cat "$2")"
	middle=$(sort -n "$2" | sed -n 5p)
	[ "$middle" -lt 200 ] || fail "$1 waits: $middle ms"
}

before=$(denied)
for n in 1 2 3 4 5 6 7 8 9 10; do
	post /v2/events "$work/batch.json" -w '%{http_code} %{time_total}\n' |
	    took 202 >> "$work/senders"
	admin_call GET /v1/status -o /dev/null \
	    -w '%{http_code} %{time_total}\n' | took 200 >> "$work/operators"
	curl -s -m 10 -o /dev/null -w '%{http_code} %{time_total}\n' \
	    "$admin/health/ready" | took 200 >> "$work/probes"
done
at_once 'a sender' "$work/senders"
at_once 'an operator' "$work/operators"
at_once 'a probe' "$work/probes"
wait_for 10 denied_are $((before + 20)) || fail 'the guessing had ended'
wait_for 20 sql_is 'SELECT delivered FROM v_conservation' 10 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
end "$readers"
readers=
stop_agent
