#!/bin/sh
# web_client_side.sh - with forward_web_requests_server_side = false what web
# pages send is left to the kit in the page, events and properties, and
# nothing else is; what was left can be sent after all
. "${srcdir:-.}/tests/flow/lib.sh"

ctl() {
	"$build/heaprelayctl" -c "$work/agent.conf" "$@" < /dev/null
}

batches=0
# send KEY PERSON DEVICE: an event and a property of the person, in a batch
# with this device_info.
send() {
	batches=$((batches + 1))
	cat > "$work/batch.json" <<-EOT
	{"user_identities":{"customer_id":"$2"},"device_info":$3,
	"user_attributes":{"plan":"$2"},
	"events":[{"event_type":"custom_event","data":{"event_name":"$2"}}]}
	EOT
	status=$(curl -s -m 30 -o "$work/answer" -w '%{http_code}' \
	    -u "$1:secret" --data-binary "@$work/batch.json" \
	    "$ingest/v2/events")
	[ "$status" = 202 ] || fail "$2: $status"
}

# Two outputs of one account: of `page` the kit in the browser has the rest.
start_sink
make_config <<'EOT'
external_id = customer_id
forward_user_attributes = true
[output page]
app_id = 55
external_id = customer_id
forward_user_attributes = true
forward_web_requests_server_side = false
[input all]
key = all
secret = secret
forward_web_requests_server_side = true
[input none]
key = none
secret = secret
forward_web_requests_server_side = false
EOT
sed -i "s|^app_id = 55$|&\nbase_url = $sink|" "$work/agent.conf"
# The second start has the ports in its settings, for the reload below.
start_agent
stop_agent
start_agent

send key web-lower '{"platform":"web"}'
send key web-title '{"platform":"Web","http_header_user_agent":"Mozilla"}'
send key web-upper '{"platform":"WEB"}'
send key ios '{"platform":"iOS"}'
send key desktop '{"platform":"desktop"}'
send key nowhere '{"device_manufacturer":"web"}'
send key empty '{"platform":""}'
send key server null
# An input has the last word, both ways.
send all web-all '{"platform":"web"}'
send none web-none '{"platform":"web"}'

over() {
	wait_for 40 sql_is 'SELECT queued + inflight + stuck
	    FROM v_conservation' 0 || fail "left: $(sql 'SELECT * FROM v_queue')"
}

# ended OUTPUT STATE REASON PROPERTIES: the people, by the name of the event
# in their batch, whose event (0) or properties (1) ended so.
ended() {
	sql "SELECT p.name FROM event AS e
	       JOIN lane AS l ON l.id = e.lane
	       JOIN output AS o ON o.id = l.output
	       JOIN event AS p ON p.batch = e.batch AND p.event_index = 0
	      WHERE o.name = '$1' AND e.state = '$2'
	        AND ifnull(e.reason, '-') = '$3'
	        AND (e.event_index IS NULL) = $4
	      GROUP BY p.name" | tr '\n' ' '
}

over
others='desktop empty ios nowhere server web-all '
webs='web-lower web-title web-upper '
for properties in 0 1; do
	while read -r output state reason people; do
		found=$(ended "$output" "$state" "$reason" "$properties")
		[ "$found" = "$people " ] ||
		    fail "$output $state $reason: $found"
	done <<-EOT
	heap skipped web_client_side web-none
	heap delivered - $others$webs
	page skipped web_client_side web-lower web-none web-title web-upper
	page delivered - $others
	EOT
done

# Heap has just that, of both kinds.
arrived() {
	curl -s "$sink/events?app_id=$1" | jq -r '.events[].object.event' |
	    sort | tr '\n' ' '
}

plans() {
	curl -s "$sink/users?app_id=$1" |
	    jq -r '.users[].properties.plan // empty' | sort | tr '\n' ' '
}

[ "$(arrived 55)" = "$others" ] || fail "events: $(arrived 55)"
[ "$(plans 55)" = "$others" ] || fail "properties: $(plans 55)"

# It says why, and what to do; and does it.
id=$(sql "SELECT e.id FROM event AS e JOIN lane AS l ON l.id = e.lane
    JOIN output AS o ON o.id = l.output
    WHERE o.name = 'page' AND e.name = 'web-lower'")
ctl why "$id" > "$work/why" || fail 'no why'
grep -q 'set forward_web_requests_server_side' "$work/why" ||
    fail "why: $(cat "$work/why")"
sed -i '/^forward_web_requests_server_side = false$/d' "$work/agent.conf"
ctl reload > "$work/reloaded" 2>&1 || fail "reload: $(cat "$work/reloaded")"
ctl replay --state skipped --reason web_client_side --remap --yes \
    > "$work/replayed" 2>&1 || fail "replay: $(cat "$work/replayed")"
everybody="${others}web-lower web-none web-title web-upper "
all_arrived() {
	for app in 55 1234567890; do
		[ "$(arrived $app)" = "$everybody" ] &&
		    [ "$(plans $app)" = "$everybody" ] || return 1
	done
}
wait_for 40 all_arrived || fail "$(cat "$work/replayed"), but there are
    $(arrived 55), $(plans 55), $(arrived 1234567890), $(plans 1234567890)"
over
[ "$(sink_stat .duplicates)" = 0 ] || fail 'something went twice'
check_conserved
stop_agent
echo "$batches batches"
