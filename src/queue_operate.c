/*
 * queue_operate.c - replay, discard, retention
 *
 * Knows what an operator may do to an event, and which rows are old enough
 * to go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queue_private.h"

#define PRUNE_SLICE	500	/* rows of a kind that one call removes */

static void
copy_column(sqlite3_stmt *st, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

bool
queue_find(struct queue *q, int64_t event, struct queue_found *f)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_GET);
	bool found;

	memset(f, 0, sizeof(*f));
	store_int(st, ":id", event);
	found = store_row(q->store, st);
	if (found) {
		copy_column(st, 0, f->state, sizeof(f->state));
		copy_column(st, 1, f->reason, sizeof(f->reason));
		f->lane = sqlite3_column_int64(st, 2);
		f->identity = sqlite3_column_int64(st, 3);
		f->mapped = sqlite3_column_int(st, 4) != 0;
		(void)heap_lane_by_name((const char *)sqlite3_column_text(st,
		    5), &f->kind);
		f->batch = sqlite3_column_int64(st, 6);
		f->event_index = sqlite3_column_type(st, 7) == SQLITE_NULL ?
		    -1 : sqlite3_column_int64(st, 7);
		f->generation = sqlite3_column_int64(st, 8);
	}
	sqlite3_reset(st);
	return found;
}

bool
queue_unanswered(struct queue *q, int64_t event)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_UNANSWERED);
	bool found;

	store_int(st, ":id", event);
	found = store_row(q->store, st);
	sqlite3_reset(st);
	return found;
}

void
queue_audit(struct queue *q, int64_t now, const char *action,
    const char *subject, const char *fmt, ...)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_AUDIT_PUT);
	struct buf detail = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	store_int(st, ":now", now);
	store_text(st, ":action", action);
	store_text(st, ":subject", subject);
	store_text(st, ":detail", buf_str(&detail));
	store_run(q->store, st);
	buf_free(&detail);
}

/* May this event be replayed, its payload aside? */
static bool
replayable(const struct queue_found *f)
{
	if (strcmp(f->state, "stuck") == 0)
		return true;
	return strcmp(f->state, "skipped") == 0 &&
	    (strcmp(f->reason, "development") == 0 ||
	    strcmp(f->reason, "web_client_side") == 0);
}

enum queue_moved
queue_replay(struct queue *q, int64_t event, int64_t now, struct why *why)
{
	struct queue_found f;
	sqlite3_stmt *st;

	if (!queue_find(q, event, &f)) {
		why_set(why, "there is no event %lld", (long long)event);
		return QUEUE_NO_SUCH_EVENT;
	}
	if (!replayable(&f)) {
		why_set(why, "event %lld is %s%s%s; only a stuck event, or one "
		    "skipped as development or web_client_side, can be "
		    "replayed", (long long)event, f.state,
		    f.reason[0] != '\0' ? ", " : "", f.reason);
		return QUEUE_WRONG_STATE;
	}
	if (!f.mapped) {
		why_set(why, "event %lld has no payload; replay it with remap, "
		    "so that its batch is mapped again with today's settings",
		    (long long)event);
		return QUEUE_UNMAPPED;
	}
	if (f.kind == HEAP_USER_PROPERTIES &&
	    !queue_subtract_newer(q, event, now))
		return QUEUE_MOVED;
	st = store_sql(q->store, SQL_EVENT_REPLAY);
	store_int(st, ":id", event);
	store_run(q->store, st);
	if (f.kind == HEAP_USER_PROPERTIES)
		queue_merge_back(q, f.lane, event, now);
	/* The clock may have been set back since it was received. */
	queue_wake(q, f.lane, f.identity, now, now);
	return QUEUE_MOVED;
}

void
queue_remap(struct queue *q, int64_t event, const struct queue_event *e)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_REMAP);

	store_int(st, ":id", event);
	store_int(st, ":lane", e->lane);
	store_int(st, ":identity", e->identity);
	store_text(st, ":name", e->name);
	store_int(st, ":event_at", e->event_at);
	store_int(st, ":commerce", e->commerce);
	store_int(st, ":objects", (int64_t)e->objects);
	store_text_n(st, ":payload", e->payload, e->payload_len);
	store_text(st, ":origins", e->origins);
	store_run(q->store, st);
}

enum queue_moved
queue_discard(struct queue *q, int64_t event, int64_t now, struct why *why)
{
	struct queue_found f;
	sqlite3_stmt *st;

	if (!queue_find(q, event, &f)) {
		why_set(why, "there is no event %lld", (long long)event);
		return QUEUE_NO_SUCH_EVENT;
	}
	if (strcmp(f.state, "queued") != 0 && strcmp(f.state, "stuck") != 0) {
		why_set(why, "event %lld is %s; only a queued or stuck event "
		    "can be discarded", (long long)event, f.state);
		return QUEUE_WRONG_STATE;
	}
	st = store_sql(q->store, SQL_EVENT_DISCARD);
	store_int(st, ":id", event);
	store_int(st, ":now", now);
	store_run(q->store, st);
	return QUEUE_MOVED;
}

