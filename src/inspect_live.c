/*
 * inspect_live.c - read-only: single rows as the live stream tells them
 */
#include "inspect_private.h"

static const char *
text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

/* What came of a question for one row. */
static enum inspect_answer
answer(struct inspect *in, struct store *s, sqlite3_stmt *st, bool found)
{
	sqlite3_reset(st);
	if (found)
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}

enum inspect_answer
inspect_live_batch(struct inspect *in, int64_t id,
    inspect_live_batch_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_LIVE_BATCH);
	struct inspect_live_batch b;
	bool found;

	store_int(st, ":id", id);
	found = store_row(s, st);
	if (found) {
		b.input = text(st, 0);
		b.receipt_id = text(st, 1);
		b.path = text(st, 2);
		b.environment = text(st, 3);
		b.duplicate = sqlite3_column_int(st, 4) != 0;
		b.received_at = sqlite3_column_int64(st, 5);
		b.events = sqlite3_column_int64(st, 6);
		visit(&b, arg);
	}
	return answer(in, s, st, found);
}

enum inspect_answer
inspect_live_event(struct inspect *in, int64_t id, int64_t request,
    inspect_live_event_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_LIVE_EVENT);
	struct inspect_live_event e;
	bool found;

	store_int(st, ":id", id);
	store_int(st, ":request", request);
	found = store_row(s, st);
	if (found) {
		e.output = text(st, 0);
		e.lane = text(st, 1);
		e.identity = text(st, 2);
		e.name = text(st, 3);
		e.objects = sqlite3_column_int64(st, 4);
		e.batch = sqlite3_column_int64(st, 5);
		e.input = text(st, 6);
		e.environment = text(st, 7);
		e.error = text(st, 8);
		e.answer = text(st, 9);
		visit(&e, arg);
	}
	return answer(in, s, st, found);
}

enum inspect_answer
inspect_live_audit(struct inspect *in, int64_t id,
    inspect_live_audit_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_LIVE_AUDIT);
	struct inspect_live_audit a;
	bool found;

	store_int(st, ":id", id);
	found = store_row(s, st);
	if (found) {
		a.action = text(st, 0);
		a.subject = text(st, 1);
		a.detail = text(st, 2);
		visit(&a, arg);
	}
	return answer(in, s, st, found);
}
