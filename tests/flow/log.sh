#!/bin/sh
# log.sh - what is logged is whole lines, and nothing that a sender, a person
# or an operator would not want to read there
#
# Everything that may not appear has the same word in it; what happens to it
# is all that can: it is accepted, refused, sent, refused by Heap with a text
# that quotes it, retried, replayed, looked for, erased.
. "${srcdir:-.}/tests/flow/lib.sh"

word=TELLTALE

said() {
	grep -q "$1" "$work/agent.log"
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# post_event NAME PERSON: each person has a number as well.
post_event() {
	cat > "$work/event.json" <<EOT
{"mpid":"7711771$(printf %s "$2" | wc -c)","user_identities":{"customer_id":"$word-$2",
 "email":"$2@$word.example"},"user_attributes":{"$word":"is $word"},
 "ip":"198.51.100.77","device_info":{"device_model":"$word"},
 "events":[{"event_type":"custom_event","data":{"event_name":"$word $1",
 "custom_attributes":{"$word":"$word"}}}]}
EOT
	post /v2/events "$work/event.json" > /dev/null
}

# identity PERSON: as Heap gets it.
identity() {
	sql "SELECT value FROM identity WHERE value LIKE '%$1%' LIMIT 1"
}

# misuse: everything that is answered with an error.
misuse() {
	printf '{"events":"%s' $word > "$work/broken.json"
	post /v2/events "$work/broken.json" > /dev/null
	printf '{"events":[{"event_type":"%s"}]}' $word > "$work/broken.json"
	post /v2/events "$work/broken.json" > /dev/null
	post /v2/$word "$work/event.json" > /dev/null
	post /v2/events "$work/event.json" -u "$word:$word" > /dev/null
	post /v2/events "$work/event.json" -H "Content-Encoding: $word" \
	    > /dev/null
	curl -s -m 10 "$ingest/" -H "Host: $word, $word" > /dev/null || true
	printf 'GET /%s HTTP/9\r\n%s\r\n\r\n' $word $word |
	    curl -s -m 2 "telnet://127.0.0.1:$ingest_port" > /dev/null || true
	curl -s -m 10 "$admin/v1/status" -H "Authorization: Bearer $word" \
	    > /dev/null
	admin_call GET "/v1/$word?$word=$word" > /dev/null
	admin_call GET "/v1/events?identity=$word&name=$word" > /dev/null
	admin_call GET "/v1/identities/$word-one" > /dev/null
	admin_call POST /v1/map -H 'Content-Type: application/json' \
	    -d "{\"input\":\"test\",\"path\":\"/v2/events\",\"body\":\"$word\"}" \
	    > /dev/null
}

# busy: events that arrive, that are refused, that fail and that are erased.
busy() {
	fault "{\"match\":{\"event\":\"$word refused\"},\"do\":{\"status\":400,\"body\":\"no $word: events[0] of $word-one is not \\\"right\\\"\"}}"
	fault "{\"match\":{\"event\":\"$word fails\"},\"do\":{\"status\":500,\"body\":\"$word\"},\"count\":2}"
	fault "{\"match\":{\"event\":\"$word many\"},\"do\":{\"status\":429,\"body\":\"$word\"},\"count\":1}"
	for person in one second third-person; do
		for name in fine refused fails fine many; do
			post_event $name $person
		done
	done
	misuse
	wait_for 20 sql_is "SELECT count(*) > 0 FROM event
	    WHERE state = 'stuck'" 1 || fail "nothing is stuck"
	wait_for 20 sql_is "SELECT count(*) > 4 FROM event
	    WHERE state = 'delivered' AND event_index IS NOT NULL" 1 ||
	    fail "little arrived"
	stuck=$(sql "SELECT min(id) FROM event WHERE state = 'stuck'")
	admin_call POST "/v1/events/$stuck/replay" \
	    -H 'Content-Type: application/json' -d '{}' > /dev/null
	admin_call POST /v1/replay -H 'Content-Type: application/json' \
	    -d "{\"filter\":{\"identity\":\"$(identity second)\"}}" > /dev/null
	wait_for 20 sql_is "SELECT count(*) FROM job
	    WHERE state = 'running'" 0 || fail "a job does not end"
	admin_call DELETE "/v1/identities/$(identity one |
	    jq -Rr @uri)" -H 'Content-Type: application/json' > /dev/null
	wait_for 10 said 'erase: done' || fail "nobody was erased"
	sed -i "s/^secret = .*$/secret = $word-$1/" "$work/agent.conf"
	kill -HUP "$agent_pid"
	wait_for 10 said 'main: reloaded' || fail "no reload"
	sed -i "s/^secret = .*$/secret = secret/" "$work/agent.conf"
	kill -USR1 "$agent_pid"
	wait_for 10 said 'status: version' || fail "no status"
}

# Nothing of it, nor the token, and not even the address.
check_silence() {
	for text in "$word" "$token" 7711771 198.51.100.77; do
		if grep -iqF -- "$text" "$work/agent.log"; then
			fail "$text is in the log: $(grep -iF -- "$text" \
			    "$work/agent.log" | head -3)"
		fi
	done
	for text in 'dispatch: stuck output=heap lane=track' \
	    'dispatch: failed output=heap' 'intake: refused input=test' \
	    'intake: refused input=-' 'jobs: done id=[0-9]* kind=replay moved=[12]' \
	    'main: stopped'; do
		said "$text" || fail "the log lacks $text"
	done
}

log_level=debug
start_sink
make_config <<'EOT'
backoff_base = 10ms
backoff_max = 20ms
external_id = customer_id
track_limit = 100/1s
app_limit = 1000/1s
EOT
start_agent
stop_agent	# once more, now that its file names the ports, for HUP
start_agent
busy one
stop_agent
check_silence
if grep -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z (error|warn|info|debug) heaprelayd: [a-z]+: .' \
    "$work/agent.log"; then
	fail "these lines look otherwise"
fi

sed -i 's/^log_level = .*/&\nlog_format = json/' "$work/agent.conf"
start_agent
busy two
stop_agent
check_silence
jq -e -s 'length > 20 and all(.time and .level and .program == "heaprelayd" and
    (.message | test("^[a-z]+: ")))' "$work/agent.log" > /dev/null ||
    fail "the log is not lines of JSON: $(head -n 3 "$work/agent.log")"
