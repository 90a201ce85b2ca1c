/*
 * ctl_verify.c - heaprelayctl verify: is the database what it should be?
 *
 * Knows what must be true of it at any moment, and asks SQL for the proof.
 * Works on the file, beside a running agent or without one; all checks see
 * the same moment.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl_private.h"
#include "ctl_show.h"
#include "store.h"

/* The checks as they are made. */
struct verify {
	struct store	*store;
	struct ctl_table *table;	/* NULL: lines of JSON */
	bool		 failed;	/* one of them */
};

static const struct ctl_column columns[] = {
	{ "CHECK", false, 0, 0 },
	{ "RESULT", false, 0, 0 },
	{ "DETAIL", false, 20, 0 },
};

static void
tell(struct verify *v, const char *check, bool ok, const char *detail)
{
	struct buf line = BUF_INIT;

	v->failed |= !ok;
	if (v->table != NULL) {
		ctl_table_cell(v->table, check, CTL_PLAIN);
		ctl_table_cell(v->table, ok ? "ok" : "failed",
		    ok ? CTL_GOOD : CTL_BAD);
		ctl_table_cell(v->table, detail, CTL_PLAIN);
		return;
	}
	buf_puts(&line, "{\"check\":");
	json_put_text(&line, check);
	buf_printf(&line, ",\"ok\":%s,\"detail\":", ok ? "true" : "false");
	json_put_text(&line, detail);
	buf_puts(&line, "}\n");
	ctl_print(&line);
	buf_free(&line);
}

/* The only row of a statement's answer.  NULL: it has none, so the check has
 * failed, and that was told. */
static sqlite3_stmt *
answer(struct verify *v, const char *check, enum sql sql)
{
	sqlite3_stmt *st;

	store_ask(v->store);
	st = store_sql(v->store, sql);
	if (store_row(v->store, st))
		return st;
	tell(v, check, false, store_error(v->store));
	return NULL;
}

static const char *
text(sqlite3_stmt *st, int column)
{
	const unsigned char *found = sqlite3_column_text(st, column);

	return found != NULL ? (const char *)found : "";
}

static long long
number(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

static void
verify_integrity(struct verify *v)
{
	sqlite3_stmt *st = answer(v, "integrity", SQL_VERIFY_INTEGRITY);
	bool ok;

	if (st == NULL)
		return;
	ok = strcmp(text(st, 0), "ok") == 0;
	tell(v, "integrity", ok, ok ? "every page and index is sound" :
	    text(st, 0));
	sqlite3_reset(st);
}

static void
verify_references(struct verify *v)
{
	sqlite3_stmt *st = answer(v, "references", SQL_VERIFY_REFERENCES);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld rows point at nothing (%lld more at requests, "
	    "which retention may have pruned)", number(st, 0), number(st, 1));
	tell(v, "references", number(st, 0) == 0, why.text);
	sqlite3_reset(st);
}

static void
verify_conservation(struct verify *v)
{
	sqlite3_stmt *st = answer(v, "conservation", SQL_VERIFY_CONSERVATION);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld accepted; %lld queued, %lld inflight, "
	    "%lld delivered, %lld stuck, %lld discarded, %lld skipped, "
	    "%lld pruned, %lld erased", number(st, 1), number(st, 2),
	    number(st, 3), number(st, 4), number(st, 5), number(st, 6),
	    number(st, 7), number(st, 8), number(st, 9));
	tell(v, "conservation", number(st, 0) == 1, why.text);
	sqlite3_reset(st);
}

/* A table of counts that the agent keeps, against what it counts. */
static void
verify_counts(struct verify *v, const char *check, enum sql sql)
{
	sqlite3_stmt *st = answer(v, check, sql);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld counts, %lld wrong", number(st, 1),
	    number(st, 0));
	tell(v, check, number(st, 0) == 0, why.text);
	sqlite3_reset(st);
}

/* One window of one app. */
static void
tell_window(struct verify *v, sqlite3_stmt *st)
{
	long long overruns = number(st, 6);
	struct why why, check;

	why_set(&check, "window %s", text(st, 1));
	if (overruns == 0)
		why_set(&why, "app %s: at most %lld of %lld in %lld ms, at "
		    "%lld claims", text(st, 0), number(st, 5),
		    number(st, 2), number(st, 3), number(st, 4));
	else
		why_set(&why, "app %s: up to %lld of %lld in %lld ms, too "
		    "many at %lld of %lld claims, the first request %lld; "
		    "limits are today's, so requests from before a change of "
		    "them are judged by others than they were sent under",
		    text(st, 0), number(st, 5), number(st, 2),
		    number(st, 3), overruns, number(st, 4), number(st, 7));
	tell(v, check.text, overruns == 0, why.text);
}

static void
verify_windows(struct verify *v)
{
	sqlite3_stmt *st;
	size_t windows = 0;

	store_ask(v->store);
	st = store_sql(v->store, SQL_VERIFY_WINDOWS);
	while (store_row(v->store, st)) {
		tell_window(v, st);
		windows++;
	}
	if (store_error(v->store)[0] != '\0')
		tell(v, "windows", false, store_error(v->store));
	else if (windows == 0)
		tell(v, "windows", true, "no request is stored");
}

static void
verify_all(struct verify *v)
{
	verify_integrity(v);
	verify_references(v);
	verify_conservation(v);
	verify_counts(v, "waiting", SQL_VERIFY_WAITING);
	verify_counts(v, "tally", SQL_VERIFY_TALLY);
	verify_windows(v);
}

static void
print_table(const struct ctl_table *table)
{
	struct ctl_screen screen;
	struct buf out = BUF_INIT;

	ctl_screen(&screen);
	ctl_table_put(table, screen.width, screen.colors, &out);
	ctl_print(&out);
	buf_free(&out);
}

int
ctl_verify(const struct ctl *ctl)
{
	struct config *config = ctl_config(ctl);
	struct verify v = { .store = NULL };
	struct why why;

	if (store_open(&v.store, config->database, STORE_READ, 0, &why) != 0)
		ctl_fail(CTL_REFUSED, "%s", why.text);
	if (!ctl->json)
		v.table = ctl_table_new(columns, HR_COUNT(columns));
	/* One moment for all of them: a reader's transaction. */
	if (!store_exec(v.store, "BEGIN"))
		ctl_fail(CTL_REFUSED, "%s", store_error(v.store));
	verify_all(&v);
	if (v.table != NULL)
		print_table(v.table);
	ctl_table_free(v.table);
	store_close(v.store);
	config_free(config);
	return v.failed ? CTL_REFUSED : 0;
}
