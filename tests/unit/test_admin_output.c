/*
 * test_admin_output.c - pause, resume and probe by the admin API
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_fixture.h"

/* --- pause ------------------------------------------------------------ */

static void
admin_pause_answers_with_the_output_as_it_is_stored(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_post(b, "/v1/outputs/heap/pause", "{}");
	assert_int_equal(b->status, 200);
	assert_value(b, "name", "\"heap\"");
	assert_value(b, "paused", "true");
	assert_value(b, "paused_at", "\"2023-11-14T22:13:20.000Z\"");
	assert_value(b, "queued", "1");
	assert_value(b, "lanes.0.lane", "\"track\"");

	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "paused", "true");
	bench_get(b, "/v1/outputs/heap.development");
	assert_int_equal(b->status, 404);
}

static void
admin_pause_is_told_wherever_somebody_looks(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_post(b, "/v1/outputs/heap/pause", "");
	assert_int_equal(b->status, 200);

	bench_get(b, "/v1/events/1/why");
	assert_value(b, "blocked_by", "\"pause\"");
	bench_get(b, "/v1/forecast");
	assert_value(b, "outputs.0.bound_by", "\"pause\"");
	assert_value(b, "outputs.0.seconds", "null");
	bench_get(b, "/v1/status");
	assert_value(b, "outputs.0.paused", "true");
	bench_get(b, "/metrics");
	assert_non_null(strstr(b->body,
	    "\nheaprelay_output_paused{output=\"heap\"} 1\n"));
}

static void
admin_pause_is_no_failure_of_what_does_not_leave(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_post(b, "/v1/outputs/heap/pause", "");
	b->now.wall += 3600000;
	clock_set(b->now);
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 200);
	assert_value(b, "checks.2.name", "\"paused\"");
	assert_value(b, "checks.2.ok", "true");
	assert_value(b, "checks.2.detail",
	    "\"heap is paused since 2023-11-14T22:13:20.000Z\"");

	/* Nor is it when it has just been resumed. */
	bench_post(b, "/v1/outputs/heap/resume", "");
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 200);
	assert_value(b, "checks.2.detail", "\"no output is\"");
	b->now.wall += 3600000;
	clock_set(b->now);
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 503);
	assert_value(b, "checks.1.detail",
	    "\"an event could have left 3600.000 s ago\"");
}

static void
admin_pause_and_resume_may_come_twice(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/outputs/heap/resume", "");
	assert_int_equal(b->status, 200);
	bench_post(b, "/v1/outputs/heap/pause", "");
	b->now.wall += 5000;
	clock_set(b->now);
	bench_post(b, "/v1/outputs/heap/pause", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "paused_at", "\"2023-11-14T22:13:20.000Z\"");
	bench_post(b, "/v1/outputs/heap/resume", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "paused", "false");
	assert_value(b, "paused_at", "null");

	bench_get(b, "/v1/audit");
	assert_value(b, "items.0.action", "\"resume\"");
	assert_value(b, "items.0.subject", "\"output heap\"");
	assert_value(b, "items.0.detail",
	    "\"was paused since 2023-11-14T22:13:20.000Z\"");
	assert_value(b, "items.0.at", "\"2023-11-14T22:13:25.000Z\"");
	assert_value(b, "items.1.action", "\"pause\"");
	assert_value(b, "items.1.detail",
	    "\"was paused since 2023-11-14T22:13:20.000Z\"");
	assert_value(b, "items.2.detail", "\"was not paused\"");
	assert_value(b, "items.3.action", "\"resume\"");
	assert_value(b, "items.4", "");
}

static void
admin_pause_has_not_happened_unless_it_is_on_disk(void **state)
{
	struct bench *b = *state;

	b->fail_commits = true;
	bench_post(b, "/v1/outputs/heap/pause", "");
	assert_problem(b, 503, "unavailable");
	b->fail_commits = false;

	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "paused", "false");
	bench_get(b, "/v1/audit");
	assert_value(b, "items", "[]");
}

