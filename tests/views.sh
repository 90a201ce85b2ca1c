#!/bin/sh
#
# views.sh - the views answer people who know neither codes nor tables
#
# That they have the columns that scripts rely on, know every reason there is,
# say in words what holds an event, and do not read all events for it.

set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "views.sh: $*" >&2
	status=1
}

sql() {
	sqlite3 -bail "$work/db" "$@"
}

cat "$srcdir/sql/schema.sql" "$srcdir/sql/views.sql" | sqlite3 -bail "$work/db"

# begins VIEW COLUMNS: further ones may follow, in any number.
begins() {
	have=$(sql "SELECT group_concat(name, ' ') FROM pragma_table_info('$1')")
	case "$have " in
	"$2 "*) ;;
	*) complain "$1 begins with '$have', not '$2'" ;;
	esac
}
events='event_id output identity name state reason attempts due_at'
events="$events last_status last_error received_at"
begins v_queue "$events"
begins v_stuck "$events"
begins v_requests 'request_id output lane form objects started_at ended_at status error'
begins v_identities 'output identity queued stuck next_at'
begins v_windows 'output window identity used limit_n window_ms frees_at'
for name in queued inflight delivered stuck discarded skipped accepted \
    pruned erased ok; do
	sql "SELECT $name FROM v_conservation" > /dev/null ||
	    complain "v_conservation has no $name"
done

# Where a reason comes from: the mapping, a statement, a verdict.
{
	sed -n 's/^#define MAP_[A-Z_]*[[:space:]]*"\(.*\)"$/\1/p' \
	    "$srcdir/src/map.h"
	sed -n "s/.*SET state = '[a-z]*', reason = '\([a-z_]*\)'.*/\1/p" \
	    "$srcdir/sql/queue.sql"
	sed -n 's/.*\(stick\|queue_stuck\)(.*"\([a-z_]*\)").*/\2/p' \
	    "$srcdir"/src/dispatch*.c
} | sort -u > "$work/given"
sql 'SELECT DISTINCT reason FROM v_reasons ORDER BY reason' > "$work/known"
[ "$(wc -l < "$work/given")" -ge 16 ] ||
    complain "only these reasons were found: $(cat "$work/given")"
diff -u "$work/given" "$work/known" >&2 ||
    complain 'the reasons that are given (-) and v_reasons (+) differ'

# Parts of a sentence are no sentences, and those that are made of them are.
[ "$(sql "SELECT count(*) FROM reason_words
	   WHERE what || hint GLOB '*.' OR what || hint GLOB '*.[ A-Z]*'
	      OR what GLOB '*[ .]' OR what = '' OR hint = ''")" = 0 ] ||
    complain 'reason_words has whole sentences, or nothing to say'
[ "$(sql "SELECT count(*) FROM v_reasons WHERE what NOT GLOB '[A-Z]*[a-z)].'
	      OR hint NOT GLOB '[A-Z]*[a-z)].'")" = 0 ] ||
    complain 'v_reasons has no sentences'

# One event of each kind, named after what it should say.
sql > "$work/seen" <<'END'
INSERT INTO app (id, base_url, app_id)
VALUES (1, 'https://heap.example', '1');
INSERT INTO output (id, name, app, paused_at)
VALUES (1, 'heap', 1, NULL), (2, 'gone', NULL, NULL),
	(3, 'halted', 1, 1700000000000);
INSERT INTO lane (id, output, kind)
VALUES (1, 1, 'track'), (2, 2, 'track'), (3, 3, 'track');
INSERT INTO identity (id, value)
VALUES (1, 'ada'), (2, 'busy'), (3, 'full'), (4, 'now');
INSERT INTO request (id, lane, app, form, events, objects, bytes, started_at,
	boot_id, started_boot)
VALUES (7, 1, 1, 'flat', 1, 1, 9, 1700000000000, 'boot', 1);
INSERT INTO isolation (id, lane, request, aside) VALUES (1, 1, 7, 0);
INSERT INTO batch (id, receipt_id, input, path, environment, received_at,
	duplicate, first_event, events, live, body)
VALUES (1, 'r', 'feed', '/v2/events', 'production', 1700000000123, 0, 1, 99,
	99, '{}');
CREATE TEMP TABLE want (name, lane, identity, state, reason, due_at, suspect,
	status, error, what);
