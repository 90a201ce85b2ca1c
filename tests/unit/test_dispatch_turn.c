/*
 * test_dispatch_turn.c - failed commits, steps of the clock, reloads
 *
 * What holds around the turn: nothing leaves that is not durable, a verdict
 * is written until a commit takes it, windows outlive whatever changes.
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

/* --- how much a turn does ---------------------------------------------- */

/* A request of a thousand events is claimed, or judged, in each. */
static void
dispatch_plan_leaves_what_is_too_much_to_the_next_turn(void **state)
{
	struct fixture *f = *state;
	size_t i;

	f->far = hold_back;
	put_many(f, 0, "ada", 900);
	put_many(f, 0, "bob", 900);
	put_many(f, 0, "eve", 900);
	for (i = 1; i <= 2; i++) {
		assert_int_equal(fixture_turn(f), 0);
		assert_int_equal(f->posts_n, i);
		/* Who was served waits for a moment. */
		f->now.boot++;
		f->now.wall++;
	}
	assert_true(fixture_turn(f) > 0);
	assert_int_equal(f->posts_n, 3);

	for (i = 0; i < 3; i++)
		post_answer(f, i, 200, NULL);
	assert_int_equal(fixture_turn(f), 0);
	assert_int_equal(count_state(f, "delivered"), 1000);
	assert_int_equal(fixture_turn(f), 0);
	assert_int_equal(count_state(f, "delivered"), 2000);
	assert_true(fixture_turn(f) > 0);
	assert_int_equal(count_state(f, "delivered"), 2700);
	assert_conserved(f);
}

/* --- commits that fail ------------------------------------------------ */

static void
dispatch_launch_forgets_claims_that_were_not_committed(void **state)
{
	struct fixture *f = *state;
	struct dispatch_window w[DISPATCH_WINDOWS];
	int64_t id = put_track(f, 0, "ada", 1, false);

	put_properties(f, "ada", "\"a\":1");
	f->fail_commits = 1;
	fixture_turn(f);

	assert_int_equal(f->posts_n, 0);
	assert_int_equal(dispatch_flights(f->dispatch), 0);
	assert_string_equal(event_row(f, id).state, "queued");
	assert_int_equal(event_row(f, id).attempts, 0);
	assert_int_equal(dispatch_windows(f->dispatch, "heap", f->now, w),
	    DISPATCH_WINDOWS);
	assert_int_equal(w[0].used, 0);
	assert_int_equal(w[1].used, 0);

	fixture_run(f, 10);
	assert_int_equal(f->posts_n, 2);
	assert_conserved(f);
}

static void
verdict_write_writes_again_until_a_commit_takes_it(void **state)
{
	struct fixture *f = *state;
	uint64_t delivered = stat_get(STAT_events_delivered);
	int64_t first, second;

	f->far = hold_back;
	first = put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	second = put_track(f, 0, "bob", 1, false);
	fixture_turn(f);
	f->fail_commits = 3;
	post_answer(f, 0, 200, NULL);
	fixture_turn(f);
	post_answer(f, 1, 400, "no");
	fixture_turn(f);
	assert_string_equal(event_row(f, first).state, "inflight");
	assert_int_equal(dispatch_flights(f->dispatch), 2);
	fixture_turn(f);
	fixture_turn(f);

	assert_string_equal(event_row(f, first).state, "delivered");
	assert_string_equal(event_row(f, second).state, "stuck");
	assert_int_equal(dispatch_flights(f->dispatch), 0);
	assert_int_equal(stat_get(STAT_events_delivered) - delivered, 1);
	assert_conserved(f);
}

static void
dispatch_launch_takes_a_probe_back_that_was_not_committed(void **state)
{
	struct fixture *f = *state;

	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	post_answer(f, 0, 403, NULL);
	fixture_turn(f);
	fixture_run(f, BREAKER_CONFIG_MS - 1);
	f->now.boot++;
	f->now.wall++;
	f->fail_commits = 1;
	fixture_turn(f);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CONFIG);

	f->far = NULL;
	fixture_run(f, 1000);
	assert_int_equal(count_state(f, "delivered"), 1);
}

