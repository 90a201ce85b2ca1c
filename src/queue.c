/*
 * queue.c - the queue's turn: begin, commit, tallies, what is configured
 *
 * Knows when what was written becomes true.  The tallies are counted row by
 * row (queue_watch.c) and written once a turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queue_private.h"

#define TALLY_NAME	16	/* the longest state and a NUL fit */

struct tally {
	int64_t	lane;
	char	name[TALLY_NAME];
	int64_t	events;
};

void
queue_tally(struct queue *q, int64_t lane, const char *name, int64_t events)
{
	struct tally *t;
	size_t i;

	for (i = 0; i < q->tally_n; i++) {
		t = &q->tally[i];
		if (t->lane == lane && strcmp(t->name, name) == 0) {
			t->events += events;
			return;
		}
	}
	q->tally = xreallocarray(q->tally, q->tally_n + 1, sizeof(*q->tally));
	t = &q->tally[q->tally_n++];
	t->lane = lane;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->events = events;
}

/* Adds what this turn moved; forgets it, as a failed turn does. */
static void
write_tallies(struct queue *q)
{
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < q->tally_n; i++) {
		if (q->tally[i].events == 0)
			continue;
		st = store_sql(q->store, SQL_TALLY_ADD);
		store_int(st, ":lane", q->tally[i].lane);
		store_text(st, ":name", q->tally[i].name);
		store_int(st, ":events", q->tally[i].events);
		store_run(q->store, st);
	}
	q->tally_n = 0;
}

static int64_t
next_id(struct queue *q, const char *table)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_LAST_ID);
	int64_t id = 0;

	store_text(st, ":name", table);
	if (store_row(q->store, st))
		id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id + 1;
}

/* So that no id is used twice, even if its row and all behind it go. */
static void
write_last_id(struct queue *q, const char *table, int64_t next,
    int64_t stored)
{
	sqlite3_stmt *st;

	if (next == stored)
		return;
	st = store_sql(q->store, SQL_LAST_ID_PUT);
	store_text(st, ":name", table);
	store_int(st, ":id", next - 1);
	store_run(q->store, st);
}

static void
write_last_ids(struct queue *q)
{
	write_last_id(q, "batch", q->next_batch, q->stored_batch);
	write_last_id(q, "event", q->next_event, q->stored_event);
	write_last_id(q, "request", q->next_request, q->stored_request);
}

int
queue_open(struct queue **out, const char *path, int file_mode,
    struct why *why)
{
	struct queue *q = xcalloc(1, sizeof(*q));
	int status;

	status = store_open(&q->store, path, STORE_WRITE, file_mode, why);
	if (status != 0) {
		free(q);
		return status;
	}
	if (!queue_watch_begin(q, why)) {
		queue_close(q);
		return EXIT_IO;
	}
	q->next_batch = q->stored_batch = next_id(q, "batch");
	q->next_event = q->stored_event = next_id(q, "event");
	q->next_request = q->stored_request = next_id(q, "request");
	q->identities = memo_new();
	*out = q;
	return 0;
}

void
queue_close(struct queue *q)
{
	if (q == NULL)
		return;
	store_close(q->store);	/* it may roll back, which is watched */
	queue_watch_end(q);
	memo_free(q->identities);
	free(q->tally);
	free(q);
}

struct store *
queue_store(struct queue *q)
{
	return q->store;
}

enum queue_turn
queue_begin(struct queue *q)
{
	switch (store_begin(q->store)) {
	case STORE_READY:
		return QUEUE_READY;
	case STORE_BUSY:
		return QUEUE_BUSY;
	case STORE_FAILED:
		break;
	}
	return QUEUE_FAILED;
}

bool
queue_commit(struct queue *q)
{
	if (!store_open_transaction(q->store))
		return true;
	write_tallies(q);
	write_last_ids(q);
	if (!store_commit(q->store))
		return false;
	q->stored_batch = q->next_batch;
	q->stored_event = q->next_event;
	q->stored_request = q->next_request;
	return true;
}

void
queue_rollback(struct queue *q)
{
	q->tally_n = 0;
	store_rollback(q->store);
}

