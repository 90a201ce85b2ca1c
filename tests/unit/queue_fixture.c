/*
 * queue_fixture.c - a queue with two outputs, and what the tests ask of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue_fixture.h"
#include "scratch_fixture.h"
#include "store.h"

static const struct queue_window windows[] = {
	{ "track_limit", 30, 30000 },
	{ "app_limit", 15000, 60000 },
};

static void
begin(struct queue_fixture *f)
{
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
}

static void
start(struct queue_fixture *f)
{
	struct why why = { "" };

	if (queue_open(&f->q, f->path, 0600, &why) != 0)
		fail_msg("%s", why.text);
	begin(f);
	queue_forget_outputs(f->q);
	queue_output(f->q, "heap", "https://heap.test", "1", windows,
	    HR_COUNT(windows), &f->out);
	queue_output(f->q, "other", "https://heap.test", "2", windows,
	    HR_COUNT(windows), &f->other);
	assert_true(queue_commit(f->q));
	begin(f);
}

static struct queue_fixture *
make(void)
{
	struct queue_fixture *f = xcalloc(1, sizeof(*f));

	f->now.wall = QUEUE_NOW;
	f->now.boot = 1000000;
	clock_set_boot_id("boot-1");
	return f;
}

int
queue_fixture_setup(void **state)
{
	struct queue_fixture *f = make();

	f->path = xstrdup(STORE_MEMORY);
	start(f);
	*state = f;
	return 0;
}

int
queue_fixture_setup_file(void **state)
{
	struct queue_fixture *f = make();

	f->directory = scratch_make();
	f->path = scratch_path(f->directory, "queue.db");
	start(f);
	*state = f;
	return 0;
}

int
queue_fixture_teardown(void **state)
{
	struct queue_fixture *f = *state;

	queue_close(f->q);
	if (f->directory != NULL)
		scratch_remove(f->directory);
	free(f->path);
	free(f);
	return 0;
}

static HR_PRINTF(2, 0) sqlite3_stmt *
ask(struct queue_fixture *f, const char *sql, va_list ap)
{
	sqlite3 *db = store_db(queue_store(f->q));
	struct buf text = BUF_INIT;
	sqlite3_stmt *st;

	buf_vprintf(&text, sql, ap);
	if (sqlite3_prepare_v2(db, buf_str(&text), -1, &st, NULL) !=
	    SQLITE_OK)
		fail_msg("%s: %s", text.p, sqlite3_errmsg(db));
	if (sqlite3_step(st) != SQLITE_ROW)
		fail_msg("no row: %s", text.p);
	buf_free(&text);
	return st;
}

int64_t
number(struct queue_fixture *f, const char *sql, ...)
{
	sqlite3_stmt *st;
	int64_t n;
	va_list ap;

	va_start(ap, sql);
	st = ask(f, sql, ap);
	va_end(ap);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

char *
words(struct queue_fixture *f, const char *sql, ...)
{
	const char *text;
	sqlite3_stmt *st;
	char *copy;
	va_list ap;

	va_start(ap, sql);
	st = ask(f, sql, ap);
	va_end(ap);
	text = (const char *)sqlite3_column_text(st, 0);
	copy = xstrdup(text != NULL ? text : "-");
	sqlite3_finalize(st);
	return copy;
}

void
assert_event(struct queue_fixture *f, int64_t id, const char *column,
    const char *expected)
{
	char *got = words(f, "SELECT %s FROM event WHERE id = %lld", column,
	    (long long)id);

	if (strcmp(got, expected) != 0)
		fail_msg("%s of event %lld is %s, expected %s", column,
		    (long long)id, got, expected);
	free(got);
}

void
assert_state(struct queue_fixture *f, int64_t id, const char *state,
    const char *reason)
{
	assert_event(f, id, "state", state);
	assert_event(f, id, "reason", reason);
}

/* Each counts what disagrees. */
static const struct {
	const char *what;
	const char *sql;
} proofs[] = {
	{ "v_conservation", "SELECT NOT ok FROM v_conservation" },
	{ "tallies of states", "SELECT count(*) FROM (SELECT lane, state, "
	    "count(*) FROM event GROUP BY 1, 2 EXCEPT "
	    "SELECT lane, name, events FROM tally)" },
	{ "tallies without events", "SELECT count(*) FROM tally AS t "
	    "WHERE events <> 0 "
	    "AND name NOT IN ('accepted', 'pruned', 'erased') "
	    "AND events <> (SELECT count(*) FROM event "
	    "WHERE lane = t.lane AND state = t.name)" },
	{ "conservation by lane", "SELECT count(*) FROM lane AS l WHERE "
	    "(SELECT coalesce(sum(events), 0) FROM tally "
	    "WHERE lane = l.id AND name = 'accepted') <> "
	    "(SELECT coalesce(sum(events), 0) FROM tally "
	    "WHERE lane = l.id AND name <> 'accepted')" },
	{ "those who are ready", "SELECT count(*) FROM (SELECT lane, "
	    "identity, count(*) FROM event WHERE state = 'queued' "
	    "AND due_at IS NULL AND suspect IS NULL GROUP BY 1, 2 EXCEPT "
	    "SELECT lane, identity, ready FROM waiting)" },
	{ "those who wait", "SELECT count(*) FROM (SELECT lane, identity, "
	    "ready FROM waiting EXCEPT SELECT lane, identity, count(*) "
	    "FROM event WHERE state = 'queued' AND due_at IS NULL "
	    "AND suspect IS NULL GROUP BY 1, 2)" },
	{ "batches", "SELECT count(*) FROM batch AS b WHERE live <> "
	    "(SELECT count(*) FROM event WHERE batch = b.id)" },
	{ "events without a batch", "SELECT count(*) FROM event "
	    "WHERE batch NOT IN (SELECT id FROM batch)" },
	{ "updates of one identity", "SELECT count(*) FROM (SELECT 1 "
	    "FROM event WHERE event_index IS NULL AND state = 'queued' "
	    "GROUP BY lane, identity HAVING count(*) > 1)" },
	{ "updates of one chain", "SELECT count(*) FROM (SELECT 1 FROM event "
	    "WHERE chain IS NOT NULL GROUP BY chain HAVING "
	    "sum(ended_at IS NULL) > 1 OR min(id) < chain)" },
	{ "groups without events", "SELECT count(*) FROM isolation "
	    "WHERE id NOT IN (SELECT suspect FROM event "
	    "WHERE suspect IS NOT NULL)" },
	{ "events without their group", "SELECT count(*) FROM event "
	    "WHERE suspect IS NOT NULL "
	    "AND suspect NOT IN (SELECT id FROM isolation)" },
};

