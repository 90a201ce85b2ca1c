/*
 * test_gather.c - how long a commit may wait
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gather.h"

static void
note_many(struct gather *g, int64_t took_us)
{
	int i;

	for (i = 0; i < 100; i++)
		gather_note(g, took_us);
}

static void
gather_idle_us_is_nothing_where_commits_are_fast(void **state)
{
	struct gather g = { 0 };

	(void)state;
	assert_int_equal(gather_idle_us(&g), 0);
	note_many(&g, 300);
	assert_int_equal(gather_idle_us(&g), 0);
	/* One that takes long is no slow disk. */
	gather_note(&g, 1500);
	assert_int_equal(gather_idle_us(&g), 0);
}

static void
gather_idle_us_is_a_part_of_what_a_commit_takes(void **state)
{
	struct gather g = { 0 };

	(void)state;
	note_many(&g, 2000);
	assert_in_range(gather_idle_us(&g), 200, 500);
	/* The disk has become fast. */
	note_many(&g, 100);
	assert_int_equal(gather_idle_us(&g), 0);
}

static void
gather_idle_us_is_short_where_the_disk_hangs(void **state)
{
	struct gather g = { 0 };

	(void)state;
	note_many(&g, 3000000);
	assert_in_range(gather_idle_us(&g), 1000, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    gather_idle_us_is_nothing_where_commits_are_fast),
		cmocka_unit_test(
		    gather_idle_us_is_a_part_of_what_a_commit_takes),
		cmocka_unit_test(
		    gather_idle_us_is_short_where_the_disk_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
