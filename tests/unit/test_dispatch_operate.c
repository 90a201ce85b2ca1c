/*
 * test_dispatch_operate.c - pause, resume, early probes
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
#include "mem.h"

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

/* In the turn that comes; since when it was paused already. */
static int64_t
set_paused(struct fixture *f, const char *output, bool paused)
{
	int64_t since;

	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_true(dispatch_pause(f->dispatch, output, paused, f->now,
	    &since));
	return since;
}

static void
ask_for_probe(struct fixture *f, enum dispatch_probe done[HEAP_LANES])
{
	assert_true(dispatch_probe(f->dispatch, "heap", f->now, done));
}

/* --- pause ------------------------------------------------------------ */

static void
dispatch_pause_stops_both_lanes_and_lets_flights_end(void **state)
{
	struct fixture *f = *state;
	int64_t out;

	f->far = hold_back;
	out = put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	f->far = NULL;
	assert_int_equal(set_paused(f, "heap", true), 0);
	put_track(f, 0, "bob", 1, false);
	put_properties(f, "bob", "\"a\":1");
	post_answer(f, 0, 200, NULL);
	fixture_run(f, 3600000);

	assert_string_equal(event_row(f, out).state, "delivered");
	assert_int_equal(f->posts_n, 1);
	assert_int_equal(count_state(f, "queued"), 2);

	set_paused(f, "heap", false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(count_state(f, "delivered"), 3);
	assert_conserved(f);
}

static void
dispatch_pause_holds_in_the_turn_that_asks_for_it(void **state)
{
	struct fixture *f = *state;

	put_track(f, 0, "ada", 1, false);
	set_paused(f, "heap", true);
	fixture_turn(f);

	assert_int_equal(f->posts_n, 0);
}

static void
dispatch_pause_outlives_restarts_and_reloads(void **state)
{
	struct fixture *f = *state;

	set_paused(f, "heap", true);
	fixture_turn(f);
	put_track(f, 0, "ada", 1, false);
	fixture_crash(f);
	fixture_start(f);
	fixture_run(f, 60000);
	fixture_reload(f);
	fixture_run(f, 60000);
	assert_int_equal(f->posts_n, 0);

	assert_int_equal(set_paused(f, "heap", false), START_WALL);
	fixture_turn(f);
	fixture_crash(f);
	fixture_start(f);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(count_state(f, "delivered"), 1);
}

static void
dispatch_pause_has_not_happened_unless_its_turn_is_stored(void **state)
{
	struct fixture *f = *state;

	put_track(f, 0, "ada", 1, false);
	set_paused(f, "heap", true);
	f->fail_commits = 1;
	fixture_turn(f);
	fixture_turn(f);
	assert_int_equal(f->posts_n, 1);
	fixture_run(f, LATENCY_MS);

	set_paused(f, "heap", true);
	fixture_turn(f);
	put_track(f, 0, "ada", 1, false);
	set_paused(f, "heap", false);
	f->fail_commits = 1;
	fixture_turn(f);
	fixture_run(f, 1000);
	assert_int_equal(f->posts_n, 1);
	assert_conserved(f);
}

static void
dispatch_pause_keeps_the_first_moment(void **state)
{
	struct fixture *f = *state;

	set_paused(f, "heap", true);
	fixture_run(f, 5000);
	assert_int_equal(set_paused(f, "heap", true), START_WALL);
	fixture_run(f, 5000);

	assert_int_equal(set_paused(f, "heap", false), START_WALL);
	assert_int_equal(set_paused(f, "heap", false), 0);
	fixture_turn(f);
}

static void
dispatch_pause_waits_for_an_output_that_is_not_configured(void **state)
{
	struct fixture *f = *state;
	int64_t since;

	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_false(dispatch_pause(f->dispatch, "heap2", true, f->now,
	    &since));
	f->config.outputs_n = 2;
	fixture_reload(f);
	put_track(f, 1, "ada", 1, false);
	f->config.outputs_n = 1;
	fixture_reload(f);
	set_paused(f, "heap2", true);
	fixture_turn(f);
	f->config.outputs_n = 2;
	fixture_reload(f);
	fixture_run(f, 1000);
	assert_int_equal(count_state(f, "queued"), 1);

	set_paused(f, "heap2", false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(count_state(f, "delivered"), 1);
}

static void
refuse_many(struct fixture *f, struct post *p)
{
	(void)f;
	if (post_objects(p) > 1)
		post_will(p, 400, "no");
}

static void
dispatch_pause_stops_groups_under_suspicion(void **state)
{
	struct fixture *f = *state;

	f->far = refuse_many;
	put_many(f, 0, "ada", 8);
	fixture_turn(f);
	set_paused(f, "heap", true);
	fixture_run(f, 600000);
	assert_int_equal(f->posts_n, 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM event "
	    "WHERE state = 'queued' AND suspect IS NOT NULL"), 8);

	set_paused(f, "heap", false);
	fixture_run(f, 60000);
	assert_int_equal(count_state(f, "delivered"), 8);
}

/* The first output's large event has waited for a whole window, so room is
 * kept for it; then it is paused. */
static void
dispatch_pause_leaves_the_app_to_the_others(void **state)
{
	struct fixture *f = *state;
	char name[40];
	int64_t large, before;
	int i;

	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->config.outputs_n = 2;
	f->settings[0].app_limit = f->settings[1].app_limit =
	    (struct config_limit){ 100, 10000 };
	fixture_reload(f);
	put_many(f, 1, "eve", 50);
	fixture_run(f, 100);
	large = put_track(f, 0, "ada", 80, true);
	for (i = 0; i < 220; i++) {
		snprintf(name, sizeof(name), "id%d", i);
		put_track(f, 1, name, 1, false);
		fixture_run(f, 50);
	}
	assert_string_equal(event_row(f, large).state, "queued");

	set_paused(f, "heap", true);
	fixture_turn(f);
	before = count_state(f, "delivered");
	fixture_run(f, 10100);
	assert_true(count_state(f, "delivered") - before >= 90);
	assert_string_equal(event_row(f, large).state, "queued");

	set_paused(f, "heap", false);
	fixture_drain(f, 60000);
}

static void
fail_cursed(struct fixture *f, struct post *p)
{
	(void)f;
	if (post_has(p, "cursed"))
		post_will(p, 500, "broken");
}

static void
dispatch_pause_counts_no_time_towards_give_up_after(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->settings[0].give_up_after_ms = 60000;
	f->settings[0].backoff_max_ms = 1000;
	fixture_reload(f);
	f->far = fail_cursed;
	id = put_track(f, 0, "cursed", 1, false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(event_row(f, id).failures, 1);

	set_paused(f, "heap", true);
	fixture_run(f, 3600000);
	fixture_crash(f);
	fixture_start(f);
	fixture_run(f, 3600000);
	set_paused(f, "heap", false);
	fixture_run(f, 30000);
	assert_string_equal(event_row(f, id).state, "queued");
}

/* --- probes ----------------------------------------------------------- */

/* One request hangs, the next one opens the breaker as `config`. */
static void
open_beside_a_hanging_request(struct fixture *f)
{
	f->far = hold_back;
	put_track(f, 0, "slow", 1, false);
	fixture_turn(f);
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	assert_int_equal(posts_out(f), 2);
	post_answer(f, 1, 403, NULL);
	fixture_turn(f);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CONFIG);
	f->far = NULL;
}

static void
dispatch_probe_waits_for_no_request_that_hangs(void **state)
{
	struct fixture *f = *state;
	enum dispatch_probe done[HEAP_LANES];

	open_beside_a_hanging_request(f);
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	ask_for_probe(f, done);
	fixture_run(f, LATENCY_MS);

	assert_int_equal(done[HEAP_TRACK], DISPATCH_PROBE_NOW);
	assert_int_equal(done[HEAP_USER_PROPERTIES], DISPATCH_PROBE_CLOSED);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_int_equal(count_state(f, "delivered"), 1);
	assert_int_equal(posts_out(f), 1);
}

static void
dispatch_configure_waits_for_no_request_that_hangs(void **state)
{
	struct fixture *f = *state;

	open_beside_a_hanging_request(f);
	fixture_reload(f);
	fixture_run(f, LATENCY_MS);

	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_int_equal(posts_out(f), 1);
}

/* Mended by a reload, or tried by an operator. */
static void
end_wait(struct fixture *f, bool reload)
{
	enum dispatch_probe done[HEAP_LANES];

	if (reload) {
		fixture_reload(f);
		return;
	}
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	ask_for_probe(f, done);
	fixture_turn(f);
}

/* The answer that a request of before gets in the end. */
struct late {
	int	status;			/* 0: none */
	bool	probe_out;		/* still, when it comes */
};

static void
assert_late_answer_moves_nothing(const struct late *late, bool reload)
{
	struct fixture *f = fixture_new();

	fixture_start(f);
	open_beside_a_hanging_request(f);
	f->far = late->probe_out ? hold_back : NULL;
	end_wait(f, reload);
	fixture_run(f, LATENCY_MS);
	if (late->status == 0)
		post_fail(f, 0, false, "timeout");
	else
		post_answer(f, 0, late->status, NULL);
	fixture_turn(f);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, late->probe_out ?
	    BREAKER_HALF_OPEN : BREAKER_CLOSED);
	assert_int_equal(lane_view(f, HEAP_TRACK).failures, 0);

	f->far = NULL;
	if (late->probe_out)
		post_answer(f, 2, 200, NULL);
	fixture_drain(f, 600000);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_conserved(f);
	fixture_free(f);
}

