/*
 * test_dispatch_form.c - which events travel in a request, and in which form
 *
 * delivery.md sections 4 and 5: flat and bulk, slices, the order within an
 * identity, one update in flight, what merges over and under what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatch_fixture.h"
#include "log.h"

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

/* --- flat and bulk ---------------------------------------------------- */

static void
request_plan_sends_one_plain_object_flat(void **state)
{
	struct fixture *f = *state;

	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);

	assert_int_equal(f->posts_n, 1);
	assert_string_equal(f->posts[0].url,
	    "https://heap.example/api/track");
	assert_string_equal(f->posts[0].body, "{\"app_id\":\"77\","
	    "\"event\":\"E\",\"identity\":\"ada\",\"idempotency_key\":\"k0\","
	    "\"properties\":{\"pad\":\"\"}}");
}

static void
request_plan_sends_a_commerce_event_in_bulk(void **state)
{
	struct fixture *f = *state;

	put_track(f, 0, "ada", 1, true);
	fixture_turn(f);

	assert_string_equal(f->posts[0].body, "{\"app_id\":\"77\","
	    "\"events\":[{\"event\":\"E\",\"identity\":\"ada\","
	    "\"idempotency_key\":\"k0\",\"properties\":{\"pad\":\"\"}}]}");
}

static void
request_plan_sends_many_in_one_bulk_request(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, "ada", 400);
	put_many(f, 0, "bob", 400);
	put_many(f, 0, "eve", 400);
	fixture_run(f, 1);

	assert_int_equal(f->posts_n, 2);
	assert_int_equal(post_objects(&f->posts[0]), HEAP_MAX_OBJECTS);
	assert_int_equal(post_objects(&f->posts[1]), 200);
}

static void
request_plan_keeps_a_body_within_a_million_bytes(void **state)
{
	struct fixture *f = *state;
	char name[40], *payload;
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		payload = track_payload(f, name, 1, 300000);
		put_payload(f, 0, HEAP_TRACK, name, payload, 1, false);
		free(payload);
	}
	fixture_run(f, 1);

	assert_int_equal(f->posts_n, 2);
	assert_int_equal(post_objects(&f->posts[0]), 3);
	assert_true(f->posts[0].len <= HEAP_MAX_BYTES);
}

static void
dispatch_has_no_more_requests_out_than_max_in_flight(void **state)
{
	struct fixture *f = *state;
	char name[40];
	int i;

	f->far = hold_back;
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 0, name, 1, false);
		fixture_turn(f);
	}
	assert_int_equal(posts_out(f), 4);
	post_answer(f, 0, 200, NULL);
	fixture_turn(f);

	/* What gathered meanwhile goes together. */
	assert_int_equal(posts_out(f), 4);
	assert_int_equal(post_objects(&f->posts[4]), 6);
}

static void
dispatch_sends_to_the_endpoint_of_the_lane(void **state)
{
	struct fixture *f = *state;

	put_properties(f, "ada", "\"plan\":\"x\"");
	fixture_turn(f);
	put_properties(f, "bob", "\"plan\":\"x\"");
	put_properties(f, "eve", "\"plan\":\"x\"");
	fixture_turn(f);

	assert_string_equal(f->posts[0].url,
	    "https://heap.example/api/add_user_properties");
	assert_string_equal(f->posts[0].body, "{\"app_id\":\"77\","
	    "\"identity\":\"ada\",\"properties\":{\"plan\":\"x\"}}");
	assert_string_equal(f->posts[1].body, "{\"app_id\":\"77\",\"users\":["
	    "{\"identity\":\"bob\",\"properties\":{\"plan\":\"x\"}},"
	    "{\"identity\":\"eve\",\"properties\":{\"plan\":\"x\"}}]}");
}

/* --- order ------------------------------------------------------------ */

static void
request_plan_sends_the_oldest_of_an_identity_first(void **state)
{
	struct fixture *f = *state;
	const char *at;
	int i;

	f->settings[0].identity_limit = (struct config_limit){ 3, 60000 };
	fixture_reload(f);
	put_many(f, 0, "ada", 10);
	fixture_drain(f, 600000);

	assert_int_equal(f->posts_n, 4);
	at = f->posts[2].body;
	for (i = 6; i < 9; i++) {
		char key[20];

		snprintf(key, sizeof(key), "\"k%d\"", i);
		at = strstr(at, key);
		assert_non_null(at);
	}
}

