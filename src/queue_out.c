/*
 * queue_out.c - the way out: who may leave, claims, verdicts
 *
 * Knows the state moves of events that fly.  Which event leaves, and what an
 * answer means, is decided elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queue_private.h"

int64_t
queue_release(struct queue *q, int64_t now, int64_t n)
{
	int64_t ids[256], moved = 0, i, found = 0;
	sqlite3_stmt *st = store_sql(q->store, SQL_DEFERRED_DUE);

	if (n > (int64_t)HR_COUNT(ids))
		n = (int64_t)HR_COUNT(ids);
	store_int(st, ":now", now);
	store_int(st, ":n", n);
	while (store_row(q->store, st))
		ids[found++] = sqlite3_column_int64(st, 0);
	for (i = 0; i < found; i++) {
		st = store_sql(q->store, SQL_DEFERRED_RELEASE);
		store_int(st, ":id", ids[i]);
		moved += store_run(q->store, st);
	}
	return moved;
}

/* The one integer a statement answers; INT64_MAX: none. */
static int64_t
instant(struct queue *q, sqlite3_stmt *st)
{
	int64_t at = INT64_MAX;

	if (store_row(q->store, st) &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL)
		at = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return at;
}

int64_t
queue_next_due(struct queue *q)
{
	return instant(q, store_sql(q->store, SQL_DEFERRED_NEXT));
}

/* Columns: identity, ready, next_at. */
static size_t
read_waiting(struct queue *q, sqlite3_stmt *st, struct queue_waiting *w,
    size_t n)
{
	size_t found = 0;

	store_int(st, ":n", (int64_t)n);
	while (found < n && store_row(q->store, st)) {
		w[found].identity = sqlite3_column_int64(st, 0);
		w[found].ready = sqlite3_column_int64(st, 1);
		w[found].next_at = sqlite3_column_int64(st, 2);
		found++;
	}
	sqlite3_reset(st);
	stat_add(STAT_planner_rows, found);
	return found;
}

size_t
queue_waiting(struct queue *q, int64_t lane, int64_t now,
    const struct queue_waiting *after, struct queue_waiting *w, size_t n)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_WAITING_FIRST);

	store_int(st, ":lane", lane);
	store_int(st, ":now", now);
	store_int(st, ":after_at", after != NULL ? after->next_at : INT64_MIN);
	store_int(st, ":after", after != NULL ? after->identity : 0);
	return read_waiting(q, st, w, n);
}

#define LEVEL_MAX	24	/* as in waiting_park */

size_t
queue_longest(struct queue *q, int64_t lane, int64_t now,
    struct queue_waiting *w, size_t n)
{
	sqlite3_stmt *st;
	size_t found = 0;
	int level;

	for (level = LEVEL_MAX; level >= QUEUE_LEVEL_MIN && found < n;
	    level--) {
		st = store_sql(q->store, SQL_WAITING_LONGEST);
		store_int(st, ":lane", lane);
		store_int(st, ":level", level);
		store_int(st, ":now", now);
		found += read_waiting(q, st, w + found, n - found);
	}
	return found;
}

int64_t
queue_next_waiting(struct queue *q, int64_t lane)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_WAITING_NEXT);

	store_int(st, ":lane", lane);
	return instant(q, st);
}

void
queue_park(struct queue *q, int64_t lane, int64_t identity, int64_t next_at)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_WAITING_PARK);

	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":next_at", next_at);
	store_run(q->store, st);
}

void
queue_wake(struct queue *q, int64_t lane, int64_t identity, int64_t above,
    int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_WAITING_WAKE);

	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":above", above);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

/* May it be sent?  Numbers are lengths from here on, so a damaged one would
 * lead anywhere. */
static bool
is_whole(struct queue *q, const struct queue_row *row, bool has_payload)
{
	if (row->payload == NULL && has_payload) {
		store_fail(q->store, "out of memory");
		return false;
	}
	if (row->payload == NULL || row->sent >= row->payload_len ||
	    row->objects == 0 || row->objects > QUEUE_OBJECTS_MOST)
		store_damaged(q->store, "an event has nothing that can be "
		    "sent");
	return true;
}

/* Columns: id, objects, commerce, sent, attempts, received_at, payload, and
 * identity unless `identity` is known (not 0). */
