/*
 * test_dispatch_learn.c - what many answers together teach
 *
 * delivery.md section 6: who is to blame when something fails again, when the
 * fault is in no event, and how the agent takes less of an app that others
 * send to; and section 5: updates that Heap has already.
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
#include "holder_fixture.h"

/* Puts an event of each of n identities, PREFIX0 ... */
static void
put_crowd(struct fixture *f, const char *prefix, size_t n)
{
	char name[80];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%zu", prefix, i);
		put_track(f, 0, name, 1, false);
	}
}

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

/* --- who is to blame -------------------------------------------------- */

/* Answers so whatever carries the cursed one. */
static void
curse(struct fixture *f, struct post *p)
{
	const int *status = f->far_arg;

	if (post_has(p, "\"cursed\""))
		post_will(p, *status, "an odd answer");
}

static void
find_blame_keeps_one_event_from_holding_the_lane(void **state)
{
	static const int statuses[] = { 500, 504, 403, 301 };
	size_t i, k;
	(void)state;

	for (i = 0; i < HR_COUNT(statuses); i++) {
		struct fixture *f = fixture_new();
		int status = statuses[i];
		char prefix[40];
		int64_t cursed;

		fixture_start(f);
		f->far = curse;
		f->far_arg = &status;
		f->random = 100;
		put_crowd(f, "id", 200);
		cursed = put_track(f, 0, "cursed", 1, false);
		/* A trickle of others, for the event is not alone. */
		for (k = 0; k < 600; k++) {
			snprintf(prefix, sizeof(prefix), "new%zu-", k);
			put_crowd(f, prefix, 1);
			fixture_run(f, 1000);
		}

		assert_string_equal(event_row(f, cursed).state, "stuck");
		assert_string_equal(event_row(f, cursed).reason, "failing");
		assert_int_equal(event_row(f, cursed).last_status, status);
		assert_int_equal(count_state(f, "stuck"), 1);
		assert_int_equal(count_state(f, "delivered"), 800);
		assert_conserved(f);
		fixture_free(f);
	}
}

/* Answers so whatever carries one of three. */
static void
curse_some(struct fixture *f, struct post *p)
{
	const int *status = f->far_arg;

	if (post_has(p, "\"cursed0\"") || post_has(p, "\"cursed1\"") ||
	    post_has(p, "\"cursed2\""))
		post_will(p, *status, "an odd answer");
}

/* They must not hide each other, nor take the probes for themselves. */
static void
find_blame_finds_each_of_several(void **state)
{
	static const int statuses[] = { 403, 500 };
	size_t i, k;
	(void)state;

	for (i = 0; i < HR_COUNT(statuses); i++) {
		struct fixture *f = fixture_new();
		int status = statuses[i];
		char prefix[40];

		fixture_start(f);
		f->far = curse_some;
		f->far_arg = &status;
		f->random = 100;
		put_crowd(f, "cursed", 3);
		for (k = 0; k < 900; k++) {
			snprintf(prefix, sizeof(prefix), "new%zu-", k);
			put_crowd(f, prefix, 1);
			fixture_run(f, 1000);
		}

		assert_int_equal(count_state(f, "stuck"), 3);
		assert_int_equal(count_state(f, "delivered"), 900);
		assert_conserved(f);
		fixture_free(f);
	}
}

/* A refusal for all but the cursed one, which fails. */
static void
refuse_and_curse(struct fixture *f, struct post *p)
{
	(void)f;
	if (post_has(p, "\"cursed\""))
		post_will(p, 500, "an odd answer");
	else
		post_will(p, 400, "app is unknown");
}

static void
find_blame_leaves_no_breaker_half_open(void **state)
{
	struct fixture *f = *state;
	int failing = 500, k;

	f->far = curse;
	f->far_arg = &failing;
	f->random = UINT64_MAX;
	put_track(f, 0, "cursed", 1, false);
	fixture_run(f, 50);
	put_crowd(f, "passes", 1);
	fixture_run(f, 50);
	f->far = refuse_and_curse;
	put_crowd(f, "id", 30);
	for (k = 0; k < 10; k++)
		fixture_run(f, BREAKER_CONFIG_MS);
	f->far = NULL;
	fixture_run(f, 2 * BREAKER_MAX_MS);

	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_int_equal(count_state(f, "queued"), 0);
	assert_conserved(f);
}

static void
find_blame_blames_nobody_in_an_outage(void **state)
{
	struct fixture *f = *state;
	int status = 503, i;
	char prefix[40];

	/* Everything fails, ten times over, and all is well between. */
	f->random = 50;
	f->far = curse;
	f->far_arg = &status;
	for (i = 0; i < 10; i++) {
		snprintf(prefix, sizeof(prefix), "well%d-", i);
		put_crowd(f, prefix, 20);
		fixture_run(f, 1000);
		put_track(f, 0, "cursed", 1, false);
		fixture_run(f, 60);
		status = 200;
		fixture_drain(f, 400000);
		status = 503;
	}

	assert_int_equal(count_state(f, "stuck"), 0);
	assert_int_equal(count_state(f, "delivered"), 210);
}

