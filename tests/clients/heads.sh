#!/bin/sh
# heads.sh - senders that need not be there, byte by byte: the head that each
# is known to send, a body of our own in its shape, and what of it arrives
#
# No client is run.  npm_mparticle.sh, python_sdk.sh, ruby_sdk.sh and
# npm_web_sdk.sh run theirs, the middle two seldom: they need more than Debian.
. "${srcdir:-.}/tests/clients/lib.sh"

knock=$build/tests/flow/knock
auth='Authorization: Basic a2V5OnNlY3JldA=='

start_sink
make_config <<'EOT'
external_id = customer_id
forward_user_attributes = true
EOT
# Idle connections are closed soon, which is what knock waits for.
sed -i 's/^\[ingest\]/&\nrequest_timeout = 2s/' "$work/agent.conf"
start_agent

# sends NAME: head, an empty line and body are on stdin.  %s in the head is
# the length of the body.  It must get a 202 without a body.
sends() {
	cat > "$work/request"
	sed '/^$/,$d' "$work/request" > "$work/lines"
	sed '1,/^$/d' "$work/request" > "$work/body"
	case $1 in
	Go*) ;;				# ends its body in a line feed
	*) printf '%s' "$(cat "$work/body")" > "$work/body.new"
	   mv "$work/body.new" "$work/body" ;;
	esac
	length=$(wc -c < "$work/body")
	{
		sed "s/%s/$length/; s/\$/\r/" "$work/lines"
		printf '\r\n'
		if grep -q '^Transfer-Encoding: chunked' "$work/lines"; then
			printf '%x\r\n' "$length"
			cat "$work/body"
			printf '\r\n0\r\n\r\n'
		else
			cat "$work/body"
		fi
	} | "$knock" "$ingest_port" > "$work/came"
	# What a client that asked for it is told before; knock did not wait.
	sed '/^HTTP\/1\.1 100 Continue/,/^\r$/d' "$work/came" > "$work/answer"
	head -n 1 "$work/answer" | grep -q '^HTTP/1.1 202 ' ||
	    fail "$1: $(cat "$work/came")"
	grep -qi '^Content-Length: 0' "$work/answer" ||
	    fail "$1: the 202 has a body"
	tried "$1" "$2" 202
}

sends 'Salesforce Apex callout' 62.0 <<EOT
POST /v2/events/events HTTP/1.1
$auth
Content-Type: application/json
User-Agent: SFDC-Callout/62.0
SFDC_STACK_DEPTH: 1
Cache-Control: no-cache
Pragma: no-cache
Host: relay.example.com
Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2
Connection: keep-alive
Content-Length: %s

{"user_identities":{"customer_id":"apex"},"user_attributes":null,"events":[{"event_type":"custom_event","data":{"event_name":"From Apex","custom_event_type":"other","custom_attributes":{"Ticket Name":"T-1","Priority":null}}}],"environment":"production"}
EOT
sends 'mparticle (Python)' 0.16.0 <<EOT
POST /v2/events HTTP/1.1
Host: relay.example.com
Accept-Encoding: identity
Content-Length: %s
Accept: application/json
Content-Type: application/json
User-Agent: mParticle Python client/0.16.0
$auth

{"events": [{"data": {"event_name": "From Python", "custom_event_type": "navigation", "custom_attributes": {"city": "K\u00f6ln"}}, "event_type": "custom_event"}], "environment": "production", "user_identities": {"customerid": "python"}, "mpid": "12"}
EOT
sends 'mparticle (Ruby)' 1.1.1 <<EOT
POST /v2/bulkevents HTTP/1.1
Host: relay.example.com
User-Agent: mParticle Ruby client/1.1.1
Content-Type: application/json
Accept: application/json
$auth
Content-Length: %s

[{"events":[{"data":{"custom_attributes":{"n":1.5,"none":null},"custom_event_type":"navigation","event_name":"From Ruby"},"event_type":"custom_event"}],"environment":"production","user_identities":{"customerid":"ruby"},"user_attributes":{"tag":null}}]
EOT
sends 'mparticle (Go)' 1.1.6 <<EOT
POST /v2/events HTTP/1.1
Host: relay.example.com
User-Agent: mParticle Go SDK/1.1.6
Content-Length: %s
Accept: application/json
$auth
Content-Type: application/json
Accept-Encoding: gzip

