/*
 * queue_recover.c - what a start reads of the requests before, and puts back
 *
 * Knows which requests the windows may still have, and what was in flight when
 * the agent ended.
 */
#include <string.h>

#include "log.h"
#include "queue_private.h"

static sqlite3_stmt *
past_of(struct queue *q, enum sql id, int64_t app, enum heap_lane kind,
    int64_t since_boot)
{
	sqlite3_stmt *st = store_sql(q->store, id);

	store_int(st, ":app", app);
	store_text(st, ":kind", heap_lane_name(kind));
	store_text(st, ":boot_id", clock_boot_id());
	store_int(st, ":since", since_boot);
	return st;
}

/* The second column: how many objects a request had. */
static int64_t
objects_of(struct queue *q, sqlite3_stmt *st)
{
	int64_t n = sqlite3_column_int64(st, 1);

	if (n < 0 || n > QUEUE_OBJECTS_MOST)
		store_damaged(q->store, "a request has had a number of objects "
		    "that none can have");
	return n;
}

void
queue_past(struct queue *q, int64_t app, enum heap_lane kind,
    int64_t since_boot, queue_past_visit *visit, void *arg)
{
	sqlite3_stmt *st;
	struct queue_past p = { .same_boot = true };
	bool more = true;

	st = past_of(q, SQL_WINDOW_REQUESTS, app, kind, since_boot);
	while (more && store_row(q->store, st)) {
		p.request = sqlite3_column_int64(st, 0);
		p.objects = objects_of(q, st);
		p.ended_boot = sqlite3_column_int64(st, 2);
		more = visit(&p, arg);
	}
	sqlite3_reset(st);
	p = (struct queue_past){ .same_boot = false };
	st = past_of(q, SQL_WINDOW_REQUESTS_BEFORE, app, kind, since_boot);
	while (more && store_row(q->store, st)) {
		p.request = sqlite3_column_int64(st, 0);
		p.objects = objects_of(q, st);
		more = visit(&p, arg);
	}
	sqlite3_reset(st);
}

void
queue_mentioned(struct queue *q, int64_t request, queue_mention *mention,
    void *arg)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_WINDOW_IDENTITIES);

	store_int(st, ":request", request);
	while (store_row(q->store, st))
		mention(sqlite3_column_int64(st, 0), objects_of(q, st), arg);
}

/* The requests that were out when the agent ended, at most n. */
static size_t
interrupted(struct queue *q, struct queue_end *ends, size_t n,
    struct moment now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_INFLIGHT_REQUESTS);
	size_t found = 0;
	const char *kind;

	while (found < n && store_row(q->store, st)) {
		memset(&ends[found], 0, sizeof(ends[found]));
		ends[found].request = sqlite3_column_int64(st, 0);
		ends[found].lane = sqlite3_column_int64(st, 1);
		kind = (const char *)sqlite3_column_text(st, 2);
		if (!heap_lane_by_name(kind, &ends[found].kind))
			bug("queue: lane of unknown kind %s", kind);
		ends[found].ended = now;
		ends[found].error = "the agent ended before the answer came";
		found++;
	}
	sqlite3_reset(st);
	return found;
}

int64_t
queue_recover(struct queue *q, struct moment now)
{
	struct queue_end ends[64];
	sqlite3_stmt *st;
	int64_t back = 0, before;
	size_t i, n;

	while ((n = interrupted(q, ends, HR_COUNT(ends), now)) > 0) {
		before = back;
		for (i = 0; i < n; i++)
			back += queue_back(q, &ends[i], 0);
		if (back == before)
			store_damaged(q->store, "a request is in flight that "
			    "has no event");
	}
	st = store_sql(q->store, SQL_INFLIGHT_ENDED);
	store_int(st, ":now", now.wall);
	store_text(st, ":boot_id", clock_boot_id());
	store_int(st, ":boot", now.boot);
	store_run(q->store, st);
	queue_recover_copies(q, now.wall);
	return back;
}

void
queue_rearm(struct queue *q, int64_t now, int64_t latest)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_DEFERRED_CLAMP);

	store_int(st, ":latest", latest);
	store_run(q->store, st);
	st = store_sql(q->store, SQL_WAITING_REARM);
	store_int(st, ":now", now);
	store_run(q->store, st);
}