/* Whatever the turn whose commit fails, all is well in the end. */
static void
dispatch_survives_a_failed_commit_at_any_turn(void **state)
{
	int turn, i;
	(void)state;

	for (turn = 0; turn < 12; turn++) {
		struct fixture *f = fixture_new();

		fixture_start(f);
		f->settings[0].max_in_flight = 1;
		fixture_reload(f);
		put_track(f, 0, "ada", 1200, true);
		put_many(f, 0, "bob", 5);
		put_properties(f, "ada", "\"a\":1");
		for (i = 0; i < turn; i++)
			fixture_run(f, LATENCY_MS / 2);
		f->fail_commits = 1;
		fixture_drain(f, 70000);
		assert_int_equal(count_state(f, "delivered"), 7);
		assert_conserved(f);
		fixture_free(f);
	}
}

static void
dispatch_goes_on_with_one_flight_at_a_time(void **state)
{
	struct fixture *f = *state;
	char name[40];
	int i;

	f->settings[0].max_in_flight = 1;
	fixture_reload(f);
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 0, name, 900, true);
	}

	assert_true(fixture_drain(f, 60000) <= 5 * (LATENCY_MS + 1));
}

/* --- the clock -------------------------------------------------------- */

static void
dispatch_plan_looks_anew_after_a_step_back(void **state)
{
	struct fixture *f = *state;
	int64_t id, due;

	/* One that waits for room, and one that waits for its next try. */
	f->settings[0].track_limit.n = 1;
	fixture_reload(f);
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, 100);
	put_track(f, 0, "ada", 1, false);
	f->far = hold_back;
	f->random = 5000;
	id = put_track(f, 0, "bob", 1, false);
	fixture_turn(f);
	post_answer(f, 1, 500, NULL);
	fixture_turn(f);
	f->far = NULL;

	fixture_step_wall(f, -INT64_C(86400000));
	fixture_turn(f);
	due = event_row(f, id).due_at;
	assert_true(due <= f->now.wall + 3600000);
	fixture_run(f, 31000);
	assert_int_equal(count_state(f, "delivered"), 2);
	fixture_run(f, 3600000);
	assert_int_equal(count_state(f, "delivered"), 3);
}

static void
dispatch_plan_looks_anew_if_the_turn_of_a_step_fails(void **state)
{
	struct fixture *f = *state;

	f->settings[0].track_limit.n = 1;
	fixture_reload(f);
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, 100);
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	fixture_step_wall(f, -INT64_C(86400000));
	f->fail_commits = 2;
	fixture_run(f, 33000);

	assert_int_equal(count_state(f, "delivered"), 2);
}

static void
dispatch_plan_adds_no_room_after_a_step_forward(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < 30; i++) {
		put_track(f, 0, "ada", 1, false);
		fixture_run(f, 900);
		fixture_step_wall(f, 60000);
	}
	for (i = 0; i < 20; i++)
		put_track(f, 0, "ada", 1, false);
	fixture_run(f, 100);
	fixture_step_wall(f, INT64_C(86400000));
	fixture_run(f, 2000);

	/* As many as 30 s of the boot clock allow. */
	for (i = 30; i < f->posts_n; i++)
		assert_true(f->posts[i].at - f->posts[i - 30].at > 30000);
}

/* --- reloads ---------------------------------------------------------- */

static void
dispatch_configure_keeps_what_is_out_in_the_windows(void **state)
{
	struct fixture *f = *state;
	struct dispatch_window w[DISPATCH_WINDOWS];

	f->far = hold_back;
	put_track(f, 0, "ada", 900, true);
	fixture_turn(f);
	f->settings[0].app_limit.n = 1000;
	f->settings[0].timeout_ms = 5000;
	fixture_reload(f);
	fixture_reload(f);
	put_many(f, 0, "bob", 200);
	fixture_run(f, 1000);
	assert_int_equal(dispatch_windows(f->dispatch, "heap", f->now, w),
	    DISPATCH_WINDOWS);
	assert_int_equal(w[0].limit, 1000);
	assert_int_equal(w[0].used, 1000);

	post_answer(f, 0, 200, NULL);
	f->far = NULL;
	post_answer(f, 1, 200, NULL);
	fixture_run(f, 59000);
	assert_int_equal(f->posts_n, 2);
	fixture_run(f, 2000);
	assert_int_equal(count_state(f, "delivered"), 201);
}

