#!/bin/sh
# erase.sh - nothing of a person is left, in the files either; the others, the
# counts and the senders notice nothing; it goes on after kill -9
. "${srcdir:-.}/tests/flow/lib.sh"

ada=ada.lovelace@example.com

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@" < /dev/null
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

# batch EMAIL NAME MORE
batch() {
	printf '{"user_identities":{"email":"%s"},"user_attributes":' "$1"
	printf '{"Mail":"%s"},"events":[{"event_type":"custom_event",' "$1"
	printf '"data":{"event_name":"%s","custom_event_type":"other"}}]%s}' \
	    "$2" "${3:-}"
}

send() {
	batch "$@" > "$work/batch.json"
	[ "$(post /v2/events "$work/batch.json")" = 202 ] || fail "no 202"
}

# Is it in none of the database's files?
gone() {
	grep -c -a -i -F -e "$1" "$work/queue.db" "$work/queue.db-wal" \
	    > "$work/found" || true
	! grep -q -v ':0$' "$work/found"
}

settled() {
	sql_is 'SELECT queued + inflight FROM v_conservation' 0
}

start_open_sink
make_open_config <<'EOT'
forward_user_attributes = true
EOT
start_agent

# Delivered, refused (with an answer that quotes), and many of others.
send "$ada" fine ',"source_request_id":"sf-'"$ada"'"'
send Ada.Lovelace@Example.com fine
send bob@example.com fine
wait_for 30 settled || fail "$(sql 'SELECT * FROM v_conservation')"
fault '{"match":{"contains":"poison"},"do":{"status":400,"body":"no '"$ada"'"}}'
fault '{"match":{"contains":"venom"},"do":{"status":400}}'
send "$ada" poison
send bob@example.com venom
stuck() { sql_is 'SELECT stuck FROM v_conservation' 2; }
wait_for 30 stuck || fail "$(sql 'SELECT * FROM v_conservation')"
"$build/tests/flow/poster" "$ingest_port" key:secret 4 4000 50 other \
    > "$work/others"
wait_for 60 settled || fail "$(sql 'SELECT * FROM v_conservation')"
who=$(sql "SELECT mpid FROM profile_identity WHERE value = '$ada'")
ctl replay --identity "$who" --state stuck --yes > /dev/null || true
wait_for 30 stuck || fail "$(sql 'SELECT * FROM v_conservation')"
gone "$ada" && fail "the test finds nothing in the files"
gone "$who" && fail "the test finds nothing in the files"
accepted=$(sql 'SELECT accepted FROM v_conservation')

# Somebody must mean it.
if ctl erase -- "$who" > /dev/null 2> "$work/said"; then
	fail "a person was erased unasked"
fi
grep -q -e --yes "$work/said" || fail "it does not tell of --yes"

# While the others go on; nobody waits.
"$build/tests/flow/poster" "$ingest_port" key:secret 2 2000 50 more \
    > "$work/more" &
poster_pid=$!
ctl erase --yes -- "$who" > "$work/receipt" || fail "$(cat "$work/receipt")"
wait "$poster_pid" || fail "the senders gave up"
[ "$(wc -l < "$work/more")" = 2000 ] || fail "a sender was turned away"
[ "$(jq -c '[.identity, .batches, .profiles, .purged]' "$work/receipt")" = \
    "[\"$who\",3,1,true]" ] || fail "receipt: $(cat "$work/receipt")"
gone "$ada" || fail "still there: $(cat "$work/found")"
gone "$who" || fail "still there: $(cat "$work/found")"
grep -q -i -F "$ada" "$work/agent.log" && fail "the log names the person"
[ "$(sql 'SELECT erased FROM v_conservation')" = \
    "$(jq .events "$work/receipt")" ] || fail "erased: not as in the receipt"
[ "$(sql 'SELECT accepted FROM v_conservation')" -ge "$accepted" ] ||
    fail "the counts have lost something"
hash=$(printf %s "$who" | sha256sum | cut -d ' ' -f 1)
sql_is "SELECT count(*) >= 3 FROM request_identity
    WHERE identity = (SELECT id FROM identity WHERE hash = '$hash')" 1 ||
    fail "the requests do not count for the hash"
sql_is "SELECT count(*) FROM audit WHERE action = 'erase'
    AND subject = 'identity $hash'" 1 || fail "no line in the audit"
sql_is "SELECT count(*) FROM v_stuck WHERE name = 'venom'" 1 ||
    fail "somebody else has lost something"
[ "$(admin_call DELETE "/v1/identities/$who" -o /dev/null \
    -w '%{http_code}')" = 404 ] || fail "erased twice"

# Who comes again is somebody new.
curl -s -X DELETE "$sink/faults" > /dev/null
send "$ada" again
wait_for 30 settled || fail "$(sql 'SELECT * FROM v_conservation')"
who=$(sql "SELECT mpid FROM profile_identity WHERE value = '$ada'")
[ "$(ctl events --identity "$who" | wc -l)" = 2 ] || fail "not new"

# What waits for Heap goes too, and is not sent; what is in flight is waited
# for; kill -9 only delays it.
fault '{"match":{"contains":"slow"},"do":{"delay_ms":3000}}'
n=0
while [ "$n" -lt 20 ]; do
	send "$ada" slow
	n=$((n + 1))
done
flying() { [ "$(sql 'SELECT inflight FROM v_conservation')" -gt 0 ]; }
wait_for 20 flying || fail "nothing is in flight"
sent=$(sink_stat .requests)
curl -s -m 30 -X DELETE -H "Authorization: Bearer $token" \
    "$admin/v1/identities/$who" > "$work/receipt" &
curl_pid=$!
running() { sql_is "SELECT state FROM job WHERE kind = 'erase'
    ORDER BY id DESC LIMIT 1" running; }
wait_for 20 running || fail "it does not begin"
flying || fail "it did not wait for what is in flight"
kill_agent
wait "$curl_pid" 2> /dev/null || true
start_agent
done_() { sql_is "SELECT count(*) FROM job WHERE kind = 'erase'
    AND state = 'running'" 0; }
wait_for 30 done_ || fail "it does not go on"
wait_for 10 gone "$ada" || fail "still there: $(cat "$work/found")"
gone "$who" || fail "still there: $(cat "$work/found")"
sql_is "SELECT count(*) FROM erasure" 0 || fail "a note is left"
[ "$(sink_stat .requests)" = "$sent" ] || fail "something was sent meanwhile"
check_conserved
[ "$(sqlite3 "$work/queue.db" 'PRAGMA integrity_check')" = ok ] ||
    fail "integrity_check"
stop_agent