static void
hand_out(struct queue *q, sqlite3_stmt *st, int64_t identity,
    queue_take *take, void *arg)
{
	struct queue_row row;
	bool has_payload;

	while (store_row(q->store, st)) {
		has_payload = sqlite3_column_type(st, 6) != SQLITE_NULL;
		row.id = sqlite3_column_int64(st, 0);
		row.objects = (size_t)sqlite3_column_int64(st, 1);
		row.commerce = sqlite3_column_int(st, 2) != 0;
		row.sent = (size_t)sqlite3_column_int64(st, 3);
		row.attempts = sqlite3_column_int64(st, 4);
		row.received_at = sqlite3_column_int64(st, 5);
		row.payload = (const char *)sqlite3_column_text(st, 6);
		row.payload_len = (size_t)sqlite3_column_bytes(st, 6);
		row.identity = identity != 0 ? identity :
		    sqlite3_column_int64(st, 7);
		stat_add(STAT_planner_rows, 1);
		if (!is_whole(q, &row, has_payload) || !take(&row, arg))
			break;
	}
	sqlite3_reset(st);
}

void
queue_ready(struct queue *q, int64_t lane, int64_t identity, int64_t after,
    queue_take *take, void *arg)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_READY_FIRST);

	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":after", after);
	hand_out(q, st, identity, take, arg);
}

bool
queue_group(struct queue *q, int64_t lane, int64_t after,
    struct queue_group *g)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SUSPECT_GROUP);
	bool found;

	store_int(st, ":lane", lane);
	store_int(st, ":after", after);
	found = store_row(q->store, st);
	if (found) {
		g->id = sqlite3_column_int64(st, 0);
		g->request = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	return found;
}

void
queue_group_ready(struct queue *q, int64_t lane, int64_t group,
    queue_take *take, void *arg)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SUSPECT_EVENTS);

	store_int(st, ":lane", lane);
	store_int(st, ":suspect", group);
	hand_out(q, st, 0, take, arg);
}

int64_t
queue_next_request(const struct queue *q)
{
	return q->next_request;
}

static void
put_request(struct queue *q, int64_t id, const struct queue_claim *c,
    struct moment now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_PUT);

	store_int(st, ":id", id);
	store_int(st, ":lane", c->lane);
	store_int(st, ":app", c->app);
	store_text(st, ":form", heap_form_name(c->form));
	store_int(st, ":events", (int64_t)c->events_n);
	store_int(st, ":objects", (int64_t)c->objects);
	store_int(st, ":bytes", (int64_t)c->bytes);
	if (c->parent != 0)
		store_int(st, ":parent", c->parent);
	else
		store_text(st, ":parent", NULL);
	store_int(st, ":started_at", now.wall);
	store_text(st, ":boot_id", clock_boot_id());
	store_int(st, ":started_boot", now.boot);
	store_run(q->store, st);
}

/* One statement for all: what a statement costs before its first row is more
 * than the row. */
static void
claim_events(struct queue *q, int64_t request, const struct queue_claim *c)
{
	struct buf ids = BUF_INIT;
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < c->events_n; i++)
		buf_printf(&ids, "%c%lld", i == 0 ? '[' : ',',
		    (long long)c->events[i].event);
	buf_putc(&ids, ']');

	st = store_sql(q->store, SQL_ATTEMPT_PUT);
	store_text_n(st, ":ids", ids.p, ids.len);
	store_run(q->store, st);
	st = store_sql(q->store, SQL_EVENT_CLAIM);
	store_text_n(st, ":ids", ids.p, ids.len);
	store_int(st, ":request", request);
	if (store_run(q->store, st) != (int64_t)c->events_n)
		store_damaged(q->store, "an index has events that are not "
		    "there");
	buf_free(&ids);
}

static void
put_mention(struct queue *q, int64_t request, int64_t identity,
    size_t objects)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_IDENTITY_PUT);

	store_int(st, ":request", request);
	store_int(st, ":identity", identity);
	store_int(st, ":objects", (int64_t)objects);
	store_run(q->store, st);
}

/* Events of one identity may stand apart (a group under suspicion is in the
 * order of ids), so an identity that was mentioned is added to. */