static void
dispatch_configure_keeps_events_of_an_output_that_vanished(void **state)
{
	struct fixture *f = *state;
	struct dispatch_window w[DISPATCH_WINDOWS];
	int64_t out, waits;

	f->config.outputs_n = 2;
	fixture_reload(f);
	f->far = hold_back;
	out = put_track(f, 1, "ada", 1, false);
	fixture_turn(f);
	waits = put_track(f, 1, "bob", 1, false);
	f->config.outputs_n = 1;
	fixture_reload(f);
	post_answer(f, 0, 200, NULL);
	f->far = NULL;
	fixture_run(f, 100000);
	assert_string_equal(event_row(f, out).state, "delivered");
	assert_string_equal(event_row(f, waits).state, "queued");
	assert_int_equal(dispatch_windows(f->dispatch, "heap2", f->now, w), 0);

	f->config.outputs_n = 2;
	fixture_reload(f);
	fixture_run(f, 100);
	assert_string_equal(event_row(f, waits).state, "delivered");
}

/* Two outputs may share an app: Heap counts them together. */
static void
share_app(struct fixture *f)
{
	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->config.outputs_n = 2;
	f->settings[0].app_limit.n = f->settings[1].app_limit.n = 100;
	fixture_reload(f);
}

static void
dispatch_counts_outputs_that_share_an_app_together(void **state)
{
	struct fixture *f = *state;

	share_app(f);
	put_many(f, 0, "ada", 80);
	put_many(f, 1, "bob", 80);
	fixture_run(f, 60000);
	assert_int_equal(count_state(f, "delivered"), 100);
	fixture_run(f, 1000);
	assert_int_equal(count_state(f, "delivered"), 160);
}

static void
dispatch_wakes_the_other_output_when_its_app_has_room(void **state)
{
	struct fixture *f = *state;

	share_app(f);
	f->settings[0].track_limit.n = f->settings[1].track_limit.n = 1;
	fixture_reload(f);
	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	put_track(f, 1, "ada", 1, false);
	fixture_run(f, 5000);
	assert_int_equal(f->posts_n, 1);
	f->far = NULL;
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 31000);

	assert_int_equal(count_state(f, "delivered"), 2);
}

static void
dispatch_configure_ends_flights_in_the_app_they_went_to(void **state)
{
	struct fixture *f = *state;

	f->settings[0].app_limit.n = 100;
	fixture_reload(f);
	f->far = hold_back;
	put_many(f, 0, "ada", 100);
	fixture_run(f, 1);
	free(f->settings[0].app_id);
	f->settings[0].app_id = xstrdup("99");
	fixture_reload(f);
	f->far = NULL;
	/* The other app has room while the first one is full. */
	put_many(f, 0, "bob", 100);
	fixture_run(f, 100);
	assert_int_equal(count_state(f, "delivered"), 100);
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 100);
	free(f->settings[0].app_id);
	f->settings[0].app_id = xstrdup("77");
	fixture_reload(f);
	put_many(f, 0, "eve", 100);
	fixture_run(f, 59000);
	assert_int_equal(count_state(f, "delivered"), 200);
	fixture_run(f, 2000);
	assert_int_equal(count_state(f, "delivered"), 300);
}

/* --- restarts --------------------------------------------------------- */

static void
app_rebuild_counts_what_another_output_sent_to_the_app(void **state)
{
	struct fixture *f = *state;

	f->settings[0].app_limit.n = 100;
	fixture_reload(f);
	put_many(f, 0, "ada", 100);
	fixture_run(f, 1000);
	assert_int_equal(count_state(f, "delivered"), 100);
	fixture_crash(f);
	free(f->settings[0].name);
	f->settings[0].name = xstrdup("renamed");
	fixture_start(f);
	put_many(f, 0, "bob", 100);
	fixture_run(f, 58000);
	assert_int_equal(count_state(f, "delivered"), 100);
	fixture_run(f, 3000);
	assert_int_equal(count_state(f, "delivered"), 200);
}

/* A request that was out for long may be older than many that have left the
 * windows. */
static void
app_rebuild_counts_what_a_crash_cut_short(void **state)
{
	struct fixture *f = *state;
	int i;

	f->settings[0].app_limit.n = 100;
	fixture_reload(f);
	f->far = hold_back;
	put_many(f, 0, "ada", 60);
	fixture_run(f, 1);
	f->far = NULL;
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, 1000);
	/* The machine slept, say; then the agent is killed, twice. */
	f->now.boot += 7200000;
	f->now.wall += 7200000;
	for (i = 0; i < 2; i++) {
		fixture_crash(f);
		fixture_start(f);
		f->now.boot += 10;
		f->now.wall += 10;
	}
	put_many(f, 0, "eve", 60);
	fixture_run(f, 50000);

	/* 60 count since the first restart, 40 may go. */
	assert_int_equal(count_state(f, "delivered"), 41);
	fixture_run(f, 100000);
	assert_int_equal(count_state(f, "delivered"), 121);
}

