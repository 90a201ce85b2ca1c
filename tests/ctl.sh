#!/bin/sh
#
# ctl.sh - heaprelayctl's command line, and what it does without an agent
#
# usage: ctl.sh [HEAPRELAYCTL]

set -eu

ctl=${1:-${HEAPRELAY_BUILDDIR:-.}/heaprelayctl}
case $ctl in
/*) ;;
*) ctl=$PWD/$ctl ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

failed=0

# run STATUS ARG...: runs the program; what it says is in out and err.
run() {
	wanted=$1
	shift
	status=0
	"$ctl" "$@" > out 2> err || status=$?
	if [ "$status" != "$wanted" ]; then
		echo "ctl.sh: $*: exit status $status, not $wanted" >&2
		cat out err >&2
		failed=1
	fi
}

# says FILE TEXT: the file holds the text.
says() {
	if ! grep -qF -e "$2" "$1"; then
		echo "ctl.sh: this should say '$2':" >&2
		cat "$1" >&2
		failed=1
	fi
}

# is FILE TEXT: the file is this line.
is() {
	if [ "$(cat "$1")" != "$2" ]; then
		printf 'ctl.sh: this should be\n%s\nbut is\n' "$2" >&2
		cat "$1" >&2
		failed=1
	fi
}

cat > base.conf <<END
[agent]
database = $work/queue.db
[identity]
secret = s3cret
[admin]
listen = unix:$work/admin.socket
token_file = $work/admin.token
[output heap]
app_id = 1
END
echo token > admin.token

# A mistake on the command line is told before anything is done.
run 64
says err 'which command?'
run 64 stauts
says err 'no command stauts; did you mean "status"?'
run 64 --no-such-option status
run 64 status 7
run 64 forecast 7
run 64 verify 7
run 64 backup
run 64 backup copy.db
says err 'absolute path'
run 64 erase
run 64 erase pat sam
run 64 backup --yes /copy.db
run 64 import
run 64 import --yes file
run 64 status --keep-going
run 64 why
run 64 show 7 8
run 64 show seven
run 64 why 0
says err "0 is no event's ID"
run 64 replay 7 -1
says err 'goes behind --'
run 64 status --state stuck
says err '--state does not go with status'
run 64 replay
says err 'needs an ID, a filter or --all'
run 64 discard --yes
run 64 replay 7 --all
says err 'IDs or a filter, not both'
run 64 discard 7 --state stuck
run 64 replay 7 --dry-run
says err '--dry-run goes with a filter, not with IDs'
run 64 discard --all --remap
says err '--remap does not go with discard'
run 64 events --all
run 64 pause
says err 'needs an operand'
run 64 resume
run 64 probe
run 64 probe heap other
run 64 pause 'he/ap'
says err 'is no name of an output'
run 64 pause heap --all
run 64 reload heap
run 64 audit 7
run 64 jobs cancel
run 64 jobs cancel seven
run 64 jobs 7 8
run 64 jobs cancel 7 8
run 64 map --remap
run 64 events -n 0
run 64 events -n many
says err 'from 1 to'
run 64 top -n 0
run 64 top --state stuck
run 64 events --kind batch
run 64 tail 7
run 64 tail --status 400
says err '--status does not go with tail'
run 64 tail --since -1h
run 64 tail -n 16385
run 64 map --received-at yesterday
run 64 keygen Salesforce
run 0 --help
says out 'usage: heaprelayctl'
run 0 --version
says out heaprelayctl

# keygen makes what check accepts, another one each time.
run 0 keygen sf
cat base.conf out > heaprelay.conf
cp out first
run 0 keygen sf
if cmp -s out first; then
	echo 'ctl.sh: two keys are the same' >&2
	failed=1
fi
run 0 -c heaprelay.conf check
is out ok
run 0 check -c heaprelay.conf
is out ok
echo 'app_od = 1' >> heaprelay.conf
run 1 check -c heaprelay.conf
says err 'heaprelay.conf:'
says err app_od
sed -i '$d' heaprelay.conf
run 1 check -c no-such-file
says err no-such-file

# map: options behind the command, body from a file or standard input.
echo '{"mpid":"42","events":[{"event_type":"session_start"}]}' > body
sent='{"batch":0,"event":0,"output":"heap","action":"send"'
sent=$sent',"path":"/api/track","body":"{\"app_id\":\"1\",\"identity\":\"42\"'
run 0 map body -c heaprelay.conf --received-at 1700000000000
says out "$sent"
says out '2023-11-14T22:13:20.000Z'
cp out from-file
run 0 map -c heaprelay.conf --received-at 1700000000000 --input sf < body
is out "$(cat from-file)"
run 1 map -c heaprelay.conf --path /v2/bulkevents < body
says out '{"batch":null,"action":"refuse","message":"'
echo '[]' > empty
run 0 map -c heaprelay.conf --path /v2/bulkevents empty
is out ''
run 1 map -c heaprelay.conf --input no-such-input body
says err '[input no-such-input]'
run 1 map -c heaprelay.conf no-such-body
says err no-such-body
run 64 map -c heaprelay.conf --path /v1/events body
printf '[ingest]\nmax_request_bytes = 1k\n' > small.conf
cat heaprelay.conf >> small.conf
{ cat body; printf '%1024s' ''; } > large
run 1 map -c small.conf large
says out '"action":"refuse","message":"The request body is too large."}'

# Without a secret of its own, two databases mint different MPIDs.
sed '/^secret = s3cret/d; /^\[identity/d' heaprelay.conf > unkeyed.conf
echo '{"user_identities":{"email":"pat@example.com"},
    "events":[{"event_type":"session_start"}]}' > person
run 0 map -c unkeyed.conf --received-at 1 person
cp out first
run 0 map -c unkeyed.conf --received-at 1 person
if cmp -s out first; then
	echo 'ctl.sh: an MPID was minted with a key that is known' >&2
	failed=1
fi
run 0 map -c heaprelay.conf --received-at 1 person
cp out first
run 0 map -c heaprelay.conf --received-at 1 person
is out "$(cat first)"

# schema is SQL.
run 0 schema
says out 'CREATE TABLE'
says out 'CREATE VIEW'
if command -v sqlite3 > /dev/null; then
	sqlite3 -bail schema.db < out
	sqlite3 schema.db 'SELECT count(*) FROM event' > out
	is out 0
fi

# Of many it does nothing that nobody has confirmed.
run 1 -c heaprelay.conf replay --all < /dev/null
says err '--yes'
run 64 -c heaprelay.conf replay --status many --yes
says err '--status should be a number'

run 1 -c heaprelay.conf erase pat < /dev/null
says err '--yes'

# What cannot be imported.
run 1 -c heaprelay.conf import no-such-file
says err no-such-file
run 1 -c heaprelay.conf import --input no-such-input body
says err '[input no-such-input]'
echo '{"beginning":"00","bytes":1,"line":1,"offset":1}' > body.progress
run 1 -c heaprelay.conf import body
says err 'body.progress is of another file'
echo '{"beginning"' > body.progress
run 1 -c heaprelay.conf import body
says err 'body.progress is of another file'
rm body.progress

# A line is judged before anybody is asked.
printf '{"events":7}\n' > bad.jsonl
run 1 -c heaprelay.conf import bad.jsonl
says err 'bad.jsonl:1: '
is out '{"file":"bad.jsonl","skipped":0,"accepted":0,"refused":1}'
printf '{"mpid":"42","events":[],"pad":"%1024s"}\n' '' > long.jsonl
run 1 -c small.conf import - < long.jsonl
says err '-:1: it is longer than max_request_bytes'
printf ' \n\n' > blank.jsonl
run 0 -c heaprelay.conf import blank.jsonl
is out '{"file":"blank.jsonl","skipped":0,"accepted":0,"refused":0}'

# Nobody answers.
run 69 -c heaprelay.conf status
says err 'is the agent running?'
says err "tried unix:$work/admin.socket"
says err "$work/admin.socket: No such file or directory"
# Secrets that only the agent has, as credentials or in files, are not missed.
{ cat base.conf; printf '[input a]\n[input b]\nkey_file = /no/key\n'; } \
    > apart.conf
run 69 -c apart.conf status
run 1 -c apart.conf verify
says err queue.db
run 1 -c apart.conf check
says err /no/key
run 69 status --url http://127.0.0.1:1 --token-file admin.token
says err 'tried http://127.0.0.1:1'
run 69 replay 7 -c heaprelay.conf
run 69 replay --all --yes -c heaprelay.conf
run 69 discard --name E --dry-run -c heaprelay.conf
run 69 jobs -c heaprelay.conf
run 69 backup /no/copy.db -c heaprelay.conf
run 69 erase --yes pat -c heaprelay.conf
run 69 pause heap -c heaprelay.conf
run 69 reload -c heaprelay.conf
run 69 audit -c heaprelay.conf
run 69 status --url "unix:$work/no.socket" --token-file admin.token
says err "tried unix:$work/no.socket"
run 69 tail -c heaprelay.conf
run 69 top -c heaprelay.conf
run 1 status --url http://127.0.0.1:1 --token-file no-such-token
says err no-such-token
: > empty.token
run 1 status --url http://127.0.0.1:1 --token-file empty.token
says err 'is no token'
run 64 status --url ftp://127.0.0.1 --token-file admin.token

exit $failed
