/*
 * test_memo.c - what was looked up lately
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memo.h"

static int
setup(void **state)
{
	*state = memo_new();
	return 0;
}

static int
teardown(void **state)
{
	memo_free(*state);
	return 0;
}

static int64_t
get(struct memo *m, uint64_t epoch, const char *text)
{
	int64_t number = 0;

	return memo_get(m, epoch, text, strlen(text), &number) ? number : -1;
}

static void
memo_get_knows_what_was_put(void **state)
{
	struct memo *m = *state;

	memo_put(m, 0, "ada", 3, 7);
	memo_put(m, 0, "", 0, 8);

	assert_int_equal(get(m, 0, "ada"), 7);
	assert_int_equal(get(m, 0, ""), 8);
	assert_int_equal(get(m, 0, "ad"), -1);
	assert_int_equal(get(m, 0, "adam"), -1);
	assert_int_equal(get(m, 0, "Ada"), -1);
	memo_put(m, 0, "ada", 3, INT64_MIN);
	assert_int_equal(get(m, 0, "ada"), INT64_MIN);
}

static void
memo_get_knows_nothing_at_first(void **state)
{
	assert_int_equal(get(*state, 0, ""), -1);
	assert_int_equal(get(*state, 0, "ada"), -1);
}

static void
memo_get_knows_nothing_of_another_epoch(void **state)
{
	struct memo *m = *state;

	memo_put(m, 1, "ada", 3, 7);
	assert_int_equal(get(m, 2, "ada"), -1);
	assert_int_equal(get(m, 1, "ada"), -1);
	memo_put(m, 1, "bob", 3, 8);
	memo_put(m, 3, "eve", 3, 9);
	assert_int_equal(get(m, 3, "bob"), -1);
	assert_int_equal(get(m, 3, "eve"), 9);
	memo_forget(m);
	assert_int_equal(get(m, 3, "eve"), -1);
}

static void
memo_put_leaves_out_what_is_too_long(void **state)
{
	struct memo *m = *state;
	char text[MEMO_TEXT + 2];

	memset(text, 'x', sizeof(text));
	text[MEMO_TEXT + 1] = '\0';
	memo_put(m, 0, text, MEMO_TEXT + 1, 7);
	assert_int_equal(get(m, 0, text), -1);
	text[MEMO_TEXT] = '\0';
	memo_put(m, 0, text, MEMO_TEXT, 8);
	assert_int_equal(get(m, 0, text), 8);
}

/* Of more than there is room for some are forgotten, and none mistaken. */
static void
memo_put_never_mistakes_one_for_another(void **state)
{
	struct memo *m = *state;
	char text[20];
	int64_t known = 0, number;
	int i;

	for (i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "person %d", i);
		memo_put(m, 0, text, strlen(text), i);
	}
	for (i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "person %d", i);
		number = get(m, 0, text);
		assert_true(number == -1 || number == i);
		known += number == i;
	}
	assert_in_range(known, 10000, 99999);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(memo_get_knows_what_was_put),
	    TEST(memo_get_knows_nothing_at_first),
	    TEST(memo_get_knows_nothing_of_another_epoch),
	    TEST(memo_put_leaves_out_what_is_too_long),
	    TEST(memo_put_never_mistakes_one_for_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
