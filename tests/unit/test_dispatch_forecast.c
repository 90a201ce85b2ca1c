/*
 * test_dispatch_forecast.c - when a lane will have sent all it has, and what
 * it says holds it; test_dispatch_drain.c compares that with what it then does
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

#define PEOPLE	50	/* identities in a demand, at most */

/* What a lane has ready, as the table `waiting` says; one object each. */
struct need {
	struct dispatch_demand	 demand;
	struct dispatch_share	 share[PEOPLE];
};

static int64_t
lane_id(struct fixture *f, size_t output, enum heap_lane kind)
{
	return f->outputs.o[output].ids.lane[kind];
}

static void
need_now(struct fixture *f, int64_t lane, struct need *n)
{
	sqlite3_stmt *st;

	memset(n, 0, sizeof(*n));
	n->demand.lane = lane;
	n->demand.busy_ms = LATENCY_MS;
	n->demand.share = n->share;
	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(f->queue)),
	    "SELECT identity, ready FROM waiting WHERE lane = ?", -1, &st,
	    NULL), SQLITE_OK);
	sqlite3_bind_int64(st, 1, lane);
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct dispatch_share *s = &n->share[n->demand.share_n++];

		assert_true(n->demand.share_n <= PEOPLE);
		s->identity = sqlite3_column_int64(st, 0);
		s->objects = sqlite3_column_int64(st, 1);
		n->demand.objects += s->objects;
	}
	sqlite3_finalize(st);
}

/* The forecast for what is ready in the lane. */
static struct dispatch_forecast
look(struct fixture *f, int64_t lane)
{
	struct dispatch_forecast forecast;
	struct need n;

	need_now(f, lane, &n);
	dispatch_forecast(f->dispatch, f->now, &n.demand, 1, &forecast);
	return forecast;
}

static struct dispatch_forecast
look_at_track(struct fixture *f)
{
	return look(f, lane_id(f, 0, HEAP_TRACK));
}

/* --- windows ------------------------------------------------------------ */

static void
dispatch_forecast_names_whose_window_bounds(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;

	put_many(f, 0, "ada", 10);
	put_many(f, 0, "bob", 2500);
	put_many(f, 0, "cyd", 10);

	told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_IDENTITY_LIMIT);
	assert_int_equal(told.identity, ask(f,
	    "SELECT id FROM identity WHERE value = 'bob'"));
	assert_int_equal(told.leaves_at, f->now.wall +
	    2 * (60000 + 1 + LATENCY_MS));
	assert_int_equal(told.done_at, told.leaves_at + LATENCY_MS);
	assert_false(told.flying);
}

static void
dispatch_forecast_of_nothing_is_now(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_NOTHING);
	assert_int_equal(told.done_at, f->now.wall);
}

/* --- lanes of one app --------------------------------------------------- */

/* Two outputs that send to one app. */
static int
setup_one_app(void **state)
{
	struct fixture *f = fixture_new();

	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->settings[0].app_limit.n = f->settings[1].app_limit.n = 100;
	f->settings[0].identity_limit.n = f->settings[1].identity_limit.n =
	    10;
	f->config.outputs_n = 2;
	fixture_start(f);
	*state = f;
	return 0;
}

#define ONE_APP_TEST(t) \
	cmocka_unit_test_setup_teardown(t, setup_one_app, fixture_teardown)

static void
dispatch_forecast_counts_all_lanes_of_an_app(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told[2];
	struct dispatch_demand d[2] = {
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 100,
		    .busy_ms = 9 },
		{ .lane = lane_id(f, 1, HEAP_TRACK), .objects = 1,
		    .busy_ms = 9 },
	};

	dispatch_forecast(f->dispatch, f->now, d, 2, told);

	/* Either may be the one that has to wait. */
	assert_int_equal(told[0].bound_by, DISPATCH_APP_LIMIT);
	assert_int_equal(told[1].bound_by, DISPATCH_APP_LIMIT);
	assert_int_equal(told[1].leaves_at, f->now.wall + 60010);
}

