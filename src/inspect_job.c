/*
 * inspect_job.c - read-only: jobs and how far they have come
 */
#include "inspect_private.h"

/* The columns of inspect_jobs. */
static void
read_job(sqlite3_stmt *st, struct inspect_job *j)
{
	j->id = sqlite3_column_int64(st, 0);
	j->kind = (const char *)sqlite3_column_text(st, 1);
	j->filter = (const char *)sqlite3_column_text(st, 2);
	j->remap = sqlite3_column_int(st, 3) != 0;
	j->force = sqlite3_column_int(st, 4) != 0;
	j->state = (const char *)sqlite3_column_text(st, 5);
	j->total = sqlite3_column_type(st, 6) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, 6);
	j->moved = sqlite3_column_int64(st, 7);
	j->skipped = sqlite3_column_int64(st, 8);
	j->error = (const char *)sqlite3_column_text(st, 9);
	j->started_at = sqlite3_column_int64(st, 10);
	j->ended_at = sqlite3_column_int64(st, 11);
}

enum inspect_answer
inspect_jobs(struct inspect *in, struct inspect_page *page,
    inspect_job_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_JOBS);
	struct inspect_job j;
	int64_t last = page->before;
	size_t n = 0;

	page->next = 0;
	store_int(st, ":first", 1);
	store_int(st, ":last", page->before - 1);
	while (store_row(s, st)) {
		if (n++ == page->limit) {
			page->next = last;
			break;
		}
		read_job(st, &j);
		visit(&j, arg);
		last = j.id;
	}
	sqlite3_reset(st);
	if (store_interrupted(s))
		page->next = last;
	return inspect_judge(in, s, true);
}

enum inspect_answer
inspect_job(struct inspect *in, enum inspect_view view, int64_t id,
    inspect_job_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, view);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_JOBS);
	struct inspect_job j;
	bool found;

	store_int(st, ":first", id);
	store_int(st, ":last", id);
	found = store_row(s, st);
	if (found) {
		read_job(st, &j);
		visit(&j, arg);
	}
	sqlite3_reset(st);
	if (found)
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}
