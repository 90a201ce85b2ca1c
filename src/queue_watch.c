/*
 * queue_watch.c - whoever looks on hears what a turn does to batches and events
 *
 * Knows how to be told by SQLite itself: triggers of this connection, so that
 * no statement that moves events can forget the watcher.
 */
#include <stdlib.h>

#include "log.h"
#include "queue_private.h"

struct watch {
	queue_watcher	*seen;
	queue_unseen	*undone;
	void		*arg;
};

/* Calls heaprelay_watch(what, id, and of an event: was, state, reason,
 * request, attempts, due_at, last_status, suspect).  What comes in as queued
 * is told with its batch, and a claim is told by how it ends. */
static const char watch_triggers[] =
	"CREATE TEMP TRIGGER watch_batch AFTER INSERT ON main.batch BEGIN"
	" SELECT heaprelay_watch(0, NEW.id, NULL, NULL, NULL, NULL, NULL,"
	"  NULL, NULL, NULL); END;"
	"CREATE TEMP TRIGGER watch_insert AFTER INSERT ON main.event"
	" WHEN NEW.state <> 'queued' BEGIN"
	" SELECT heaprelay_watch(1, NEW.id, NULL, NEW.state, NEW.reason,"
	"  NULL, NULL, NULL, NULL, NULL); END;"
	"CREATE TEMP TRIGGER watch_update AFTER UPDATE OF state ON main.event"
	" WHEN NEW.state <> OLD.state AND NEW.state <> 'inflight' BEGIN"
	" SELECT heaprelay_watch(1, NEW.id, OLD.state, NEW.state, NEW.reason,"
	"  NEW.request, NEW.attempts, NEW.due_at, NEW.last_status,"
	"  NEW.suspect IS NOT NULL); END;"
	"CREATE TEMP TRIGGER watch_audit AFTER INSERT ON main.audit BEGIN"
	" SELECT heaprelay_watch(2, NEW.id, NULL, NULL, NULL, NULL, NULL,"
	"  NULL, NULL, NULL); END;";

static const enum queue_seen_what whats[] = {
	QUEUE_SAW_BATCH, QUEUE_SAW_EVENT, QUEUE_SAW_AUDIT
};

static void
on_watch(sqlite3_context *context, int argc, sqlite3_value **arg)
{
	const struct watch *w = sqlite3_user_data(context);
	struct queue_sight sight = {
		.what = whats[sqlite3_value_int(arg[0])],
		.id = sqlite3_value_int64(arg[1]),
		.was = (const char *)sqlite3_value_text(arg[2]),
		.state = (const char *)sqlite3_value_text(arg[3]),
		.reason = (const char *)sqlite3_value_text(arg[4]),
		.request = sqlite3_value_int64(arg[5]),
		.attempts = sqlite3_value_int64(arg[6]),
		.due_at = sqlite3_value_int64(arg[7]),
		.status = sqlite3_value_int64(arg[8]),
		.suspect = sqlite3_value_int(arg[9]) != 0,
	};

	(void)argc;
	w->seen(&sight, w->arg);
	sqlite3_result_null(context);
}

static void
on_rollback(void *arg)
{
	const struct watch *w = arg;

	w->undone(w->arg);
}

void
queue_watch(struct queue *q, queue_watcher *seen, queue_unseen *undone,
    void *arg)
{
	sqlite3 *db = store_db(q->store);
	struct watch *w = xcalloc(1, sizeof(*w));

	w->seen = seen;
	w->undone = undone;
	w->arg = arg;
	/* The function owns the watch, and ends with the connection. */
	if (sqlite3_create_function_v2(db, "heaprelay_watch", 10,
	    SQLITE_UTF8 | SQLITE_DIRECTONLY, w, on_watch, NULL, NULL, free) !=
	    SQLITE_OK || sqlite3_exec(db, watch_triggers, NULL, NULL, NULL) !=
	    SQLITE_OK)
		fatal(EXIT_IO, "queue: cannot watch events error=%s",
		    log_value(sqlite3_errmsg(db)));
	(void)sqlite3_rollback_hook(db, on_rollback, w);
}