static void
never_leave(struct fixture *f, struct post *p)
{
	(void)f;
	if (post_has(p, "\"cursed\"")) {
		post_will(p, 0, NULL);
		p->result.never_left = true;
	}
}

static void
find_blame_blames_no_event_for_a_connection_that_failed(void **state)
{
	struct fixture *f = *state;
	int64_t id;
	int i;
	char prefix[40];

	f->far = never_leave;
	f->random = 100;
	id = put_track(f, 0, "cursed", 1, false);
	for (i = 0; i < 60; i++) {
		snprintf(prefix, sizeof(prefix), "new%d-", i);
		put_crowd(f, prefix, 1);
		fixture_run(f, 1000);
	}

	assert_string_equal(event_row(f, id).state, "queued");
	assert_true(event_row(f, id).failures > 10);
}

/* Each slice of the large one fails twice, and then arrives. */
static void
fail_each_slice_twice(struct fixture *f, struct post *p)
{
	size_t *tries = f->far_arg;

	if (post_has(p, "\"sliced\"") && ++*tries % 3 != 0)
		post_will(p, 500, "an odd answer");
}

/* Six failures alone, while others pass, but never three of one slice. */
static void
blame_pass_of_a_slice_clears_its_event(void **state)
{
	struct fixture *f = *state;
	size_t tries = 0, k;
	char prefix[40];
	int64_t sliced;

	f->settings[0].identity_limit = (struct config_limit){ 10, 1000 };
	fixture_reload(f);
	f->far = fail_each_slice_twice;
	f->far_arg = &tries;
	f->random = 100;
	sliced = put_track(f, 0, "sliced", 30, true);
	for (k = 0; k < 200; k++) {
		snprintf(prefix, sizeof(prefix), "other%zu-", k);
		put_crowd(f, prefix, 1);
		fixture_run(f, 200);
	}

	assert_int_equal(tries, 9);
	assert_string_equal(event_row(f, sliced).state, "delivered");
	assert_conserved(f);
}

/* While all the room of the app is kept for it, nobody else may be the probe:
 * a plan that looks only at the others finds nobody, again and again, which
 * the fixture takes for a failure. */
static void
fill_probe_takes_the_event_that_room_is_kept_for(void **state)
{
	struct fixture *f = *state;
	int64_t large;

	f->settings[0].app_limit = (struct config_limit){ 100, 60000 };
	fixture_reload(f);
	put_crowd(f, "before", 1);
	fixture_run(f, 100);
	large = put_track(f, 0, "large", 100, true);
	fixture_run(f, 900);
	/* The breaker waits as long as the room is not free. */
	f->far = hold_back;
	put_crowd(f, "bad", 1);
	fixture_turn(f);
	post_answer(f, 1, 403, NULL);
	f->far = NULL;
	fixture_run(f, 1000);
	put_crowd(f, "in front", 1);
	fixture_run(f, BREAKER_CONFIG_MS + 4000);

	assert_true(f->posts_n > 2);
	assert_int_equal(post_objects(&f->posts[2]), 100);
	fixture_drain(f, 120000);
	assert_string_equal(event_row(f, large).state, "delivered");
}

/* --- everything is refused -------------------------------------------- */

static void
refuse(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 400, "app is unknown");
}

static void
note_refused_opens_the_breaker_when_all_are_refused(void **state)
{
	struct fixture *f = *state;

	f->far = refuse;
	put_crowd(f, "id", 100);
	fixture_run(f, 5000);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_REFUSING);
	assert_int_equal(count_state(f, "stuck"), 0);
	assert_int_equal(count_state(f, "queued"), 100);
	assert_conserved(f);

	/* Each probe is refused as well, and nothing is stuck by it. */
	fixture_run(f, 5 * BREAKER_CONFIG_MS);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_REFUSING);
	assert_int_equal(count_state(f, "stuck"), 0);
	f->far = NULL;
	fixture_run(f, BREAKER_CONFIG_MS + 5000);
	assert_int_equal(count_state(f, "delivered"), 100);
}

static void
note_refused_writes_again_until_a_commit_takes_it(void **state)
{
	struct fixture *f = *state;
	int i;

	f->far = refuse;
	put_crowd(f, "id", 100);
	for (i = 0; i < 2000 &&
	    lane_view(f, HEAP_TRACK).state != BREAKER_REFUSING; i++) {
		f->fail_commits = i % 2;
		fixture_run(f, 7);
	}
	f->fail_commits = 3;
	fixture_run(f, 10000);

	assert_int_equal(count_state(f, "stuck"), 0);
	assert_int_equal(count_state(f, "queued"), 100);
	assert_conserved(f);
}