static void
dispatch_forecast_adds_up_an_identity_over_lanes_of_an_app(void **state)
{
	struct fixture *f = *state;
	struct dispatch_share one = { 5, 8, 8 }, other = { 5, 7, 7 },
	    alone = { 6, 8, 8 };
	struct dispatch_forecast told[3];
	struct dispatch_demand d[3] = {
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 8,
		    .share = &one, .share_n = 1 },
		{ .lane = lane_id(f, 1, HEAP_TRACK), .objects = 7,
		    .share = &other, .share_n = 1 },
		{ .lane = lane_id(f, 1, HEAP_TRACK), .objects = 8,
		    .share = &alone, .share_n = 1 },
	};
	int i;

	dispatch_forecast(f->dispatch, f->now, d, 3, told);

	for (i = 0; i < 2; i++) {
		assert_int_equal(told[i].bound_by, DISPATCH_IDENTITY_LIMIT);
		assert_int_equal(told[i].identity, 5);
		assert_int_equal(told[i].leaves_at, f->now.wall + 60001);
	}
	assert_int_equal(told[2].leaves_at, f->now.wall);
	/* By itself it would have been in time. */
	dispatch_forecast(f->dispatch, f->now, d, 1, told);
	assert_int_equal(told[0].leaves_at, f->now.wall);
}

/* The endpoints have windows of their own. */
static void
dispatch_forecast_adds_up_what_shares_a_window_only(void **state)
{
	struct fixture *f = *state;
	struct dispatch_share share = { 5, 8, 8 };
	struct dispatch_forecast told[2];
	struct dispatch_demand d[2] = {
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 8,
		    .share = &share, .share_n = 1 },
		{ .lane = lane_id(f, 1, HEAP_USER_PROPERTIES), .objects = 8,
		    .share = &share, .share_n = 1 },
	};

	dispatch_forecast(f->dispatch, f->now, d, 2, told);

	assert_int_equal(told[0].leaves_at, f->now.wall);
	assert_int_equal(told[1].leaves_at, f->now.wall);
}

static void
pause_output(struct fixture *f, const char *output)
{
	int64_t since;

	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_true(dispatch_pause(f->dispatch, output, true, f->now,
	    &since));
	assert_true(queue_commit(f->queue));
}

static void
dispatch_forecast_counts_no_lane_that_is_paused(void **state)
{
	struct fixture *f = *state;
	struct dispatch_share share = { 5, 8, 8 };
	struct dispatch_forecast told[2];
	struct dispatch_demand d[2] = {
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 8,
		    .share = &share, .share_n = 1 },
		{ .lane = lane_id(f, 1, HEAP_TRACK), .objects = 100,
		    .share = &share, .share_n = 1 },
	};

	pause_output(f, "heap2");
	dispatch_forecast(f->dispatch, f->now, d, 2, told);

	assert_int_equal(told[0].leaves_at, f->now.wall);
	assert_int_equal(told[1].bound_by, DISPATCH_PAUSE);
	assert_true(told[1].done_at == DISPATCH_UNKNOWN);
}

/* Events of 6 objects: one of them in a window of 10. */
static void
dispatch_forecast_lets_events_travel_whole(void **state)
{
	struct fixture *f = *state;
	struct dispatch_share share = { 5, 18, 3 };
	struct dispatch_forecast told;
	struct dispatch_demand d = { .lane = lane_id(f, 0, HEAP_TRACK),
	    .objects = 18, .share = &share, .share_n = 1 };

	dispatch_forecast(f->dispatch, f->now, &d, 1, &told);

	assert_int_equal(told.leaves_at, f->now.wall + 2 * 60001);
}

/* --- what holds a lane -------------------------------------------------- */

static void
answer_503(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 503, "");
}