static void
admin_outputs_refuse_what_makes_no_sense(void **state)
{
	static const char *const verbs[] = { "pause", "resume", "probe" };
	struct bench *b = *state;
	char path[64], *full = b->token;
	size_t i;

	for (i = 0; i < HR_COUNT(verbs); i++) {
		snprintf(path, sizeof(path), "/v1/outputs/none/%s", verbs[i]);
		bench_post(b, path, "{}");
		assert_problem(b, 404, "not_found");
		snprintf(path, sizeof(path), "/v1/outputs/heap/%s", verbs[i]);
		bench_post(b, path, "{\"for\":5}");
		assert_problem(b, 400, "bad_body");
		bench_post(b, path, "[]");
		assert_problem(b, 400, "bad_body");
		bench_post(b, path, "{");
		assert_problem(b, 400, "bad_body");
		bench_get(b, path);
		assert_problem(b, 405, "method_not_allowed");
		b->token = b->read_token;
		bench_post(b, path, "{}");
		assert_problem(b, 403, "read_only_token");
		b->token = full;
	}
	bench_get(b, "/v1/audit");
	assert_value(b, "items", "[]");
}

/* --- probe ------------------------------------------------------------ */

static void
admin_probe_says_that_a_closed_breaker_needs_none(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/outputs/heap/probe", "{}");

	assert_int_equal(b->status, 200);
	assert_value(b, "name", "\"heap\"");
	assert_value(b, "probe", "{\"track\":\"closed\","
	    "\"user_properties\":\"closed\"}");
	bench_get(b, "/v1/audit");
	assert_value(b, "items.0.action", "\"probe\"");
	assert_value(b, "items.0.detail",
	    "\"track closed, user_properties closed\"");
}

static void
admin_probe_ends_the_wait_of_an_open_breaker(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_fail_requests(b, BREAKER_FAILURES);
	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "lanes.0.breaker.state", "\"open\"");
	assert_string_not_equal(bench_value(b, "lanes.0.breaker.until"),
	    "null");
	bench_post(b, "/v1/outputs/heap/probe", "{}");

	assert_int_equal(b->status, 200);
	assert_value(b, "probe.track", "\"asked\"");
	assert_value(b, "probe.user_properties", "\"closed\"");
	assert_value(b, "lanes.0.breaker.until", "null");
	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "lanes.0.breaker.until", "null");
}

static void
admin_probe_has_not_happened_unless_it_is_on_disk(void **state)
{
	struct bench *b = *state;
	char *until;

	bench_put(b, "Seen", "");
	bench_fail_requests(b, BREAKER_FAILURES);
	bench_get(b, "/v1/outputs/heap");
	until = xstrdup(bench_value(b, "lanes.0.breaker.until"));
	b->fail_commits = true;
	bench_post(b, "/v1/outputs/heap/probe", "{}");
	assert_problem(b, 503, "unavailable");

	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "lanes.0.breaker.until", until);
	free(until);
}

static void
admin_operates_on_an_output_that_is_not_configured(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->output_name = "other";
	bench_reload(b, "");
	bench_post(b, "/v1/outputs/heap/probe", "{}");
	assert_problem(b, 409, "not_configured");
	bench_post(b, "/v1/outputs/heap/pause", "{}");
	assert_int_equal(b->status, 200);
	assert_value(b, "app_id", "null");
	assert_value(b, "paused", "true");
	assert_value(b, "lanes", "[]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_pause_answers_with_the_output_as_it_is_stored),
		ADMIN_TEST(admin_pause_is_told_wherever_somebody_looks),
		ADMIN_TEST(admin_pause_is_no_failure_of_what_does_not_leave),
		ADMIN_TEST(admin_pause_and_resume_may_come_twice),
		ADMIN_TEST(admin_pause_has_not_happened_unless_it_is_on_disk),
		ADMIN_TEST(admin_outputs_refuse_what_makes_no_sense),
		ADMIN_TEST(admin_probe_says_that_a_closed_breaker_needs_none),
		ADMIN_TEST(admin_probe_ends_the_wait_of_an_open_breaker),
		ADMIN_TEST(admin_probe_has_not_happened_unless_it_is_on_disk),
		ADMIN_TEST(admin_operates_on_an_output_that_is_not_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
