/*
 * test_dispatch_forecast.c - when a lane will have sent all it has, against
 * what it then does, and what it says holds it
 */
#include <inttypes.h>
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

/* --- against the drain ------------------------------------------------- */

static const struct backlog {
	const char	*what;
	size_t		 people;
	size_t		 events;	/* of each */
	int64_t		 head_start;	/* ms that pass before one looks */
	const char	*bound_by;
} backlogs[] = {
	{ "little", 3, 5, -1, "nothing" },
	{ "a window full, and one", 1, 1001, -1, "identity_limit" },
	{ "one of many windows", 1, 5300, -1, "identity_limit" },
	{ "one, with a part sent", 1, 4300, 7000, "identity_limit" },
	{ "many of few each", 40, 800, -1, "app_limit" },
	{ "many, with a part sent", 40, 900, 30000, "app_limit" },
	{ "both at once", 20, 2500, 61000, "app_limit" },
};

static void
dispatch_forecast_says_what_a_drain_takes(void **state)
{
	struct dispatch_forecast told;
	int64_t said, took;
	char name[40];
	size_t i, k;
	(void)state;

	for (i = 0; i < HR_COUNT(backlogs); i++) {
		const struct backlog *b = &backlogs[i];
		struct fixture *f = fixture_new();

		fixture_start(f);
		for (k = 0; k < b->people; k++) {
			snprintf(name, sizeof(name), "id%zu", k);
			put_many(f, 0, name, b->events);
		}
		if (b->head_start >= 0)
			fixture_run(f, b->head_start);

		told = look_at_track(f);
		said = told.done_at - f->now.wall;
		took = fixture_drain(f, 2 * said + 10000);

		if (strcmp(dispatch_bound_name(told.bound_by), b->bound_by) !=
		    0)
			fail_msg("%s: bound by %s", b->what,
			    dispatch_bound_name(told.bound_by));
		if (took > said + said / 50 + 2000 ||
		    took < said - said / 50 - 2000)
			fail_msg("%s: said %" PRId64 " ms, took %" PRId64,
			    b->what, said, took);
		fixture_free(f);
	}
}

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

static void
dispatch_forecast_counts_all_lanes_of_an_app(void **state)
{
	struct fixture *f = fixture_new();
	struct dispatch_forecast told[2];
	struct dispatch_demand d[2] = { { .objects = 100, .busy_ms = 9 },
	    { .objects = 1, .busy_ms = 9 } };
	(void)state;

	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->settings[0].app_limit.n = f->settings[1].app_limit.n = 100;
	f->config.outputs_n = 2;
	fixture_start(f);
	d[0].lane = lane_id(f, 0, HEAP_TRACK);
	d[1].lane = lane_id(f, 1, HEAP_TRACK);

	dispatch_forecast(f->dispatch, f->now, d, 2, told);

	/* Either may be the one that has to wait. */
	assert_int_equal(told[0].bound_by, DISPATCH_APP_LIMIT);
	assert_int_equal(told[1].bound_by, DISPATCH_APP_LIMIT);
	assert_int_equal(told[1].leaves_at, f->now.wall + 60010);
	fixture_free(f);
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
		{ .lane = lane_id(f, 0, HEAP_TRACK), .objects = 1,
		    .paused = true },
		{ .lane = 4711, .objects = 1 },
	};

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
		cmocka_unit_test(dispatch_forecast_says_what_a_drain_takes),
		DISPATCH_TEST(dispatch_forecast_names_whose_window_bounds),
		DISPATCH_TEST(dispatch_forecast_of_nothing_is_now),
		cmocka_unit_test(dispatch_forecast_counts_all_lanes_of_an_app),
		DISPATCH_TEST(dispatch_forecast_waits_for_the_breaker),
		DISPATCH_TEST(dispatch_forecast_waits_for_a_frozen_lane),
		DISPATCH_TEST(dispatch_forecast_waits_for_a_frozen_identity),
		DISPATCH_TEST(dispatch_forecast_waits_for_an_update_in_flight),
		DISPATCH_TEST(dispatch_forecast_waits_for_what_is_in_flight),
		DISPATCH_TEST(dispatch_forecast_waits_for_what_is_deferred),
		DISPATCH_TEST(dispatch_forecast_cannot_say_when_nobody_sends),
		DISPATCH_TEST(dispatch_busiest_begins_with_who_uses_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
