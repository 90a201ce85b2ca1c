/*
 * test_dispatch_fair.c - nobody waits for somebody else's backlog
 *
 * delivery.md sections 3 and 4: how soon a fresh event leaves, how long a
 * backlog takes against the least that the windows allow, and how much is
 * read for it.  All in virtual time.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatch_fixture.h"
#include "log.h"

static int64_t
at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
windows(int64_t n, int64_t limit)
{
	return (n + limit - 1) / limit - 1;
}

/* One kind of identity of a backlog. */
struct kind {
	size_t	identities;
	size_t	events;			/* each */
};

static const struct backlog {
	const char	*what;
	struct kind	 kind[3];
} backlogs[] = {
	{ "one identity", { { 1, 3500 } } },
	{ "50 identities", { { 50, 320 } } },
	{ "2000 identities", { { 2000, 8 } } },
	{ "one hot among 2000", { { 1, 3000 }, { 2000, 7 } } },
	{ "five hot among 1000", { { 5, 2000 }, { 1000, 9 } } },
	{ "a few hot, some warm, many cold",
	    { { 3, 3000 }, { 10, 500 }, { 800, 5 } } },
	{ "20 of one size", { { 20, 1000 } } },
};

/* Puts the backlog; its least time by the windows. */
static int64_t
put_backlog(struct fixture *f, const struct backlog *b, int64_t *total)
{
	int64_t least = 0;
	char name[40];
	size_t i, k;

	*total = 0;
	for (i = HR_COUNT(b->kind); i-- > 0;) {
		for (k = 0; k < b->kind[i].identities; k++) {
			snprintf(name, sizeof(name), "id%zu-%zu", i, k);
			put_many(f, 0, name, b->kind[i].events);
			*total += (int64_t)b->kind[i].events;
		}
		if (b->kind[i].events > 0)
			least = at_least(least, windows(
			    (int64_t)b->kind[i].events, 1000));
	}
	return 60000 * at_least(least, windows(*total, 15000));
}

static void
dispatch_drains_in_the_time_that_the_windows_need(void **state)
{
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(backlogs); i++) {
		struct fixture *f = fixture_new();
		int64_t least, took, total, limit;
		uint64_t rows = stat_get(STAT_planner_rows);

		fixture_start(f);
		least = put_backlog(f, &backlogs[i], &total);
		limit = least + least / 50 + 2000;
		took = fixture_drain(f, 2 * limit);
		rows = stat_get(STAT_planner_rows) - rows;

		if (took > limit)
			fail_msg("%s: %" PRId64 " ms, at most %" PRId64,
			    backlogs[i].what, took, limit);
		if (rows > 22 * (uint64_t)total / 10)
			fail_msg("%s: %" PRIu64 " rows read for %" PRId64,
			    backlogs[i].what, rows, total);
		assert_int_equal(count_state(f, "delivered"), total);
		fixture_free(f);
	}
}

static void
dispatch_sends_a_fresh_event_beside_a_backlog(void **state)
{
	struct fixture *f = *state;
	int64_t id, i;
	char name[40];

	put_many(f, 0, "hot", 20000);
	for (i = 0; i < 20; i++) {
		fixture_run(f, 3777);
		snprintf(name, sizeof(name), "fresh%d", (int)i);
		id = put_track(f, 0, name, 1, false);
		fixture_run(f, 1000);
		assert_string_equal(event_row(f, id).state, "delivered");
	}
}

static void
slow(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at += 5000;
}

static void
dispatch_sends_a_fresh_event_beside_many_backlogs(void **state)
{
	struct fixture *f = *state;
	char name[40];
	size_t i;

	/* Less than a window of the app, but far more than one request. */
	for (i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "hot%zu", i);
		put_many(f, 0, name, 1000);
	}
	fixture_run(f, 10);
	assert_int_equal(posts_out(f), 4);
	put_track(f, 0, "fresh", 1, false);
	fixture_run(f, 2 * LATENCY_MS);

	for (i = 4; i < 8 && !post_has(&f->posts[i], "\"fresh\""); i++)
		assert_int_equal(post_objects(&f->posts[i]), 1000);
	assert_true(i < 8);
}

static void
request_plan_reads_nothing_again_of_those_that_wait(void **state)
{
	struct fixture *f = *state;
	uint64_t rows;
	int i;

	put_many(f, 0, "hot", 5000);
	f->far = slow;
	fixture_run(f, 20000);
	rows = stat_get(STAT_planner_rows);
	for (i = 0; i < 1000; i++)
		fixture_turn(f);

	assert_int_equal(stat_get(STAT_planner_rows), rows);
}

static void
request_plan_reads_about_two_rows_for_a_fresh_event(void **state)
{
	struct fixture *f = *state;
	uint64_t rows;
	char name[40];
	int i;

	put_many(f, 0, "hot", 20000);
	fixture_run(f, 1000);
	rows = stat_get(STAT_planner_rows);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "fresh%d", i);
		put_track(f, 0, name, 1, false);
		fixture_run(f, 10);
	}

	assert_true(stat_get(STAT_planner_rows) - rows <= 2100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    dispatch_drains_in_the_time_that_the_windows_need),
		DISPATCH_TEST(
		    dispatch_sends_a_fresh_event_beside_a_backlog),
		DISPATCH_TEST(
		    dispatch_sends_a_fresh_event_beside_many_backlogs),
		DISPATCH_TEST(
		    request_plan_reads_nothing_again_of_those_that_wait),
		DISPATCH_TEST(
		    request_plan_reads_about_two_rows_for_a_fresh_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
