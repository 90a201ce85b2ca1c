/*
 * test_admin_event.c - events and requests by the admin API: lists, one with
 * all of it, why, replay and discard
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

#define BY_CUSTOMER	"external_id = customer_id"
#define BY_EMAIL	"external_id = email"
#define EMAIL		",\"user_identities\":{\"email\":\"ada@example.com\"}"
#define DEVELOPMENT	",\"environment\":\"development\""

/* --- lists ------------------------------------------------------------ */

static void
admin_events_pages_by_cursor(void **state)
{
	struct bench *b = *state;
	char target[100];
	int i;

	for (i = 0; i < 3; i++)
		bench_put(b, "Seen", "");

	bench_get(b, "/v1/events?limit=2");
	assert_int_equal(b->status, 200);
	assert_value(b, "items.0.id", "3");
	assert_value(b, "items.1.id", "2");
	assert_value(b, "items.2", "");

	snprintf(target, sizeof(target), "/v1/events?limit=2&cursor=%s",
	    bench_value(b, "next_cursor") + 1);
	target[strlen(target) - 1] = '\0';	/* its quote */
	bench_get(b, target);
	assert_value(b, "items.0.id", "1");
	assert_value(b, "items.1", "");
	assert_value(b, "next_cursor", "null");
}

static void
admin_events_has_the_members_that_scripts_rely_on(void **state)
{
	static const struct {
		const char *path, *json;
	} rules[] = {
		{ "id", "1" },
		{ "output", "\"heap\"" },
		{ "lane", "\"track\"" },
		{ "identity", "\"12\"" },
		{ "name", "\"Seen\"" },
		{ "objects", "1" },
		{ "state", "\"stuck\"" },
		{ "reason", "\"refused\"" },
		{ "attempts", "1" },
		{ "due_at", "null" },
		{ "last_status", "400" },
		{ "last_error", "\"no, \\\"thanks\\\"\"" },
		{ "input", "\"sf\"" },
		{ "environment", "\"production\"" },
		{ "received_at", "\"2023-11-14T22:13:20.000Z\"" },
		{ "event_at", "\"2023-11-14T22:13:20.000Z\"" },
		{ "delivered_at", "null" },
		{ "batch_id", "1" },
		{ "generation", "0" },
		{ "merged_into", "null" },
	};
	struct bench *b = *state;
	char path[60];
	size_t i;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 400, "refused");
	bench_get(b, "/v1/events");

	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(path, sizeof(path), "items.0.%s", rules[i].path);
		assert_value(b, path, rules[i].json);
	}
	assert_int_equal(strlen(bench_value(b, "items.0.receipt_id")), 34);
}

static void
admin_events_filters(void **state)
{
	static const struct {
		const char *query;
		const char *ids;
	} rules[] = {
		{ "", "3 2 1 " },
		{ "?state=stuck", "2 " },
		{ "?state=queued", "3 1 " },
		{ "?reason=refused", "2 " },
		{ "?status=400", "2 " },
		{ "?identity=12", "3 2 1 " },
		{ "?identity=13", "" },
		{ "?name=Order+paid", "3 " },
		{ "?name=Order%20paid", "3 " },
		{ "?input=sf&output=heap", "3 2 1 " },
		{ "?input=web", "" },
		{ "?output=heap.development", "" },
		{ "?since=2023-11-14T22:13:20Z", "3 2 1 " },
		{ "?since=2023-11-14T23:13:20%2B01:00", "3 2 1 " },
		{ "?since=2023-11-14T23:13:20+01:00", "3 2 1 " },
		{ "?since=2023-11-14T22:13:20.001Z", "" },
		{ "?until=2023-11-14T22:13:20Z", "" },
		{ "?since=-1h", "3 2 1 " },
		{ "?until=-1h", "" },
		{ "?since=-1d&until=-10s", "" },
		{ "?since=-90s&state=stuck&limit=1", "2 " },
	};
	struct bench *b = *state;
	struct buf ids = BUF_INIT;
	const cJSON *item;
	char target[200];
	size_t i;

	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	bench_put(b, "Order paid", "");
	bench_attempt(b, 2, 0, 400, "refused");
	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(target, sizeof(target), "/v1/events%s",
		    rules[i].query);
		bench_get(b, target);
		assert_int_equal(b->status, 200);
		buf_reset(&ids);
		cJSON_ArrayForEach(item, json_get(json_root(b->json),
		    "items"))
			buf_printf(&ids, "%s ",
			    json_literal(json_get(item, "id")));
		if (strcmp(buf_str(&ids), rules[i].ids) != 0)
			fail_msg("%s: %s", target, ids.p);
	}
	buf_free(&ids);
}

