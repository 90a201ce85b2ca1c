#!/bin/sh
# nginx.sh - contrib/nginx/heaprelay.conf, in front of the agent: what it
# takes, what it passes, and what it says when the agent is away
#
# Without an nginx here, that of Debian is unpacked into the test's directory;
# nothing is installed, and no service is started.
. "${srcdir:-.}/tests/clients/lib.sh"
. "$clients/authority.sh"

nginx=$(command -v nginx) || {
	command -v dpkg > /dev/null || skip 'no nginx here'
	(cd "$work" && apt-get download nginx) > "$work/apt.out" 2>&1 &&
	    dpkg -x "$work"/nginx_*.deb "$work/unpacked" ||
	    skip "no nginx to be had: $(tail -n 1 "$work/apt.out")"
	nginx=$work/unpacked/usr/sbin/nginx
}
"$nginx" -v > "$work/version" 2>&1 ||
    skip "nginx does not run: $(tail -n 1 "$work/version")"
version=$(sed -n 's|.*nginx/\([^ ]*\).*|\1|p' "$work/version")

certificate front localhost 2
. "$clients/front.sh"

# nginx_settings CERTIFICATE: the file as it is shipped, with ports, names and
# paths of the test.
nginx_settings() {
	sed "s|127.0.0.1:8080|127.0.0.1:$ingest_port|
	    s|listen 443 |listen 127.0.0.1:$front_port |
	    /listen \[::\]:443/d
	    s|relay.example.com;|localhost;|
	    s|^\( *ssl_certificate \).*|\1$work/$1;|
	    s|^\( *ssl_certificate_key \).*|\1$work/front.key;|
	    s|/var/log/nginx/heaprelay.log|$work/access.log|" \
	    "$srcdir/contrib/nginx/heaprelay.conf" > "$work/heaprelay.conf"
	cat > "$work/nginx.conf" <<-EOT
	$([ "$(id -u)" != 0 ] || echo 'user root;')
	daemon off;
	worker_processes 1;
	pid $work/nginx.pid;
	error_log stderr;
	events { }
	http {
	    client_body_temp_path $work/body;
	    proxy_temp_path $work/proxy;
	    fastcgi_temp_path $work/fastcgi;
	    uwsgi_temp_path $work/uwsgi;
	    scgi_temp_path $work/scgi;
	    include $work/heaprelay.conf;
	}
	EOT
}

listening() {
	kill -0 "$nginx_pid" 2> /dev/null || return 0
	"$build/tests/flow/knock" -w 1 "$front_port" < /dev/null |
	    grep -q '^-- '
}

# start_nginx CERTIFICATE: on a port that is free, which it cannot choose.
start_nginx() {
	for front_port in $(shuf -i 20000-29999 -n 20); do
		nginx_settings "$1"
		"$nginx" -q -t -p "$work" -e stderr -c "$work/nginx.conf" \
		    2> "$work/nginx.log" || {
			grep -q 'bind() to' "$work/nginx.log" && continue
			fail "nginx -t: $(cat "$work/nginx.log")"
		}
		"$nginx" -p "$work" -e stderr -c "$work/nginx.conf" \
		    2> "$work/nginx.log" &
		nginx_pid=$!
		readers=$nginx_pid		# cleanup ends it
		wait_for 20 listening || fail 'nginx does not listen'
		kill -0 "$nginx_pid" 2> /dev/null && return 0
		wait "$nginx_pid" || true
	done
	fail "nginx did not start: $(cat "$work/nginx.log")"
}

stop_nginx() {
	end "$nginx_pid"
	readers=
}

# refused STATUS WHAT [MESSAGE]: how the last one was, in the form that
# senders know; $got is the status.
refused() {
	[ "$got" = "$1" ] || fail "$2: $got, not $1"
	[ -z "${3:-}" ] ||
	    jq -r '.errors[0].message' "$work/answer" | grep -q "$3" ||
	    fail "$2: $(cat "$work/answer")"
}

head_has() {
	grep -qi "^$1" "$work/head" || fail "$2: $(cat "$work/head")"
}

# by_agent 0|1: did the last answer come from there?  nginx writes its line
# after the answer.
logged() {
	equals "$(tail -n 1 "$work/access.log" | awk -v got="$got" \
	    '{ print $5 == got, $8 != "-" }')" "1 $1"
}

by_agent() {
	wait_for 10 logged "$1" ||
	    fail "answered by another: $(tail -n 1 "$work/access.log")"
}

