/*
 * test_clock.c - moments as text and back, and the turn's time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"

/* The same moment both ways. */
static const struct {
	int64_t		 wall;
	const char	*text;
} moments[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ INT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
	{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
	{ INT64_C(951868800000), "2000-03-01T00:00:00.000Z" },
	{ INT64_C(1078012800000), "2004-02-29T00:00:00.000Z" },
	{ INT64_C(1700000000000), "2023-11-14T22:13:20.000Z" },
	{ INT64_C(1704067199999), "2023-12-31T23:59:59.999Z" },
	{ INT64_C(1704067200000), "2024-01-01T00:00:00.000Z" },
	{ INT64_C(1709164800000), "2024-02-29T00:00:00.000Z" },
	{ INT64_C(4107456000000), "2100-02-28T00:00:00.000Z" },
	{ INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	{ INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z" },
	{ INT64_C(-2203977600000), "1900-02-28T00:00:00.000Z" },
	{ INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
};

static void
clock_text_writes_utc_with_milliseconds(void **state)
{
	char out[CLOCK_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(moments); i++) {
		assert_ptr_equal(clock_text(moments[i].wall, out), out);
		assert_string_equal(out, moments[i].text);
	}
}

static void
clock_text_fits_any_moment(void **state)
{
	char out[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_text(INT64_MAX, out),
	    "292278994-08-17T07:12:55.807Z");
	assert_true(strlen(clock_text(INT64_MIN, out)) < CLOCK_TEXT - 1);
}

static void
clock_text_agrees_with_the_c_library(void **state)
{
	char out[CLOCK_TEXT], expected[CLOCK_TEXT];
	int64_t wall;

	(void)state;
	/* Steps of a prime number of ms, some days long, so that every time
	 * of the day and every day of the year comes by. */
	for (wall = INT64_C(-3000000000000); wall < INT64_C(7000000000000);
	    wall += INT64_C(777777777)) {
		time_t seconds = (time_t)(wall / 1000 - (wall % 1000 < 0));
		struct tm tm;
		size_t n;

		gmtime_r(&seconds, &tm);
		n = strftime(expected, sizeof(expected),
		    "%Y-%m-%dT%H:%M:%S", &tm);
		clock_text(wall, out);

		assert_int_equal(strncmp(out, expected, n), 0);
	}
}

static void
clock_parse_reads_what_clock_text_writes(void **state)
{
	int64_t wall;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(moments); i++) {
		assert_true(clock_parse(moments[i].text, &wall));
		assert_true(wall == moments[i].wall);
	}
}

static void
clock_parse_reads_other_forms_of_rfc_3339(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 wall;
	} cases[] = {
		{ "2023-11-14T22:13:20Z", INT64_C(1700000000000) },
		{ "2023-11-14t22:13:20z", INT64_C(1700000000000) },
		{ "2023-11-14 22:13:20Z", INT64_C(1700000000000) },
		{ "2023-11-14T22:13:20.5Z", INT64_C(1700000000500) },
		{ "2023-11-14T22:13:20.05Z", INT64_C(1700000000050) },
		{ "2023-11-14T22:13:20.123456789Z",
		    INT64_C(1700000000123) },
		{ "2023-11-14T22:13:20.0009Z", INT64_C(1700000000000) },
		{ "2023-11-14T22:13:20+00:00", INT64_C(1700000000000) },
		{ "2023-11-14T22:13:20-00:00", INT64_C(1700000000000) },
		{ "2023-11-14T23:43:20+01:30", INT64_C(1700000000000) },
		{ "2023-11-14T14:13:20-08:00", INT64_C(1700000000000) },
		{ "2023-11-15T12:13:20+14:00", INT64_C(1700000000000) },
		{ "2023-11-14T22:13:20.25+00:00", INT64_C(1700000000250) },
		{ "2024-02-29T23:30:00-01:00", INT64_C(1709253000000) },
		/* A leap second is the next minute's first. */
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
	};
	int64_t wall;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		if (!clock_parse(cases[i].text, &wall))
			fail_msg("refused: %s", cases[i].text);
		if (wall != cases[i].wall)
			fail_msg("%s: %lld", cases[i].text, (long long)wall);
	}
}

static void
clock_parse_refuses_what_is_no_moment(void **state)
{
	static const char *const cases[] = {
		"", "now", "2023", "2023-11-14", "2023-11-14T22:13:20",
		"2023-11-14T22:13Z", "1700000000000", "-1h",
		"2023-11-14T22:13:20ZZ", "2023-11-14T22:13:20Z ",
		" 2023-11-14T22:13:20Z", "2023-11-14_22:13:20Z",
		"2023/11/14T22:13:20Z", "23-11-14T22:13:20Z",
		"+2023-11-14T22:13:20Z", "2023-1-14T22:13:20Z",
		"2023-00-14T22:13:20Z", "2023-13-14T22:13:20Z",
		"2023-11-00T22:13:20Z", "2023-11-31T22:13:20Z",
		"2023-01-32T22:13:20Z", "2023-04-31T22:13:20Z",
		"2023-02-29T22:13:20Z", "2024-02-30T22:13:20Z",
		"2100-02-29T22:13:20Z", "1900-02-29T22:13:20Z",
		"2023-11-14T24:00:00Z", "2023-11-14T22:60:20Z",
		"2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20,5Z", "2023-11-14T22:13:20.1234567890Z",
		"2023-11-14T22:13:20+0100", "2023-11-14T22:13:20+1:00",
		"2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+01:60",
		"2023-11-14T22:13:20+01", "2023-11-14T22:13:20+",
		"2023-11-14T22:13:20+01:00Z", "2023-11-14T22:13:-1Z",
	};
	int64_t wall;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++)
		if (clock_parse(cases[i], &wall))
			fail_msg("accepted: %s", cases[i]);
}

