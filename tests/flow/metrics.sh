#!/bin/sh
# metrics.sh - /metrics of a running agent is what Prometheus likes, counts
# what happened, and has all that the dashboard and the rules ask for
. "${srcdir:-.}/tests/flow/lib.sh"

metric() {
	admin_call GET /metrics > "$work/metrics"
	awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' \
	    "$work/metrics"
}

metric_is() {
	equals "$(metric "$1")" "$2"
}

start_sink
make_config <<'EOT'
backoff_base = 10ms
backoff_max = 20ms
EOT
start_agent
cat > "$work/one.json" <<'EOT'
{"mpid":"1","user_attributes":{"a":"b"},"events":[{"event_type":"custom_event",
 "data":{"event_name":"Seen"}}]}
EOT
[ "$(post /v2/events "$work/one.json")" = 202 ] || fail "no 202"
echo '{' > "$work/bad.json"
[ "$(post /v2/events "$work/bad.json")" = 400 ] || fail "no 400"
[ "$(post /v2/events "$work/one.json" -u 'key:wrong')" = 403 ] ||
    fail "no 403"
wait_for 10 metric_is heaprelay_events_delivered_total 1 ||
    fail "delivered: $(metric heaprelay_events_delivered_total)"

# Once it is told, it is in all figures.
while read -r name value; do
	metric_is "$name" "$value" ||
	    fail "$name is $(metric "$name"), not $value"
done <<'EOT'
heaprelay_ingest_answers_total{input="test",status="202"} 1
heaprelay_ingest_answers_total{input="test",status="400"} 1
heaprelay_ingest_answers_total{input="-",status="403"} 1
heaprelay_ingest_latency_seconds_count 1
heaprelay_delivery_latency_seconds_count 1
heaprelay_delivery_latency_seconds_bucket{le="+Inf"} 1
heaprelay_request_duration_seconds_count{lane="track"} 1
heaprelay_events{output="heap",state="delivered"} 1
heaprelay_breaker{output="heap",lane="track",state="closed"} 1
heaprelay_window_used{output="heap",window="app_limit"} 1
heaprelay_window_limit{output="heap",window="app_limit"} 15000
heaprelay_oldest_due_seconds{output="heap"} 0.000
heaprelay_ingest_accepting 1
EOT
[ "$(metric heaprelay_commit_duration_seconds_count)" -ge 2 ] ||
    fail "commits are not counted"
[ "$(metric heaprelay_turn_duration_seconds_count)" -ge 2 ] ||
    fail "turns are not counted"

# asked FILE: METRIC LABEL pairs that its queries name; LABEL "-": none.
asked() {
	grep -o 'heaprelay_[a-z_]*\(\\*{[^}]*}\)\?' "$1" | sed 's/\\//g' |
	awk -F'[{}]' '{
		print $1, "-"
		n = split($2, label, ",")
		for (i = 1; i <= n; i++) {
			sub(/[!=~].*/, "", label[i])
			if (label[i] != "job" && label[i] != "instance")
				print $1, label[i]
		}
	}' | sort -u
}

contrib=${srcdir:-.}/contrib
for file in "$contrib/grafana/heaprelay.json" \
    "$contrib/prometheus/heaprelay.rules.yml"; do
	[ "$(asked "$file" | wc -l)" -gt 15 ] || fail "$file asks for little"
	asked "$file" | while read -r name label; do
		case $label in
		-) grep -q "^$name[{ ]" "$work/metrics" ;;
		*) grep -q "^$name{.*\<$label=" "$work/metrics" ;;
		esac || fail "$file asks for $name ($label), which is not there"
	done
done

command -v promtool > /dev/null ||
    skip "no promtool here (Debian package: prometheus)"
promtool check metrics < "$work/metrics" || fail "promtool has objections"
stop_agent
