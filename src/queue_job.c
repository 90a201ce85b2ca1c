/*
 * queue_job.c - jobs: replay and discard of all events that match a filter
 *
 * Knows which events a filter means and how far a job has come.  What is done
 * to an event is queue_operate.c's; when, is decided by whoever drives the
 * jobs.
 */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "queue_private.h"

#define LOOK	500		/* events that one call judges: about a ms */

static const char *const kind_names[] = {
	[QUEUE_JOB_REPLAY] = "replay",
	[QUEUE_JOB_DISCARD] = "discard",
	[QUEUE_JOB_BACKUP] = "backup",
	[QUEUE_JOB_ERASE] = "erase",
};

static const char *const state_names[] = {
	[QUEUE_JOB_DONE] = "done",
	[QUEUE_JOB_CANCELLED] = "cancelled",
	[QUEUE_JOB_FAILED] = "failed",
};

const char *
queue_job_name(enum queue_job_kind kind)
{
	return kind_names[kind];
}

/* --- which events ----------------------------------------------------- */

static sqlite3_stmt *
match_statement(struct queue *q, const struct filter *f, int64_t after,
    int64_t last)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_MATCH);

	store_filter(st, f);
	store_int(st, ":after", after);
	store_int(st, ":last", last);
	store_int(st, ":n", LOOK);
	return st;
}

/* In a turn that failed no row comes, which is not the end of them. */
static bool
turn_failed(struct queue *q)
{
	return store_open_transaction(q->store) &&
	    store_begin(q->store) == STORE_FAILED;
}

size_t
queue_match(struct queue *q, const struct filter *f, int64_t *cursor,
    int64_t last, struct queue_match *match, size_t n)
{
	sqlite3_stmt *st = match_statement(q, f, *cursor, last);
	int64_t after = *cursor;
	size_t looked = 0, found = 0;

	while (found < n && store_row(q->store, st)) {
		looked++;
		after = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int(st, 4) == 0)
			continue;
		match[found].event = after;
		match[found].lane = sqlite3_column_int64(st, 1);
		match[found].identity = sqlite3_column_int64(st, 2);
		match[found++].objects = sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
	if (turn_failed(q))
		return 0;
	*cursor = looked < LOOK && found < n ? last : after;
	return found;
}

int64_t
queue_last_event(const struct queue *q)
{
	return q->next_event - 1;
}

/* --- the life of a job ------------------------------------------------ */

int64_t
queue_job_create(struct queue *q, const struct queue_job *job, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_PUT);
	struct buf filter = BUF_INIT;
	char subject[40];
	int64_t id;

	filter_put(&filter, &job->filter);
	store_text(st, ":kind", kind_names[job->kind]);
	store_text(st, ":filter", buf_str(&filter));
	store_int(st, ":remap", job->remap);
	store_int(st, ":force", job->force);
	store_int(st, ":last_event", queue_last_event(q));
	store_int(st, ":now", now);
	store_run(q->store, st);
	id = store_last_id(q->store);
	snprintf(subject, sizeof(subject), "job %lld", (long long)id);
	queue_audit(q, now, kind_names[job->kind], subject, "%s%s%s",
	    buf_str(&filter), job->remap ? ", mapped again" : "",
	    job->force ? ", forced" : "");
	buf_free(&filter);
	return id;
}

bool
queue_job_running(struct queue *q, struct queue_job *job)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_RUNNING);

	memset(job, 0, sizeof(*job));
	if (!store_row(q->store, st))
		return false;
	job->id = sqlite3_column_int64(st, 0);
	job->kind = strcmp((const char *)sqlite3_column_text(st, 1),
	    kind_names[QUEUE_JOB_DISCARD]) == 0 ? QUEUE_JOB_DISCARD :
	    QUEUE_JOB_REPLAY;
	/* Each job means events of one state. */
	job->usable = filter_read(&job->filter, &job->memory,
	    (const char *)sqlite3_column_text(st, 2)) &&
	    job->filter.state != NULL;
	job->remap = sqlite3_column_int(st, 3) != 0;
	job->force = sqlite3_column_int(st, 4) != 0;
	job->counted = sqlite3_column_type(st, 5) != SQLITE_NULL;
	job->total = sqlite3_column_int64(st, 5);
	job->moved = sqlite3_column_int64(st, 6);
	job->skipped = sqlite3_column_int64(st, 7);
	job->cursor = sqlite3_column_int64(st, 8);
	job->last_event = sqlite3_column_int64(st, 9);
	sqlite3_reset(st);
	return true;
}

void
queue_job_free(struct queue_job *job)
{
	json_free(job->memory);
	memset(job, 0, sizeof(*job));
}

void
queue_job_total(struct queue *q, int64_t id, int64_t total)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_TOTAL);

	store_int(st, ":id", id);
	store_int(st, ":total", total);
	store_run(q->store, st);
}

void
queue_job_progress(struct queue *q, int64_t id, int64_t cursor, int64_t moved,
    int64_t skipped, const char *why)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_PROGRESS);

	store_int(st, ":id", id);
	store_int(st, ":cursor", cursor);
	store_int(st, ":moved", moved);
	store_int(st, ":skipped", skipped);
	store_text(st, ":error", why);
	store_run(q->store, st);
}

bool
queue_job_end(struct queue *q, int64_t id, enum queue_job_end end,
    const char *why, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_END);

	store_int(st, ":id", id);
	store_text(st, ":state", state_names[end]);
	store_text(st, ":error", why);
	store_int(st, ":now", now);
	return store_run(q->store, st) == 1;
}