int64_t
queue_claim(struct queue *q, const struct queue_claim *c, struct moment now)
{
	int64_t id = q->next_request++;
	size_t i, objects = 0;

	put_request(q, id, c, now);
	claim_events(q, id, c);
	for (i = 0; i < c->events_n; i++) {
		objects += c->events[i].objects;
		if (i + 1 == c->events_n ||
		    c->events[i + 1].identity != c->events[i].identity) {
			put_mention(q, id, c->events[i].identity, objects);
			objects = 0;
		}
	}
	return id;
}

void
queue_end(struct queue *q, const struct queue_end *e)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_END);

	store_int(st, ":request", e->request);
	store_int(st, ":ended_at", e->ended.wall);
	store_text(st, ":boot_id", clock_boot_id());
	store_int(st, ":ended_boot", e->ended.boot);
	store_int(st, ":never_left", e->never_left);
	store_int(st, ":status", e->status);
	store_text(st, ":verdict", e->verdict);
	store_text(st, ":error", e->error);
	store_text(st, ":answer", e->answer);
	store_run(q->store, st);
}

int64_t
queue_delivered(struct queue *q, const struct queue_end *e)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_DELIVERED);

	store_int(st, ":request", e->request);
	store_int(st, ":now", e->ended.wall);
	store_int(st, ":status", e->status);
	return store_run(q->store, st);
}

void
queue_slice_delivered(struct queue *q, const struct queue_end *e,
    int64_t event, size_t sent)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SLICE_DELIVERED);

	store_int(st, ":request", e->request);
	store_int(st, ":id", event);
	store_int(st, ":sent", (int64_t)sent);
	store_int(st, ":status", e->status);
	store_run(q->store, st);
	if (e->kind == HEAP_USER_PROPERTIES)
		queue_merge_back(q, e->lane, event, e->ended.wall);
}

/* What people read as the last error of an event. */
static const char *
event_error(const struct queue_end *e)
{
	return e->error != NULL ? e->error : e->answer;
}

static void
bind_due(sqlite3_stmt *st, int64_t due_at)
{
	if (due_at > 0)
		store_int(st, ":due_at", due_at);
	else
		store_text(st, ":due_at", NULL);
}

/* The user-properties events of a request, before they move: afterwards each
 * is merged under a newer one. */
struct comeback {
	int64_t	*ids;
	size_t	 n;
};

static struct comeback
comeback_of(struct queue *q, const struct queue_end *e)
{
	struct comeback c = { NULL, 0 };

	if (e->kind != HEAP_USER_PROPERTIES)
		return c;
	c.ids = xcalloc(HEAP_MAX_OBJECTS, sizeof(*c.ids));
	c.n = queue_inflight(q, e->request, c.ids, HEAP_MAX_OBJECTS);
	return c;
}

static void
comeback_merge(struct queue *q, const struct queue_end *e,
    struct comeback *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		queue_merge_back(q, e->lane, c->ids[i], e->ended.wall);
	free(c->ids);
}

int64_t
queue_back(struct queue *q, const struct queue_end *e, int64_t due_at)
{
	struct comeback c = comeback_of(q, e);
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_BACK);
	int64_t moved;

	store_int(st, ":request", e->request);
	bind_due(st, due_at);
	store_int(st, ":status", e->status);
	store_text(st, ":error", event_error(e));
	moved = store_run(q->store, st);
	comeback_merge(q, e, &c);
	return moved;
}

static int64_t
expire(struct queue *q, const struct queue_end *e, int64_t open_ms,
    int64_t give_up_ms)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_EXPIRED);

	store_int(st, ":request", e->request);
	store_int(st, ":status", e->status);
	store_text(st, ":error", event_error(e));
	store_int(st, ":open_ms", open_ms);
	store_int(st, ":give_up_ms", give_up_ms);
	return store_run(q->store, st);
}