static void
dispatch_paces_an_identity_beyond_half_of_its_window(void **state)
{
	struct fixture *f = *state;
	int64_t longest = 0;
	size_t i;

	/* An event each 200 ms is five times what the window takes. */
	for (i = 0; i < 300; i++) {
		put_track(f, 0, "ada", 1, false);
		fixture_run(f, 200);
	}
	for (i = 16; i < f->posts_n; i++)
		if (f->posts[i].at - f->posts[i - 1].at > longest)
			longest = f->posts[i].at - f->posts[i - 1].at;

	assert_true(f->posts_n > 45);
	assert_true(longest < 2500);
}

/* --- slices ----------------------------------------------------------- */

static void
request_plan_sends_a_large_commerce_event_in_slices(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->far = hold_back;
	id = put_track(f, 0, "ada", 2500, true);
	fixture_turn(f);
	assert_int_equal(post_objects(&f->posts[0]), 1000);
	assert_true(post_has(&f->posts[0], "\"k0\""));
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, 5000);
	assert_int_equal(f->posts_n, 1);	/* one at a time, in order */
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 60000);
	assert_int_equal(f->posts_n, 1);	/* the identity's window */
	fixture_run(f, 1);
	assert_int_equal(f->posts_n, 2);
	assert_int_equal(post_objects(&f->posts[1]), 1000);
	assert_true(post_has(&f->posts[1], "\"k1000\""));
	assert_string_equal(event_row(f, id).state, "inflight");
	assert_true(event_row(f, id).sent > 0);
	f->far = NULL;
	post_answer(f, 1, 200, NULL);
	fixture_run(f, 61000);

	assert_string_equal(event_row(f, id).state, "delivered");
	assert_int_equal(event_row(f, id).attempts, 3);
	assert_int_equal(post_objects(&f->posts[2]), 500);
	assert_true(post_has(&f->posts[2], "\"k2499\""));
	assert_int_equal(count_state(f, "queued"), 0);
}

static void
request_plan_ends_a_slice_at_what_the_limits_ever_allow(void **state)
{
	static const struct {
		int64_t	identity_limit, app_limit;
		size_t	slice;
	} rows[] = {
		{ 70, 15000, 70 }, { 1000, 60, 60 }, { 40, 50, 40 },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rows); i++) {
		struct fixture *f = fixture_new();

		f->settings[0].identity_limit.n = rows[i].identity_limit;
		f->settings[0].app_limit.n = rows[i].app_limit;
		fixture_start(f);
		put_track(f, 0, "ada", 100, true);
		fixture_turn(f);
		assert_int_equal(post_objects(&f->posts[0]), rows[i].slice);
		fixture_drain(f, 200000);
		assert_int_equal(count_state(f, "delivered"), 1);
		fixture_free(f);
	}
}

static void
request_plan_ends_a_slice_at_a_million_bytes(void **state)
{
	struct fixture *f = *state;
	char *payload = track_payload(f, "ada", 30, 90000);
	int64_t id;
	size_t i, objects = 0;

	id = put_payload(f, 0, HEAP_TRACK, "ada", payload, 30, true);
	free(payload);
	fixture_drain(f, 200000);

	assert_true(f->posts_n >= 3);
	for (i = 0; i < f->posts_n; i++) {
		assert_true(f->posts[i].len <= HEAP_MAX_BYTES);
		objects += post_objects(&f->posts[i]);
	}
	assert_int_equal(objects, 30);
	assert_string_equal(event_row(f, id).state, "delivered");
}

static void
verdict_write_sticks_an_event_whose_slice_is_refused(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->settings[0].identity_limit.n = 40;
	fixture_reload(f);
	f->far = hold_back;
	id = put_track(f, 0, "ada", 100, true);
	fixture_turn(f);
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 60001);
	post_answer(f, 1, 400, "events[3] is bad");
	fixture_run(f, 200000);

	assert_int_equal(f->posts_n, 2);
	assert_string_equal(event_row(f, id).state, "stuck");
	assert_string_equal(event_row(f, id).reason, "refused");
}

static void
request_plan_goes_on_with_the_slice_after_a_crash(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->settings[0].identity_limit.n = 40;
	fixture_reload(f);
	id = put_track(f, 0, "ada", 100, true);
	fixture_run(f, 60000);
	fixture_crash(f);
	fixture_start(f);
	assert_true(event_row(f, id).sent > 0);
	fixture_drain(f, 200000);

	assert_int_equal(f->posts_n, 3);
	assert_true(post_has(&f->posts[1], "\"k40\""));
	assert_false(post_has(&f->posts[1], "\"k39\""));
}

