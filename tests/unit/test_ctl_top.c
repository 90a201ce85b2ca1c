/*
 * test_ctl_top.c - a screenful of what matters
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_top.h"

static const char status_text[] =
    "{\"version\":\"0.1.0\",\"uptime_seconds\":93784,"
    "\"events\":{\"queued\":1200,\"inflight\":3,\"delivered\":77,\"stuck\":4,"
    "\"discarded\":0,\"skipped\":0},"
    "\"oldest_due_since\":\"2026-11-24T14:13:20.123Z\","
    "\"rates\":{\"batches_in_per_second\":12.34,"
    "\"events_out_per_second\":100},"
    "\"disk\":{\"database_bytes\":5242880,\"wal_bytes\":900,"
    "\"accepting\":true,\"reason\":null},"
    "\"forecast\":{\"seconds\":200,\"lanes\":["
    "{\"output\":\"heap\",\"lane\":\"track\",\"queued\":1199,\"seconds\":200,"
    "\"bound_by\":\"app_limit\"},"
    "{\"output\":\"heap\",\"lane\":\"user_properties\",\"queued\":1,"
    "\"seconds\":null,\"bound_by\":\"nothing\"}]},"
    "\"outputs\":[{\"name\":\"heap\",\"paused\":false,\"lanes\":["
    "{\"lane\":\"track\",\"inflight\":1,\"frozen_until\":null,"
    "\"breaker\":{\"state\":\"closed\",\"until\":null,\"last_error\":null}},"
    "{\"lane\":\"user_properties\",\"inflight\":0,\"frozen_until\":null,"
    "\"breaker\":{\"state\":\"open\",\"until\":\"2026-11-24T14:14:00.000Z\","
    "\"last_error\":\"HTTP 500\"}}],"
    "\"windows\":[{\"window\":\"app_limit\",\"used\":7500,\"limit\":15000,"
    "\"window_ms\":60000,\"frees_at\":\"2026-11-24T14:13:59.000Z\"}]}]}";
static const char people_text[] =
    "[{\"identity\":\"ada@example.com\",\"output\":\"heap\",\"lane\":"
    "\"track\",\"queued\":1000,\"stuck\":2,\"seconds\":61,"
    "\"bound_by\":\"identity_limit\"}]";
static const char stuck_text[] =
    "[{\"reason\":\"too_large\"},{\"reason\":\"refused\"},"
    "{\"reason\":\"refused\"},{\"reason\":null}]";

struct looks {
	struct json	*status, *people, *stuck;
	struct buf	 frame;
};

static struct json *
parse(const char *text)
{
	struct why why;
	struct json *json = json_parse(text, strlen(text), &why);

	if (json == NULL)
		fail_msg("%s", why.text);
	return json;
}

static int
setup(void **state)
{
	static struct looks l;

	memset(&l, 0, sizeof(l));
	ctl_table_locale();
	l.status = parse(status_text);
	l.people = parse(people_text);
	l.stuck = parse(stuck_text);
	*state = &l;
	return 0;
}

static int
teardown(void **state)
{
	struct looks *l = *state;

	json_free(l->status);
	json_free(l->people);
	json_free(l->stuck);
	buf_free(&l->frame);
	return 0;
}

static const char *
draw(struct looks *l, size_t width, bool colors)
{
	const struct ctl_screen screen = { .width = width, .colors = colors };
	const struct ctl_top_view view = {
		.status = json_root(l->status),
		.people = json_root(l->people),
		.stuck = json_root(l->stuck),
	};

	buf_reset(&l->frame);
	ctl_top_frame(&l->frame, &view, &screen);
	return buf_str(&l->frame);
}

static void
ctl_top_frame_shows_what_matters_first(void **state)
{
	assert_string_equal(draw(*state, 100, false),
	    "heaprelay 0.1.0  up 1d 2h  database 5.0M  wal 900B\n"
	    "queued 1200  inflight 3  stuck 4  delivered 77  skipped 0  "
	    "discarded 0\n"
	    "in 12.3 batches/s  out 100.0 events/s  empty in 3m 20s  "
	    "due since 14:13:20\n"
	    "\n"
	    "OUTPUT  LANE             STATE          INFLIGHT  QUEUED  DONE IN"
	    "  BOUND BY   ERROR\n"
	    "heap    track            closed                1    1199   3m 20s"
	    "  app_limit  -\n"
	    "heap    user_properties  open 14:14:00         0       1        -"
	    "  -          HTTP 500\n"
	    "\n"
	    "OUTPUT  WINDOW     USE           USED  LIMIT  FREES\n"
	    "heap    app_limit  [#####.....]  7500  15000  14:13:59\n"
	    "\n"
	    "stuck:  refused 2  too_large 1\n"
	    "\n"
	    "IDENTITY         OUTPUT  LANE   QUEUED  STUCK  DONE IN  "
	    "BOUND BY\n"
	    "ada@example.com  heap    track    1000      2    1m 1s  "
	    "identity_limit\n");
}

static void
ctl_top_frame_fits_the_screen(void **state)
{
	static const size_t widths[] = { 40, 60, 80, 132 };
	const char *line;
	size_t i, len;

	for (i = 0; i < HR_COUNT(widths); i++) {
		line = draw(*state, widths[i], false);
		for (; *line != '\0'; line += len + 1) {
			char *copy;

			len = strcspn(line, "\n");
			copy = xstrndup(line, len);
			assert_in_range(ctl_cells(copy), 0, widths[i]);
			free(copy);
		}
	}
}

static void
ctl_top_frame_says_that_nothing_is_accepted(void **state)
{
	struct json *status = parse("{\"version\":\"0.1.0\",\"disk\":{"
	    "\"accepting\":false,\"reason\":\"the disk is full\"}}");
	const struct ctl_screen screen = { .width = 80, .colors = true };
	const struct ctl_top_view view = { .status = json_root(status) };
	struct looks *l = *state;

	ctl_top_frame(&l->frame, &view, &screen);

	assert_non_null(strstr(buf_str(&l->frame),
	    "\033[31mNOT ACCEPTING: the disk is full\033[0m"));
	json_free(status);
}

static void
ctl_top_frame_colours_what_is_stuck(void **state)
{
	const char *frame = draw(*state, 100, true);

	assert_non_null(strstr(frame, "\033[31mstuck 4\033[0m"));
	assert_non_null(strstr(frame, "\033[32mclosed\033[0m"));
	assert_non_null(strstr(frame, "\033[31mopen 14:14:00\033[0m"));
}

static void
ctl_top_frame_prefers_a_pause_to_the_breaker(void **state)
{
	struct json *status = parse("{\"outputs\":[{\"name\":\"a\","
	    "\"paused\":true,\"lanes\":[{\"lane\":\"track\",\"breaker\":"
	    "{\"state\":\"closed\"}}]},{\"name\":\"b\",\"paused\":false,"
	    "\"lanes\":[{\"lane\":\"track\",\"frozen_until\":"
	    "\"2026-11-24T14:14:00.000Z\",\"breaker\":{\"state\":"
	    "\"closed\"}}]}]}");
	const struct ctl_screen screen = { .width = 80 };
	const struct ctl_top_view view = { .status = json_root(status) };
	struct looks *l = *state;

	ctl_top_frame(&l->frame, &view, &screen);

	assert_non_null(strstr(buf_str(&l->frame), "paused  "));
	assert_non_null(strstr(buf_str(&l->frame), "frozen 14:14:00"));
	assert_null(strstr(buf_str(&l->frame), "closed"));
	json_free(status);
}

static void
ctl_top_reasons_counts_the_most_frequent_first(void **state)
{
	struct looks *l = *state;
	struct ctl_top_reason r[3];

	assert_int_equal(ctl_top_reasons(json_root(l->stuck), r, 3), 2);
	assert_string_equal(r[0].reason, "refused");
	assert_int_equal(r[0].events, 2);
	assert_string_equal(r[1].reason, "too_large");
	assert_int_equal(r[1].events, 1);

	/* Without room for more, the first that come. */
	assert_int_equal(ctl_top_reasons(json_root(l->stuck), r, 1), 1);
	assert_string_equal(r[0].reason, "too_large");
	assert_int_equal(ctl_top_reasons(NULL, r, 3), 0);
}

int
main(void)
{
#define TOP_TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TOP_TEST(ctl_top_frame_shows_what_matters_first),
		TOP_TEST(ctl_top_frame_fits_the_screen),
		TOP_TEST(ctl_top_frame_says_that_nothing_is_accepted),
		TOP_TEST(ctl_top_frame_colours_what_is_stuck),
		TOP_TEST(ctl_top_frame_prefers_a_pause_to_the_breaker),
		TOP_TEST(ctl_top_reasons_counts_the_most_frequent_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