const char *
queue_error(const struct queue *q)
{
	return store_error(q->store);
}

char *
queue_setting(struct queue *q, const char *name)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SETTING_GET);
	char *value = NULL;

	store_text(st, ":name", name);
	if (store_row(q->store, st))
		value = xstrdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_reset(st);
	return value;
}

void
queue_set(struct queue *q, const char *name, const char *value)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SETTING_PUT);

	store_text(st, ":name", name);
	store_text(st, ":value", value);
	store_run(q->store, st);
}

void
queue_forget_outputs(struct queue *q)
{
	store_run(q->store, store_sql(q->store, SQL_OUTPUT_FORGET_ALL));
	store_run(q->store, store_sql(q->store, SQL_WINDOW_FORGET_ALL));
}

/* Runs a statement that answers one row with an id first. */
static int64_t
returned_id(struct queue *q, sqlite3_stmt *st, int64_t *second)
{
	int64_t id = 0;

	if (store_row(q->store, st)) {
		id = sqlite3_column_int64(st, 0);
		if (second != NULL)
			*second = sqlite3_column_int64(st, 1);
	}
	store_run(q->store, st);	/* to its end: so it takes effect */
	return id;
}

static void
put_windows(struct queue *q, int64_t output, const struct queue_window *w,
    size_t n)
{
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < n; i++) {
		st = store_sql(q->store, SQL_WINDOW_PUT);
		store_int(st, ":output", output);
		store_text(st, ":name", w[i].name);
		store_int(st, ":limit_n", w[i].n);
		store_int(st, ":window_ms", w[i].window_ms);
		store_run(q->store, st);
	}
}

void
queue_output(struct queue *q, const char *name, const char *base_url,
    const char *app_id, const struct queue_window *windows, size_t windows_n,
    struct queue_output *out)
{
	sqlite3_stmt *st;
	int kind;

	memset(out, 0, sizeof(*out));
	st = store_sql(q->store, SQL_APP_PUT);
	store_text(st, ":base_url", base_url);
	store_text(st, ":app_id", app_id);
	if (store_row(q->store, st)) {
		out->app = sqlite3_column_int64(st, 0);
		out->factor = sqlite3_column_double(st, 1);
	}
	store_run(q->store, st);	/* to its end, as in returned_id */

	st = store_sql(q->store, SQL_OUTPUT_PUT);
	store_text(st, ":name", name);
	store_int(st, ":app", out->app);
	out->id = returned_id(q, st, &out->paused_at);

	for (kind = 0; kind < HEAP_LANES; kind++) {
		st = store_sql(q->store, SQL_LANE_PUT);
		store_int(st, ":output", out->id);
		store_text(st, ":kind", heap_lane_name((enum heap_lane)kind));
		out->lane[kind] = returned_id(q, st, &out->open_ms[kind]);
	}
	put_windows(q, out->id, windows, windows_n);
}

bool
queue_output_paused(struct queue *q, const char *name, int64_t *since)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_OUTPUT_PAUSED);
	bool found;

	store_text(st, ":name", name);
	found = store_row(q->store, st);
	*since = found ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return found;
}

void
queue_pause_output(struct queue *q, const char *name, bool paused,
    int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, paused ? SQL_OUTPUT_PAUSE :
	    SQL_OUTPUT_RESUME);

	store_text(st, ":name", name);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

int64_t
queue_bytes(struct queue *q)
{
	return store_bytes(q->store);
}

const char *
queue_checkpoint_error(const struct queue *q)
{
	return store_checkpoint_error(q->store);
}

int64_t
queue_wal_bytes(struct queue *q)
{
	return store_wal_bytes(q->store);
}

void
queue_blocker(struct queue *q, struct why *why)
{
	store_blocker(q->store, why);
}

void
queue_damaged(struct queue *q, const char *what)
{
	store_damaged(q->store, what);
}

void
queue_hindrance(struct queue *q, enum queue_turn answer, struct why *why)
{
	if (answer == QUEUE_BUSY)
		queue_blocker(q, why);
	else
		why_set(why, "%s", queue_error(q));
}