void
settle(struct queue_fixture *f)
{
	size_t i;

	if (!queue_commit(f->q))
		fail_msg("%s", queue_error(f->q));
	for (i = 0; i < HR_COUNT(proofs); i++)
		if (number(f, "%s", proofs[i].sql) != 0)
			fail_msg("disagree: %s", proofs[i].what);
	begin(f);
}

void
crash(struct queue_fixture *f)
{
	assert_non_null(f->directory);
	queue_close(f->q);
	start(f);
}

int64_t
put_event(struct queue_fixture *f, const struct queue_event *e,
    const char *identity)
{
	struct queue_event event = *e;
	struct queue_batch batch = {
		.receipt_id = "00112233445566778899aabbccddeeff",
		.input = "shop", .path = "/v2/events",
		.received_at = f->now.wall, .events = 1, .body = "{}",
		.body_len = 2,
	};

	if (identity != NULL)
		event.identity = queue_identity(f->q, identity);
	queue_batch(f->q, &batch);
	return queue_event(f->q, &batch, &event);
}

int64_t
put_track(struct queue_fixture *f, const char *identity)
{
	char *payload = xasprintf("{\"identity\":\"%s\",\"event\":\"E\"}",
	    identity);
	struct queue_event e = {
		.lane = f->out.lane[HEAP_TRACK], .kind = HEAP_TRACK,
		.name = "E", .event_at = f->now.wall, .objects = 1,
		.payload = payload, .payload_len = strlen(payload),
		.entry = QUEUE_QUEUED,
	};
	int64_t id = put_event(f, &e, identity);

	free(payload);
	return id;
}

