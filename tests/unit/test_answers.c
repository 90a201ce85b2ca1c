/*
 * test_answers.c - how often each input was answered what
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "answers.h"
#include "mem.h"

static void
put(const char *input, int status, uint64_t n, void *arg)
{
	buf_printf(arg, "%s:%d=%llu ", input != NULL ? input : "-", status,
	    (unsigned long long)n);
}

static void
assert_answers(const struct answers *a, const char *expected)
{
	struct buf b = BUF_INIT;

	answers_each(a, put, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
answers_count_counts_by_input_and_status(void **state)
{
	struct answers *a = answers_new();
	char name[] = "shop";

	(void)state;
	assert_answers(a, "");
	answers_count(a, name, 202);
	name[0] = 'X';		/* was borrowed only */
	answers_count(a, "feed", 599);
	answers_count(a, NULL, 401);
	answers_count(a, "shop", 400);
	answers_count(a, "shop", 202);
	answers_count(a, NULL, 200);

	assert_answers(a, "shop:202=2 shop:400=1 feed:599=1 -:200=1 -:401=1 ");
	answers_free(a);
	answers_free(NULL);
}

static void
answers_settle_counts_what_waited_as_what_it_became(void **state)
{
	struct answers *a = answers_new();

	(void)state;
	answers_later(a, "shop", 202);
	answers_later(a, "shop", 202);
	answers_later(a, "feed", 202);
	answers_count(a, "feed", 400);
	assert_answers(a, "feed:400=1 ");

	answers_settle(a, true);
	assert_answers(a, "shop:202=2 feed:202=1 feed:400=1 ");

	answers_later(a, "shop", 202);
	answers_settle(a, false);
	answers_settle(a, true);
	assert_answers(a, "shop:202=2 shop:503=1 feed:202=1 feed:400=1 ");
	answers_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_count_counts_by_input_and_status),
	    cmocka_unit_test(
		answers_settle_counts_what_waited_as_what_it_became),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
