#!/bin/sh
# neighbours.sh - who shares the machine and the file: a shell that writes, a
# reader that stays, a second agent, and whoever takes the file away.  What is
# acknowledged is in the file that has the name, or it is not acknowledged.
. "${srcdir:-.}/tests/flow/lib.sh"

cat > "$work/batch.json" <<'EOT'
{"mpid":"7","events":[{"event_type":"custom_event","data":{"event_name":"E"}}]}
EOT

# shell_begin SQL: a sqlite3 shell that stays after it; $shell_pid.
shell_begin() {
	rm -f "$work/orders"
	mkfifo "$work/orders"
	: > "$work/shell.out"
	sqlite3 "$work/queue.db" < "$work/orders" > "$work/shell.out" 2>&1 &
	shell_pid=$!
	readers="$readers $shell_pid"
	exec 3> "$work/orders"
	printf '.timeout 5000\n%s\n.print ready\n' "$1" >&3
	wait_for 10 grep -q ready "$work/shell.out" ||
	    fail "the shell: $(cat "$work/shell.out")"
}

shell_end() {
	exec 3>&-
	wait "$shell_pid" || fail "the shell: $(cat "$work/shell.out")"
}

# check NAME: what /health/ready says of it.
check() {
	curl -s -m 10 "$admin/health/ready" |
	    jq -r ".checks[] | select(.name == \"$1\") | \"\(.ok) \(.detail)\""
}

ready() {
	[ "$(curl -s -m 10 -o /dev/null -w '%{http_code}' \
	    "$admin/health/ready")" = "$1" ]
}

# heals WHY: all is as before.
heals() {
	wait_for 10 ready 200 || fail "$1: $(check database)"
	[ "$(post /v2/events "$work/batch.json")" = 202 ] ||
	    fail "$1: no 202: $(cat "$work/answer")"
	acknowledged=$((acknowledged + 1))
}

refuses() {
	begun=$(date +%s%N)
	status=$(post /v2/events "$work/batch.json" -D "$work/headers")
	took=$((($(date +%s%N) - begun) / 1000000))
	[ "$status" = 503 ] || fail "$1: $status, not 503"
	[ "$took" -le 2000 ] || fail "$1: the 503 took $took ms"
	grep -qi '^retry-after: *[1-9]' "$work/headers" ||
	    fail "$1: no Retry-After"
	ready 503 || fail "$1: it says that it is ready"
}

start_sink
make_config < /dev/null
start_agent
acknowledged=0
heals 'at first'

# A shell in the middle of a transaction is named; when it ends, all goes on.
shell_begin 'BEGIN IMMEDIATE;'
refuses 'a write lock'
grep -q "process $shell_pid holds the write lock" "$work/answer" ||
    fail "the answer names nobody: $(cat "$work/answer")"
case $(check database) in
"false process $shell_pid holds the write lock"*) ;;
*) fail "health: $(check database)" ;;
esac
shell_end
heals 'a write lock that was given back'

# A reader that stays: the WAL grows, and that is all.
shell_begin 'BEGIN; SELECT count(*) FROM batch;'
pinned=$(stat -c %s "$work/queue.db-wal")
for n in 1 2 3 4 5 6 7 8 9 10; do
	heals "a reader, $n"
done
[ "$(stat -c %s "$work/queue.db-wal")" -gt "$pinned" ] ||
    fail 'the reader did not pin the WAL'
case $(check wal) in
"true $(stat -c %s "$work/queue.db-wal") bytes"*) ;;
*) fail "health of the WAL: $(check wal)" ;;
esac
printf 'SELECT count(*) || %s FROM batch;\n' "' seen'" >&3
wait_for 10 grep -q '^2 seen$' "$work/shell.out" ||
    fail "the reader was disturbed: $(cat "$work/shell.out")"
shell_end