start_sink
make_config < /dev/null
cat >> "$work/agent.conf" <<'EOT'
[input slow]
key = slow
secret = secret
rate_limit = 1
EOT
start_agent
start_nginx front.chain.pem
front_trusted nginx
front_old nginx

# What arrives is what was sent: heads of senders, codings, both protocols.
got=$(front /v2/events/events "$work/batch.json" --http1.1 \
    -A SFDC-Callout/62.0 -H 'SFDC_STACK_DEPTH: 1' -H 'Pragma: no-cache' \
    -H 'Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2')
refused 202 'as from Salesforce'
got=$(front /s2s/v2/events "$work/batch.json" --http2)
refused 202 'HTTP/2'
got=$(front /v2/events "$work/batch.json" -H 'Transfer-Encoding: chunked' \
    --http1.1)
refused 202 'chunked'
gzip -k "$work/batch.json"
got=$(front /v2/events "$work/batch.json.gz" -H 'Content-Encoding: gzip')
refused 202 'gzip'
{ printf '{"mpid":"9","user_attributes":{"a":"'; head -c 250000 /dev/zero |
    tr '\0' a; printf '"}}'; } > "$work/large.json"
got=$(front /v2/events "$work/large.json" -H 'Expect: 100-continue')
refused 202 'nearly the largest'

# What the agent refuses passes as it is.
got=$(front /v2/events "$work/batch.json" -u key:wrong)
refused 403 'a wrong secret'
got=$(front /v1/status "$work/batch.json")
refused 404 'the admin API' .
got=$(front /v2/events "$work/batch.json" -X GET)
refused 405 'another method' .
head_has 'Allow: POST' 'another method'
cat "$work/large.json" "$work/large.json" > "$work/larger.json"
got=$(front /v2/events "$work/larger.json")
refused 413 'too much for the agent' 'too large'
by_agent 1
for i in 1 2 3 4; do
	cat "$work/large.json"
done >> "$work/larger.json"
got=$(front /v2/events "$work/larger.json")
refused 413 'too much for nginx' 'too large'
by_agent 0
got=202
tries=50
while [ "$got" = 202 ] && [ "$tries" -gt 0 ]; do
	got=$(front /v2/events "$work/batch.json" -u slow:secret)
	tries=$((tries - 1))
done
refused 429 'over the rate' .
head_has 'Retry-After: 1' 'over the rate'
head_has 'X-mp-rate-limit-exceeded: feed' 'over the rate'

# One connection to the agent serves many requests, and its idle time is
# shorter than the agent's.
agent_sockets() {
	# The server's ends; state 01 is ESTABLISHED.
	awk -v port="$(printf ':%04X' "$ingest_port")" \
	    '$2 ~ port "$" && $4 == "01" { n++ } END { print n + 0 }' \
	    /proc/net/tcp
}
for i in 1 2 3 4 5 6 7 8; do
	got=$(front /v2/events "$work/batch.json")
	refused 202 'one of many'
done
sockets=$(agent_sockets)
[ "$sockets" -ge 1 ] && [ "$sockets" -le 2 ] ||
    fail "$sockets connections to the agent"

# An agent that cannot store says so, with the time that it asks for.
stop_agent
sed -i 's/^\[ingest\]/&\nmin_free_disk = 1000000g/' "$work/agent.conf"
start_agent
got=$(front /v2/events "$work/batch.json")
refused 503 'no space' .
head_has 'Retry-After: [0-9]' 'no space'
by_agent 1
stop_agent

# And when it is away nginx says that.
got=$(front /v2/events "$work/batch.json")
refused 503 'no agent' 'does not answer'
head_has 'Retry-After: 5' 'no agent'
head_has 'Content-Type: application/json' 'no agent'
sed -i '/^min_free_disk/d' "$work/agent.conf"
start_agent
got=$(front /v2/events "$work/batch.json")
refused 202 'back again'

# The log names senders, and no key.
grep -q '127.0.0.1 POST /v2/events 202 ' "$work/access.log" ||
    fail "the log: $(tail -n 3 "$work/access.log")"
if grep -q 'secret\|slow\| key ' "$work/access.log"; then
	fail 'credentials are in the log'
fi
stop_nginx

start_nginx front.pem
before=$(sql 'SELECT count(*) FROM batch')
front_untrusted nginx
sql_is 'SELECT count(*) FROM batch' "$before" || fail 'something came through'
stop_nginx

wait_for 40 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "left: $(sql 'SELECT * FROM v_queue')"
check_conserved
stop_agent
front_tried "nginx $version"