static void
note_refused_takes_one_identity_for_what_it_is(void **state)
{
	struct fixture *f = *state;

	f->far = refuse;
	put_many(f, 0, "ada", 25);
	fixture_run(f, 200000);

	assert_int_equal(count_state(f, "stuck"), 25);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
}

/* --- others send to the app ------------------------------------------- */

static void
limit_all(struct fixture *f, struct post *p)
{
	size_t *limited = f->far_arg;

	if (*limited > 0) {
		(*limited)--;
		post_will(p, 429, NULL);
	}
}

static int64_t
app_limit(struct fixture *f)
{
	struct dispatch_window w[DISPATCH_WINDOWS];

	dispatch_windows(f->dispatch, "heap", f->now, w);
	return w[0].limit;
}

static void
app_cut_takes_less_and_grows_back(void **state)
{
	static const int64_t grown[] = { 11550, 12705, 13975, 15000, 15000 };
	struct fixture *f = *state;
	size_t limited = 1, i;

	f->far = limit_all;
	f->far_arg = &limited;
	put_crowd(f, "id", 10);
	fixture_run(f, 1000);
	assert_int_equal(app_limit(f), 10500);
	assert_int_equal(ask(f, "SELECT factor * 1000 FROM app"), 700);
	fixture_crash(f);
	fixture_start(f);
	assert_int_equal(app_limit(f), 10500);

	/* The time before the restart is as good as unknown. */
	for (i = 0; i < HR_COUNT(grown); i++) {
		fixture_run(f, 60001);
		assert_in_range(app_limit(f), grown[i] - 1, grown[i] + 1);
	}
}

/* What is kept free for an event was as much as the app took then: more than
 * the app takes now never is free, and the event goes in slices. */
static void
app_cut_shrinks_the_room_that_is_kept(void **state)
{
	struct fixture *f = *state;
	size_t limited = 1;
	int64_t large;

	f->settings[0].app_limit = (struct config_limit){ 100, 10000 };
	fixture_reload(f);
	put_many(f, 0, "eve", 50);
	fixture_run(f, 100);
	large = put_track(f, 0, "ada", 80, true);
	fixture_run(f, 9000);
	f->far = limit_all;
	f->far_arg = &limited;
	put_crowd(f, "id", 3);
	fixture_run(f, 100);
	assert_int_equal(app_limit(f), 70);

	fixture_drain(f, 60000);

	assert_string_equal(event_row(f, large).state, "delivered");
	assert_conserved(f);
}

/* A turn that could not write has not written what was learnt, though its
 * commit of nothing succeeds. */
static void
write_learnt_waits_for_the_write_lock(void **state)
{
	struct holder *holder = holder_new();
	struct fixture *f = fixture_new();
	size_t limited = 1, i;

	(void)state;
	fixture_start(f);
	f->far = limit_all;
	f->far_arg = &limited;
	put_crowd(f, "id", 10);
	fixture_turn(f);
	holder_lock(holder, f->path);
	fixture_run(f, 200);
	assert_int_equal(app_limit(f), 10500);
	assert_int_equal(ask(f, "SELECT factor * 1000 FROM app"), 1000);

	holder_release(holder);
	for (i = 0; i < 3; i++)
		fixture_run(f, 50);
	assert_int_equal(ask(f, "SELECT factor * 1000 FROM app"), 700);
	fixture_free(f);
	holder_free(holder);
}

static void
app_cut_stops_at_a_tenth_and_cuts_once_a_window(void **state)
{
	struct fixture *f = *state;
	size_t limited = SIZE_MAX;
	int64_t least = INT64_MAX;
	int i;

	f->settings[0].app_limit = (struct config_limit){ 1000, 1000 };
	f->settings[0].max_in_flight = 2;
	fixture_reload(f);
	f->far = limit_all;
	f->far_arg = &limited;
	/* Two requests are out at once; both come back. */
	put_crowd(f, "id", 150);
	fixture_turn(f);
	put_crowd(f, "more", 150);
	fixture_run(f, 100);
	assert_int_equal(f->posts_n, 2);
	assert_int_equal(app_limit(f), 700);

	for (i = 0; i < 30; i++) {
		fixture_run(f, 1000);
		if (app_limit(f) < least)
			least = app_limit(f);
	}
	assert_int_equal(least, 100);
}

