/*
 * inspect_verify.c - is the database what it should be?
 *
 * Knows what must be true of it at any moment, and asks SQL for the proof.
 * The statements read everything there is; inside the agent they are given up
 * like any other question, and what they would have told is left open.
 */
#include <string.h>

#include "inspect_private.h"

/* A look at pages and indexes cannot be given up, so the agent takes it at a
 * small database only: 1000 pages take some ms. */
#define FEW_PAGES	1000

struct proof {
	struct store	*store;
	bool		 bounded;	/* by the agent's patience */
	inspect_proved	*proved;
	void		*arg;
};

static void
tell(struct proof *p, const char *check, bool good, const char *detail)
{
	p->proved(check, good ? INSPECT_GOOD : INSPECT_BAD, detail, p->arg);
}

static void
leave_open(struct proof *p, const char *check)
{
	p->proved(check, INSPECT_OPEN, "it would take too long here; "
	    "heaprelayctl verify has the time", p->arg);
}

/* Why a check came to no answer. */
static void
no_answer(struct proof *p, const char *check)
{
	if (store_interrupted(p->store))
		leave_open(p, check);
	else
		tell(p, check, false, store_error(p->store));
}

/* The only row of a statement's answer; NULL: none, which was told. */
static sqlite3_stmt *
answer(struct proof *p, const char *check, enum sql sql)
{
	sqlite3_stmt *st;

	store_ask(p->store);
	st = store_sql(p->store, sql);
	if (store_row(p->store, st))
		return st;
	no_answer(p, check);
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

static bool
is_small(struct proof *p)
{
	sqlite3_stmt *st = answer(p, "integrity", SQL_VERIFY_SIZE);
	bool small = st != NULL && number(st, 0) <= FEW_PAGES;

	if (st != NULL && !small)
		leave_open(p, "integrity");
	sqlite3_reset(st);
	return small;
}

static void
prove_integrity(struct proof *p)
{
	sqlite3_stmt *st;
	bool good;

	if (p->bounded && !is_small(p))
		return;
	st = answer(p, "integrity", SQL_VERIFY_INTEGRITY);
	if (st == NULL)
		return;
	good = strcmp(text(st, 0), "ok") == 0;
	tell(p, "integrity", good, good ? "every page and index is sound" :
	    text(st, 0));
	sqlite3_reset(st);
}

static void
prove_references(struct proof *p)
{
	sqlite3_stmt *st = answer(p, "references", SQL_VERIFY_REFERENCES);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld rows point at nothing (%lld more at requests, "
	    "which retention may have pruned)", number(st, 0), number(st, 1));
	tell(p, "references", number(st, 0) == 0, why.text);
	sqlite3_reset(st);
}

static void
prove_conservation(struct proof *p)
{
	sqlite3_stmt *st = answer(p, "conservation", SQL_VERIFY_CONSERVATION);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld accepted; %lld queued, %lld inflight, "
	    "%lld delivered, %lld stuck, %lld discarded, %lld skipped, "
	    "%lld pruned, %lld erased", number(st, 1), number(st, 2),
	    number(st, 3), number(st, 4), number(st, 5), number(st, 6),
	    number(st, 7), number(st, 8), number(st, 9));
	tell(p, "conservation", number(st, 0) == 1, why.text);
	sqlite3_reset(st);
}

/* A table of counts that the agent keeps, against what it counts. */
static void
prove_counts(struct proof *p, const char *check, enum sql sql)
{
	sqlite3_stmt *st = answer(p, check, sql);
	struct why why;

	if (st == NULL)
		return;
	why_set(&why, "%lld counts, %lld wrong", number(st, 1),
	    number(st, 0));
	tell(p, check, number(st, 0) == 0, why.text);
	sqlite3_reset(st);
}

/* One window of one app. */
static void
tell_window(struct proof *p, sqlite3_stmt *st)
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
	tell(p, check.text, overruns == 0, why.text);
}

static void
prove_windows(struct proof *p)
{
	sqlite3_stmt *st;
	size_t windows = 0;

	store_ask(p->store);
	st = store_sql(p->store, SQL_VERIFY_WINDOWS);
	while (store_row(p->store, st)) {
		tell_window(p, st);
		windows++;
	}
	if (store_interrupted(p->store) || store_error(p->store)[0] != '\0')
		no_answer(p, "windows");
	else if (windows == 0)
		tell(p, "windows", true, "no request is stored");
}

static void
prove(struct proof *p)
{
	prove_counts(p, "lanes", SQL_VERIFY_LANES);
	prove_integrity(p);
	prove_references(p);
	prove_conservation(p);
	prove_counts(p, "waiting", SQL_VERIFY_WAITING);
	prove_counts(p, "tally", SQL_VERIFY_TALLY);
	prove_windows(p);
}

void
inspect_prove_all(struct store *s, inspect_proved *proved, void *arg)
{
	struct proof p = { s, false, proved, arg };

	prove(&p);
}

void
inspect_prove(struct inspect *in, inspect_proved *proved, void *arg)
{
	struct proof p = { inspect_ask(in, INSPECT_COMMITTED), true, proved,
	    arg };

	prove(&p);
}