static void
dispatch_forecast_waits_for_the_breaker(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;
	int64_t until;

	f->far = answer_503;
	put_many(f, 0, "ada", 3);
	put_many(f, 0, "bob", 3);
	while (lane_view(f, HEAP_TRACK).state != BREAKER_OPEN)
		fixture_run(f, 1000);
	put_many(f, 0, "cyd", 3);
	until = lane_view(f, HEAP_TRACK).breaker_until;
	assert_true(until > f->now.wall);

	told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_BREAKER);
	assert_int_equal(told.leaves_at, until + LATENCY_MS + 1);
}

static void
answer_429(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 429, "");
}

static void
dispatch_forecast_waits_for_a_frozen_lane(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;

	f->far = answer_429;
	put_many(f, 0, "ada", 1);
	put_many(f, 0, "bob", 1);
	fixture_run(f, 2 * LATENCY_MS);
	put_many(f, 0, "cyd", 1);

	told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_FROZEN);
	assert_int_equal(told.identity, 0);
	assert_int_equal(told.leaves_at,
	    lane_view(f, HEAP_TRACK).frozen_until);
	assert_true(told.leaves_at > f->now.wall);
}

static void
dispatch_forecast_waits_for_a_frozen_identity(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;

	f->far = answer_429;
	put_many(f, 0, "ada", 1);
	fixture_run(f, 2 * LATENCY_MS);
	put_many(f, 0, "ada", 1);

	told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_FROZEN);
	assert_int_not_equal(told.identity, 0);
	assert_true(told.leaves_at > f->now.wall + 29000);
}

static void
never(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

static void
dispatch_forecast_waits_for_an_update_in_flight(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;

	f->far = never;
	put_properties(f, "ada", "\"a\":1");
	fixture_turn(f);
	put_properties(f, "ada", "\"a\":2");

	told = look(f, lane_id(f, 0, HEAP_USER_PROPERTIES));

	assert_int_equal(told.bound_by, DISPATCH_ORDER);
	assert_true(told.flying);
}

static void
dispatch_forecast_waits_for_what_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;

	f->far = never;
	put_many(f, 0, "ada", 1000);
	fixture_turn(f);
	put_many(f, 0, "ada", 1);

	told = look_at_track(f);

	assert_int_equal(told.bound_by, DISPATCH_IDENTITY_LIMIT);
	assert_true(told.flying);
}

/* An event that waited a whole window for room of the app has it kept. */
static void
dispatch_forecast_leaves_room_that_is_kept_for_another(void **state)
{
	struct fixture *f = *state;
	struct dispatch_share share;
	struct dispatch_forecast told;
	struct dispatch_demand d = { .lane = lane_id(f, 0, HEAP_TRACK),
	    .objects = 1, .busy_ms = LATENCY_MS, .share = &share,
	    .share_n = 1 };
	int64_t late;

	f->settings[0].app_limit.n = 10;
	fixture_reload(f);
	put_many(f, 0, "ada", 5);
	fixture_run(f, 1000);
	put_track(f, 0, "bob", 8, true);
	fixture_run(f, 30000);
	put_many(f, 0, "cyd", 5);
	fixture_run(f, 1000);
	late = f->posts[f->posts_n - 1].at + LATENCY_MS;
	fixture_run(f, 31000);
	put_many(f, 0, "dan", 1);
	share = (struct dispatch_share){ ask(f,
	    "SELECT id FROM identity WHERE value = 'dan'"), 1, 1 };
	assert_int_equal(count_state(f, "queued"), 2);

	dispatch_forecast(f->dispatch, f->now, &d, 1, &told);

	assert_int_equal(told.bound_by, DISPATCH_APP_LIMIT);
	assert_int_equal(told.leaves_at - f->now.wall,
	    late + 60001 - f->now.boot);
	fixture_run(f, told.leaves_at - f->now.wall - 1);
	assert_int_equal(count_state(f, "queued"), 2);
	fixture_run(f, 1);
	assert_int_equal(count_state(f, "queued"), 0);
}