INSERT INTO want VALUES
('flying', 1, 1, 'queued', NULL, NULL, NULL, NULL, NULL,
	'It is on its way to Heap, in request 7.'),
('stuck', 1, 1, 'stuck', 'refused', NULL, NULL, 400, 'events[0] should be',
	'Heap refused it, even when it was sent alone.'),
('anonymous', 1, NULL, 'stuck', 'no_identity', NULL, NULL, NULL, NULL,
	'Its batch has no identity %'),
('orphan', 2, 1, 'queued', NULL, NULL, NULL, NULL, NULL,
	'Its output is not in the configuration.'),
('halted', 3, 1, 'queued', NULL, NULL, NULL, NULL, NULL,
	'Its output is paused since 2023-11-14T22:13:20Z.'),
('later', 1, 1, 'queued', NULL, 1700000000456, NULL, 503, 'busy',
	'It failed, and is sent again when due_at has come.'),
('suspect', 1, 1, 'queued', NULL, NULL, 1, 400, 'bad',
	'It goes apart from others, with which it was refused.'),
('behind', 1, 2, 'queued', NULL, NULL, NULL, NULL, NULL,
	'Requests of its identity are on their way; %'),
('waiting', 1, 3, 'queued', NULL, NULL, NULL, NULL, NULL,
	'Its identity waits for room, until 2099-01-01T00:00:00Z at least.'),
('ready', 1, 4, 'queued', NULL, NULL, NULL, NULL, NULL,
	'It is ready, and leaves when its turn comes %');
INSERT INTO event (batch, event_index, lane, identity, name, received_at,
	event_at, commerce, objects, payload, state, reason, due_at, suspect,
	last_status, last_error)
SELECT 1, rowid, lane, identity, name, 1700000000123, 1700000000000, 0, 1,
       '{}', state, reason, due_at, suspect, status, error
  FROM want ORDER BY rowid;
INSERT INTO waiting (lane, identity, ready, next_at)
SELECT lane, identity, count(*), min(received_at) FROM event
 WHERE state = 'queued' AND due_at IS NULL AND suspect IS NULL
 GROUP BY lane, identity;
UPDATE event SET state = 'inflight', request = 7 WHERE name = 'flying';
UPDATE waiting SET next_at = 9223372036854775807 / 4 WHERE identity = 2;
UPDATE waiting SET next_at = strftime('%s', '2099-01-01') * 1000
 WHERE identity = 3;
UPDATE waiting SET next_at = 1700000000000 WHERE identity = 4;
SELECT w.name, s.state, s.what, s.hint, s.received_at
  FROM want AS w
  LEFT JOIN (SELECT * FROM v_queue UNION ALL SELECT * FROM v_stuck) AS s
	ON s.name = w.name
 WHERE s.what NOT LIKE w.what OR s.what IS NULL OR s.hint IS NULL
    OR s.received_at <> '2023-11-14T22:13:20.123Z';
END
[ ! -s "$work/seen" ] || complain "not as wanted: $(cat "$work/seen")"
[ "$(sql 'SELECT count(*) FROM v_queue')" = 8 ] ||
    complain "v_queue has $(sql 'SELECT count(*) FROM v_queue') rows"
[ "$(sql 'SELECT group_concat(due_at) FROM v_queue')" = \
    2023-11-14T22:13:20.456Z ] || complain 'due_at is not readable'
[ "$(sql 'SELECT name FROM v_queue' | head -n 2 | xargs)" = 'flying orphan' ] ||
    complain 'v_queue is not in the order of ids'

# What they read: what is done with is no part of it, and the first rows of
# v_stuck and v_requests come before the last are looked at.
for view in v_queue v_stuck v_requests v_identities v_windows; do
	sql "EXPLAIN QUERY PLAN SELECT * FROM $view" > "$work/plan"
	scans=$(grep -E 'SCAN (event|batch|e)( |$)' "$work/plan" | grep -vE \
	    'INDEX event_(queued|suspect|deferred|inflight|stuck|stuck_id)$' ||
	    true)
	[ -z "$scans" ] || complain "$view: $scans"
done
for view in v_stuck v_requests; do
	sql "EXPLAIN QUERY PLAN SELECT * FROM $view" > "$work/plan"
	! grep -q 'TEMP B-TREE' "$work/plan" ||
	    complain "$view sorts: $(cat "$work/plan")"
done

exit $status
