#!/bin/sh
# main_job.sh - a ticket, its closing and a purchase arrive at Heap, exactly
. "${srcdir:-.}/tests/flow/lib.sh"

cat > "$work/created.json" <<'EOT'
{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Created","custom_event_type":"other","custom_attributes":{"Ticket Name":"T-7"}}}],"user_identities":{"email":"Ada@Example.com"},"user_attributes":{"Last Open Ticket":"https://org.example/7"},"environment":"development"}
EOT
cat > "$work/closed.json" <<'EOT'
{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Closed","custom_event_type":"other","custom_attributes":{"Ticket Name":"T-7"}}}],"user_identities":{"email":"ada@example.com "},"environment":"development"}
EOT
cat > "$work/purchase.json" <<'EOT'
{"events":[{"event_type":"commerce_event","data":{"product_action":{"action":"purchase","transaction_id":"t-1","total_amount":25.50,"products":[{"id":"a","price":25.50}]}}}],"mpid":-9007199254740993}
EOT

start_sink
make_config <<'EOT'
forward_user_attributes = true
EOT
start_agent
for f in created closed purchase; do
	[ "$(post /v2/events "$work/$f.json")" = 202 ] || fail "$f: no 202"
	[ ! -s "$work/answer" ] || fail "$f: a 202 has no body"
done
wait_for 20 sink_is .objects 4 || fail "not all arrived: $(sink_stat .)"
wait_for 20 sink_is .updates 1 || fail "no user properties arrived"
curl -s "$sink/events" > "$work/events"

# One person, found again in another spelling; digits as they were sent.
identities=$(jq -r '[.events[].object
    | select(.event | startswith("Ticket")).identity] | unique | length' \
    "$work/events")
[ "$identities" = 1 ] || fail "two tickets of $identities people"
grep -q '"identity":"-9007199254740993"' "$work/events" ||
    fail "the MPID lost digits"
grep -q '"total_amount":25.50' "$work/events" || fail "25.50 was changed"

wait_for 20 sql_is "SELECT delivered FROM v_conservation" 4 ||
    fail "not all are marked delivered"
check_conserved
stop_agent
