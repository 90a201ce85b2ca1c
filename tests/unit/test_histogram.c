/*
 * test_histogram.c - counts by size
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "histogram.h"
#include "mem.h"

static void (*const inits[])(struct histogram *) = {
	histogram_init_local, histogram_init_remote, histogram_init_waiting
};

static void
histogram_init_has_rising_bounds_and_counts_nothing(void **state)
{
	struct histogram h;
	size_t i, k;

	(void)state;
	for (i = 0; i < HR_COUNT(inits); i++) {
		memset(&h, 0xff, sizeof(h));
		inits[i](&h);

		assert_in_range(h.bounds, 5, HISTOGRAM_BOUNDS);
		assert_true(h.bound[0] > 0);
		for (k = 1; k < h.bounds; k++)
			assert_true(h.bound[k] > h.bound[k - 1]);
		assert_int_equal(histogram_count(&h), 0);
		assert_int_equal(h.sum, 0);
	}
}

static void
histogram_note_counts_up_to_the_bound_and_beyond_the_last(void **state)
{
	struct histogram h;
	size_t i, k;

	(void)state;
	for (i = 0; i < HR_COUNT(inits); i++) {
		inits[i](&h);
		for (k = 0; k < h.bounds; k++) {
			histogram_note(&h, h.bound[k], 1);
			histogram_note(&h, h.bound[k] + 1, 1);
		}

		/* Each bound is in its class, one more is in the next. */
		assert_int_equal(h.count[0], 1);
		for (k = 1; k < h.bounds; k++)
			assert_int_equal(h.count[k], 2);
		assert_int_equal(h.count[h.bounds], 1);
		assert_int_equal(histogram_count(&h), 2 * h.bounds);
	}
}

static void
histogram_note_adds_up_durations(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init_local(&h);
	histogram_note(&h, 1500, 1);
	histogram_note(&h, 2000, 3);
	histogram_note(&h, INT64_C(100000000), 1);
	/* The wall clock was set back. */
	histogram_note(&h, -5000, 1);

	assert_int_equal(h.sum, 1500 + 3 * 2000 + 100000000);
	assert_int_equal(h.count[0], 1);
	assert_int_equal(h.count[2], 4);
	assert_int_equal(h.count[h.bounds], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		histogram_init_has_rising_bounds_and_counts_nothing),
	    cmocka_unit_test(
		histogram_note_counts_up_to_the_bound_and_beyond_the_last),
	    cmocka_unit_test(histogram_note_adds_up_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