# A second agent, by the same name and by another one.
ln -s queue.db "$work/alias.db"
ln "$work/queue.db" "$work/hard.db"
for name in queue.db alias.db hard.db; do
	sed "s|^database = .*|database = $work/$name|
	    s|^listen = 127.0.0.1:.*|listen = 127.0.0.1:0|" \
	    "$work/agent.conf" > "$work/second.conf"
	status=0
	timeout 20 "$build/heaprelayd" -c "$work/second.conf" \
	    2> "$work/second.log" || status=$?
	[ "$status" = 75 ] || fail "a second agent on $name ended with \
$status, not 75: $(cat "$work/second.log")"
	grep -q 'another heaprelayd' "$work/second.log" ||
	    fail "it does not say why: $(cat "$work/second.log")"
done
heals 'a second agent'

# gone FILE PUT: the file goes away, perhaps PUT is put there; nothing is
# acknowledged until the file is back.
gone() {
	mv "$work/$1" "$work/kept"
	[ -z "$2" ] || cp "$2" "$work/$1"
	refuses "$1 $2"
	grep -q "$1 was deleted or replaced" "$work/answer" ||
	    fail "$1 $2: the answer: $(cat "$work/answer")"
	case $(check database) in
	"false "*"$1 was deleted or replaced"*) ;;
	*) fail "$1 $2: health: $(check database)" ;;
	esac
	grep -q "level=error.*$1 was deleted\|error.*$1 was deleted" \
	    "$work/agent.log" || fail "$1 $2: the log does not say so"
	mv "$work/kept" "$work/$1"
	heals "$1 $2 is back"
}
cp "$work/queue.db" "$work/copy"
: > "$work/empty"
for file in queue.db queue.db-wal queue.db-shm; do
	gone $file ''
	gone $file "$work/empty"
done
gone queue.db "$work/copy"

# It is deleted for good: doc/OPERATIONS tells how to take it, and what is in
# its log only, out of the agent's hands.
rm "$work/queue.db"
refuses 'queue.db is deleted'
# held_as NAME: the number under which the agent has it open.
held_as() {
	for fd in "/proc/$agent_pid/fd"/*; do
		case $(readlink "$fd") in
		"$work/$1") echo "$fd" ;;
		esac
	done | head -n 1
}
cp "$(held_as 'queue.db (deleted)')" "$work/saved.db"
cp "$(held_as queue.db-wal)" "$work/saved.db-wal"
stop_agent
rm -f "$work/queue.db-wal" "$work/queue.db-shm"
mv "$work/saved.db" "$work/queue.db"
mv "$work/saved.db-wal" "$work/queue.db-wal"
"$build/heaprelayctl" -c "$work/agent.conf" verify > "$work/verified" ||
    fail "what was saved: $(cat "$work/verified")"
start_agent

# What cannot be written is said at the start.
stop_agent
wait_for 1 true
sql_is 'SELECT count(*) FROM batch' $acknowledged ||
    fail "$(sql 'SELECT count(*) FROM batch') batches, not $acknowledged"
start_agent
wait_for 30 sql_is 'SELECT queued + inflight FROM v_conservation' 0 ||
    fail "not delivered: $(sql 'SELECT * FROM v_queue')"
sink_is .objects $acknowledged || fail "$(sink_stat .objects) arrived"
check_conserved
stop_agent

# Root may write whatever the mode says.
if [ "$(id -u)" != 0 ]; then
	as_user=
elif setpriv --reuid=65534 --regid=65534 --clear-groups \
    test -x "$build/heaprelayd"; then
	as_user='setpriv --reuid=65534 --regid=65534 --clear-groups'
	chown -R 65534:65534 "$work"
else
	echo 'a file that is read-only: not tried, another user cannot reach it'
	exit 0
fi
chmod 0444 "$work/queue.db"
status=0
timeout 20 $as_user "$build/heaprelayd" -c "$work/agent.conf" \
    2> "$work/second.log" || status=$?
[ "$status" = 77 ] || fail "a read-only file ended it with $status, not 77: \
$(cat "$work/second.log")"
grep -q 'queue.db: Permission denied' "$work/second.log" ||
    fail "it does not say why: $(cat "$work/second.log")"
