#!/bin/sh
# sqlite.sh - every query of contrib/sqlite answers beside a running agent
. "${srcdir:-.}/tests/flow/lib.sh"

queries=$srcdir/contrib/sqlite
sed "s|@pkgdatadir@/sqlite|$queries|" "$queries/init.sql.in" > "$work/init.sql"

# One of nine is poisonous, one has a type that Heap has nothing for.
batches() {
	printf '['
	for i in 1 2 3 4 5 6 7 8 9; do
		name="good $i"
		[ "$i" = 6 ] && name=poison
		printf '{"user_identities":{"email":"Pat%s@example.com"},' "$i"
		printf '"events":[{"event_type":"custom_event","data":{'
		printf '"event_name":"%s"}}]},' "$name"
	done
	printf '{"mpid":"7","events":[{"event_type":"opt_out","data":{}}]}]'
}

fault() {
	curl -s -m 10 -X POST -H 'Content-Type: application/json' -d "$1" \
	    "$sink/faults" > /dev/null
}

start_sink
make_config < /dev/null
start_agent
fault '{"match":{"contains":"poison"},"do":{"status":400,"index":false}}'
batches > "$work/batches.json"
cat > "$work/anonymous.json" <<'EOT'
{"events":[{"event_type":"custom_event","data":{"event_name":"who?"}}]}
EOT
cat > "$work/later.json" <<'EOT'
{"mpid":"42","events":[{"event_type":"custom_event","data":{"event_name":"later"}}]}
EOT
[ "$(post /v2/bulkevents "$work/batches.json")" = 202 ] || fail 'no 202'
[ "$(post /v2/events "$work/anonymous.json")" = 202 ] || fail 'no 202'
wait_for 30 sql_is 'SELECT delivered || stuck || skipped
    FROM v_conservation' 821 ||
    fail "at first: $(sql 'SELECT * FROM v_conservation')"
fault '{"do":{"status":503,"retry_after":600}}'
[ "$(post /v2/events "$work/later.json")" = 202 ] || fail 'no 202'
wait_for 30 sql_is "SELECT count(*) FROM v_queue
    WHERE last_status = 503 AND what LIKE 'It failed, %'" 1 ||
    fail "in the end: $(sql 'SELECT * FROM v_queue')"

# ask FILE [SHELL-COMMAND]: what the query prints, without what the shell
# says at the start.
ask() {
	sqlite3 -readonly -init "$work/init.sql" "$work/queue.db" ${2:+"$2"} \
	    ".print -- answer" ".read $1" 2>&1 | sed '1,/^-- answer$/d'
}

# shows TEXT...: each is in the answer.
shows() {
	for text; do
		grep -qF -e "$text" "$work/answer" ||
		    fail "$query does not show '$text': $(cat "$work/answer")"
	done
}

poison=$(sql "SELECT event_id FROM v_stuck WHERE name = 'poison'")
[ -n "$poison" ] || fail 'no event is stuck for its name'
for file in "$queries"/*.sql; do
	query=$(basename "$file")
	[ "$query" != init.sql ] || continue
	ask "$query" > "$work/answer"
	case $query in
	stuck.sql)
		shows refused 'Heap refused it, even when it was sent alone.' \
		    no_identity ;;
	oldest.sql) shows later queued 503 'It failed, and' ;;
	busiest.sql) shows 42 'track_limit 1/30' ;;
	windows.sql) shows app_limit '(the app)' '13 %' ;;
	requests.sql) shows ':00Z' 200 400 503 ;;
	isolation.sql) shows bulk '  ' isolate refused "$poison" ;;
	history.sql) shows "$poison" isolate refused 400 ;;
	skipped.sql) shows event_type 'Heap has nothing' ;;
	person.sql) shows 'email Pat6@example.com' 'made here' ;;
	conservation.sql) shows 'Nothing is lost.' track ;;
	*) fail "nobody said what $query should show" ;;
	esac
	! grep -i error "$work/answer" | grep -v last_error | grep -v an_error ||
	    fail "$query has an error"
	grep -q "^.print '\.read $query " "$queries/init.sql.in" ||
	    fail "init.sql does not list $query"
	[ "$(sed -n 1p "$file" | cut -d ' ' -f 1-3)" = "-- $query -" ] ||
	    fail "$query does not begin with what it is for"
done
sed -n "s/^\.print '\.read \([a-z]*\.sql\)  .*/\1/p" "$queries/init.sql.in" |
    while read -r query; do
	[ -f "$queries/$query" ] || fail "init.sql lists $query"
done

# Those that take something.
query=person.sql
ask person.sql ".parameter set :person ' PAT3@example.com'" > "$work/answer"
shows 'email Pat3@example.com'
[ "$(grep -c 'example\.com' "$work/answer")" = 1 ] || fail 'too many people'
query=history.sql
first=$(sql 'SELECT min(id) FROM event')
ask history.sql ".parameter set :event $first" > "$work/answer"
shows "$first" 200
query=requests.sql
ask requests.sql '.parameter set :hours -1' > "$work/answer"
[ ! -s "$work/answer" ] || fail 'requests of the hour to come'
query=isolation.sql
ask isolation.sql '.parameter set :request 1' > "$work/answer"
shows isolate

stop_agent