int64_t
put_update(struct queue_fixture *f, const char *identity,
    const char *properties)
{
	char *payload = xasprintf("{\"identity\":\"%s\",\"properties\":{%s}}",
	    identity, properties);
	struct queue_event e = {
		.lane = f->out.lane[HEAP_USER_PROPERTIES],
		.kind = HEAP_USER_PROPERTIES, .event_index = -1, .name = "",
		.event_at = f->now.wall, .objects = 1, .payload = payload,
		.payload_len = strlen(payload), .entry = QUEUE_QUEUED,
	};
	int64_t id = put_event(f, &e, identity);

	free(payload);
	return id;
}

int64_t
put_ended(struct queue_fixture *f, enum queue_entry entry, const char *reason)
{
	struct queue_event e = {
		.lane = f->out.lane[HEAP_TRACK], .kind = HEAP_TRACK,
		.name = "E", .event_at = f->now.wall, .entry = entry,
		.reason = reason,
	};

	return put_event(f, &e, NULL);
}

int64_t
claim(struct queue_fixture *f, enum heap_lane kind, const int64_t *events,
    size_t n)
{
	struct queue_claimed *claimed = xcalloc(n, sizeof(*claimed));
	struct queue_claim c = {
		.lane = f->out.lane[kind], .app = f->out.app,
		.form = HEAP_BULK, .objects = n, .bytes = 100,
		.events = claimed, .events_n = n,
	};
	int64_t request;
	size_t i;

	for (i = 0; i < n; i++) {
		claimed[i].event = events[i];
		claimed[i].objects = 1;
		claimed[i].identity = number(f, "SELECT identity FROM event "
		    "WHERE id = %lld", (long long)events[i]);
	}
	request = queue_claim(f->q, &c, f->now);
	free(claimed);
	return request;
}

int64_t
claim_one(struct queue_fixture *f, enum heap_lane kind, int64_t event)
{
	return claim(f, kind, &event, 1);
}

struct queue_end
end_of(struct queue_fixture *f, enum heap_lane kind, int64_t request,
    int status)
{
	struct queue_end e = {
		.request = request, .lane = f->out.lane[kind], .kind = kind,
		.status = status, .verdict = "v", .ended = f->now,
	};

	return e;
}

static bool
note_id(const struct queue_row *row, void *arg)
{
	struct buf *ids = arg;

	buf_printf(ids, ids->len > 0 ? " %lld" : "%lld", (long long)row->id);
	return true;
}

char *
ready_ids(struct queue_fixture *f, enum heap_lane kind, const char *identity,
    int64_t after)
{
	struct buf ids = BUF_INIT;

	queue_ready(f->q, f->out.lane[kind], queue_identity(f->q, identity),
	    after, note_id, &ids);
	return buf_steal(&ids);
}

struct moment
at(struct queue_fixture *f, int64_t wall)
{
	struct moment m = { wall, f->now.boot + (wall - f->now.wall) };

	return m;
}

struct queue_end
flown(struct queue_fixture *f, int64_t event, int status)
{
	struct queue_end e = end_of(f, HEAP_USER_PROPERTIES,
	    claim_one(f, HEAP_USER_PROPERTIES, event), status);

	queue_end(f->q, &e);
	return e;
}

int64_t
stuck_update(struct queue_fixture *f, const char *properties)
{
	int64_t id = put_update(f, "ada", properties);
	struct queue_end e = flown(f, id, 400);

	queue_stuck(f->q, &e, "refused");
	return id;
}

void
assert_merged(struct queue_fixture *f, int64_t event, int64_t into)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)into);
	assert_state(f, event, "skipped", "merged");
	assert_event(f, event, "merged_into", id);
	assert_event(f, event, "due_at", "-");
	assert_event(f, event, "suspect", "-");
}
