#!/bin/sh
# reload.sh - HUP takes over what it may, certificates too, all or nothing
. "${srcdir:-.}/tests/flow/lib.sh"

command -v openssl > /dev/null || skip "no openssl command here"

certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \
	    -addext 'subjectAltName=IP:127.0.0.1' -keyout "$work/key.pem" \
	    -out "$work/chain.pem" 2> "$work/openssl.log" ||
	    fail "openssl: $(cat "$work/openssl.log")"
}

said() {
	[ "$(grep -c "$1" "$work/agent.log")" -ge "$2" ]
}

# The agent's TLS listener, as a sender sees it.
served() {
	openssl s_client -connect "127.0.0.1:$ingest_port" -tls1_2 \
	    < /dev/null 2> /dev/null | openssl x509 -noout -subject
}

# The usual helpers speak plain http.
post_tls() {
	curl -s -m 30 -o "$work/answer" -w '%{http_code}' -u key:secret \
	    --cacert "$work/chain.pem" --data-binary "@$1" \
	    "https://127.0.0.1:$ingest_port/v2/events"
}

certificate first
start_sink
make_config <<'EOT'
[input other]
key = other
secret = secret
EOT
sed -i "s|^\[admin\]|tls_certificate = $work/chain.pem\ntls_key = $work/key.pem\n[admin]|" \
    "$work/agent.conf"
start_agent
# Once more, now that its file names the ports: they may not change.
stop_agent
start_agent
case $(served) in *first*) ;; *) fail "served: $(served)" ;; esac
cat > "$work/one.json" <<'EOT'
{"mpid":"1","events":[{"event_type":"session_start"}]}
EOT
[ "$(post_tls "$work/one.json")" = 202 ] || fail "no 202 over TLS"

# A file that is wrong changes nothing, and says where.
cp "$work/agent.conf" "$work/good.conf"
sed -i 's/^app_id = .*/app_id = x/' "$work/agent.conf"
kill -HUP "$agent_pid"
wait_for 10 said 'not reloaded.*agent.conf:[0-9]*: ' 1 ||
    fail "a bad file was not refused with its place"
[ "$(post_tls "$work/one.json")" = 202 ] || fail "a bad file did harm"

# A certificate that is wrong, likewise.
cp "$work/good.conf" "$work/agent.conf"
cp "$work/key.pem" "$work/key.good"
echo broken > "$work/key.pem"
kill -HUP "$agent_pid"
wait_for 10 said 'not reloaded.*key.pem' 1 || fail "a broken key was taken"
case $(served) in *first*) ;; *) fail "served: $(served)" ;; esac

# A renewed certificate and a new output are taken over together.
certificate second
cat >> "$work/agent.conf" <<EOT
[output second]
app_id = 555
base_url = $sink
EOT
kill -HUP "$agent_pid"
wait_for 10 said 'main: reloaded' 1 || fail "not reloaded"
case $(served) in *second*) ;; *) fail "still served: $(served)" ;; esac
[ "$(post_tls "$work/one.json")" = 202 ] || fail "no 202 after the reload"
wait_for 20 sink_is '.apps["555"].objects' 1 || fail "the new output is idle"
wait_for 20 sql_is 'SELECT delivered FROM v_conservation' 4 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
check_conserved
stop_agent
