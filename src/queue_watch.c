/*
 * queue_watch.c - what a turn does to events, batches and the audit
 *
 * Knows how to be told by SQLite itself, before each change of a row, so that
 * no statement that moves events can forget the tallies or the watcher.
 * Triggers that call functions would tell the same, but they make SQLite keep
 * a journal for every statement, which was a seventh of the cost of a batch.
 */
#define SQLITE_ENABLE_PREUPDATE_HOOK	/* or sqlite3.h does not declare it */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queue_private.h"

/* Columns of `event` that are looked at. */
enum column { LANE, STATE, REASON, REQUEST, ATTEMPTS, DUE_AT, LAST_STATUS,
    SUSPECT, COLUMNS };

static const char *const column_names[] = {
	[LANE] = "lane", [STATE] = "state", [REASON] = "reason",
	[REQUEST] = "request", [ATTEMPTS] = "attempts", [DUE_AT] = "due_at",
	[LAST_STATUS] = "last_status", [SUSPECT] = "suspect",
};
static_assert(HR_COUNT(column_names) == COLUMNS, "a column has no name");

struct queue_watch {
	int		 column[COLUMNS];	/* where each of them is */
	/* NULL: nobody looks on. */
	queue_watcher	*seen;
	queue_unseen	*undone;
	void		*arg;
};

/* A change that cannot be counted for want of memory must not be stored. */
static void
refuse(struct queue *q)
{
	store_fail(queue_store(q), "out of memory");
}

static sqlite3_value *
old_value(struct queue *q, sqlite3 *db, enum column c)
{
	sqlite3_value *value = NULL;	/* and stays so without memory */

	if (sqlite3_preupdate_old(db, q->watch->column[c], &value) !=
	    SQLITE_OK)
		refuse(q);
	return value;
}

static sqlite3_value *
new_value(struct queue *q, sqlite3 *db, enum column c)
{
	sqlite3_value *value = NULL;

	if (sqlite3_preupdate_new(db, q->watch->column[c], &value) !=
	    SQLITE_OK)
		refuse(q);
	return value;
}

static const char *
text(sqlite3_value *value)
{
	return value != NULL ? (const char *)sqlite3_value_text(value) : NULL;
}

static int64_t
number(sqlite3_value *value)
{
	return value != NULL ? sqlite3_value_int64(value) : 0;
}

static void
see(const struct queue_watch *w, enum queue_seen_what what, int64_t id)
{
	const struct queue_sight sight = { .what = what, .id = id };

	if (w->seen != NULL)
		w->seen(&sight, w->arg);
}

/* Tells of an event that is not queued anew, and is not claimed: the one is
 * told with its batch, the other by how it ends.  `was` NULL: it came in. */
static void
see_event(struct queue *q, sqlite3 *db, int64_t id, const char *was,
    const char *state)
{
	const struct queue_watch *w = q->watch;
	struct queue_sight sight = { .what = QUEUE_SAW_EVENT, .id = id,
	    .was = was, .state = state };
	sqlite3_value *suspect;

	if (w->seen == NULL || strcmp(state, was == NULL ? "queued" :
	    "inflight") == 0 || (was != NULL && strcmp(was, state) == 0))
		return;
	sight.reason = text(new_value(q, db, REASON));
	sight.request = number(new_value(q, db, REQUEST));
	sight.attempts = number(new_value(q, db, ATTEMPTS));
	sight.due_at = number(new_value(q, db, DUE_AT));
	sight.status = number(new_value(q, db, LAST_STATUS));
	suspect = new_value(q, db, SUSPECT);
	sight.suspect = suspect != NULL &&
	    sqlite3_value_type(suspect) != SQLITE_NULL;
	w->seen(&sight, w->arg);
}

static void
event_comes(struct queue *q, sqlite3 *db, int64_t id)
{
	int64_t lane = number(new_value(q, db, LANE));
	const char *state = text(new_value(q, db, STATE));

	if (lane == 0 || state == NULL) {
		refuse(q);
		return;
	}
	queue_tally(q, lane, state, 1);
	queue_tally(q, lane, "accepted", 1);
	see_event(q, db, id, NULL, state);
}

static void
event_changes(struct queue *q, sqlite3 *db, int64_t id)
{
	int64_t old_lane = number(old_value(q, db, LANE));
	int64_t new_lane = number(new_value(q, db, LANE));
	const char *old = text(old_value(q, db, STATE));
	const char *new = text(new_value(q, db, STATE));

	if (old_lane == 0 || new_lane == 0 || old == NULL || new == NULL) {
		refuse(q);
		return;
	}
	if (old_lane == new_lane && strcmp(old, new) == 0)
		return;
	queue_tally(q, old_lane, old, -1);
	queue_tally(q, new_lane, new, 1);
	if (old_lane != new_lane) {
		queue_tally(q, old_lane, "accepted", -1);
		queue_tally(q, new_lane, "accepted", 1);
	}
	see_event(q, db, id, old, new);
}

static void
event_goes(struct queue *q, sqlite3 *db)
{
	int64_t lane = number(old_value(q, db, LANE));
	const char *state = text(old_value(q, db, STATE));

	if (lane == 0 || state == NULL) {
		refuse(q);
		return;
	}
	queue_tally(q, lane, state, -1);
	queue_tally(q, lane, q->erasing ? "erased" : "pruned", 1);
}

static void
on_change(void *arg, sqlite3 *db, int operation, const char *schema,
    const char *table, sqlite3_int64 old_id, sqlite3_int64 new_id)
{
	struct queue *q = arg;

	(void)schema;
	if (strcmp(table, "event") == 0) {
		if (operation == SQLITE_INSERT)
			event_comes(q, db, new_id);
		else if (operation == SQLITE_UPDATE)
			event_changes(q, db, new_id);
		else
			event_goes(q, db);
	} else if (operation == SQLITE_INSERT) {
		if (strcmp(table, "batch") == 0)
			see(q->watch, QUEUE_SAW_BATCH, new_id);
		else if (strcmp(table, "audit") == 0)
			see(q->watch, QUEUE_SAW_AUDIT, new_id);
	}
	(void)old_id;
}

static void
on_rollback(void *arg)
{
	const struct queue *q = arg;

	if (q->watch->undone != NULL)
		q->watch->undone(q->watch->arg);
}

/* false: the table lacks it. */
static bool
find_column(sqlite3 *db, const char *name, int *column)
{
	sqlite3_stmt *st = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(db, "SELECT cid FROM pragma_table_info('event')"
	    " WHERE name = ?", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		*column = sqlite3_column_int(st, 0);
		found = true;
	}
	sqlite3_finalize(st);
	return found;
}

bool
queue_watch_begin(struct queue *q, struct why *why)
{
	sqlite3 *db = store_db(q->store);
	int i;

	q->watch = xcalloc(1, sizeof(*q->watch));
	for (i = 0; i < COLUMNS; i++) {
		if (!find_column(db, column_names[i], &q->watch->column[i])) {
			why_set(why, "%s: event.%s: %s", store_path(q->store),
			    column_names[i], sqlite3_errmsg(db));
			return false;
		}
	}
	(void)sqlite3_preupdate_hook(db, on_change, q);
	(void)sqlite3_rollback_hook(db, on_rollback, q);
	return true;
}

void
queue_watch_end(struct queue *q)
{
	free(q->watch);
	q->watch = NULL;
}

void
queue_watch(struct queue *q, queue_watcher *seen, queue_unseen *undone,
    void *arg)
{
	q->watch->seen = seen;
	q->watch->undone = undone;
	q->watch->arg = arg;
}
