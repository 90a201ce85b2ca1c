/*
 * test_sink_limits.c - the judge's windows: nothing more than the limit in
 * any closed interval, and everything up to it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink_limits.h"

static const struct sink_limit none[SINK_WINDOWS];

/* A body as sink_body_read would leave it: n objects of identities that are
 * letters of `who`. */
static int
take(struct sink_limits *l, enum heap_lane lane, const char *app_id,
    const char *who, int64_t at_us)
{
	static char name[HEAP_MAX_OBJECTS][2];
	static struct sink_object object[HEAP_MAX_OBJECTS];
	struct sink_body b;

	memset(&b, 0, sizeof(b));
	b.lane = lane;
	b.app_id = app_id;
	b.object = object;
	for (; who[b.objects] != '\0'; b.objects++) {
		name[b.objects][0] = who[b.objects];
		object[b.objects].identity = name[b.objects];
	}
	return sink_limits_take(l, &b, at_us);
}

static struct sink_limits *
with(enum sink_window window, int64_t limit, int64_t length_us)
{
	struct sink_limit limits[SINK_WINDOWS];

	memcpy(limits, none, sizeof(limits));
	limits[window].limit = limit;
	limits[window].length_us = length_us;
	return sink_limits_new(limits);
}

static void
sink_limits_take_counts_closed_intervals(void **state)
{
	struct sink_limits *l = with(SINK_TRACK_LIMIT, 2, 1000);
	(void)state;

	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 0), -1);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 400), -1);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 1000),
	    SINK_TRACK_LIMIT);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 1001), -1);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 1400),
	    SINK_TRACK_LIMIT);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 1401), -1);
	sink_limits_free(l);
}

static void
sink_limits_take_occupies_nothing_when_it_overruns(void **state)
{
	struct sink_limits *l = with(SINK_IDENTITY_LIMIT, 3, 1000);
	(void)state;

	assert_int_equal(take(l, HEAP_TRACK, "1", "aaabbbb", 0),
	    SINK_IDENTITY_LIMIT);
	assert_int_equal(take(l, HEAP_TRACK, "1", "aaabbb", 0), -1);
	sink_limits_free(l);
}

static void
sink_limits_take_counts_as_each_window_says(void **state)
{
	static const struct {
		enum sink_window window;
		enum heap_lane	 lane;
		const char	*first;		/* fits a limit of 3 */
		const char	*second;	/* overruns it */
	} cases[] = {
		{ SINK_TRACK_LIMIT, HEAP_TRACK, "aaaaaaab", "" },
		{ SINK_IDENTITY_LIMIT, HEAP_TRACK, "aabbbcc", "aa" },
		{ SINK_APP_LIMIT, HEAP_TRACK, "ab", "cd" },
		{ SINK_PROPERTIES_LIMIT, HEAP_USER_PROPERTIES, "aaaab", "" },
		{ SINK_PROPERTIES_APP_LIMIT, HEAP_USER_PROPERTIES, "ab",
		    "cd" },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct sink_limits *l = with(cases[i].window, 3, 1000);
		enum heap_lane other = cases[i].lane == HEAP_TRACK ?
		    HEAP_USER_PROPERTIES : HEAP_TRACK;

		assert_int_equal(take(l, cases[i].lane, "1", cases[i].first,
		    0), -1);
		if (cases[i].second[0] == '\0') {
			/* Requests are counted, not their objects. */
			take(l, cases[i].lane, "1", "a", 0);
			take(l, cases[i].lane, "1", "a", 0);
		}
		assert_int_equal(take(l, cases[i].lane, "1",
		    cases[i].second[0] != '\0' ? cases[i].second : "a", 0),
		    cases[i].window);
		/* Neither another app nor the other endpoint is concerned. */
		assert_int_equal(take(l, cases[i].lane, "2", "a", 0), -1);
		assert_int_equal(take(l, other, "1", "aaaa", 0), -1);
		sink_limits_free(l);
	}
}