static void
app_rebuild_counts_requests_of_another_boot_as_ended_now(void **state)
{
	struct fixture *f = *state;

	f->settings[0].app_limit.n = 100;
	fixture_reload(f);
	put_many(f, 0, "ada", 70);
	fixture_run(f, 100000);
	put_many(f, 0, "ada", 70);
	fixture_run(f, 30000);
	fixture_crash(f);
	clock_set_boot_id("second-boot");
	f->now.boot = 3000;
	fixture_start(f);
	put_many(f, 0, "bob", 100);
	fixture_run(f, 60000);
	/* No more than the window holds, and no less: 140 count as 100. */
	assert_int_equal(count_state(f, "delivered"), 140);
	fixture_run(f, 1000);
	assert_int_equal(count_state(f, "delivered"), 240);
	fixture_crash(f);
	fixture_start(f);
	put_many(f, 0, "eve", 100);
	fixture_run(f, 59000);
	assert_int_equal(count_state(f, "delivered"), 240);
	fixture_run(f, 2000);
	assert_int_equal(count_state(f, "delivered"), 340);
}

static void
dispatch_gives_back_the_windows_of_what_never_left(void **state)
{
	struct fixture *f = *state;

	f->settings[0].track_limit.n = 1;
	fixture_reload(f);
	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	f->far = NULL;
	post_fail(f, 0, true, "Could not connect to server");
	fixture_run(f, 1000);
	assert_int_equal(f->posts_n, 2);

	fixture_crash(f);
	fixture_start(f);
	assert_int_equal(ask(f, "SELECT count(*) FROM request "
	    "WHERE never_left = 1"), 1);
	fixture_run(f, 31000);
	assert_int_equal(count_state(f, "delivered"), 2);
}

/* What comes back is there now, though it was received in what is the future
 * since the clock was set back. */
static void
verdict_write_wakes_who_failed_before_a_step_back(void **state)
{
	struct fixture *f = *state;

	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	fixture_step_wall(f, -3600000);
	fixture_run(f, 1000);
	f->far = NULL;
	post_answer(f, 0, 403, NULL);
	fixture_run(f, BREAKER_CONFIG_MS + 5000);

	assert_int_equal(f->posts_n, 2);
	assert_int_equal(count_state(f, "delivered"), 1);
}

static void
queue_replay_wakes_what_was_received_before_a_step_back(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->far = hold_back;
	id = put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	post_answer(f, 0, 400, NULL);
	fixture_run(f, 100);
	assert_string_equal(event_row(f, id).state, "stuck");
	f->far = NULL;
	fixture_step_wall(f, -3600000);
	fixture_run(f, 1000);
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_int_equal(queue_replay(f->queue, id, f->now.wall, NULL),
	    QUEUE_MOVED);
	fixture_run(f, 1000);

	assert_string_equal(event_row(f, id).state, "delivered");
}

static void
refuse(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 400, "app is unknown");
}

/* When it turns out that everything is refused, what was stuck for it. */
static void
write_learnt_wakes_who_was_refused_before_a_step_back(void **state)
{
	struct fixture *f = *state;
	char name[20];
	int i;

	f->far = refuse;
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 0, name, 1, false);
		fixture_run(f, 2 * LATENCY_MS);
		if (i == 10)
			fixture_step_wall(f, -3600000);
	}
	fixture_run(f, 5000);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_REFUSING);
	f->far = NULL;
	fixture_run(f, BREAKER_CONFIG_MS + 5000);

	assert_int_equal(count_state(f, "delivered"), 30);
	assert_conserved(f);
}

static void
dispatch_counts_how_long_deliveries_and_requests_took(void **state)
{
	struct fixture *f = *state;
	const struct dispatch_durations *d = dispatch_durations(f->dispatch);

	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	put_track(f, 0, "bob", 1, false);
	put_properties(f, "ada", "\"a\":1");
	fixture_turn(f);
	assert_int_equal(f->posts_n, 2);
	fixture_run(f, 1500);
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 200);
	post_answer(f, 1, 503, NULL);

	fixture_turn(f);
	assert_int_equal(histogram_count(&d->delivery), 2);
	assert_int_equal(d->delivery.sum, 2 * 1500 * 1000);
	assert_int_equal(histogram_count(&d->request[HEAP_TRACK]), 1);
	assert_int_equal(d->request[HEAP_TRACK].sum, 1500 * 1000);
	assert_int_equal(d->request[HEAP_USER_PROPERTIES].sum, 1700 * 1000);
}