static void
verdict_note_moves_no_breaker_for_what_left_before_the_probe(void **state)
{
	static const struct late cases[] = {
		{ 403, false }, { 403, true }, { 0, true }, { 200, true },
		{ 400, true }, { 500, false },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_late_answer_moves_nothing(&cases[i], true);
		assert_late_answer_moves_nothing(&cases[i], false);
	}
}

static void
dispatch_configure_probes_again_though_a_probe_hangs(void **state)
{
	struct fixture *f = *state;
	enum dispatch_probe done[HEAP_LANES];

	open_beside_a_hanging_request(f);
	f->far = hold_back;
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	ask_for_probe(f, done);
	fixture_turn(f);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_HALF_OPEN);
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, 1000);
	assert_int_equal(posts_out(f), 2);

	f->far = NULL;
	fixture_reload(f);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_int_equal(count_state(f, "delivered"), 1);
}

static void
dispatch_probe_tells_of_one_that_is_out(void **state)
{
	struct fixture *f = *state;
	enum dispatch_probe done[HEAP_LANES];

	open_beside_a_hanging_request(f);
	f->far = hold_back;
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	ask_for_probe(f, done);
	fixture_turn(f);
	ask_for_probe(f, done);

	assert_int_equal(done[HEAP_TRACK], DISPATCH_PROBE_OUT);
	fixture_run(f, 100);
	assert_int_equal(posts_out(f), 2);
	assert_false(dispatch_probe(f->dispatch, "heap2", f->now, done));
}