/* Everything that was taken, judged by looking at all of it each time. */
static void
sink_limits_take_agrees_with_a_naive_judge(void **state)
{
	struct { int64_t at; char who; int n; } log[20000];
	struct sink_limits *l = with(SINK_IDENTITY_LIMIT, 20, 500);
	size_t entries = 0, k, refused = 0;
	int64_t at = 0;
	int i;
	(void)state;

	srand(7);
	for (i = 0; i < 20000; i++) {
		char who = (char)('a' + rand() % 7), text[16] = "";
		int n = 1 + rand() % 9, used = n;

		at += rand() % 12;
		memset(text, who, (size_t)n);
		for (k = entries; k > 0 && at - log[k - 1].at <= 500; k--)
			used += log[k - 1].who == who ? log[k - 1].n : 0;

		assert_int_equal(take(l, HEAP_TRACK, "1", text, at),
		    used <= 20 ? -1 : SINK_IDENTITY_LIMIT);

		refused += used > 20;
		if (used <= 20) {
			log[entries].at = at;
			log[entries].who = who;
			log[entries++].n = n;
		}
	}
	assert_in_range(refused, 1000, 19000);
	sink_limits_free(l);
}

static void
sink_limits_forget_keys_that_left_their_windows(void **state)
{
	struct sink_limits *l = with(SINK_APP_LIMIT, 5, 1000);
	char app[16];
	int i;
	(void)state;

	for (i = 0; i < 100000; i++) {
		snprintf(app, sizeof(app), "%d", i);
		assert_int_equal(take(l, HEAP_TRACK, app, "a", i * 100), -1);
	}

	assert_in_range(sink_limits_keys(l), 11, 64);
	sink_limits_free(l);
}

static void
sink_limits_clear_makes_room(void **state)
{
	struct sink_limits *l = with(SINK_APP_LIMIT, 2, 1000);
	(void)state;

	take(l, HEAP_TRACK, "1", "ab", 0);
	sink_limits_clear(l);

	assert_int_equal(take(l, HEAP_TRACK, "1", "ab", 0), -1);
	assert_int_equal(take(l, HEAP_TRACK, "1", "a", 0), SINK_APP_LIMIT);
	sink_limits_free(l);
}

static void
sink_limits_take_allows_everything_without_windows(void **state)
{
	struct sink_limits *l = sink_limits_new(none);
	int i;
	(void)state;

	for (i = 0; i < 20000; i++)
		assert_int_equal(take(l, HEAP_TRACK, "1", "aaaa", 0), -1);
	sink_limits_free(l);
}

static void
sink_limit_parse_reads_count_and_time(void **state)
{
	static const struct {
		const char	*text;
		bool		 ok;
		int64_t		 limit;
		int64_t		 length_us;
	} cases[] = {
		{ "30/30s", true, 30, 30000000 },
		{ "1000/1m", true, 1000, 60000000 },
		{ "5/250ms", true, 5, 250000 },
		{ "none", true, 0, 0 },
		{ "0/30s", false, 0, 0 },
		{ "-1/30s", false, 0, 0 },
		{ "30/0s", false, 0, 0 },
		{ "30/-1s", false, 0, 0 },
		{ "30/30", false, 0, 0 },
		{ "30/30h", false, 0, 0 },
		{ "30", false, 0, 0 },
		{ "30/s", false, 0, 0 },
		{ "99999999999999999999/1s", false, 0, 0 },
		{ "", false, 0, 0 },
	};
	struct sink_limit limit;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		if (sink_limit_parse(cases[i].text, &limit) != cases[i].ok)
			fail_msg("%s", cases[i].text);
		if (cases[i].ok) {
			assert_int_equal(limit.limit, cases[i].limit);
			assert_int_equal(limit.length_us,
			    cases[i].length_us);
		}
	}
}

static void
sink_key_tells_apps_and_identities_apart(void **state)
{
	(void)state;
	assert_true(sink_key("1", "23") != sink_key("12", "3"));
	assert_true(sink_key("1", "1") != sink_key("2", "2"));
	assert_true(sink_key("1", "a") != sink_key("1", "A"));
	assert_true(sink_key("1", NULL) != sink_key("1", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sink_limits_take_counts_closed_intervals),
	    cmocka_unit_test(
	    sink_limits_take_occupies_nothing_when_it_overruns),
	    cmocka_unit_test(sink_limits_take_counts_as_each_window_says),
	    cmocka_unit_test(sink_limits_take_agrees_with_a_naive_judge),
	    cmocka_unit_test(sink_limits_forget_keys_that_left_their_windows),
	    cmocka_unit_test(sink_limits_clear_makes_room),
	    cmocka_unit_test(
	    sink_limits_take_allows_everything_without_windows),
	    cmocka_unit_test(sink_limit_parse_reads_count_and_time),
	    cmocka_unit_test(sink_key_tells_apps_and_identities_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