static void
dispatch_counts_a_duration_once_it_is_on_disk(void **state)
{
	struct fixture *f = *state;
	const struct dispatch_durations *d = dispatch_durations(f->dispatch);

	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	post_answer(f, 0, 200, NULL);
	f->fail_commits = 1;
	fixture_turn(f);
	assert_int_equal(histogram_count(&d->delivery), 0);
	assert_int_equal(histogram_count(&d->request[HEAP_TRACK]), 0);

	fixture_turn(f);
	assert_int_equal(histogram_count(&d->delivery), 1);
	assert_int_equal(histogram_count(&d->request[HEAP_TRACK]), 1);
}

static void
dispatch_counts_no_duration_of_what_never_left(void **state)
{
	struct fixture *f = *state;
	const struct dispatch_durations *d = dispatch_durations(f->dispatch);

	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	post_fail(f, 0, true, "Could not connect to server");
	fixture_turn(f);

	assert_int_equal(histogram_count(&d->request[HEAP_TRACK]), 0);
	assert_int_equal(histogram_count(&d->delivery), 0);
}

static void
dispatch_stop_plans_nothing_and_writes_what_ends(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->far = hold_back;
	id = put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	dispatch_stop(f->dispatch);
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, 1000);
	assert_int_equal(f->posts_n, 1);
	assert_int_equal(dispatch_flights(f->dispatch), 1);
	post_answer(f, 0, 200, NULL);
	fixture_turn(f);

	assert_int_equal(dispatch_flights(f->dispatch), 0);
	assert_string_equal(event_row(f, id).state, "delivered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(
		    dispatch_launch_forgets_claims_that_were_not_committed),
		DISPATCH_TEST(
		    verdict_write_writes_again_until_a_commit_takes_it),
		DISPATCH_TEST(
		    dispatch_launch_takes_a_probe_back_that_was_not_committed),
		cmocka_unit_test(
		    dispatch_survives_a_failed_commit_at_any_turn),
		DISPATCH_TEST(dispatch_goes_on_with_one_flight_at_a_time),
		DISPATCH_TEST(dispatch_plan_looks_anew_after_a_step_back),
		DISPATCH_TEST(
		    dispatch_plan_looks_anew_if_the_turn_of_a_step_fails),
		DISPATCH_TEST(dispatch_plan_adds_no_room_after_a_step_forward),
		DISPATCH_TEST(
		    dispatch_configure_keeps_what_is_out_in_the_windows),
		DISPATCH_TEST(
		    dispatch_plan_leaves_what_is_too_much_to_the_next_turn),
		DISPATCH_TEST(
		    dispatch_configure_keeps_events_of_an_output_that_vanished),
		DISPATCH_TEST(
		    dispatch_counts_outputs_that_share_an_app_together),
		DISPATCH_TEST(
		    dispatch_wakes_the_other_output_when_its_app_has_room),
		DISPATCH_TEST(
		    dispatch_configure_ends_flights_in_the_app_they_went_to),
		DISPATCH_TEST(
		    app_rebuild_counts_what_another_output_sent_to_the_app),
		DISPATCH_TEST(app_rebuild_counts_what_a_crash_cut_short),
		DISPATCH_TEST(
		    app_rebuild_counts_requests_of_another_boot_as_ended_now),
		DISPATCH_TEST(
		    dispatch_gives_back_the_windows_of_what_never_left),
		DISPATCH_TEST(
		    verdict_write_wakes_who_failed_before_a_step_back),
		DISPATCH_TEST(
		    queue_replay_wakes_what_was_received_before_a_step_back),
		DISPATCH_TEST(
		    write_learnt_wakes_who_was_refused_before_a_step_back),
		DISPATCH_TEST(
		    dispatch_counts_how_long_deliveries_and_requests_took),
		DISPATCH_TEST(dispatch_counts_a_duration_once_it_is_on_disk),
		DISPATCH_TEST(dispatch_counts_no_duration_of_what_never_left),
		DISPATCH_TEST(dispatch_stop_plans_nothing_and_writes_what_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
