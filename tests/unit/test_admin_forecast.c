/*
 * test_admin_forecast.c - forecast, identities, and why an event waits, as the
 * admin API tells them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "admin_fixture.h"

/* So few that a few events fill them. */
#define NARROW	"identity_limit = 2/60s"
#define BROAD	"identity_limit = 1000/60s"

/* n events of the MPID 12; the last one's id. */
static int64_t
put(struct bench *b, size_t n)
{
	int64_t id = 0;

	while (n-- > 0)
		id = bench_put(b, "Seen", "");
	return id;
}

/* One more that arrived 30 ms after it was sent: it uses the windows. */
static void
use_window(struct bench *b, const char *settings)
{
	int64_t id = put(b, 1);

	bench_attempt(b, id, 0, 400, "refused");
	b->now.wall += 1000;
	b->now.boot += 1000;
	clock_set(b->now);
	bench_reload(b, settings);	/* reads the windows anew */
}

static void
run_sql(struct bench *b, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(b->config->database, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
}

static void
pause_output(struct bench *b)
{
	int64_t since;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(dispatch_pause(b->dispatch, "heap", true, b->now,
	    &since));
	assert_true(queue_commit(b->queue));
}

static bool
sentence_has(struct bench *b, const char *text)
{
	return strstr(bench_value(b, "sentence"), text) != NULL;
}

/* --- forecast ---------------------------------------------------------- */

static void
admin_forecast_tells_when_all_will_have_arrived(void **state)
{
	struct bench *b = *state;

	bench_reload(b, NARROW);
	put(b, 5);
	bench_get(b, "/v1/forecast");

	assert_int_equal(b->status, 200);
	assert_value(b, "seconds", "121");	/* 120.002, begun ones count */
	assert_value(b, "done_at", "\"2023-11-14T22:15:20.002Z\"");
	assert_value(b, "outputs.0.output", "\"heap\"");
	assert_value(b, "outputs.0.queued", "5");
	assert_value(b, "outputs.0.seconds", "121");
	assert_value(b, "outputs.0.bound_by", "\"identity_limit\"");
	assert_value(b, "outputs.0.identity", "\"12\"");
	assert_value(b, "outputs.1", "");
	assert_value(b, "lanes.0.lane", "\"track\"");
	assert_value(b, "lanes.0.seconds", "121");
	assert_value(b, "lanes.1.lane", "\"user_properties\"");
	assert_value(b, "lanes.1.seconds", "0");
	assert_value(b, "lanes.1.bound_by", "\"nothing\"");
}

static void
admin_forecast_is_now_when_nothing_waits(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/v1/forecast");

	assert_value(b, "seconds", "0");
	assert_value(b, "outputs.0.bound_by", "\"nothing\"");
	assert_value(b, "outputs.0.identity", "null");
}

static void
admin_forecast_cannot_say_while_an_output_is_paused(void **state)
{
	struct bench *b = *state;

	put(b, 1);
	pause_output(b);
	bench_get(b, "/v1/forecast");

	assert_value(b, "seconds", "null");
	assert_value(b, "done_at", "null");
	assert_value(b, "outputs.0.bound_by", "\"pause\"");
}

static void
admin_forecast_waits_for_what_is_deferred(void **state)
{
	struct bench *b = *state;

	b->due_at = NOW + 90000;
	bench_attempt(b, put(b, 1), 0, 503, NULL);
	bench_get(b, "/v1/forecast");

	assert_value(b, "seconds", "90");
	assert_value(b, "outputs.0.bound_by", "\"backoff\"");
	assert_value(b, "outputs.0.identity", "\"12\"");
}

static void
admin_forecast_estimates_the_objects_of_events(void **state)
{
	struct bench *b = *state;

	bench_reload(b, BROAD);
	put(b, 4);
	run_sql(b, "UPDATE event SET objects = 300");
	bench_get(b, "/v1/forecast");

	/* 1200 objects of one identity. */
	assert_value(b, "outputs.0.bound_by", "\"identity_limit\"");
	assert_value(b, "seconds", "61");
}

static void
admin_status_has_the_forecast(void **state)
{
	struct bench *b = *state;

	bench_reload(b, NARROW);
	put(b, 3);
	bench_get(b, "/v1/status");

	assert_value(b, "forecast.seconds", "61");
	assert_value(b, "forecast.outputs.0.bound_by", "\"identity_limit\"");
}

static void
admin_output_has_its_forecast(void **state)
{
	struct bench *b = *state;

	bench_reload(b, NARROW);
	put(b, 3);
	bench_get(b, "/v1/outputs/heap");

	assert_value(b, "name", "\"heap\"");
	assert_value(b, "forecast", "{\"seconds\":61,\"done_at\":"
	    "\"2023-11-14T22:14:20.001Z\",\"bound_by\":\"identity_limit\","
	    "\"identity\":\"12\"}");
	bench_get(b, "/v1/outputs");
	assert_value(b, "items.0.forecast.seconds", "61");
}

/* --- identities -------------------------------------------------------- */

static void
admin_identities_begin_with_the_longest_backlog(void **state)
{
	struct bench *b = *state;

	put(b, 1);
	run_sql(b, "INSERT INTO identity (value) VALUES ('ada/1');"
	    "INSERT INTO batch SELECT 100 + id, receipt_id, input, path,"
	    " environment, received_at, mpid, NULL, 0, 100, 3, 3, body"
	    " FROM batch WHERE id = 1;"
	    "INSERT INTO event (batch, event_index, lane, identity, name,"
	    " received_at, event_at, commerce, objects, payload, state)"
	    " SELECT 101, k.value, lane, (SELECT id FROM identity WHERE"
	    " value = 'ada/1'), name, received_at, event_at, 0, 1, payload,"
	    " 'queued' FROM event, json_each('[0,1,2]') AS k"
	    " WHERE event.id = 1;"
	    "INSERT INTO waiting (lane, identity, ready, next_at)"
	    " SELECT lane, identity, 3, received_at FROM event"
	    " WHERE batch = 101 LIMIT 1;");
	bench_get(b, "/v1/identities");

	assert_int_equal(b->status, 200);
	assert_value(b, "items.0.identity", "\"ada/1\"");
	assert_value(b, "items.0.queued", "3");
	assert_value(b, "items.0.lane", "\"track\"");
	assert_value(b, "items.0.seconds", "0");
	assert_value(b, "items.1.identity", "\"12\"");
	assert_value(b, "items.1.queued", "1");
	assert_value(b, "items.2", "");
	assert_value(b, "next_cursor", "null");

	bench_get(b, "/v1/identities?limit=1");
	assert_value(b, "items.0.queued", "3");
	assert_value(b, "items.1", "");
	bench_get(b, "/v1/identities?limit=501");
	assert_problem(b, 400, "bad_parameter");

	bench_get(b, "/v1/identities/ada%2F1");
	assert_int_equal(b->status, 200);
	assert_value(b, "identity", "\"ada/1\"");
	assert_value(b, "lanes.0.queued", "3");
}

static void
admin_identities_tell_of_windows_without_a_backlog(void **state)
{
	struct bench *b = *state;

	use_window(b, NARROW);
	bench_get(b, "/v1/identities");

	assert_value(b, "items.0.identity", "\"12\"");
	assert_value(b, "items.0.queued", "0");
	assert_value(b, "items.0.stuck", "1");
	assert_value(b, "items.0.windows.0.window", "\"track_limit\"");
	assert_value(b, "items.0.windows.0.used", "1");
	assert_value(b, "items.0.windows.1.window", "\"identity_limit\"");
	assert_value(b, "items.0.windows.1.limit", "2");
	assert_value(b, "items.1", "");
}

/* Another output that sends to the same app. */
#define TWO_OUTPUTS	NARROW "\n[output two]\napp_id = 7\n"		\
	"base_url = http://127.0.0.1:1\n" NARROW

static void
admin_identity_has_less_room_where_outputs_share_an_app(void **state)
{
	struct bench *b = *state;

	bench_reload(b, TWO_OUTPUTS);
	put(b, 2);
	bench_get(b, "/v1/identities/12");

	/* Two in each, and two in a window. */
	assert_value(b, "lanes.0.output", "\"heap\"");
	assert_value(b, "lanes.0.queued", "2");
	assert_value(b, "lanes.0.seconds", "61");
	assert_value(b, "lanes.0.bound_by", "\"identity_limit\"");
	assert_value(b, "lanes.2.output", "\"two\"");
	assert_value(b, "lanes.2.seconds", "61");
	bench_get(b, "/v1/identities");
	assert_value(b, "items.0.seconds", "61");
	assert_value(b, "items.1.seconds", "61");
	bench_get(b, "/v1/forecast");
	assert_value(b, "seconds", "61");
}

static void
admin_identity_waits_for_what_is_deferred(void **state)
{
	struct bench *b = *state;

	b->due_at = NOW + 90000;
	bench_attempt(b, put(b, 1), 0, 503, NULL);
	bench_get(b, "/v1/identities/12");

	assert_value(b, "lanes.0.queued", "1");
	assert_value(b, "lanes.0.deferred", "1");
	assert_value(b, "lanes.0.seconds", "90");
	assert_value(b, "lanes.0.bound_by", "\"backoff\"");
}

static void
admin_identity_is_not_found_if_nobody_heard_of_it(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/v1/identities/nobody");

	assert_problem(b, 404, "not_found");
}

/* --- why --------------------------------------------------------------- */

static void
admin_why_tells_the_place_in_the_window(void **state)
{
	struct bench *b = *state;
	char target[64];

	bench_reload(b, NARROW);
	snprintf(target, sizeof(target), "/v1/events/%d/why", (int)put(b, 5));
	bench_get(b, target);

	assert_value(b, "blocked_by", "\"window\"");
	assert_value(b, "until", "\"2023-11-14T22:15:20.002Z\"");
	assert_true(sentence_has(b, "identity_limit of its identity behind 4 "
	    "objects and leaves at 22:15:21Z at the earliest"));

	/* The first two have room. */
	bench_get(b, "/v1/events/1/why");
	assert_value(b, "blocked_by", "null");
	bench_get(b, "/v1/events/2/why");
	assert_value(b, "blocked_by", "null");
	assert_true(sentence_has(b, "behind 1 object."));
	bench_get(b, "/v1/events/3/why");
	assert_value(b, "until", "\"2023-11-14T22:14:20.001Z\"");
}

static void
admin_why_groups_digits_and_dates_what_is_not_today(void **state)
{
	struct bench *b = *state;
	char target[64];

	bench_reload(b, NARROW);
	snprintf(target, sizeof(target), "/v1/events/%d/why",
	    (int)put(b, 6));
	run_sql(b, "UPDATE event SET objects = 1000");
	bench_get(b, target);

	/* 6000 objects, two a minute, begun at 22:13:20. */
	assert_true(sentence_has(b, "behind 5,000 objects and leaves at "
	    "2023-11-17T00:12:"));
}

static void
admin_why_counts_what_the_windows_hold_already(void **state)
{
	struct bench *b = *state;
	char target[64];

	use_window(b, "identity_limit = 1/60s");
	snprintf(target, sizeof(target), "/v1/events/%d/why", (int)put(b, 1));
	bench_get(b, target);

	/* The one before ended 30 ms after the start. */
	assert_value(b, "blocked_by", "\"window\"");
	assert_value(b, "until", "\"2023-11-14T22:14:20.031Z\"");
	assert_true(sentence_has(b,
	    "identity_limit of its identity and leaves at 22:14:21Z"));
}

static void
admin_why_tells_of_the_window_of_the_app(void **state)
{
	struct bench *b = *state;
	char target[64];

	use_window(b, "app_limit = 1/60s");
	snprintf(target, sizeof(target), "/v1/events/%d/why", (int)put(b, 1));
	bench_get(b, target);

	assert_value(b, "blocked_by", "\"window\"");
	assert_true(sentence_has(b, "app_limit of its app and leaves at"));
}

static void
admin_why_counts_what_another_output_sends_to_the_app(void **state)
{
	struct bench *b = *state;
	char target[64];

	bench_reload(b, TWO_OUTPUTS);
	put(b, 2);
	/* The second event of the first output. */
	bench_get(b, "/v1/events?output=heap&limit=1");
	snprintf(target, sizeof(target), "/v1/events/%s/why",
	    bench_value(b, "items.0.id"));
	bench_get(b, target);

	assert_value(b, "blocked_by", "\"window\"");
	assert_value(b, "until", "\"2023-11-14T22:14:20.001Z\"");
	assert_true(sentence_has(b, "which another output uses as well, and "
	    "leaves at about 22:14:21Z"));
}

static void
admin_why_tells_of_a_pause(void **state)
{
	struct bench *b = *state;

	put(b, 1);
	pause_output(b);
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "\"pause\"");
	assert_value(b, "until", "null");
}