/* --- room for the app ------------------------------------------------- */

static void
request_plan_goes_round_an_event_without_room(void **state)
{
	struct fixture *f = *state;
	int64_t large;

	f->settings[0].app_limit = (struct config_limit){ 100, 60000 };
	fixture_reload(f);
	put_many(f, 0, "eve", 50);
	fixture_run(f, 1000);
	large = put_track(f, 0, "ada", 80, true);
	fixture_run(f, 1000);
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, 1000);

	assert_string_equal(event_row(f, large).state, "queued");
	assert_int_equal(count_state(f, "queued"), 1);
	fixture_run(f, 58000);
	assert_string_equal(event_row(f, large).state, "delivered");
}

static void
request_plan_reserves_room_after_a_whole_window(void **state)
{
	struct fixture *f = *state;
	char name[40];
	int64_t large, begin;
	int i;

	/* Others always take what is free: a stream of twice the limit. */
	f->settings[0].app_limit = (struct config_limit){ 100, 10000 };
	fixture_reload(f);
	put_many(f, 0, "eve", 50);
	fixture_run(f, 100);
	large = put_track(f, 0, "ada", 80, true);
	begin = f->now.boot;
	for (i = 0; i < 3000 && strcmp(event_row(f, large).state,
	    "delivered") != 0; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 0, name, 1, false);
		fixture_run(f, 50);
	}

	assert_string_equal(event_row(f, large).state, "delivered");
	assert_true(f->now.boot - begin > 10000);
	assert_true(f->now.boot - begin < 22000);
	fixture_drain(f, 200000);
}

static void
request_plan_gives_back_room_that_was_reserved(void **state)
{
	struct fixture *f = *state;
	char name[40];
	int64_t large;
	struct why why;
	int i;

	f->settings[0].app_limit = (struct config_limit){ 100, 10000 };
	fixture_reload(f);
	put_many(f, 0, "eve", 50);
	fixture_run(f, 100);
	large = put_track(f, 0, "ada", 80, true);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 0, name, 1, false);
		fixture_run(f, 50);
	}
	assert_string_equal(event_row(f, large).state, "queued");
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_int_equal(queue_discard(f->queue, large, f->now.wall, &why),
	    QUEUE_MOVED);
	assert_true(queue_commit(f->queue));

	fixture_drain(f, 60000);
}

static void
dispatch_does_not_spin_while_the_app_has_no_room(void **state)
{
	struct fixture *f = *state;
	uint64_t rows;

	f->settings[0].app_limit = (struct config_limit){ 100, 60000 };
	fixture_reload(f);
	put_many(f, 0, "eve", 90);
	fixture_run(f, 100);
	put_track(f, 0, "ada", 50, true);
	rows = stat_get(STAT_planner_rows);
	fixture_run(f, 50000);

	assert_true(stat_get(STAT_planner_rows) - rows < 20);
}

/* --- user properties -------------------------------------------------- */

static void
queue_event_merges_over_the_update_that_waits(void **state)
{
	struct fixture *f = *state;
	int64_t first, second;

	first = put_properties(f, "ada", "\"a\":1,\"b\":1");
	second = put_properties(f, "ada", "\"b\":2,\"c\":2");
	fixture_turn(f);

	assert_string_equal(event_row(f, first).state, "skipped");
	assert_string_equal(event_row(f, first).reason, "merged");
	assert_int_equal(event_row(f, first).merged_into, second);
	assert_int_equal(f->posts_n, 1);
	assert_true(post_has(&f->posts[0], "{\"a\":1,\"b\":2,\"c\":2}"));
}

static void
dispatch_has_one_update_of_an_identity_in_flight(void **state)
{
	struct fixture *f = *state;

	f->far = hold_back;
	put_properties(f, "ada", "\"a\":1");
	fixture_turn(f);
	put_properties(f, "ada", "\"a\":2");
	put_properties(f, "bob", "\"a\":3");
	fixture_run(f, 20000);
	assert_int_equal(f->posts_n, 2);
	assert_true(post_has(&f->posts[1], "bob"));

	f->far = NULL;
	post_answer(f, 0, 200, NULL);
	fixture_turn(f);
	assert_int_equal(f->posts_n, 3);
	assert_true(post_has(&f->posts[2], "{\"a\":2}"));
}