static char *
given_column(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return xstrdup(text != NULL ? text : "");
}

bool
queue_stored(struct queue *q, int64_t batch, struct queue_stored *b)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_BATCH_GET);
	bool found;

	memset(b, 0, sizeof(*b));
	store_int(st, ":id", batch);
	found = store_row(q->store, st);
	if (found) {
		b->receipt_id = given_column(st, 0);
		b->input = given_column(st, 1);
		b->path = given_column(st, 2);
		b->received_at = sqlite3_column_int64(st, 3);
		b->has_mpid = sqlite3_column_type(st, 4) != SQLITE_NULL;
		b->mpid = sqlite3_column_int64(st, 4);
		b->duplicate = sqlite3_column_int(st, 5) != 0;
		b->body = given_column(st, 6);
		b->body_len = strlen(b->body);
	}
	sqlite3_reset(st);
	return found;
}

void
queue_stored_free(struct queue_stored *b)
{
	free(b->receipt_id);
	free(b->input);
	free(b->path);
	free(b->body);
	memset(b, 0, sizeof(*b));
}

/* Columns: id, ended_at, and whether it must stay.  Those that need not; the
 * state's mark moves behind the last one. */
static size_t
read_outlived(struct queue *q, sqlite3_stmt *st, struct queue_looked *looked,
    size_t *rows, int64_t *ids)
{
	size_t n = 0;

	*rows = 0;
	while (*rows < PRUNE_SLICE && store_row(q->store, st)) {
		looked->event = sqlite3_column_int64(st, 0);
		looked->ended_at = sqlite3_column_int64(st, 1);
		if (sqlite3_column_int(st, 2) == 0)
			ids[n++] = looked->event;
		(*rows)++;
	}
	sqlite3_reset(st);
	return n;
}

/*
 * Looks at the next events that were over for longer than that, and removes
 * what need not stay.  The look goes on where the last one ended, so that those
 * that stay, be they many, cost each slice nothing.  true: there may be more.
 */
static bool
prune_events(struct queue *q, int which, const char *state, int64_t now,
    int64_t keep_ms)
{
	struct queue_looked *looked = &q->looked[which];
	sqlite3_stmt *st = store_sql(q->store, SQL_PRUNE_LOOK);
	int64_t ids[PRUNE_SLICE];
	size_t n, i, rows;

	store_text(st, ":state", state);
	store_int(st, ":after_at", looked->ended_at);
	store_int(st, ":after", looked->event);
	store_int(st, ":before", now - keep_ms);
	store_int(st, ":same", now - QUEUE_SAME_MS);
	store_int(st, ":n", PRUNE_SLICE);
	n = read_outlived(q, st, looked, &rows, ids);
	if (rows < PRUNE_SLICE)
		memset(looked, 0, sizeof(*looked));
	for (i = 0; i < n; i++) {
		st = store_sql(q->store, SQL_PRUNE_EVENT);
		store_int(st, ":id", ids[i]);
		store_run(q->store, st);
	}
	stat_add(STAT_rows_pruned, n);
	return n > 0 || rows == PRUNE_SLICE;
}

/* Runs a statement that removes at most PRUNE_SLICE rows older than
 * `before`; how many went. */
static int64_t
prune(struct queue *q, enum sql id, int64_t before)
{
	sqlite3_stmt *st = store_sql(q->store, id);

	store_int(st, ":before", before);
	store_int(st, ":n", PRUNE_SLICE);
	return store_run(q->store, st);
}

static int64_t
prune_requests(struct queue *q, int64_t before, int64_t boot)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PRUNE_REQUESTS);

	store_int(st, ":before", before);
	store_int(st, ":boot", boot);
	store_text(st, ":boot_id", clock_boot_id());
	store_int(st, ":n", PRUNE_SLICE);
	return store_run(q->store, st);
}

bool
queue_prune(struct queue *q, const struct queue_keep *k, struct moment at)
{
	int64_t now = at.wall, others, requests;
	bool more;

	more = prune_events(q, 0, "delivered", now, k->delivered_ms);
	more |= prune_events(q, 1, "skipped", now, k->skipped_ms);
	more |= prune_events(q, 2, "discarded", now, k->discarded_ms);
	others = prune(q, SQL_PRUNE_BATCHES, now - k->skipped_ms) +
	    prune(q, SQL_PRUNE_SEEN, now - k->dedup_ms) +
	    prune(q, SQL_PRUNE_JOBS, now - k->requests_ms);
	requests = prune_requests(q, now - k->requests_ms, at.boot);
	if (requests > 0)
		store_run(q->store,
		    store_sql(q->store, SQL_PRUNE_REQUEST_IDENTITIES));
	return more || others + requests > 0;
}
