#!/bin/sh
#
# programs.sh - the command lines of heaprelayd, heaprelay-sink and
# heaprelay-load, and what they refuse to start with; ctl.sh has heaprelayctl's

set -eu

build=$(cd "${HEAPRELAY_BUILDDIR:-.}" && pwd)
work=$(mktemp -d)
sink_pid=
# shellcheck disable=SC2317
end() {
	[ -z "$sink_pid" ] || kill "$sink_pid" 2> /dev/null || true
	rm -rf "$work"
}
trap end EXIT
cd "$work"

# Who ends on the spot frees nothing, which a sanitizer would complain of.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
failed=0

# run STATUS PROGRAM ARG...: what it says is in out and err.  Whatever starts
# after all is ended.
run() {
	wanted=$1
	program=$2
	shift 2
	status=0
	timeout 20 "$build/$program" "$@" > out 2> err || status=$?
	if [ "$status" != "$wanted" ]; then
		echo "programs.sh: $program $*: status $status," \
		    "not $wanted" >&2
		cat out err >&2
		failed=1
	fi
}

# says FILE TEXT: the file holds the text.
says() {
	if ! grep -qF -e "$2" "$1"; then
		echo "programs.sh: this should say '$2':" >&2
		cat "$1" >&2
		failed=1
	fi
}

# configure LISTEN [LINE]: an agent that could start, but for what is there.
configure() {
	cat > agent.conf <<EOT
[agent]
database = $work/queue.db
[ingest]
listen = $1
${2:-}
[admin]
listen = 127.0.0.1:0
[input test]
key = key
secret = secret
[output heap]
app_id = 1234567890
base_url = http://127.0.0.1:9
EOT
}

for program in heaprelayd heaprelay-sink heaprelay-load; do
	run 0 "$program" --help
	says out "usage: $program"
	run 0 "$program" --version
	says out "$program "
	run 64 "$program" --nonsense
	run 64 "$program" nonsense
	says err 'unexpected argument nonsense'
done

# --- heaprelayd -----------------------------------------------------------

configure 127.0.0.1:0
run 0 heaprelayd -t -c agent.conf
says out 'agent.conf: ok'
[ ! -e queue.db ] || { echo 'programs.sh: -t made a queue' >&2; failed=1; }
run 78 heaprelayd -t -c missing.conf
says err missing.conf

echo 'no certificate' > broken.pem
configure 127.0.0.1:0 "tls_certificate = $work/broken.pem
tls_key = $work/broken.pem"
run 78 heaprelayd -t -c agent.conf
says err broken.pem
run 78 heaprelayd -c agent.conf
says err broken.pem

configure 127.0.0.1:0 'max_connections = 5000'
# shellcheck disable=SC3045
(ulimit -n 1000; run 78 heaprelayd -c agent.conf; exit $failed) || failed=1
says err 'descriptors are needed for max_connections = 5000'

: > sink.out
"$build/heaprelay-sink" --listen 127.0.0.1:0 > sink.out 2> sink.err &
sink_pid=$!
tries=400
until grep -q 'listening on' sink.out; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { cat sink.err >&2; exit 1; }
	sleep 0.05
done
taken=$(sed -n 's|^.*listening on http://||p' sink.out)
configure "$taken"
run 73 heaprelayd -c agent.conf
says err "cannot listen on $taken"

# --- heaprelay-sink -------------------------------------------------------

run 73 heaprelay-sink --listen "$taken"
says err "$taken"
run 73 heaprelay-sink --listen 127.0.0.1:0 --log "$work/missing/log"
says err missing/log
run 78 heaprelay-sink --listen 127.0.0.1:0 --certificate broken.pem \
    --key broken.pem
says err broken.pem
run 64 heaprelay-sink --certificate broken.pem
says err 'go together'
for option in '--app x' '--app 123456789012345678901' '--max-body -1' \
    '--remember-users many' '--remember-keys 1x' '--track-limit 30'; do
	# shellcheck disable=SC2086
	run 64 heaprelay-sink $option
	says err "${option%% *} should be"
done
run 64 heaprelay-sink --fault '{"match":'
says err '--fault 1: '

# --- heaprelay-load -------------------------------------------------------

configure 127.0.0.1:0
for option in '--rate 0' '--rate fast' '--timeout 0' '--requests 1.5' \
    '--run a/b'; do
	# shellcheck disable=SC2086
	run 64 heaprelay-load -c agent.conf $option
	says err "${option%% *} should be"
done
run 64 heaprelay-load -c agent.conf --duration 0
says err 'needs --requests'
run 78 heaprelay-load -c missing.conf
says err missing.conf
run 78 heaprelay-load -c agent.conf --to "$taken" --input other
says err 'no input other'
run 73 heaprelay-load -c agent.conf --to "$taken" --requests 1 \
    --ids "$work/missing/ids"
says err missing/ids

exit $failed
