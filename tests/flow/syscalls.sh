#!/bin/sh
# syscalls.sh - what the agent asks of the kernel is what its unit allows
. "${srcdir:-.}/tests/flow/lib.sh"

for tool in strace systemd-analyze openssl; do
	command -v $tool > /dev/null || skip "there is no $tool"
done
strace -o /dev/null true 2> /dev/null || skip 'strace may not trace here'
! grep -q __asan_init "$build/heaprelayd" ||
    skip 'a sanitizer asks for more than the agent does'
unit=$srcdir/contrib/systemd/heaprelay.service.in

# The calls that the unit's filters leave: sets are taken apart, what begins
# with ~ is taken away.  @default is in every list of what is allowed.
allowed() {
	systemd-analyze syscall-filter --no-pager |
	    sed 's/\x1b\[[0-9;]*m//g' > "$work/sets"
	sed -n 's/^SystemCallFilter=//p' "$unit" | awk '
	NR == FNR {
		if (/^@/)
			set = $1
		else if ($1 != "" && $1 != "#")
			member[set] = member[set] " " $1
		next
	}
	function apply(word, value,	list, n, i) {
		if (word !~ /^@/) {
			allow[word] = value
			return
		}
		n = split(member[word], list, " ")
		for (i = 1; i <= n; i++)
			apply(list[i], value)
	}
	BEGIN { first = 1 }
	{
		if (first)
			apply("@default", 1)
		first = 0
		value = !sub(/^~/, "")
		for (i = 1; i <= NF; i++)
			apply($i, value)
	}
	END { for (call in allow) if (allow[call]) print call }
	' "$work/sets" - | sort -u
}

# As root SQLite gives its files to the owner of the database; the service is
# not root, and so is not this.
as_user=
if [ "$(id -u)" = 0 ]; then
	as_user='setpriv --reuid=65534 --regid=65534 --clear-groups'
	$as_user test -x "$build/heaprelayd" ||
	    skip 'another user cannot reach the agent'
fi

# The agent under a tracer that is not its parent; -D.
trace_agent() {
	: > "$work/agent.log"
	[ -z "$as_user" ] || chown -R 65534:65534 "$work"
	$as_user strace -D -f -qq -e signal=none -o "$work/trace" \
	    "$build/heaprelayd" -c "$work/agent.conf" 2>> "$work/agent.log" &
	agent_pid=$!
	wait_for 20 grep -q 'main: started' "$work/agent.log" ||
	    fail "the agent did not start"
	ingest=https://localhost:$(sed -n \
	    's/.*listening front=ingest.* port=\([0-9]*\).*/\1/p' \
	    "$work/agent.log")
	token=$(cat "$work/admin.token")
}

admin_socket() {
	curl -s -m 30 --unix-socket "$work/admin.socket" \
	    -H "Authorization: Bearer $token" "$@"
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" \
    -out "$work/ca.pem" -days 2 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2> /dev/null
start_sink --certificate "$work/ca.pem" --key "$work/key.pem"
cat > "$work/agent.conf" <<EOT
[agent]
database = $work/queue.db
[ingest]
listen = 127.0.0.1:0
tls_certificate = $work/ca.pem
tls_key = $work/key.pem
[admin]
listen = unix:$work/admin.socket
[input test]
key = key
secret = secret
[output heap]
app_id = 1234567890
base_url = https://localhost:${sink##*:}
ca_file = $work/ca.pem
forward_user_attributes = true
EOT
trace_agent

# In and out, over TLS and a resolver; packed; what is refused and replayed.
cat > "$work/batch.json" <<'EOT'
{"mpid":"7","user_attributes":{"plan":"x"},"events":[{"event_type":"custom_event","data":{"event_name":"E"}}]}
EOT
echo '{"events":[{"event_type":"session_start"}]}' > "$work/nobody.json"
gzip -c "$work/batch.json" > "$work/batch.gz"
[ "$(post /v2/events "$work/batch.json" --cacert "$work/ca.pem")" = 202 ] ||
    fail "no 202: $(cat "$work/answer")"
[ "$(post /v2/events "$work/batch.gz" --cacert "$work/ca.pem" \
    -H 'Content-Encoding: gzip')" = 202 ] || fail 'no 202 for what is packed'
[ "$(post /v2/events "$work/nobody.json" --cacert "$work/ca.pem")" = 202 ] ||
    fail 'no 202 for nobody'
wait_for 30 sql_is 'SELECT delivered + skipped FROM v_conservation' 4 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
stuck=$(sql 'SELECT event_id FROM v_stuck')
admin_socket http://localhost/v1/status > "$work/status"
admin_socket http://localhost/v1/events > "$work/events"
admin_socket http://localhost/metrics > "$work/metrics"
admin_socket -X POST "http://localhost/v1/events/$stuck/discard" > /dev/null
wait_for 10 sql_is 'SELECT discarded FROM v_conservation' 1 ||
    fail 'nothing was discarded'
admin_socket -X POST -H 'Content-Type: application/json' \
    -d "{\"file\":\"$work/copy.db\"}" http://localhost/v1/backup > "$work/job"
wait_for 30 test -f "$work/copy.db" || fail "no backup: $(cat "$work/job")"

kill -HUP "$agent_pid"
wait_for 10 grep -q 'main: reloaded' "$work/agent.log" || fail 'no reload'
kill -USR1 "$agent_pid"
wait_for 10 grep -q 'status: version' "$work/agent.log" || fail 'no status'
stop_agent
wait_for 10 grep -q 'exit_group(0)' "$work/trace" || fail 'the trace is cut off'

sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$work/trace" | sort -u > "$work/used"
allowed > "$work/allowed"
[ "$(wc -l < "$work/used")" -gt 40 ] || fail 'hardly anything was traced'
grep -qx openat "$work/allowed" || fail 'the sets were not understood'
! grep -qx mount "$work/allowed" || fail 'the sets were not taken away'
forbidden=$(comm -23 "$work/used" "$work/allowed")
[ -z "$forbidden" ] || fail "the unit forbids what the agent does: $forbidden"

families=$(sed -n 's/.*[^a-z]socket(\(AF_[A-Z0-9]*\),.*/\1/p' "$work/trace" |
    sort -u)
for family in $families; do
	grep '^RestrictAddressFamilies=' "$unit" | grep -qw "$family" ||
	    fail "the unit forbids sockets of $family"
done
echo "$families" | grep -q AF_INET || fail 'no socket was seen'

# MemoryDenyWriteExecute: nothing becomes executable that can be written.
! grep -E 'mprotect\(.*PROT_EXEC|mmap\(.*PROT_WRITE.*PROT_EXEC' \
    "$work/trace" || fail 'memory is written and executed'