int64_t
queue_failed(struct queue *q, const struct queue_end *e, int64_t due_at,
    int64_t open_ms, int64_t give_up_ms, int64_t *expired)
{
	struct comeback c;
	sqlite3_stmt *st;
	int64_t moved;

	*expired = expire(q, e, open_ms, give_up_ms);
	c = comeback_of(q, e);
	st = store_sql(q->store, SQL_REQUEST_FAILED);
	store_int(st, ":request", e->request);
	bind_due(st, due_at);
	store_int(st, ":now", e->ended.wall);
	store_int(st, ":open_ms", open_ms);
	store_int(st, ":status", e->status);
	store_text(st, ":error", event_error(e));
	moved = store_run(q->store, st);
	comeback_merge(q, e, &c);
	return moved;
}

int64_t
queue_failures(struct queue *q, int64_t request)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_FAILURES);
	int64_t failures = 0;

	store_int(st, ":request", request);
	if (store_row(q->store, st))
		failures = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return failures;
}

int64_t
queue_stuck(struct queue *q, const struct queue_end *e, const char *reason)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_STUCK);

	store_int(st, ":request", e->request);
	store_text(st, ":reason", reason);
	store_int(st, ":status", e->status);
	store_text(st, ":error", event_error(e));
	return store_run(q->store, st);
}

int64_t
queue_unrefuse(struct queue *q, int64_t lane, enum heap_lane kind,
    int64_t event, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_UNREFUSE);
	int64_t moved;

	store_int(st, ":id", event);
	moved = store_run(q->store, st);
	if (moved > 0 && kind == HEAP_USER_PROPERTIES &&
	    queue_subtract_newer(q, event, now))
		queue_merge_back(q, lane, event, now);
	return moved;
}

bool
queue_unchanged(struct queue *q, int64_t lane, int64_t identity,
    const char *payload, size_t len, int64_t after)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_ATTEMPTED);
	bool same = false;

	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	if (store_row(q->store, st))
		same = sqlite3_column_int(st, 1) != 0 &&
		    sqlite3_column_int64(st, 2) > after &&
		    (size_t)sqlite3_column_bytes(st, 0) == len &&
		    memcmp(sqlite3_column_text(st, 0), payload, len) == 0;
	sqlite3_reset(st);
	return same;
}

void
queue_skip_unchanged(struct queue *q, int64_t event, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_UNCHANGED);

	store_int(st, ":id", event);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

size_t
queue_inflight(struct queue *q, int64_t request, int64_t *events, size_t n)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_REQUEST_EVENTS);
	size_t found = 0;

	store_int(st, ":request", request);
	while (found < n && store_row(q->store, st))
		events[found++] = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return found;
}

void
queue_suspect(struct queue *q, const struct queue_end *e, int64_t aside,
    int64_t last_index, const int64_t *events, size_t n)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_ISOLATION_PUT);
	int64_t group;
	size_t i;

	store_int(st, ":lane", e->lane);
	store_int(st, ":request", e->request);
	store_int(st, ":aside", aside);
	if (last_index >= 0)
		store_int(st, ":last_index", last_index);
	else
		store_text(st, ":last_index", NULL);
	store_run(q->store, st);
	group = store_last_id(q->store);
	for (i = 0; i < n; i++) {
		st = store_sql(q->store, SQL_EVENT_SUSPECT);
		store_int(st, ":id", events[i]);
		store_int(st, ":suspect", group);
		store_int(st, ":status", e->status);
		store_text(st, ":error", event_error(e));
		store_run(q->store, st);
		if (e->kind == HEAP_USER_PROPERTIES)
			queue_merge_back(q, e->lane, events[i],
			    e->ended.wall);
	}
}

void
queue_group_history(struct queue *q, int64_t group, int64_t *aside,
    int64_t *last_index)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_ISOLATION_GET);

	*aside = 0;
	*last_index = -1;
	store_int(st, ":id", group);
	if (store_row(q->store, st)) {
		*aside = sqlite3_column_int64(st, 0);
		if (sqlite3_column_type(st, 1) != SQLITE_NULL)
			*last_index = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
}

void
queue_app_factor(struct queue *q, int64_t app, double factor)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_APP_FACTOR);

	store_int(st, ":app", app);
	store_int(st, ":permille", (int64_t)(factor * 1000 + 0.5));
	store_run(q->store, st);
}

void
queue_lane_open_ms(struct queue *q, int64_t lane, int64_t open_ms)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_LANE_OPEN_MS);

	store_int(st, ":lane", lane);
	store_int(st, ":open_ms", open_ms);
	store_run(q->store, st);
}
