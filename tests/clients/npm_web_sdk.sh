#!/bin/sh
# npm_web_sdk.sh - what mParticle's Web SDK uploads from a page is taken at
# /v2/events, is mapped, and is left to the page where the output says so
. "${srcdir:-.}/tests/clients/lib.sh"

version=2.68.0
npm_packages "@mparticle/web-sdk@$version" jsdom@26.1.0
cp "$clients/npm_web_sdk.js" "$work"
node "$work/npm_web_sdk.js" > "$work/batches" || fail 'the SDK in a page'

# `page` leaves to the browser what comes from there.
start_sink
make_config <<'EOT'
external_id = customer_id
forward_user_attributes = true
[output page]
app_id = 55
external_id = customer_id
forward_user_attributes = true
forward_web_requests_server_side = false
EOT
sed -i "s|^app_id = 55$|&\nbase_url = $sink|" "$work/agent.conf"
start_agent

n=0
while read -r batch; do
	printf '%s' "$batch" > "$work/batch.json"
	status=$(post /v2/events "$work/batch.json")
	[ "$status" = 202 ] || fail "$status $(cat "$work/answer"): $batch"
	n=$((n + 1))
done < "$work/batches"
[ "$n" -ge 8 ] || fail "only $n batches came from the page"
wait_for 40 sql_is 'SELECT queued + inflight + stuck FROM v_conservation' 0 ||
    fail "left: $(sql 'SELECT * FROM v_queue')"

curl -s "$sink/events?limit=1000" | jq -Sc '.events[] |
    select(.app_id == "1234567890") | .object |
    [.identity, .event, (.properties | del(.session_duration_ms))]' |
    sort > "$work/arrived"
sort > "$work/expected" <<'EOT'
["c-42","Session Start",{}]
["c-42","Add to list",{"event_type":"other","gift":"true","item":"book","rating":1.5}]
["c-42","Viewed: Home",{"screen_name":"Home","section":"front"}]
["c-42","Product Action Event",{"note":"thanks","product_action":"purchase","product_ids":"sku-1","total_amount":19.98,"transaction_id":"o-1"}]
["c-42","Product Action Item",{"product_action":"purchase","product_id":"sku-1","product_name":"Widget","product_price":9.99,"product_quantity":2,"total_product_amount":19.98,"transaction_id":"o-1"}]
["c-42","Promotion Event",{"promotion_action":"click","promotion_ids":"p-1"}]
["c-42","Promotion Event Item",{"promotion_action":"click","promotion_creative":"banner","promotion_id":"p-1","promotion_name":"Sale","promotion_position":1}]
["c-42","Impression Event",{"product_ids":"sku-1","product_impression_list":"Suggested"}]
["c-42","Product Impression Item",{"product_id":"sku-1","product_impression_list":"Suggested","product_name":"Widget","product_price":9.99,"product_quantity":2,"total_product_amount":19.98}]
["c-42","Session End",{}]
EOT
diff "$work/expected" "$work/arrived" >&2 || fail 'something else arrived'
plan=$(curl -s "$sink/users?app_id=1234567890&identity=c-42" |
    jq -r '.users[].properties.plan')
[ "$plan" = gold ] || fail "the user property is $plan"

# The other output got none of it, and says why of each.
[ "$(sink_stat '.apps["55"].requests // 0')" = 0 ] ||
    fail 'the page was not left alone'
reasons=$(sql "SELECT DISTINCT e.state || ' ' || e.reason FROM event AS e
    JOIN lane AS l ON l.id = e.lane JOIN output AS o ON o.id = l.output
    WHERE o.name = 'page'")
[ "$reasons" = 'skipped web_client_side' ] || fail "reasons: $reasons"
check_conserved
stop_agent
tried '@mparticle/web-sdk (npm)' "$version" "$n batches"