{"events":[{"data":{"custom_attributes":{"sign":"\u003ca \u0026 b\u003e"},"custom_event_type":"other","event_name":"From Go"},"event_type":"custom_event"}],"environment":"production","user_identities":{"customer_id":"go"},"context":{"batching":{"bypass":true}}}
EOT
sends 'mparticle (Java)' 2.7.0 <<EOT
POST /v2/events HTTP/1.1
$auth
Content-Type: application/json; charset=UTF-8
Content-Length: %s
Host: relay.example.com
Connection: Keep-Alive
Accept-Encoding: gzip
User-Agent: okhttp/3.12.0

{"events":[{"data":{"product_action":{"action":"PURCHASE","products":[],"transaction_id":"o-1","total_amount":null},"promotion_action":null,"product_impressions":[],"shopping_cart":null,"timestamp_unixtime_ms":null},"event_type":"COMMERCE_EVENT"}],"environment":"PRODUCTION","user_identities":{"customer_id":"java","email":null},"device_info":null,"mpid":null}
EOT
sends 'mparticle (.NET)' 1.4.0 <<EOT
POST /v2/bulkevents HTTP/1.1
Host: relay.example.com
$auth
Accept: application/json
Expect: 100-continue
Content-Type: application/json; charset=utf-8
Content-Length: %s

[{"api_key":"key","environment":"production","user_identities":{"customer_id":"dotnet"},"events":[{"event_type":"screen_view","data":{"screen_name":"From .NET"}}]}]
EOT
sends 'walkerOS' 1.x <<EOT
POST /v2/events HTTP/1.1
Host: relay.example.com
Connection: close
Content-Type: application/json
$auth
Transfer-Encoding: chunked

{"environment":"production","source_request_id":"w-1","user_identities":{"customer_id":"walker"},"events":[{"event_type":"custom_event","data":{"event_name":"From walkerOS","custom_event_type":"other","source_message_id":"w-1"}}]}
EOT
sends 'RudderStack' - <<EOT
POST /v2/bulkevents HTTP/1.1
User-Agent: RudderLabs
Accept-Encoding: gzip
Content-Type: application/json
$auth
Host: relay.example.com
Content-Length: %s

[{"environment":"production","user_identities":{"customerid":"rudder","other2":"anonymous"},"events":[{"event_type":"custom_event","data":{"event_name":"From RudderStack","custom_event_type":"other"}}]}]
EOT
sends 'Looker' - <<EOT
POST /s2s/v2/bulkevents HTTP/1.1
host: relay.example.com
accept: application/json
content-type: application/json
authorization: basic a2V5OnNlY3JldA==
content-length: %s
Connection: close

[{"environment":"production","user_identities":{"customerid":"looker","email":null},"user_attributes":{"score":7},"events":[]}]
EOT

wait_for 40 sql_is 'SELECT queued + inflight + stuck FROM v_conservation' 0 ||
    fail "left: $(sql 'SELECT * FROM v_queue')"
curl -s "$sink/events" | jq -Sc '.events[].object |
    [.identity, .event, .properties]' | sort > "$work/arrived"
sort > "$work/expected" <<'EOT'
["apex","From Apex",{"Ticket Name":"T-1","event_type":"other"}]
["dotnet","Viewed: From .NET",{"screen_name":"From .NET"}]
["go","From Go",{"event_type":"other","sign":"<a & b>"}]
["java","Product Action Event",{"product_action":"purchase","transaction_id":"o-1"}]
["python","From Python",{"city":"Köln","event_type":"navigation"}]
["ruby","From Ruby",{"event_type":"navigation","n":1.5}]
["rudder","From RudderStack",{"event_type":"other"}]
["walker","From walkerOS",{"event_type":"other"}]
EOT
diff "$work/expected" "$work/arrived" >&2 || fail 'something else arrived'
score=$(curl -s "$sink/users?identity=looker" |
    jq -r '.users[].properties.score')
[ "$score" = 7 ] || fail "the user property is $score"
check_conserved
stop_agent
