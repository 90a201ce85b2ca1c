/*
 * test_queue_moves.c - the table of an event's legal moves
 *
 * By the schema alone, in a database without the agent: whoever writes, the
 * trigger holds the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "store.h"

static const char *const states[] = {
	"queued", "inflight", "delivered", "stuck", "discarded", "skipped",
};
#define STATES	HR_COUNT(states)

/* From, by line, to, by column, in the order above; a move to where it is is
 * none. */
static const char *const legal[STATES] = {
	/* queued    */ "yy.yyy",
	/* inflight  */ "yyyy..",
	/* delivered */ "..y...",
	/* stuck     */ "y..yyy",
	/* discarded */ "....y.",
	/* skipped   */ ".....y",	/* see the next test */
};

static int
setup(void **state)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	if (sqlite3_exec(db, sql_schema, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	*state = db;
	return 0;
}

static int
teardown(void **state)
{
	return sqlite3_close(*state) == SQLITE_OK ? 0 : -1;
}

static int
insert(sqlite3 *db, const char *state, const char *reason)
{
	char sql[400];

	snprintf(sql, sizeof(sql), "DELETE FROM event;"
	    "INSERT INTO event (id, batch, event_index, lane, identity, name, "
	    "received_at, event_at, commerce, objects, state, reason) "
	    "VALUES (1, 1, 0, 1, 1, 'E', 0, 0, 0, 1, '%s', %s)", state,
	    reason);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int
move(sqlite3 *db, const char *to)
{
	char sql[100];

	snprintf(sql, sizeof(sql), "UPDATE event SET state = '%s'", to);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* An event in that state, by legal moves. */
static void
bring_to(sqlite3 *db, const char *state)
{
	if (insert(db, state, "'refused'") == SQLITE_OK)
		return;
	assert_int_equal(insert(db, "queued", "NULL"), SQLITE_OK);
	if (strcmp(state, "delivered") == 0)
		assert_int_equal(move(db, "inflight"), SQLITE_OK);
	assert_int_equal(move(db, state), SQLITE_OK);
}

static void
assert_move(sqlite3 *db, const char *from, const char *to, bool may)
{
	int rc = move(db, to);

	if (rc != (may ? SQLITE_OK : SQLITE_CONSTRAINT))
		fail_msg("%s to %s: %d %s", from, to, rc, sqlite3_errmsg(db));
	if (!may)
		assert_string_equal(sqlite3_errmsg(db),
		    "illegal move of an event from one state to another");
}

static void
event_moves_by_the_table_only(void **state)
{
	size_t from, to;

	for (from = 0; from < STATES; from++) {
		for (to = 0; to < STATES; to++) {
			bring_to(*state, states[from]);
			assert_move(*state, states[from], states[to],
			    legal[from][to] == 'y');
		}
	}
}

static void
event_skipped_goes_back_for_two_reasons_only(void **state)
{
	static const struct {
		const char *reason;
		bool may;
	} cases[] = {
		{ "'development'", true }, { "'web_client_side'", true },
		{ "'duplicate'", false }, { "'historical'", false },
		{ "'historical_invalid'", false }, { "'event_type'", false },
		{ "'merged'", false }, { "'unchanged'", false },
		{ "'superseded'", false }, { "''", false }, { "NULL", false },
	};
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_int_equal(insert(*state, "skipped", cases[i].reason),
		    SQLITE_OK);
		assert_move(*state, cases[i].reason, "queued", cases[i].may);
	}
}

static void
event_begins_in_three_states_only(void **state)
{
	static const char may[] = "y..y.y";
	size_t i;

	for (i = 0; i < STATES; i++)
		assert_int_equal(insert(*state, states[i], "'r'"),
		    may[i] == 'y' ? SQLITE_OK : SQLITE_CONSTRAINT);
	assert_int_equal(insert(*state, "lost", "NULL"), SQLITE_CONSTRAINT);
}

static void
event_has_no_other_states(void **state)
{
	bring_to(*state, "queued");
	assert_int_equal(move(*state, "lost"), SQLITE_CONSTRAINT);
	assert_int_equal(move(*state, "QUEUED"), SQLITE_CONSTRAINT);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(event_moves_by_the_table_only),
	    TEST(event_skipped_goes_back_for_two_reasons_only),
	    TEST(event_begins_in_three_states_only),
	    TEST(event_has_no_other_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