static void
admin_requests_tells_what_went_to_heap(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 503, NULL);
	bench_attempt(b, 1, 1, 0, NULL);
	bench_get(b, "/v1/requests");

	assert_int_equal(b->status, 200);
	assert_value(b, "items.0.id", "2");
	assert_value(b, "items.0.parent_id", "1");
	assert_value(b, "items.0.status", "null");
	assert_value(b, "items.0.error", "\"timeout\"");
	assert_value(b, "items.0.answer", "null");
	assert_value(b, "items.1.id", "1");
	assert_value(b, "items.1.parent_id", "null");
	assert_value(b, "items.1.form", "\"flat\"");
	assert_value(b, "items.1.objects", "1");
	assert_value(b, "items.1.started_at", "\"2023-11-14T22:13:20.000Z\"");
	assert_value(b, "items.1.duration_ms", "30");
	assert_value(b, "items.1.status", "503");
	assert_value(b, "items.1.answer", "\"no, \\\"thanks\\\"\"");
	assert_value(b, "next_cursor", "null");
	bench_get(b, "/v1/requests?limit=1");
	assert_value(b, "items.0.id", "2");
	assert_value(b, "next_cursor", "\"2\"");
}

/* --- one event -------------------------------------------------------- */

static void
admin_event_shows_bytes_as_they_came_and_go(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 503, NULL);
	bench_get(b, "/v1/events/1");

	assert_int_equal(b->status, 200);
	/* Numbers are never rounded or respelt on the way. */
	assert_value(b, "batch.events.0.data.custom_attributes",
	    "{\"price\":1.50}");
	assert_value(b, "payload.0.event", "\"Seen\"");
	assert_value(b, "payload.0.properties.price", "1.50");
	assert_value(b, "payload.1", "");
	assert_value(b, "requests.0.id", "1");
	assert_value(b, "requests.0.status", "503");
	assert_value(b, "requests.1", "");
	assert_value(b, "why.blocked_by", "null");
}

static void
admin_event_has_no_payload_when_it_was_never_mapped(void **state)
{
	struct bench *b = *state;

	bench_reload(b, BY_CUSTOMER);
	bench_put(b, "Seen", EMAIL);
	bench_get(b, "/v1/events/1");

	assert_value(b, "state", "\"stuck\"");
	assert_value(b, "payload", "null");
	assert_value(b, "identity", "null");
	assert_value(b, "requests", "[]");
}

/* --- why -------------------------------------------------------------- */

static void
admin_why_tells_what_holds_an_event(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_get(b, "/v1/events/1/why");
	assert_int_equal(b->status, 200);
	assert_value(b, "blocked_by", "null");
	assert_value(b, "until", "null");
	assert_true(strlen(bench_value(b, "sentence")) > 10);

	bench_get(b, "/v1/events/9/why");
	assert_problem(b, 404, "not_found");
}

static void
park(struct bench *b, int64_t next_at)
{
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_park(b->queue, b->outputs.o[0].ids.lane[HEAP_TRACK],
	    queue_identity(b->queue, "12"), next_at);
	assert_true(queue_commit(b->queue));
}

static void
admin_why_tells_of_windows(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	park(b, NOW + 1500);
	bench_get(b, "/v1/events/1/why");
	assert_value(b, "blocked_by", "\"window\"");
	assert_value(b, "until", "\"2023-11-14T22:13:21.500Z\"");

	park(b, INT64_MAX / 4);
	bench_get(b, "/v1/events/1/why");
	assert_value(b, "blocked_by", "\"flight\"");
	assert_value(b, "until", "null");
}