static void
dispatch_probe_has_not_happened_unless_its_turn_is_stored(void **state)
{
	struct fixture *f = *state;
	enum dispatch_probe done[HEAP_LANES];
	int64_t until;

	open_beside_a_hanging_request(f);
	until = lane_view(f, HEAP_TRACK).breaker_until;
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	ask_for_probe(f, done);
	ask_for_probe(f, done);
	f->fail_commits = 1;
	fixture_turn(f);
	fixture_run(f, 1000);

	assert_int_equal(f->posts_n, 2);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CONFIG);
	assert_int_equal(lane_view(f, HEAP_TRACK).breaker_until, until);
}

static void
answer_all(struct fixture *f, struct post *p)
{
	post_will(p, *(const int *)f->far_arg, NULL);
}

/* The other states that a breaker waits in. */
static void
dispatch_probe_ends_any_wait(void **state)
{
	static const struct {
		int	status;
		size_t	people;
		enum breaker_state opened;
	} cases[] = {
		{ 500, 5, BREAKER_OPEN }, { 400, 20, BREAKER_REFUSING },
	};
	enum dispatch_probe done[HEAP_LANES];
	char name[40];
	size_t i, n;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct fixture *f = fixture_new();
		int status = cases[i].status;

		fixture_start(f);
		f->far = answer_all;
		f->far_arg = &status;
		f->random = 1999;
		for (n = 0; n < cases[i].people; n++) {
			snprintf(name, sizeof(name), "id%zu", n);
			put_track(f, 0, name, 1, false);
			fixture_run(f, LATENCY_MS);
		}
		fixture_turn(f);
		assert_int_equal(lane_view(f, HEAP_TRACK).state,
		    cases[i].opened);
		put_track(f, 0, "next", 1, false);
		fixture_run(f, 100);
		assert_int_equal(f->posts_n, cases[i].people);
		status = 200;
		assert_int_equal(queue_begin(f->queue), QUEUE_READY);
		ask_for_probe(f, done);
		fixture_run(f, LATENCY_MS);

		assert_int_equal(done[HEAP_TRACK], DISPATCH_PROBE_NOW);
		assert_int_equal(lane_view(f, HEAP_TRACK).state,
		    BREAKER_CLOSED);
		fixture_free(f);
	}
}