static void
clock_now_stays_for_the_turn(void **state)
{
	const struct timespec moment = { 0, 3000000 };
	struct moment first = clock_now(), same, later;

	(void)state;
	nanosleep(&moment, NULL);
	same = clock_now();
	clock_forget();
	later = clock_now();

	assert_true(same.boot == first.boot && same.wall == first.wall);
	assert_true(later.boot > first.boot);
	assert_true(first.wall > INT64_C(1700000000000));
}

/* Behind the test above: what is set stays. */
static void
clock_set_holds_from_then_on(void **state)
{
	const struct moment m = { 42, 7 };

	(void)state;
	clock_set(m);
	assert_true(clock_now().wall == 42 && clock_now().boot == 7);
	clock_forget();
	assert_true(clock_now().wall == 42 && clock_now().boot == 7);
}

/* Before the first clock_set of this program. */
static void
clock_stopwatch_rises_within_a_turn(void **state)
{
	int64_t begin = clock_stopwatch(), now = begin;

	(void)state;
	while (now == begin)
		now = clock_stopwatch();

	assert_in_range(now - begin, 1, 60000000);
}

static void
clock_turn_us_counts_from_the_first_look_at_the_time(void **state)
{
	int64_t begin;

	(void)state;
	clock_turn();
	assert_int_equal(clock_turn_us(), 0);

	(void)clock_now();
	begin = clock_stopwatch();
	while (clock_stopwatch() - begin < 2000)
		continue;
	clock_forget();		/* read anew, but the turn is the same */
	(void)clock_now();
	assert_true(clock_turn_us() >= 2000);

	clock_turn();
	assert_int_equal(clock_turn_us(), 0);
}

static void
clock_stopwatch_stands_still_once_the_clock_is_set(void **state)
{
	struct moment m = { 5, 1234 };

	(void)state;
	clock_set(m);

	assert_int_equal(clock_stopwatch(), 1234000);
}

static void
clock_boot_id_is_one_line_that_stays(void **state)
{
	const char *id = clock_boot_id();

	(void)state;
	assert_true(strlen(id) > 8);
	assert_null(strchr(id, '\n'));
	assert_string_equal(clock_boot_id(), id);
	clock_set_boot_id("another");
	assert_string_equal(clock_boot_id(), "another");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clock_text_writes_utc_with_milliseconds),
	    cmocka_unit_test(clock_text_fits_any_moment),
	    cmocka_unit_test(clock_text_agrees_with_the_c_library),
	    cmocka_unit_test(clock_parse_reads_what_clock_text_writes),
	    cmocka_unit_test(clock_parse_reads_other_forms_of_rfc_3339),
	    cmocka_unit_test(clock_parse_refuses_what_is_no_moment),
	    cmocka_unit_test(clock_now_stays_for_the_turn),
	    cmocka_unit_test(clock_stopwatch_rises_within_a_turn),
	    cmocka_unit_test(
		clock_turn_us_counts_from_the_first_look_at_the_time),
	    cmocka_unit_test(
		clock_stopwatch_stands_still_once_the_clock_is_set),
	    cmocka_unit_test(clock_set_holds_from_then_on),
	    cmocka_unit_test(clock_boot_id_is_one_line_that_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
