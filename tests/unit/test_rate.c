/*
 * test_rate.c - sliding windows, by hand (test_rate_model.c: at random)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"
#include "rate.h"

#define ADA	7
#define BOB	-8

struct seen {
	int		 keys;
	int64_t		 used;
	int64_t		 frees_at;	/* of the key visited last */
};

static void
note_seen(int64_t key, int64_t used, int64_t frees_at, void *arg)
{
	struct seen *seen = arg;

	(void)key;
	seen->keys++;
	seen->used += used;
	seen->frees_at = frees_at;
}

static struct seen
look(struct rate *r, int64_t now)
{
	struct seen seen = { 0, 0, 0 };

	rate_each(r, now, note_seen, &seen);
	return seen;
}

/* A request that was noted and ended. */
static void
pass(struct rate *r, int64_t key, int64_t id, int64_t n, int64_t ended)
{
	rate_note(r, key, id, n, ended);
	rate_end(r, key, id, ended);
}

static void
rate_new_allows_the_whole_limit(void **state)
{
	struct rate *r = rate_new(30, 30000);
	(void)state;

	assert_int_equal(rate_limit(r), 30);
	assert_int_equal(rate_window(r), 30000);
	assert_int_equal(rate_allow(r, ADA, 0), 30);
	assert_int_equal(rate_used(r, ADA, 0), 0);
	assert_int_equal(rate_next(r, ADA, 30, 5), 5);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

static void
rate_free_accepts_null(void **state)
{
	(void)state;

	rate_free(NULL);
}

static void
rate_note_occupies_until_told_of_the_end(void **state)
{
	struct rate *r = rate_new(100, 60000);
	(void)state;

	rate_note(r, ADA, 1, 60, 0);
	rate_expire(r, 10000000);

	assert_int_equal(rate_used(r, ADA, 10000000), 60);
	assert_int_equal(rate_allow(r, ADA, 10000000), 40);
	assert_int_equal(rate_next(r, ADA, 40, 10000000), 10000000);
	assert_int_equal(rate_next(r, ADA, 41, 10000000), RATE_NEVER);
	rate_free(r);
}

static void
rate_end_frees_one_ms_after_a_closed_window(void **state)
{
	struct rate *r = rate_new(100, 60000);
	(void)state;

	rate_note(r, ADA, 1, 100, 0);
	rate_end(r, ADA, 1, 500);

	assert_int_equal(rate_allow(r, ADA, 60500), 0);
	assert_int_equal(rate_allow(r, ADA, 60501), 100);
	assert_int_equal(rate_next(r, ADA, 1, 600), 60501);
	rate_free(r);
}

static void
rate_note_adds_up_for_one_id(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 2, 0);
	rate_note(r, ADA, 1, 3, 0);
	rate_note(r, ADA, 2, 0, 0);

	assert_int_equal(rate_used(r, ADA, 0), 5);
	rate_end(r, ADA, 1, 0);
	assert_int_equal(rate_used(r, ADA, 1000), 5);
	assert_int_equal(rate_used(r, ADA, 1001), 0);
	rate_free(r);
}

static void
rate_note_counts_each_key_alone(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 10, 0);
	rate_note(r, BOB, 1, 4, 0);

	assert_int_equal(rate_allow(r, ADA, 0), 0);
	assert_int_equal(rate_allow(r, BOB, 0), 6);
	rate_free(r);
}

static void
rate_cancel_gives_back(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 4, 0);
	rate_note(r, ADA, 2, 5, 0);
	rate_cancel(r, ADA, 1);

	assert_int_equal(rate_used(r, ADA, 0), 5);
	rate_cancel(r, ADA, 2);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

static void
rate_end_and_cancel_ignore_what_was_never_noted(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_end(r, ADA, 1, 0);
	rate_cancel(r, ADA, 1);
	pass(r, ADA, 2, 3, 0);
	rate_end(r, ADA, 2, 900);	/* it has ended: no second time */
	rate_cancel(r, ADA, 2);

	assert_int_equal(rate_used(r, ADA, 1000), 3);
	assert_int_equal(rate_used(r, ADA, 1001), 0);
	rate_free(r);
}

static void
rate_end_takes_ends_in_any_order(void **state)
{
	static const int64_t ends[] = { 50, 10, 90, 10, 70, 30, 90, 20 };
	struct rate *r = rate_new(100, 1000);
	int64_t expected = HR_COUNT(ends);
	size_t i, j;
	(void)state;

	for (i = 0; i < HR_COUNT(ends); i++)
		pass(r, ADA, (int64_t)i, 1, ends[i]);

	for (i = 0; i <= 100; i++) {
		assert_int_equal(rate_used(r, ADA, 1000 + (int64_t)i),
		    expected);
		for (j = 0; j < HR_COUNT(ends); j++)
			expected -= ends[j] == (int64_t)i;
	}
	assert_int_equal(expected, 0);
	rate_free(r);
}

