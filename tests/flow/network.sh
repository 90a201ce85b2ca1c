#!/bin/sh
# network.sh - whatever the network or a host does to a request, each event
# arrives once: what is in doubt goes again with the same keys, and no
# certificate is ever skipped
. "${srcdir:-.}/tests/flow/lib.sh"

badhost=$build/tests/flow/badhost
[ -x "$badhost" ] || fail "$badhost was not built"
bad_pid=
bad_port=0

# bad COUNT FAULT: the host in front of the sink, on one port for all.
bad() {
	rm -f "$work/bad.out"
	"$badhost" "$bad_port" "$1" "$2" "$sink_port" > "$work/bad.out" &
	bad_pid=$!
	readers=$bad_pid
	wait_for 10 grep -q listening "$work/bad.out" || fail 'no bad host'
	bad_port=$(sed -n 's/.*listening on //p' "$work/bad.out")
}

settings() {
	make_config <<-'EOT'
	backoff_base = 50ms
	backoff_max = 200ms
	connect_timeout = 2s
	timeout = 1s
	EOT
}

sent=0
# send NAME: an event of a person of its own.
send() {
	sent=$((sent + 1))
	cat > "$work/event.json" <<-EOT
	{"mpid":"$sent","events":[{"event_type":"custom_event","data":{"event_name":"$1"}}]}
	EOT
	[ "$(post /v2/events "$work/event.json" -m 5)" = 202 ] ||
	    fail "$1: no 202"
}

event() {
	sql "SELECT $2 FROM event WHERE name = '$1'"
}

tried() {
	[ "$(event "$1" attempts)" -ge "$2" ]
}

arrives() {
	wait_for 40 sql_is "SELECT state FROM event WHERE name = '$1'" \
	    delivered || fail "$1: $(sql 'SELECT * FROM v_queue')"
	sink_is .objects "$sent" ||
	    fail "$1: $(sink_stat .objects) events arrived, not $sent"
}

start_sink
real=$sink
bad 0 none
sink=http://127.0.0.1:$bad_port
settings
sink=$real
start_agent

# Nobody listens; and then somebody does.
end "$bad_pid"
send refused
wait_for 20 tried refused 2 || fail 'refused: it is not tried again'
bad 0 none
arrives refused

# Two connections end so.  LOST: the event was there already, so that going
# again shows as a duplicate.  Of a 2xx the status line decides, so that what
# follows it, cut, broken or endless, sends nothing again: ATTEMPTS.
while read -r fault lost attempts; do
	end "$bad_pid"
	duplicates=$(sink_stat .duplicates)
	bad 2 "$fault"
	send "$fault"
	arrives "$fault"
	[ "$(event "$fault" attempts)" -ge "$attempts" ] ||
	    fail "$fault: $(event "$fault" attempts) attempts"
	again=$(($(sink_stat .duplicates) - duplicates))
	[ "$again" -ge "$lost" ] && [ "$again" -le $((lost * 2)) ] ||
	    fail "$fault: $again duplicates"
done <<'EOT'
reset-before 0 2
reset-during 0 2
hole 0 2
reset-after 1 2
drip 1 2
garbage 1 2
cut 0 1
chunks 0 1
endless 0 1
huge 1 2
EOT
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$agent_pid/status")
[ "$peak" -lt 400000 ] || fail "endless answers needed $peak kB"
check_conserved
stop_agent
end "$bad_pid"
bad_pid=
readers=

command -v openssl > /dev/null || skip 'the rest needs openssl'

# certificate NAME HOST DAYS: signed by our own authority.
authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \
	    -keyout "$work/$1.key" -out "$work/$1.pem" 2> /dev/null
}

certificate() {
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" \
	    -keyout "$work/$1.key" -out "$work/$1.csr" 2> /dev/null
	printf 'subjectAltName=DNS:%s\n' "$2" > "$work/ext"
	openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" \
	    -CAkey "$work/ca.key" -set_serial "$3" -days "$4" \
	    -extfile "$work/ext" -out "$work/$1.pem" 2> /dev/null ||
	    fail "openssl cannot make $1"
}
authority ca
authority stranger
certificate good localhost 1 2
certificate name elsewhere.example 2 2
certificate expired localhost 3 -1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost' \
    -keyout "$work/self.key" -out "$work/self.pem" 2> /dev/null

tls_sink() {
	end "$sink_pid"
	start_sink --certificate "$work/$1.pem" --key "$work/$1.key"
}

sink_stat() {
	curl -s -m 30 --cacert "$work/ca.pem" \
	    "https://localhost:$sink_port/stats" | jq -r "$1"
}

rm -f "$work"/queue.db*
sent=0
tls_sink good
sink=https://localhost:$sink_port
settings
echo "ca_file = $work/ca.pem" >> "$work/agent.conf"
start_agent
send good
arrives good
for wrong in name expired self; do
	# What arrived before is forgotten with the sink that it came to.
	tls_sink "$wrong"
	sent=0
	send "$wrong"
	wait_for 20 tried "$wrong" 2 || fail "$wrong: it is not tried again"
	wait_for 20 sql_is "SELECT state FROM event WHERE name = '$wrong'" \
	    queued ||
	    fail "$wrong: $(event "$wrong" state)"
	event "$wrong" last_error | grep -qi certificate ||
	    event "$wrong" last_error | grep -qi 'subject name' ||
	    fail "$wrong: the error is $(event "$wrong" last_error)"
	arrived=$(curl -s -m 30 -k "https://localhost:$sink_port/stats" |
	    jq -r .requests.total)
	[ "$arrived" = 0 ] || fail "$wrong: $arrived requests got through"
	tls_sink good
	arrives "$wrong"
done
stop_agent

# The same host, and an authority that has not signed for it.
sed -i "s|^ca_file = .*|ca_file = $work/stranger.pem|" "$work/agent.conf"
start_agent
sent=$((sent + 100))
send stranger
wait_for 20 tried stranger 2 || fail 'stranger: it is not tried again'
[ "$(sink_stat .requests.total)" = 1 ] ||
    fail "$(sink_stat .requests.total) requests, not the 1 of before"
stop_agent
