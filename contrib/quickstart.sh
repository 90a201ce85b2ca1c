#!/bin/sh
#
# quickstart.sh - heaprelay's main job, with nothing to configure
#
# Installs what is missing (Debian 12), builds into build/quickstart, starts a
# simulated Heap and the agent on loopback, posts what a Salesforce org and a
# shop would post, and shows it arriving.  Stays up until Ctrl-C; with --once
# it ends by itself.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=contrib/packages.sh
. contrib/packages.sh

once=
case ${1:-} in
--once) once=1 ;;
'') ;;
*) echo "usage: sh contrib/quickstart.sh [--once]" >&2; exit 64 ;;
esac

# shellcheck disable=SC2086
install_packages $packages_build $packages_show

build=build/quickstart
echo "Building in $build"
[ -x configure ] || autoreconf -i > /dev/null 2>&1 || autoreconf -i
mkdir -p "$build"
[ -f "$build/Makefile" ] ||
    (cd "$build" && ../../configure CFLAGS='-O2 -g' > configure.out) ||
    { cat "$build/configure.out"; exit 1; }
make -s -C "$build" -j"$(nproc)" all > /dev/null

run=$(mktemp -d)
agent_pid=
sink_pid=
cleanup() {
	trap - EXIT INT TERM
	[ -z "$agent_pid" ] || kill "$agent_pid" 2> /dev/null || true
	[ -z "$agent_pid" ] || wait "$agent_pid" 2> /dev/null || true
	[ -z "$sink_pid" ] || kill "$sink_pid" 2> /dev/null || true
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# wait_for FILE TEXT: until a program has said so.
wait_for() {
	tries=200
	until grep -q "$2" "$1" 2> /dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat "$1" >&2; exit 1; }
		sleep 0.05
	done
}

"$build/heaprelay-sink" --listen 127.0.0.1:0 > "$run/sink.out" 2>&1 &
sink_pid=$!
wait_for "$run/sink.out" 'listening on'
sink=$(sed -n 's/^.*listening on //p' "$run/sink.out")

# start_agent INGEST-PORT ADMIN-PORT: false when a port is taken.
start_agent() {
	cat > "$run/heaprelay.conf" <<EOT
[agent]
database = $run/queue.db
[ingest]
listen = 127.0.0.1:$1
[admin]
listen = 127.0.0.1:$2
[input salesforce]
key = demo-key
secret = demo-secret
feed_name = Salesforce
[output heap]
app_id = 1234567890
development_app_id = 987654321
forward_user_attributes = true
base_url = $sink
EOT
	"$build/heaprelayd" -c "$run/heaprelay.conf" 2> "$run/agent.log" &
	agent_pid=$!
	tries=200
	until grep -q 'main: started' "$run/agent.log"; do
		kill -0 "$agent_pid" 2> /dev/null || return 1
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}
start_agent 8080 8090 || start_agent 0 0 || { cat "$run/agent.log"; exit 1; }
port_of() {
	sed -n "s/.*listening front=$1.* port=\([0-9]*\).*/\1/p" \
	    "$run/agent.log"
}
ingest=http://127.0.0.1:$(port_of ingest)
admin=http://127.0.0.1:$(port_of admin)

post() {
	echo
	echo "POST $ingest/v2/events   ($1)"
	curl -s -u demo-key:demo-secret -H 'Content-Type: application/json' \
	    -o "$run/answer" -w '  answered %{http_code} in %{time_total}s\n' \
	    -d "$2" "$ingest/v2/events"
	[ ! -s "$run/answer" ] || cat "$run/answer"
}

post 'Salesforce: a ticket was created' '{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Created","custom_event_type":"other","custom_attributes":{"Ticket Name":"T-00001"}}}],"user_identities":{"email":"ada@example.com"},"user_attributes":{"Last Open Ticket":"https://org.example.com/a001"},"environment":"development"}'
post 'Salesforce: it was closed' '{"events":[{"event_type":"custom_event","data":{"event_name":"Ticket Closed","custom_event_type":"other","custom_attributes":{"Ticket Name":"T-00001"}}}],"user_identities":{"email":"ada@example.com"},"environment":"development"}'
post 'a shop: a purchase' '{"events":[{"event_type":"commerce_event","data":{"product_action":{"action":"purchase","transaction_id":"order-7","total_amount":25.50,"products":[{"id":"sku-1","name":"Widget","price":12.75,"quantity":2}]},"currency_code":"EUR"}}],"mpid":"-8230145533019228417","environment":"production"}'

tries=200
until [ "$(curl -s "$sink/stats" | jq .objects)" = 4 ] &&
    [ "$(curl -s "$sink/stats" | jq .updates)" = 1 ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { cat "$run/agent.log"; exit 1; }
	sleep 0.05
done

echo
echo 'What arrived at the simulated Heap, oldest first:'
# Cut by text, since a tool that reads numbers would write 25.50 as 25.5.
{ curl -s "$sink/events"; echo; } | sed 's/{"number":/\n&/g' | sed -n \
    's/.*"app_id":"\([0-9]*\)".*"object":\({.*}\)}[],}]*$/  app \1  \2/p' |
    tac
echo
echo 'What the agent says of it (heaprelayctl events):'
"$build/heaprelayctl" --url "$admin" --token-file "$run/admin.token" events |
    jq -r '"  \(.id)  \(.state)  \(.output)  \(.lane)  \(.name // "")"'
cat <<EOT

The agent:  $ingest/v2/events, key demo-key, secret demo-secret
The page:   $admin/, which asks for the token in $run/admin.token
Admin API:  $admin/v1/status, token in $run/admin.token
            $build/heaprelayctl --url $admin --token-file $run/admin.token status
The queue:  sqlite3 -readonly $run/queue.db 'SELECT * FROM v_requests'
Heap:       $sink/events and $sink/stats
EOT
[ -z "$once" ] || exit 0
echo
echo 'Ctrl-C ends it.'
wait "$agent_pid"