static void
admin_why_tells_of_backoff(void **state)
{
	struct bench *b = *state;

	b->due_at = NOW + 60000;
	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 503, NULL);
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "\"backoff\"");
	assert_value(b, "until", "\"2023-11-14T22:14:20.000Z\"");
}

static void
admin_why_tells_of_the_breaker(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_fail_requests(b, BREAKER_FAILURES);
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "\"breaker\"");
	assert_value(b, "until", "\"2023-11-14T23:03:20.500Z\"");
	assert_non_null(strstr(bench_value(b, "sentence"),
	    "the breaker is open"));
}

static void
admin_why_tells_that_the_output_is_gone(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->output_name = "other";
	bench_reload(b, "");
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "\"output\"");
	assert_value(b, "until", "null");
}

static void
admin_why_tells_what_a_stuck_event_waits_for(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 400, "refused");
	bench_get(b, "/v1/events/1/why");

	assert_value(b, "blocked_by", "null");
	assert_value(b, "sentence", "\"It is stuck (refused): Heap refused it, "
	    "even when it was sent alone (Heap answered 400: \\\"no, "
	    "\\\"thanks\\\"\\\"); once what it objects to is mended, replay it, "
	    "or discard it.\"");
}

/* --- replay ----------------------------------------------------------- */

static void
admin_replay_queues_a_stuck_event_again(void **state)
{
	struct bench *b = *state;
	char *payload;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 400, "refused");
	bench_get(b, "/v1/events/1");
	payload = xstrdup(bench_value(b, "payload"));
	bench_post(b, "/v1/events/1/replay", "");

	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"queued\"");
	assert_value(b, "reason", "null");
	assert_value(b, "generation", "1");
	assert_value(b, "attempts", "1");
	assert_value(b, "payload", payload);	/* the same bytes and keys */
	assert_value(b, "requests.0.status", "400");
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"queued\"");
	free(payload);
}

static void
admin_replay_refuses_what_is_not_stuck(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_post(b, "/v1/events/1/replay", "");
	assert_problem(b, 409, "wrong_state");
	assert_non_null(strstr(b->body, "event 1 is queued"));
	bench_post(b, "/v1/events/1/replay", "{\"remap\":true}");
	assert_problem(b, 409, "wrong_state");
	bench_post(b, "/v1/events/2/replay", "");
	assert_problem(b, 404, "not_found");
	assert_value(b, "detail", "\"There is no event 2.\"");
}

static void
admin_replay_maps_what_never_had_a_payload(void **state)
{
	struct bench *b = *state;

	bench_reload(b, BY_CUSTOMER);
	bench_put(b, "Seen", EMAIL);
	bench_post(b, "/v1/events/1/replay", "");
	assert_problem(b, 409, "unmappable");	/* nothing has changed yet */

	bench_reload(b, BY_EMAIL);
	bench_post(b, "/v1/events/1/replay", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"queued\"");
	assert_value(b, "identity", "\"ada@example.com\"");
	assert_value(b, "payload.0.identity", "\"ada@example.com\"");
	assert_value(b, "payload.0.properties.price", "1.50");
}

static void
admin_replay_maps_what_a_setting_skipped_if_asked(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", DEVELOPMENT);
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"skipped\"");
	bench_post(b, "/v1/events/1/replay", "{\"remap\":true}");
	assert_problem(b, 409, "unmappable");

	bench_reload(b, "development_app_id = 8");
	bench_post(b, "/v1/events/1/replay", "");
	assert_problem(b, 409, "unmappable");
	assert_non_null(strstr(bench_value(b, "detail"), "with remap"));
	bench_post(b, "/v1/events/1/replay", "{\"remap\":true}");
	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"queued\"");
	assert_value(b, "output", "\"heap.development\"");
}