static void
dispatch_forecast_waits_for_what_is_deferred(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told;
	struct dispatch_demand d = { .lane = lane_id(f, 0, HEAP_TRACK),
	    .objects = 1, .due_at = f->now.wall + 90000 };

	dispatch_forecast(f->dispatch, f->now, &d, 1, &told);

	assert_int_equal(told.bound_by, DISPATCH_BACKOFF);
	assert_int_equal(told.leaves_at, f->now.wall + 90000);
}

static void
dispatch_forecast_cannot_say_when_nobody_sends(void **state)
{
	struct fixture *f = *state;
	struct dispatch_forecast told[2];
	struct dispatch_demand d[2] = {
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 1 },
		{ .lane = 4711, .objects = 1 },
	};

	pause_output(f, "heap");
	dispatch_forecast(f->dispatch, f->now, d, 2, told);

	assert_int_equal(told[0].bound_by, DISPATCH_PAUSE);
	assert_true(told[0].done_at == DISPATCH_UNKNOWN);
	assert_int_equal(told[1].bound_by, DISPATCH_OUTPUT);
	assert_true(told[1].done_at == DISPATCH_UNKNOWN);
}

/* --- the use of windows ------------------------------------------------- */

static void
dispatch_busiest_begins_with_who_uses_most(void **state)
{
	struct fixture *f = *state;
	struct dispatch_use use[2];
	struct dispatch_window w[DISPATCH_WINDOWS];
	int64_t track = lane_id(f, 0, HEAP_TRACK);

	put_many(f, 0, "ada", 3);
	put_many(f, 0, "bob", 7);
	put_many(f, 0, "cyd", 5);
	fixture_drain(f, 1000);

	assert_int_equal(dispatch_busiest(f->dispatch, track, f->now, use, 2),
	    2);
	assert_int_equal(use[0].used, 7);
	assert_int_equal(use[1].used, 5);
	assert_int_equal(dispatch_identity_windows(f->dispatch, track,
	    use[0].identity, f->now, w), 2);
	assert_string_equal(w[0].name, "track_limit");
	assert_int_equal(w[0].used, 1);
	assert_string_equal(w[1].name, "identity_limit");
	assert_int_equal(w[1].used, 7);
	assert_int_equal(w[1].limit, 1000);
	assert_int_equal(dispatch_busiest(f->dispatch, 4711, f->now, use, 2),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(dispatch_forecast_names_whose_window_bounds),
		DISPATCH_TEST(dispatch_forecast_of_nothing_is_now),
		ONE_APP_TEST(dispatch_forecast_counts_all_lanes_of_an_app),
		ONE_APP_TEST(
		    dispatch_forecast_adds_up_an_identity_over_lanes_of_an_app),
		ONE_APP_TEST(
		    dispatch_forecast_adds_up_what_shares_a_window_only),
		ONE_APP_TEST(dispatch_forecast_counts_no_lane_that_is_paused),
		ONE_APP_TEST(dispatch_forecast_lets_events_travel_whole),
		DISPATCH_TEST(dispatch_forecast_waits_for_the_breaker),
		DISPATCH_TEST(dispatch_forecast_waits_for_a_frozen_lane),
		DISPATCH_TEST(dispatch_forecast_waits_for_a_frozen_identity),
		DISPATCH_TEST(dispatch_forecast_waits_for_an_update_in_flight),
		DISPATCH_TEST(dispatch_forecast_waits_for_what_is_in_flight),
		DISPATCH_TEST(
		    dispatch_forecast_leaves_room_that_is_kept_for_another),
		DISPATCH_TEST(dispatch_forecast_waits_for_what_is_deferred),
		DISPATCH_TEST(dispatch_forecast_cannot_say_when_nobody_sends),
		DISPATCH_TEST(dispatch_busiest_begins_with_who_uses_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