static void
note_limited_halves_the_identities_until_one_passes(void **state)
{
	struct fixture *f = *state;
	size_t limited = 3, i;

	f->settings[0].max_in_flight = 1;
	fixture_reload(f);
	f->far = limit_all;
	f->far_arg = &limited;
	put_crowd(f, "id", 40);
	for (i = 0; i < 4; i++)
		fixture_run(f, i == 0 ? 1000 : 60000);
	fixture_drain(f, 60000);

	assert_int_equal(post_objects(&f->posts[0]), 40);
	assert_int_equal(post_objects(&f->posts[1]), 40);
	assert_int_equal(post_objects(&f->posts[2]), 20);
	assert_int_equal(post_objects(&f->posts[3]), 10);
	assert_int_equal(count_state(f, "delivered"), 40);
	assert_int_equal(post_objects(&f->posts[4]), 30);
}

/* --- updates that change nothing -------------------------------------- */

static void
request_plan_skips_an_update_that_heap_has(void **state)
{
	struct fixture *f = *state;
	int64_t first, same, other, again, late;

	first = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	same = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	assert_string_equal(event_row(f, first).state, "delivered");
	assert_string_equal(event_row(f, same).state, "skipped");
	assert_string_equal(event_row(f, same).reason, "unchanged");

	other = put_properties(f, "ada", "\"a\":2");
	fixture_run(f, 100);
	again = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 86401000);
	late = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	assert_string_equal(event_row(f, other).state, "delivered");
	assert_string_equal(event_row(f, again).state, "delivered");
	assert_string_equal(event_row(f, late).state, "delivered");
	assert_int_equal(f->posts_n, 4);
	assert_conserved(f);
}

static void
request_plan_tells_another_app_what_the_first_one_has(void **state)
{
	struct fixture *f = *state;
	int64_t same, third;

	put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	free(f->settings[0].app_id);
	f->settings[0].app_id = xstrdup("another");
	fixture_reload(f);

	same = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	third = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);

	assert_string_equal(event_row(f, same).state, "delivered");
	assert_true(post_has(&f->posts[1], "another"));
	assert_string_equal(event_row(f, third).reason, "unchanged");
}

static void
lose(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 0, NULL);
}

static void
request_plan_sends_it_if_another_was_attempted_since(void **state)
{
	struct fixture *f = *state;
	int64_t third;

	put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	/* Heap may have this one, though nobody knows. */
	f->far = lose;
	f->random = 500;
	put_properties(f, "ada", "\"a\":2");
	fixture_run(f, LATENCY_MS);
	f->far = NULL;
	third = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 1000);

	assert_string_equal(event_row(f, third).state, "delivered");
	assert_int_equal(f->posts_n, 3);
}

static void
request_plan_sends_it_if_another_output_sent_one_since(void **state)
{
	struct fixture *f = *state;
	char *payload = property_payload("ada", "\"a\":2");
	int64_t third;

	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->config.outputs_n = 2;
	fixture_reload(f);
	put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);
	put_payload(f, 1, HEAP_USER_PROPERTIES, "ada", payload, 1, false);
	free(payload);
	fixture_run(f, 100);
	third = put_properties(f, "ada", "\"a\":1");
	fixture_run(f, 100);

	assert_string_equal(event_row(f, third).state, "delivered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    find_blame_keeps_one_event_from_holding_the_lane),
		cmocka_unit_test(find_blame_finds_each_of_several),
		DISPATCH_TEST(blame_pass_of_a_slice_clears_its_event),
		DISPATCH_TEST(
		    fill_probe_takes_the_event_that_room_is_kept_for),
		DISPATCH_TEST(find_blame_leaves_no_breaker_half_open),
		DISPATCH_TEST(find_blame_blames_nobody_in_an_outage),
		DISPATCH_TEST(
		    find_blame_blames_no_event_for_a_connection_that_failed),
		DISPATCH_TEST(
		    note_refused_opens_the_breaker_when_all_are_refused),
		DISPATCH_TEST(
		    note_refused_writes_again_until_a_commit_takes_it),
		DISPATCH_TEST(note_refused_takes_one_identity_for_what_it_is),
		DISPATCH_TEST(app_cut_takes_less_and_grows_back),
		DISPATCH_TEST(app_cut_shrinks_the_room_that_is_kept),
		cmocka_unit_test(write_learnt_waits_for_the_write_lock),
		DISPATCH_TEST(app_cut_stops_at_a_tenth_and_cuts_once_a_window),
		DISPATCH_TEST(
		    note_limited_halves_the_identities_until_one_passes),
		DISPATCH_TEST(request_plan_skips_an_update_that_heap_has),
		DISPATCH_TEST(
		    request_plan_tells_another_app_what_the_first_one_has),
		DISPATCH_TEST(
		    request_plan_sends_it_if_another_was_attempted_since),
		DISPATCH_TEST(
		    request_plan_sends_it_if_another_output_sent_one_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