static void
admin_replay_maps_again_when_asked(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", EMAIL);
	bench_attempt(b, 1, 0, 400, "refused");
	bench_reload(b, BY_EMAIL);

	bench_post(b, "/v1/events/1/replay", "{\"remap\": true}");

	assert_int_equal(b->status, 200);
	assert_value(b, "identity", "\"ada@example.com\"");
}

static void
admin_replay_maps_no_unanswered_event_again_unless_forced(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", EMAIL);
	bench_attempt(b, 1, 0, 0, NULL);
	bench_attempt(b, 1, 0, 400, "refused");
	bench_reload(b, BY_EMAIL);

	bench_post(b, "/v1/events/1/replay", "{\"remap\":true}");
	assert_problem(b, 409, "unanswered_attempt");
	bench_post(b, "/v1/events/1/replay",
	    "{\"remap\":true,\"force\":true}");
	assert_int_equal(b->status, 200);
	assert_value(b, "identity", "\"ada@example.com\"");
}

static void
admin_replay_reads_its_body_strictly(void **state)
{
	static const char *const bodies[] = {
		"[]", "{", "null", "{\"remap\":1}", "{\"remap\":null}",
		"{\"filter\":{}}", "{\"Remap\":true}",
	};
	struct bench *b = *state;
	size_t i;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 400, "refused");
	for (i = 0; i < HR_COUNT(bodies); i++) {
		bench_post(b, "/v1/events/1/replay", bodies[i]);
		assert_problem(b, 400, "bad_body");
	}
	bench_post(b, "/v1/events/1/discard", "{\"remap\":true}");
	assert_problem(b, 400, "bad_body");
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"stuck\"");
	bench_post(b, "/v1/events/1/replay", "{}");
	assert_int_equal(b->status, 200);
}

/* --- discard ---------------------------------------------------------- */

static void
admin_discard_ends_a_queued_event(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_post(b, "/v1/events/1/discard", "");

	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"discarded\"");
	assert_value(b, "ended_at", "\"2023-11-14T22:13:20.000Z\"");
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"discarded\"");
	bench_post(b, "/v1/events/1/discard", "");
	assert_problem(b, 409, "wrong_state");
}

static void
admin_discard_is_not_answered_200_unless_it_is_on_disk(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->fail_commits = true;
	bench_post(b, "/v1/events/1/discard", "");
	assert_problem(b, 503, "unavailable");

	b->fail_commits = false;
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"queued\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_events_pages_by_cursor),
		ADMIN_TEST(admin_events_has_the_members_that_scripts_rely_on),
		ADMIN_TEST(admin_events_filters),
		ADMIN_TEST(admin_requests_tells_what_went_to_heap),
		ADMIN_TEST(admin_event_shows_bytes_as_they_came_and_go),
		ADMIN_TEST(admin_event_has_no_payload_when_it_was_never_mapped),
		ADMIN_TEST(admin_why_tells_what_holds_an_event),
		ADMIN_TEST(admin_why_tells_of_windows),
		ADMIN_TEST(admin_why_tells_of_backoff),
		ADMIN_TEST(admin_why_tells_of_the_breaker),
		ADMIN_TEST(admin_why_tells_that_the_output_is_gone),
		ADMIN_TEST(admin_why_tells_what_a_stuck_event_waits_for),
		ADMIN_TEST(admin_replay_queues_a_stuck_event_again),
		ADMIN_TEST(admin_replay_refuses_what_is_not_stuck),
		ADMIN_TEST(admin_replay_maps_what_never_had_a_payload),
		ADMIN_TEST(admin_replay_maps_what_a_setting_skipped_if_asked),
		ADMIN_TEST(admin_replay_maps_again_when_asked),
		ADMIN_TEST(
		    admin_replay_maps_no_unanswered_event_again_unless_forced),
		ADMIN_TEST(admin_replay_reads_its_body_strictly),
		ADMIN_TEST(admin_discard_ends_a_queued_event),
		ADMIN_TEST(
		    admin_discard_is_not_answered_200_unless_it_is_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
