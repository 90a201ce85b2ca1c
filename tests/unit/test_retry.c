/*
 * test_retry.c - verdicts, Retry-After, backoff, breaker
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "retry.h"

#define NOW	INT64_C(784111770000)	/* Sun, 06 Nov 1994 08:49:30 GMT */
#define MINUTE	60000

static void
retry_judge_follows_the_table(void **state)
{
	static const struct {
		int			 status;
		enum retry_verdict	 one;
		enum retry_verdict	 many;
	} rules[] = {
		{ 0, RETRY_LATER, RETRY_LATER },
		{ -1, RETRY_LATER, RETRY_LATER },
		{ 100, RETRY_LATER, RETRY_LATER },
		{ 199, RETRY_LATER, RETRY_LATER },
		{ 200, RETRY_DELIVERED, RETRY_DELIVERED },
		{ 204, RETRY_DELIVERED, RETRY_DELIVERED },
		{ 299, RETRY_DELIVERED, RETRY_DELIVERED },
		{ 300, RETRY_CONFIG, RETRY_CONFIG },
		{ 302, RETRY_CONFIG, RETRY_CONFIG },
		{ 399, RETRY_CONFIG, RETRY_CONFIG },
		{ 400, RETRY_REFUSED, RETRY_ISOLATE },
		{ 401, RETRY_CONFIG, RETRY_CONFIG },
		{ 402, RETRY_LATER, RETRY_LATER },
		{ 403, RETRY_CONFIG, RETRY_CONFIG },
		{ 404, RETRY_CONFIG, RETRY_CONFIG },
		{ 405, RETRY_CONFIG, RETRY_CONFIG },
		{ 406, RETRY_LATER, RETRY_LATER },
		{ 408, RETRY_LATER, RETRY_LATER },
		{ 413, RETRY_TOO_LARGE, RETRY_HALVE },
		{ 418, RETRY_LATER, RETRY_LATER },
		{ 422, RETRY_REFUSED, RETRY_ISOLATE },
		{ 425, RETRY_LATER, RETRY_LATER },
		{ 429, RETRY_LIMITED, RETRY_LIMITED },
		{ 500, RETRY_LATER, RETRY_LATER },
		{ 503, RETRY_LATER, RETRY_LATER },
		{ 599, RETRY_LATER, RETRY_LATER },
		{ 999, RETRY_LATER, RETRY_LATER },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		struct retry_answer answer = { rules[i].status, false, -1 };

		assert_int_equal(retry_judge(&answer, false), rules[i].one);
		assert_int_equal(retry_judge(&answer, true), rules[i].many);
	}
}

static void
retry_verdict_name_names_each(void **state)
{
	(void)state;

	assert_string_equal(retry_verdict_name(RETRY_DELIVERED), "delivered");
	assert_string_equal(retry_verdict_name(RETRY_REFUSED), "refused");
	assert_string_equal(retry_verdict_name(RETRY_ISOLATE), "isolate");
	assert_string_equal(retry_verdict_name(RETRY_HALVE), "halve");
	assert_string_equal(retry_verdict_name(RETRY_TOO_LARGE), "too_large");
	assert_string_equal(retry_verdict_name(RETRY_CONFIG), "config");
	assert_string_equal(retry_verdict_name(RETRY_LIMITED), "limited");
	assert_string_equal(retry_verdict_name(RETRY_LATER), "later");
}

static void
retry_after_is_honoured_on_429_and_503_within_an_hour(void **state)
{
	static const struct {
		int	status;
		int64_t	said, honoured;
	} rules[] = {
		{ 429, 5000, 5000 },
		{ 503, 5000, 5000 },
		{ 500, 5000, 0 },
		{ 200, 5000, 0 },
		{ 0, 5000, 0 },
		{ 429, -1, 0 },
		{ 503, INT64_MIN, 0 },
		{ 429, 0, 0 },
		{ 429, 3600000, 3600000 },
		{ 503, 3600001, 3600000 },
		{ 429, INT64_MAX, 3600000 },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		struct retry_answer answer = { rules[i].status, false,
		    rules[i].said };

		assert_int_equal(retry_after(&answer), rules[i].honoured);
	}
}