static void
verdict_write_merges_an_update_under_the_newer_one(void **state)
{
	struct fixture *f = *state;
	int64_t first, second;

	f->far = hold_back;
	f->random = 1500;
	first = put_properties(f, "ada", "\"a\":1,\"b\":1");
	fixture_turn(f);
	second = put_properties(f, "ada", "\"b\":2");
	fixture_turn(f);
	post_answer(f, 0, 500, NULL);
	fixture_turn(f);

	assert_int_equal(event_row(f, first).merged_into, second);
	assert_int_equal(event_row(f, second).failures, 1);
	assert_int_equal(event_row(f, second).due_at, f->now.wall + 1500);
	fixture_run(f, 1500);
	assert_int_equal(f->posts_n, 2);
	assert_true(post_has(&f->posts[1], "{\"a\":1,\"b\":2}"));
}

static void
queue_recover_merges_an_update_under_the_newer_one(void **state)
{
	struct fixture *f = *state;
	int64_t first, second;

	f->far = hold_back;
	first = put_properties(f, "ada", "\"a\":1,\"b\":1");
	fixture_turn(f);
	second = put_properties(f, "ada", "\"b\":2");
	fixture_turn(f);
	fixture_crash(f);
	fixture_start(f);
	fixture_turn(f);

	assert_int_equal(event_row(f, first).merged_into, second);
	assert_int_equal(f->posts_n, 2);
	assert_true(post_has(&f->posts[1], "{\"a\":1,\"b\":2}"));
	assert_conserved(f);
}

static void
verdict_write_lets_a_stuck_update_pass_by_a_newer_one(void **state)
{
	struct fixture *f = *state;
	int64_t first, second;

	f->far = hold_back;
	first = put_properties(f, "ada", "\"a\":1");
	fixture_turn(f);
	second = put_properties(f, "ada", "\"b\":2");
	post_answer(f, 0, 400, "no");
	fixture_turn(f);
	f->far = NULL;
	fixture_run(f, 100);

	assert_string_equal(event_row(f, first).state, "stuck");
	assert_int_equal(f->posts_n, 2);
	post_answer(f, 1, 200, NULL);
	fixture_turn(f);
	assert_string_equal(event_row(f, second).state, "delivered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(request_plan_sends_one_plain_object_flat),
		DISPATCH_TEST(request_plan_sends_a_commerce_event_in_bulk),
		DISPATCH_TEST(request_plan_sends_many_in_one_bulk_request),
		DISPATCH_TEST(request_plan_keeps_a_body_within_a_million_bytes),
		DISPATCH_TEST(
		    dispatch_has_no_more_requests_out_than_max_in_flight),
		DISPATCH_TEST(dispatch_sends_to_the_endpoint_of_the_lane),
		DISPATCH_TEST(
		    request_plan_sends_the_oldest_of_an_identity_first),
		DISPATCH_TEST(
		    dispatch_paces_an_identity_beyond_half_of_its_window),
		DISPATCH_TEST(
		    request_plan_sends_a_large_commerce_event_in_slices),
		cmocka_unit_test(
		    request_plan_ends_a_slice_at_what_the_limits_ever_allow),
		DISPATCH_TEST(request_plan_ends_a_slice_at_a_million_bytes),
		DISPATCH_TEST(
		    verdict_write_sticks_an_event_whose_slice_is_refused),
		DISPATCH_TEST(
		    request_plan_goes_on_with_the_slice_after_a_crash),
		DISPATCH_TEST(
		    request_plan_goes_round_an_event_without_room),
		DISPATCH_TEST(
		    request_plan_reserves_room_after_a_whole_window),
		DISPATCH_TEST(
		    request_plan_gives_back_room_that_was_reserved),
		DISPATCH_TEST(
		    dispatch_does_not_spin_while_the_app_has_no_room),
		DISPATCH_TEST(queue_event_merges_over_the_update_that_waits),
		DISPATCH_TEST(dispatch_has_one_update_of_an_identity_in_flight),
		DISPATCH_TEST(
		    verdict_write_merges_an_update_under_the_newer_one),
		DISPATCH_TEST(
		    queue_recover_merges_an_update_under_the_newer_one),
		DISPATCH_TEST(
		    verdict_write_lets_a_stuck_update_pass_by_a_newer_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
