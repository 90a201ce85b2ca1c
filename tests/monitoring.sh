#!/bin/sh
# monitoring.sh - the rules and the dashboard are well formed, and each alert
# comes when it should (heaprelay.rules.test.yml)

set -eu
contrib=${srcdir:-.}/contrib
dashboard=$contrib/grafana/heaprelay.json

fail() {
	echo "monitoring.sh: $*" >&2
	exit 1
}

command -v jq > /dev/null || { echo "skipped: no jq here"; exit 77; }

# Each panel has a place, a text, and queries; no number is there twice, and
# no two panels lie over each other.
jq -e '
def cells: .gridPos as $g | range($g.y; $g.y + $g.h) as $y |
    range($g.x; $g.x + $g.w) | [., $y];
.title == "heaprelay" and (.panels | length) > 20 and
([.panels[].id] | length == (unique | length)) and
([.panels[] | cells] | length == (unique | length)) and
all(.panels[]; .gridPos.x + .gridPos.w <= 24 and (.type == "row" or
    ((.description | length) > 10 and (.targets | length) > 0 and
    all(.targets[]; .datasource.uid == "${datasource}" and
	(.expr | contains("job=\"$job\",instance=~\"$instance\""))))))
' "$dashboard" > /dev/null || fail "$dashboard: see the comment above"

command -v promtool > /dev/null || {
	echo "skipped: no promtool here (Debian package: prometheus)"
	exit 77
}
promtool check rules "$contrib/prometheus/heaprelay.rules.yml" ||
    fail "the rules are wrong"
promtool test rules "$contrib/prometheus/heaprelay.rules.test.yml" ||
    fail "the rules do not do what they should"

# What the dashboard asks is PromQL: as rules, with its variables filled in.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jq '{groups: [{name: "dashboard", rules: [[.panels[].targets[]?.expr,
    .annotations.list[].expr] | to_entries[] |
    {record: "query:\(.key)", expr: (.value | gsub("\\$job"; "heaprelay") |
	gsub("\\$instance"; ".*") | gsub("\\$__rate_interval"; "5m"))}]}]}' \
    "$dashboard" > "$work/dashboard.yml"
promtool check rules "$work/dashboard.yml" ||
    fail "a query of the dashboard is no PromQL"