static void
retry_after_parse_reads_seconds_and_dates(void **state)
{
	static const struct {
		const char	*value;
		int64_t		 ms;
	} rules[] = {
		{ "0", 0 },
		{ "7", 7000 },
		{ "007", 7000 },
		{ " \t120 ", 120000 },
		{ "99999999999", INT64_C(99999999999000) },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 7000 },
		{ "  Sun, 06 Nov 1994 08:49:37 GMT\t", 7000 },
		{ "sun, 06 nov 1994 08:49:37 gmt", 7000 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 7000 },
		{ "SUNDAY, 06-NOV-94 08:49:37 GMT", 7000 },
		{ "Sun Nov  6 08:49:37 1994", 7000 },
		{ "Sun Nov 06 08:49:37 1994", 7000 },
		{ "Thu Nov 10 08:49:30 1994", 4 * 86400000 },
		{ "Sun, 06 Nov 1994 08:49:30 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:20 GMT", -10000 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", -NOW },
		{ "Thu, 29 Feb 1996 00:00:00 GMT",
		    INT64_C(825552000000) - NOW },
		{ "Tue, 29 Feb 2000 23:59:59 GMT",
		    INT64_C(951868799000) - NOW },
		{ "Sat, 31 Dec 1994 23:59:60 GMT",
		    INT64_C(788918400000) - NOW },
		{ "Fri, 31 Dec 9999 23:59:59 GMT",
		    INT64_C(253402300799000) - NOW },
	};
	int64_t ms;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		ms = -1;
		assert_true(retry_after_parse(rules[i].value, NOW, &ms));
		assert_int_equal(ms, rules[i].ms);
	}
}

static void
retry_after_parse_puts_a_short_year_within_fifty_of_now(void **state)
{
	static const struct {
		const char	*value;
		int64_t		 ms;
	} rules[] = {
		{ "Monday, 01-Jan-01 00:00:00 GMT", 978307200000 },
		{ "Friday, 01-Jan-44 00:00:00 GMT", 2335219200000 },
		{ "Monday, 01-Jan-45 00:00:00 GMT", -788918400000 },
		{ "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
	};
	int64_t ms;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		assert_true(retry_after_parse(rules[i].value, NOW, &ms));
		assert_int_equal(ms + NOW, rules[i].ms);
	}
}

static void
retry_after_parse_clamps_huge_seconds(void **state)
{
	static const char *const values[] = {
		"9223372036854775", "9223372036854776",
		"18446744073709551616",
		("99999999999999999999999999999999999999999999999999999999999"
		    "99999999999999999999999999999999999999999999999999999"),
	};
	int64_t ms;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(values); i++) {
		assert_true(retry_after_parse(values[i], NOW, &ms));
		assert_true(ms > INT64_MAX - 1000);
	}
}

static void
retry_after_parse_refuses_garbage(void **state)
{
	static const char *const values[] = {
		"", " ", "-1", "+1", "1.5", "1e3", "0x10", "7s", "soon",
		"1 2", "Sun", "Sun,", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT+1",
		"Sun, 06 Nov 1994 08:49:37  GMT",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT",
		"Sun, 06 Nov 19940 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",
		"Sunday, 06 Nov 1994 08:49:37 GMT",
		"Xyz, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Xyz 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Tue, 29 Feb 1994 08:49:37 GMT",
		"Thu, 29 Feb 2100 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1994 08:-1:00 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov   08:49:37 1994",
		"Sun Nov  6 08:49:37 1994 GMT",
		"Sun Nov  6 08:49:37 ",
		"1994-11-06T08:49:37Z",
		("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 "
		    "GMT, Sun, 06 Nov 1994 08:49:37 GMT"),
	};
	int64_t ms;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(values); i++)
		assert_false(retry_after_parse(values[i], NOW, &ms));
}