static void
dispatch_probe_of_a_paused_output_waits_until_it_is_resumed(void **state)
{
	struct fixture *f = *state;
	enum dispatch_probe done[HEAP_LANES];

	open_beside_a_hanging_request(f);
	set_paused(f, "heap", true);
	ask_for_probe(f, done);
	fixture_run(f, 1000);
	assert_int_equal(f->posts_n, 2);

	set_paused(f, "heap", false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(
		    dispatch_pause_stops_both_lanes_and_lets_flights_end),
		DISPATCH_TEST(dispatch_pause_holds_in_the_turn_that_asks_for_it),
		DISPATCH_TEST(dispatch_pause_outlives_restarts_and_reloads),
		DISPATCH_TEST(
		    dispatch_pause_has_not_happened_unless_its_turn_is_stored),
		DISPATCH_TEST(dispatch_pause_keeps_the_first_moment),
		DISPATCH_TEST(
		    dispatch_pause_waits_for_an_output_that_is_not_configured),
		DISPATCH_TEST(dispatch_pause_stops_groups_under_suspicion),
		DISPATCH_TEST(dispatch_pause_leaves_the_app_to_the_others),
		DISPATCH_TEST(
		    dispatch_pause_counts_no_time_towards_give_up_after),
		DISPATCH_TEST(dispatch_probe_waits_for_no_request_that_hangs),
		DISPATCH_TEST(
		    dispatch_configure_waits_for_no_request_that_hangs),
		cmocka_unit_test(
		    verdict_note_moves_no_breaker_for_what_left_before_the_probe),
		DISPATCH_TEST(
		    dispatch_configure_probes_again_though_a_probe_hangs),
		DISPATCH_TEST(dispatch_probe_tells_of_one_that_is_out),
		DISPATCH_TEST(
		    dispatch_probe_has_not_happened_unless_its_turn_is_stored),
		cmocka_unit_test(dispatch_probe_ends_any_wait),
		DISPATCH_TEST(
		    dispatch_probe_of_a_paused_output_waits_until_it_is_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