static void
admin_why_tells_how_far_slices_have_come(void **state)
{
	struct bench *b = *state;

	bench_reload(b, NARROW);
	put(b, 1);
	run_sql(b, "UPDATE event SET objects = 4, commerce = 1,"
	    " payload = '{},{},{},{}', sent = 6");
	bench_get(b, "/v1/events/1/why");

	/* The half that is left has room. */
	assert_value(b, "blocked_by", "null");
	assert_true(sentence_has(b, "about 2 of its 4 objects have "
	    "arrived."));
}

static void
admin_why_tells_of_an_erasure(void **state)
{
	struct bench *b = *state;
	int64_t identity = 1;

	put(b, 1);
	dispatch_hold(b->dispatch, &identity, 1, b->now);
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "\"flight\"");
	assert_true(sentence_has(b, "Its identity is being erased"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_forecast_tells_when_all_will_have_arrived),
		ADMIN_TEST(admin_forecast_is_now_when_nothing_waits),
		ADMIN_TEST(
		    admin_forecast_cannot_say_while_an_output_is_paused),
		ADMIN_TEST(admin_forecast_waits_for_what_is_deferred),
		ADMIN_TEST(admin_forecast_estimates_the_objects_of_events),
		ADMIN_TEST(admin_status_has_the_forecast),
		ADMIN_TEST(admin_output_has_its_forecast),
		ADMIN_TEST(admin_identities_begin_with_the_longest_backlog),
		ADMIN_TEST(admin_identities_tell_of_windows_without_a_backlog),
		ADMIN_TEST(
		    admin_identity_has_less_room_where_outputs_share_an_app),
		ADMIN_TEST(admin_identity_waits_for_what_is_deferred),
		ADMIN_TEST(admin_identity_is_not_found_if_nobody_heard_of_it),
		ADMIN_TEST(admin_why_tells_the_place_in_the_window),
		ADMIN_TEST(
		    admin_why_groups_digits_and_dates_what_is_not_today),
		ADMIN_TEST(admin_why_counts_what_the_windows_hold_already),
		ADMIN_TEST(admin_why_tells_of_the_window_of_the_app),
		ADMIN_TEST(
		    admin_why_counts_what_another_output_sends_to_the_app),
		ADMIN_TEST(admin_why_tells_of_a_pause),
		ADMIN_TEST(admin_why_tells_how_far_slices_have_come),
		ADMIN_TEST(admin_why_tells_of_an_erasure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
