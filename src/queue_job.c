/*
 * queue_job.c - jobs: replay and discard of all events that match a filter
 *
 * Knows how a filter is written down, which events it means, and how far a
 * job has come.  What is done to an event is queue_operate.c's; when, is
 * decided by whoever drives the jobs.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "queue_private.h"

#define LOOK	500		/* events that one call judges: about a ms */

static const char *const kind_names[] = {
	[QUEUE_JOB_REPLAY] = "replay",
	[QUEUE_JOB_DISCARD] = "discard",
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

/* --- filters ---------------------------------------------------------- */

static void
put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
}

static void
put_text(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	put_name(out, name);
	json_put_text(out, value);
}

static void
put_at(struct buf *out, const char *name, int64_t at)
{
	char text[CLOCK_TEXT];

	if (at != INT64_MIN && at != INT64_MAX)
		put_text(out, name, clock_text(at, text));
}

void
queue_filter_put(struct buf *out, const struct queue_filter *f)
{
	struct buf members = BUF_INIT;

	buf_putc(&members, '{');
	put_text(&members, "output", f->output);
	put_text(&members, "state", f->state);
	put_text(&members, "reason", f->reason);
	if (f->has_status) {
		put_name(&members, "status");
		buf_printf(&members, "%lld", (long long)f->status);
	}
	put_text(&members, "identity", f->identity);
	put_text(&members, "name", f->name);
	put_text(&members, "input", f->input);
	put_at(&members, "since", f->since);
	put_at(&members, "until", f->until);
	buf_putc(&members, '}');
	buf_puts(out, buf_str(&members));
	buf_free(&members);
}

/* Where a member with a text belongs; NULL: nowhere. */
static const char **
text_of(struct queue_filter *f, const char *name)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "output", &f->output }, { "state", &f->state },
		{ "reason", &f->reason }, { "identity", &f->identity },
		{ "name", &f->name }, { "input", &f->input },
	};
	size_t i;

	for (i = 0; i < HR_COUNT(texts); i++)
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].text;
	return NULL;
}

static bool
read_member(struct queue_filter *f, const cJSON *member)
{
	const char **text = text_of(f, member->string);
	const char *value = json_text(member);

	if (text != NULL) {
		*text = value;
		return value != NULL;
	}
	if (strcmp(member->string, "since") == 0)
		return value != NULL && clock_parse(value, &f->since);
	if (strcmp(member->string, "until") == 0)
		return value != NULL && clock_parse(value, &f->until);
	f->has_status = strcmp(member->string, "status") == 0;
	return f->has_status && json_literal(member) != NULL &&
	    json_int64(json_literal(member), &f->status);
}

/* What queue_filter_put wrote; a member that says nothing here would make
 * the filter mean more than it should, so it is refused.  The texts lie in
 * *json.  false: it cannot be used. */
static bool
read_filter(struct queue_filter *f, struct json **json, const char *text)
{
	const cJSON *member;

	memset(f, 0, sizeof(*f));
	f->since = INT64_MIN;
	f->until = INT64_MAX;
	*json = json_parse(text, strlen(text), NULL);
	if (*json == NULL || json_root(*json)->type != cJSON_Object)
		return false;
	for (member = json_root(*json)->child; member != NULL;
	    member = member->next)
		if (!read_member(f, member))
			return false;
	return f->state != NULL;
}

/* --- which events ----------------------------------------------------- */

static void
int_or_null(sqlite3_stmt *st, const char *name, bool present, int64_t value)
{
	if (present)
		store_int(st, name, value);
	else
		store_text(st, name, NULL);
}

static sqlite3_stmt *
match_statement(struct queue *q, const struct queue_filter *f, int64_t after,
    int64_t last)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_JOB_MATCH);

	store_text(st, ":output", f->output);
	store_text(st, ":state", f->state);
	store_text(st, ":reason", f->reason);
	int_or_null(st, ":status", f->has_status, f->status);
	store_text(st, ":identity", f->identity);
	store_text(st, ":name", f->name);
	store_text(st, ":input", f->input);
	store_int(st, ":since", f->since);
	store_int(st, ":until", f->until);
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
queue_match(struct queue *q, const struct queue_filter *f, int64_t *cursor,
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

	queue_filter_put(&filter, &job->filter);
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
	job->usable = read_filter(&job->filter, &job->memory,
	    (const char *)sqlite3_column_text(st, 2));
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
