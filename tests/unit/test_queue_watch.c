/*
 * test_queue_watch.c - a change that SQLite cannot show is not stored
 *
 * The linker puts this file's sqlite3_preupdate_old and _new before SQLite's:
 * the nth of them has no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "queue_fixture.h"

#define NEVER	1000

static int calls, refused;	/* so far; the nth is refused, 0: none */

int	__real_sqlite3_preupdate_old(sqlite3 *, int, sqlite3_value **);
int	__wrap_sqlite3_preupdate_old(sqlite3 *, int, sqlite3_value **);
int	__real_sqlite3_preupdate_new(sqlite3 *, int, sqlite3_value **);
int	__wrap_sqlite3_preupdate_new(sqlite3 *, int, sqlite3_value **);

int
__wrap_sqlite3_preupdate_old(sqlite3 *db, int column, sqlite3_value **out)
{
	return ++calls == refused ? SQLITE_NOMEM :
	    __real_sqlite3_preupdate_old(db, column, out);
}

int
__wrap_sqlite3_preupdate_new(sqlite3 *db, int column, sqlite3_value **out)
{
	return ++calls == refused ? SQLITE_NOMEM :
	    __real_sqlite3_preupdate_new(db, column, out);
}

/* What was told and is still true. */
struct told {
	int	sights;
};

static void
see(const struct queue_sight *sight, void *arg)
{
	struct told *told = arg;

	(void)sight;
	told->sights++;
}

static void
unsee(void *arg)
{
	struct told *told = arg;

	told->sights = 0;
}

/* What a turn may do to events. */
static void
come(struct queue_fixture *f)
{
	put_track(f, "ada");
}

static void
come_ended(struct queue_fixture *f)
{
	put_ended(f, QUEUE_STUCK, "no_identity");
}

static void
discard(struct queue_fixture *f)
{
	struct why why;

	queue_discard(f->q, number(f, "SELECT min(id) FROM event"), QUEUE_NOW,
	    &why);
}

static void
prune(struct queue_fixture *f)
{
	const struct queue_keep keep = { 0 };
	struct moment later = f->now;

	later.wall += 1000;
	queue_prune(f->q, &keep, later);
}

static char *
all_of(struct queue_fixture *f)
{
	return words(f, "SELECT (SELECT group_concat(id || state) FROM event)"
	    " || (SELECT group_concat(lane || name || events) FROM tally)");
}

/* With each of its calls refused, until none is left to refuse. */
static void
assert_turn_is_refused(struct queue_fixture *f,
    void (*act)(struct queue_fixture *))
{
	static struct told told;	/* until the queue is closed */
	char *before = all_of(f), *after;

	told.sights = 0;
	queue_watch(f->q, see, unsee, &told);
	for (refused = 1; refused < NEVER; refused++) {
		calls = 0;
		act(f);
		if (calls < refused)
			break;
		assert_false(queue_commit(f->q));
		assert_non_null(strstr(queue_error(f->q), "out of memory"));
		assert_int_equal(told.sights, 0);
		assert_int_equal(queue_begin(f->q), QUEUE_READY);
		after = all_of(f);
		assert_string_equal(after, before);
		free(after);
	}
	assert_in_range(refused, 2, NEVER - 1);
	refused = 0;
	settle(f);
	after = all_of(f);
	assert_string_not_equal(after, before);
	free(after);
	free(before);
}

static void
on_change_refuses_a_turn_that_it_cannot_see(void **state)
{
	struct queue_fixture *f = *state;

	settle(f);
	assert_turn_is_refused(f, come);
	assert_turn_is_refused(f, come_ended);
	assert_turn_is_refused(f, discard);
	assert_turn_is_refused(f, prune);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(on_change_refuses_a_turn_that_it_cannot_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
