#!/bin/sh
# front_door.sh - what strangers send to the ingest listener is answered once,
# and whoever leaves in doubt where a request ends is hung up on
. "${srcdir:-.}/tests/flow/lib.sh"

knock=$build/tests/flow/knock
[ -x "$knock" ] || fail "$knock was not built"
auth='Authorization: Basic a2V5OnNlY3JldA=='
batch='{"mpid":"7","events":[{"event_type":"custom_event","data":{"event_name":"E"}}]}'
length=${#batch}
knocked=0

start_sink
make_config < /dev/null
sed -i '/^\[ingest\]/a request_timeout = 2s\
max_connections = 700' "$work/agent.conf"
start_agent

# came: how many batches were stored.
came() {
	sql 'SELECT count(*) FROM batch'
}

# sends STATUS WHAT BYTES: printf makes BYTES; behind them comes a request that
# is good, and that must not be answered unless STATUS is 202: it might be part
# of the first one's body.
sends() {
	status=$1
	what=$2
	knocked=$((knocked + 1))
	before=$(came)
	{
		# shellcheck disable=SC2059
		printf "$3"
		printf 'POST /v2/events HTTP/1.1\r\nHost: h\r\n%s\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' \
		    "$auth" "$length" "$batch"
	} | "$knock" "$ingest_port" > "$work/came"
	answers=$(grep -ac '^HTTP/1\.1 ' "$work/came") || true
	first=$(sed -n '1s/^HTTP\/1\.1 \([0-9]*\) .*/\1/p' "$work/came")
	[ "$first" = "$status" ] ||
	    fail "$what: $(head -c 600 "$work/came"), not $status"
	grep -aq '^-- closed' "$work/came" || fail "$what: it stays connected"
	if [ "$status" = 202 ]; then
		[ "$answers" = 2 ] || fail "$what: $answers answers, not 2"
		return 0
	fi
	[ "$answers" = 1 ] || fail "$what: $answers answers, not 1"
	grep -aqi '^Connection: close' "$work/came" ||
	    fail "$what: it does not say that it closes"
	[ "$(came)" = "$before" ] || fail "$what: something was stored"
}

# A request of these header lines in place of the usual framing.
head="POST /v2/events HTTP/1.1\r\n$auth\r\n"
framed="${head}Host: h\r\n"
good="${framed}Content-Length: $length\r\n\r\n$batch"
chunk=$(printf '%x' "$length")
chunked="$chunk\r\n$batch\r\n0\r\n\r\n"

sends 202 'a good request' "$good"
sends 202 'a chunked request' \
    "${framed}Transfer-Encoding: chunked\r\n\r\n$chunked"
sends 202 'a length with zeroes before' \
    "${framed}Content-Length: 000$length\r\n\r\n$batch"
sends 202 'two empty lines before' "\r\n\r\n$good"
sends 400 'two Hosts' "${framed}Host: h\r\nContent-Length: 0\r\n\r\n"
sends 400 'no Host' "${head}Content-Length: $length\r\n\r\n$batch"
sends 400 'an empty Host' "${head}Host:\r\nContent-Length: 0\r\n\r\n"
sends 400 'a Host with a path' "${head}Host: h/x\r\nContent-Length: 0\r\n\r\n"
sends 400 'a target of another host' \
    "POST http://other/v2/events HTTP/1.1\r\nHost: h\r\n$auth\r\n\r\n"
sends 400 'two lengths' "${framed}Content-Length: $length\r\nContent-Length: \
$length\r\n\r\n$batch"
sends 400 'two lengths in one' \
    "${framed}Content-Length: $length, $length\r\n\r\n$batch"
for wrong in "+$length" "-$length" "0x$chunk" "$length.0" '1 0' '' \
    18446744073709551616 99999999999999999999999; do
	sends 400 "the length '$wrong'" \
	    "${framed}Content-Length: $wrong\r\n\r\n$batch"
done
sends 400 'a length and a coding' "${framed}Content-Length: $length\r\n\
Transfer-Encoding: chunked\r\n\r\n$chunked"
sends 400 'a coding and a length' "${framed}Transfer-Encoding: chunked\r\n\
Content-Length: $length\r\n\r\n$chunked"
sends 400 'two codings' "${framed}Transfer-Encoding: chunked\r\n\
Transfer-Encoding: chunked\r\n\r\n$chunked"
sends 400 'a coding in HTTP/1.0' "POST /v2/events HTTP/1.0\r\nHost: h\r\n\
$auth\r\nTransfer-Encoding: chunked\r\n\r\n$chunked"
for coding in xchunked 'chunked, chunked' 'gzip, chunked' identity \
    'chunked;q=1' '"chunked"' ''; do
	sends 501 "the coding '$coding'" \
	    "${framed}Transfer-Encoding: $coding\r\n\r\n$chunked"
done
sends 400 'a space before a colon' \
    "${framed}Content-Length : $length\r\n\r\n$batch"
sends 400 'a tab before a colon' \
    "${framed}Content-Length\t: $length\r\n\r\n$batch"
sends 400 'an empty name' "${framed}: x\r\nContent-Length: 0\r\n\r\n"
sends 400 'a name without colon' "${framed}X\r\nContent-Length: 0\r\n\r\n"
sends 400 'a folded header' \
    "${framed}X: a\r\n b\r\nContent-Length: 0\r\n\r\n"
sends 400 'a bare LF' "${framed}X: a\nContent-Length: 0\r\n\r\n"
sends 400 'a bare LF at the end' "${framed}Content-Length: 0\r\n\n"
sends 400 'a bare CR' "${framed}X: a\rb\r\nContent-Length: 0\r\n\r\n"
sends 400 'a NUL' "${framed}X: a\0b\r\nContent-Length: 0\r\n\r\n"
sends 400 'a control character' \
    "${framed}X: a\001b\r\nContent-Length: 0\r\n\r\n"
sends 400 'two blanks in the first line' \
    "POST  /v2/events HTTP/1.1\r\nHost: h\r\n\r\n"
sends 400 'no version' 'POST /v2/events\r\nHost: h\r\n\r\n'
sends 505 'another version' 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
sends 400 'TLS' '\026\003\001\002\000\001\000\001\374\003\003\r\n\r\n'
for size in "+$chunk" "-$chunk" "0x$chunk" " $chunk" "$chunk " '' g \
    1000000000000000f; do
	sends 400 "a chunk of '$size'" "${framed}Transfer-Encoding: chunked\
\r\n\r\n$size\r\n$batch\r\n0\r\n\r\n"
done
sends 400 'a chunk with a bare LF' "${framed}Transfer-Encoding: chunked\
\r\n\r\n$chunk\n$batch\r\n0\r\n\r\n"
sends 400 'a chunk that is longer than it says' "${framed}Transfer-Encoding: \
chunked\r\n\r\n1\r\n$batch\r\n0\r\n\r\n"
sends 400 'a bad trailer' "${framed}Transfer-Encoding: chunked\
\r\n\r\n$chunk\r\n$batch\r\n0\r\nX : y\r\n\r\n"

# Heads that are too large: many headers, a long one, a long target.
many=$(seq -f 'X-%g: y' 1 200 | sed 's/$/\\r\\n/' | tr -d '\n')
long=$(head -c 40000 /dev/zero | tr '\0' a)
sends 431 'many headers' "$framed$many\r\n"
sends 431 'a long header' "${framed}X: $long\r\n\r\n"
sends 431 'a long target' "POST /$long HTTP/1.1\r\nHost: h\r\n\r\n"
sends 431 'a head without end' "${framed}X: $long$long$long"

# Slowly: each has the whole of request_timeout and no more.
closed_after() {
	sed -n 's/^-- closed //p' "$work/came"
}

within() {
	took=$(closed_after)
	[ -n "$took" ] && [ "$took" -ge 1500 ] && [ "$took" -le 6000 ] ||
	    fail "$1: $(tail -n 1 "$work/came")"
}

# shellcheck disable=SC2059
printf "$good" | "$knock" -d 50 "$ingest_port" > "$work/came"
grep -aq '^HTTP/1\.1 408 ' "$work/came" || fail 'no 408 for a slow head'
within 'a slow head'
# shellcheck disable=SC2059
printf "${framed}Content-Length: 1000\r\n\r\n{" |
    "$knock" "$ingest_port" > "$work/came"
grep -aq '^HTTP/1\.1 408 ' "$work/came" || fail 'no 408 for a body cut short'
within 'a body that does not come'
# shellcheck disable=SC2059
printf "${framed}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n" |
    "$knock" "$ingest_port" > "$work/came"
grep -aq '^HTTP/1\.1 408 ' "$work/came" || fail 'no 408 for missing chunks'
within 'chunks that do not come'

# 500 that say nothing, and 100 that stop in a head: others are served.
"$knock" -n 500 "$ingest_port" < /dev/null > "$work/idle" &
readers="$readers $!"
idle_pid=$!
printf 'POST /v2' | "$knock" -n 100 "$ingest_port" > "$work/half" &
readers="$readers $!"
half_pid=$!
printf '%s' "$batch" > "$work/batch.json"
crowded() {
	curl -s -m 10 -H "Authorization: Bearer $token" "$admin/metrics" |
	    awk '/^heaprelay_http_connections_total/ { n = $2 }
	    END { exit n < '"$((knocked + 600))"' }'
}
wait_for 10 crowded || fail 'the crowd is not connected'
[ "$(post /v2/events "$work/batch.json" -m 2)" = 202 ] ||
    fail 'no 202 beside 600 idle connections'
wait "$idle_pid" "$half_pid" || fail 'knock failed'
for crowd in idle half; do
	cp "$work/$crowd" "$work/came"
	within "$crowd connections"
done

# Sizes: at the limit and one over it, plain, with and without a length, and
# inflated.
limit=262144
sized() {
	printf '{"pad":"'
	head -c $(($1 - length - 9)) /dev/zero | tr '\0' x
	printf '",%s' "${batch#?}"
}
for size in $((limit - 1)) $limit $((limit + 1)); do
	expected=202
	[ "$size" -le "$limit" ] || expected=413
	sized $((size - 1)) > "$work/sized.json"
	printf ' ' >> "$work/sized.json"
	[ "$(wc -c < "$work/sized.json")" = "$size" ] ||
	    fail "the body has $(wc -c < "$work/sized.json"), not $size"
	for how in 'X: y' 'Transfer-Encoding: chunked' 'Expect: 100-continue'; do
		before=$(came)
		status=$(post /v2/events "$work/sized.json" -H "$how")
		[ "$status" = $expected ] ||
		    fail "$size bytes, $how: $status, not $expected"
		[ $(($(came) - before)) = $((expected == 202)) ] ||
		    fail "$size bytes, $how: $(came) batches"
	done
	gzip -c "$work/sized.json" > "$work/sized.gz"
	[ "$(wc -c < "$work/sized.gz")" -lt 10000 ] || fail 'not packed'
	status=$(post /v2/events "$work/sized.gz" -H 'Content-Encoding: gzip')
	[ "$status" = $expected ] ||
	    fail "$size bytes inflated: $status, not $expected"
done

# A bomb: 200 MB in 200 kB, and what is sent is larger than is ever read.
head -c 200000000 /dev/zero | gzip -c > "$work/bomb.gz"
[ "$(post /v2/events "$work/bomb.gz" -H 'Content-Encoding: gzip')" = 413 ] ||
    fail 'the bomb was no 413'
head -c 2000000 /dev/urandom > "$work/large"
[ "$(post /v2/events "$work/large" -H 'Transfer-Encoding: chunked')" = 413 ] ||
    fail 'two megabytes were no 413'
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$agent_pid/status")
[ "$peak" -lt 400000 ] || fail "it needed $peak kB"

[ "$(post /v2/events "$work/batch.json")" = 202 ] || fail 'no 202 in the end'
wait_for 30 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
check_conserved
stop_agent
echo "$knocked requests by hand"