static void
rate_next_waits_for_as_many_as_are_asked(void **state)
{
	static const struct { int64_t n, at; } rules[] = {
		{ 0, 400 }, { 1, 400 }, { 2, 1101 }, { 4, 1101 },
		{ 5, 1201 }, { 7, 1201 }, { 8, RATE_NEVER },
		{ 99, RATE_NEVER },
	};
	struct rate *r = rate_new(10, 1000);
	size_t i;
	(void)state;

	pass(r, ADA, 1, 3, 100);
	pass(r, ADA, 2, 3, 200);
	rate_note(r, ADA, 3, 3, 300);

	for (i = 0; i < HR_COUNT(rules); i++)
		assert_int_equal(rate_next(r, ADA, rules[i].n, 400),
		    rules[i].at);
	rate_end(r, ADA, 3, 400);
	assert_int_equal(rate_next(r, ADA, 99, 400), 1401);
	rate_free(r);
}

static void
rate_allow_is_zero_and_never_less_under_a_lowered_limit(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 6, 0);
	pass(r, ADA, 2, 3, 10);
	rate_set(r, 4, 1000);

	assert_int_equal(rate_allow(r, ADA, 20), 0);
	assert_int_equal(rate_used(r, ADA, 20), 9);
	assert_int_equal(rate_next(r, ADA, 0, 20), 20);
	assert_int_equal(rate_next(r, ADA, 1, 20), 1001);
	assert_int_equal(rate_next(r, ADA, 2, 20), 1011);
	rate_free(r);
}

static void
rate_set_measures_what_is_noted_by_the_new_window(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 6, 0);
	rate_set(r, 10, 5000);
	rate_expire(r, 5000);

	assert_int_equal(rate_used(r, ADA, 5000), 6);
	rate_set(r, 10, 200);
	assert_int_equal(rate_used(r, ADA, 201), 0);
	rate_free(r);
}

static void
rate_each_tells_use_and_when_the_oldest_frees(void **state)
{
	struct rate *r = rate_new(10, 1000);
	struct seen seen;
	(void)state;

	pass(r, ADA, 1, 2, 40);
	pass(r, ADA, 2, 2, 30);
	rate_note(r, ADA, 3, 2, 40);
	seen = look(r, 50);
	assert_int_equal(seen.keys, 1);
	assert_int_equal(seen.used, 6);
	assert_int_equal(seen.frees_at, 1031);

	seen = look(r, 2000);
	assert_int_equal(seen.used, 2);
	assert_true(seen.frees_at == RATE_NEVER);
	rate_free(r);
}

/*
 * Questions change nothing and may be asked about any time, so asking about
 * the past shows whether an entry was dropped or only skipped.
 */
static void
rate_expire_drops_what_left_and_nothing_else(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 2, 0);
	pass(r, ADA, 2, 3, 500);
	pass(r, BOB, 3, 4, 0);
	rate_expire(r, 1000);
	assert_int_equal(look(r, 500).used, 9);

	rate_expire(r, 1001);
	assert_int_equal(rate_used(r, ADA, 500), 3);
	assert_int_equal(rate_used(r, BOB, 500), 0);
	rate_expire(r, 1501);
	assert_int_equal(look(r, 500).keys, 0);
	rate_free(r);
}

static void
rate_note_drops_what_left_for_callers_that_never_expire(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 2, 0);
	rate_note(r, BOB, 2, 1, 1001);

	assert_int_equal(rate_used(r, ADA, 0), 0);
	assert_int_equal(rate_used(r, BOB, 0), 1);
	rate_free(r);
}

static void
rate_expire_clears_fifteen_thousand_keys(void **state)
{
	struct rate *r = rate_new(30, 30000);
	const int64_t n = 15000;
	int64_t i;
	(void)state;

	for (i = 0; i < n; i++)
		rate_note(r, i * 4096, i, 1, 0);
	for (i = 0; i < n; i++)
		rate_end(r, i * 4096, i, i * 7919 % n);
	assert_int_equal(look(r, n).keys, n);

	for (i = 0; i < n; i += 100) {
		rate_expire(r, 30000 + i);
		assert_int_equal(look(r, 0).keys, n - i);
	}
	rate_expire(r, 30000 + n);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_new_allows_the_whole_limit),
		cmocka_unit_test(rate_free_accepts_null),
		cmocka_unit_test(rate_note_occupies_until_told_of_the_end),
		cmocka_unit_test(rate_end_frees_one_ms_after_a_closed_window),
		cmocka_unit_test(rate_note_adds_up_for_one_id),
		cmocka_unit_test(rate_note_counts_each_key_alone),
		cmocka_unit_test(rate_cancel_gives_back),
		cmocka_unit_test(
		    rate_end_and_cancel_ignore_what_was_never_noted),
		cmocka_unit_test(rate_end_takes_ends_in_any_order),
		cmocka_unit_test(rate_next_waits_for_as_many_as_are_asked),
		cmocka_unit_test(
		    rate_allow_is_zero_and_never_less_under_a_lowered_limit),
		cmocka_unit_test(
		    rate_set_measures_what_is_noted_by_the_new_window),
		cmocka_unit_test(
		    rate_each_tells_use_and_when_the_oldest_frees),
		cmocka_unit_test(rate_expire_drops_what_left_and_nothing_else),
		cmocka_unit_test(
		    rate_note_drops_what_left_for_callers_that_never_expire),
		cmocka_unit_test(rate_expire_clears_fifteen_thousand_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