/* Cut anywhere, a date is no date: the reader never passes the end. */
static void
retry_after_parse_refuses_every_cut_date(void **state)
{
	static const char *const dates[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	size_t i, len;
	int64_t ms;
	char *cut;
	(void)state;

	for (i = 0; i < HR_COUNT(dates); i++) {
		for (len = 0; len < strlen(dates[i]); len++) {
			cut = xstrndup(dates[i], len);
			assert_false(retry_after_parse(cut, NOW, &ms));
			free(cut);
		}
	}
}

static void
retry_backoff_draws_up_to_a_doubling_ceiling(void **state)
{
	static const struct { int64_t failures, ceiling; } rules[] = {
		{ 0, 2000 }, { 1, 2000 }, { 2, 4000 }, { 3, 8000 },
		{ 8, 256000 }, { 9, 300000 }, { 64, 300000 },
		{ INT64_MAX, 300000 },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		int64_t ceiling = rules[i].ceiling;

		assert_int_equal(retry_backoff(2000, 300000,
		    rules[i].failures, (uint64_t)ceiling), ceiling);
		assert_int_equal(retry_backoff(2000, 300000,
		    rules[i].failures, (uint64_t)ceiling + 1), 1);
		assert_int_equal(retry_backoff(2000, 300000,
		    rules[i].failures, 1234), 1234);
		assert_int_equal(retry_backoff(2000, 300000,
		    rules[i].failures, 0), 1);
	}
}

static void
retry_backoff_survives_extreme_settings(void **state)
{
	(void)state;

	assert_int_equal(retry_backoff(5000, 1000, 1, 1000), 1000);
	assert_int_equal(retry_backoff(5000, 1000, 1, 1001), 1);
	assert_int_equal(retry_backoff(1, INT64_MAX, 100, INT64_MAX),
	    INT64_MAX);
	assert_int_equal(retry_backoff(INT64_MAX, INT64_MAX, 9, UINT64_MAX),
	    INT64_MAX);
}

/* The wait without jitter, when drawn so that the jitter is at its most. */
static uint64_t
longest(int64_t wait_ms)
{
	return (uint64_t)(wait_ms - wait_ms / 2);
}

/* Opens a breaker that is closed, at time 0, for a second. */
static void
trip(struct breaker *b)
{
	int i;

	for (i = 1; i < BREAKER_FAILURES; i++)
		assert_false(breaker_failure(b, "status 500", 0, 0));
	assert_true(breaker_failure(b, "status 500", 0,
	    longest(BREAKER_FIRST_MS)));
}

static void
breaker_name_names_each(void **state)
{
	(void)state;

	assert_string_equal(breaker_name(BREAKER_CLOSED), "closed");
	assert_string_equal(breaker_name(BREAKER_OPEN), "open");
	assert_string_equal(breaker_name(BREAKER_HALF_OPEN), "half_open");
	assert_string_equal(breaker_name(BREAKER_CONFIG), "config");
	assert_string_equal(breaker_name(BREAKER_REFUSING), "refusing");
}

static void
breaker_may_lets_all_through_when_zeroed(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	assert_int_equal(breaker_may(&b, 0), BREAKER_MAY);
	assert_true(breaker_next(&b, 0) == INT64_MAX);
	breaker_probe_now(&b, 5);
	assert_int_equal(breaker_may(&b, 5), BREAKER_MAY);
}

static void
breaker_failure_opens_after_five_in_a_row(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	trip(&b);

	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(b.cause, BREAKER_OPEN);
	assert_int_equal(b.failures, BREAKER_FAILURES);
	assert_string_equal(b.last_error, "status 500");
	assert_int_equal(breaker_may(&b, 999), BREAKER_MAY_NOT);
	assert_int_equal(breaker_next(&b, 999), 1000);
	assert_int_equal(breaker_may(&b, 1000), BREAKER_MAY_PROBE);
	assert_true(breaker_next(&b, 1000) == INT64_MAX);
}

static void
breaker_success_starts_the_row_anew(void **state)
{
	struct breaker b = { 0 };
	int i;
	(void)state;

	for (i = 1; i < BREAKER_FAILURES; i++)
		breaker_failure(&b, "timeout", 0, 0);
	breaker_success(&b);

	assert_int_equal(b.failures, 0);
	assert_string_equal(b.last_error, "");
	trip(&b);
}

static void
breaker_failure_jitters_between_half_and_all_of_the_wait(void **state)
{
	uint64_t random;
	(void)state;

	for (random = 0; random < 3000; random += 7) {
		struct breaker b = { .failures = BREAKER_FAILURES };

		breaker_failure(&b, "", 70, random);
		assert_in_range(b.until - 70, 500, 1000);
		assert_int_equal(b.until - 70, 500 + (int64_t)(random % 501));
	}
}

static void
breaker_probe_sent_lets_one_out(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	trip(&b);
	breaker_probe_sent(&b);

	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_int_equal(b.cause, BREAKER_OPEN);
	assert_int_equal(breaker_may(&b, 1000000), BREAKER_MAY_NOT);
	assert_true(breaker_next(&b, 1000000) == INT64_MAX);

	breaker_success(&b);
	assert_int_equal(breaker_may(&b, 1000000), BREAKER_MAY);
}

static void
breaker_failure_of_each_probe_doubles_the_wait(void **state)
{
	static const int64_t waits[] = {
		2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000,
		300000, 300000, 300000,
	};
	struct breaker b = { 0 };
	int64_t now;
	size_t i;
	(void)state;

	trip(&b);
	for (i = 0; i < HR_COUNT(waits); i++) {
		now = b.until;
		breaker_probe_sent(&b);
		assert_true(breaker_failure(&b, "status 502", now,
		    longest(waits[i])));
		assert_int_equal(b.state, BREAKER_OPEN);
		assert_int_equal(b.until - now, waits[i]);
	}
	breaker_success(&b);
	trip(&b);
	assert_int_equal(b.until, BREAKER_FIRST_MS);
}

static void
breaker_failure_of_what_was_out_prolongs_nothing(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	trip(&b);
	assert_false(breaker_failure(&b, "status 503", 900, 500));

	assert_int_equal(b.until, 1000);
	assert_int_equal(b.openings, 1);
	assert_string_equal(b.last_error, "status 503");
}

static void
breaker_probe_forgotten_lets_another_out(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	breaker_open_as(&b, BREAKER_CONFIG, "status 401", 0);
	breaker_probe_sent(&b);
	breaker_probe_forgotten(&b, MINUTE);

	assert_int_equal(b.state, BREAKER_CONFIG);
	assert_int_equal(breaker_may(&b, MINUTE), BREAKER_MAY_PROBE);

	breaker_success(&b);
	breaker_probe_forgotten(&b, MINUTE);
	assert_int_equal(b.state, BREAKER_CLOSED);
}

static void
breaker_open_as_waits_a_minute(void **state)
{
	static const enum breaker_state causes[] = {
		BREAKER_CONFIG, BREAKER_REFUSING,
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(causes); i++) {
		struct breaker b = { 0 };

		breaker_open_as(&b, causes[i], "status 404", 10);
		assert_int_equal(b.state, causes[i]);
		assert_string_equal(b.last_error, "status 404");
		assert_int_equal(breaker_next(&b, 10), 10 + MINUTE);
		assert_int_equal(breaker_may(&b, 9 + MINUTE),
		    BREAKER_MAY_NOT);
		assert_int_equal(breaker_may(&b, 10 + MINUTE),
		    BREAKER_MAY_PROBE);

		/* One that was out as well answers the same. */
		breaker_open_as(&b, causes[i], "status 404", 5000);
		assert_int_equal(b.until, 10 + MINUTE);

		breaker_probe_sent(&b);
		assert_int_equal(b.cause, causes[i]);
		breaker_open_as(&b, causes[i], "status 404", 70000);
		assert_int_equal(b.until, 70000 + MINUTE);
	}
}

static void
breaker_open_as_takes_over_from_an_open_one(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	trip(&b);
	breaker_open_as(&b, BREAKER_CONFIG, "status 403", 500);

	assert_int_equal(b.state, BREAKER_CONFIG);
	assert_int_equal(b.cause, BREAKER_CONFIG);
	assert_int_equal(b.until, 500 + MINUTE);
}

static void
breaker_failure_of_a_config_probe_opens_as_open(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	breaker_open_as(&b, BREAKER_CONFIG, "status 403", 0);
	breaker_probe_sent(&b);
	assert_true(breaker_failure(&b, "status 500", MINUTE,
	    longest(BREAKER_FIRST_MS)));

	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(b.until, MINUTE + BREAKER_FIRST_MS);
}

static void
breaker_probe_now_ends_the_wait_and_no_more(void **state)
{
	struct breaker b = { 0 };
	(void)state;

	breaker_open_as(&b, BREAKER_CONFIG, "status 403", 0);
	breaker_probe_now(&b, 10);
	assert_int_equal(breaker_may(&b, 10), BREAKER_MAY_PROBE);

	breaker_probe_sent(&b);
	breaker_probe_now(&b, 20);
	assert_int_equal(breaker_may(&b, 20), BREAKER_MAY_NOT);
}

/* A long text is cut before the code point that does not fit. */
static void
breaker_failure_keeps_a_long_error_in_whole_characters(void **state)
{
	struct breaker b = { 0 };
	char text[400];
	size_t i;
	(void)state;

	text[0] = 'x';
	for (i = 1; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[i] = '\0';
	breaker_failure(&b, text, 0, 0);

	assert_int_equal(strlen(b.last_error), 159);
	assert_memory_equal(b.last_error, text, 159);
	breaker_failure(&b, text + 1, 0, 0);
	assert_int_equal(strlen(b.last_error), 158);
	assert_memory_equal(b.last_error, text + 1, 158);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_judge_follows_the_table),
		cmocka_unit_test(retry_verdict_name_names_each),
		cmocka_unit_test(
		    retry_after_is_honoured_on_429_and_503_within_an_hour),
		cmocka_unit_test(retry_after_parse_reads_seconds_and_dates),
		cmocka_unit_test(
		    retry_after_parse_puts_a_short_year_within_fifty_of_now),
		cmocka_unit_test(retry_after_parse_clamps_huge_seconds),
		cmocka_unit_test(retry_after_parse_refuses_garbage),
		cmocka_unit_test(retry_after_parse_refuses_every_cut_date),
		cmocka_unit_test(retry_backoff_draws_up_to_a_doubling_ceiling),
		cmocka_unit_test(retry_backoff_survives_extreme_settings),
		cmocka_unit_test(breaker_name_names_each),
		cmocka_unit_test(breaker_may_lets_all_through_when_zeroed),
		cmocka_unit_test(breaker_failure_opens_after_five_in_a_row),
		cmocka_unit_test(breaker_success_starts_the_row_anew),
		cmocka_unit_test(
		    breaker_failure_jitters_between_half_and_all_of_the_wait),
		cmocka_unit_test(breaker_probe_sent_lets_one_out),
		cmocka_unit_test(
		    breaker_failure_of_each_probe_doubles_the_wait),
		cmocka_unit_test(
		    breaker_failure_of_what_was_out_prolongs_nothing),
		cmocka_unit_test(breaker_probe_forgotten_lets_another_out),
		cmocka_unit_test(breaker_open_as_waits_a_minute),
		cmocka_unit_test(breaker_open_as_takes_over_from_an_open_one),
		cmocka_unit_test(
		    breaker_failure_of_a_config_probe_opens_as_open),
		cmocka_unit_test(breaker_probe_now_ends_the_wait_and_no_more),
		cmocka_unit_test(
		    breaker_failure_keeps_a_long_error_in_whole_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
