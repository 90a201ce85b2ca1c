/*
 * test_dispatch_drain.c - what is forecast of a backlog, against what it then
 * takes: the real queue and the real planner, and a clock of our own
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
#include "inspect.h"

#define LONGEST	200	/* backlogs of a lane that are looked at */
#define LANES	(2 * OUTPUTS)

/* --- the forecast, from what inspect reads ------------------------------ */

static struct dispatch_demand
demand_of(const struct inspect_lane *l, struct dispatch_share *share)
{
	struct dispatch_demand d = { .lane = l->id, .objects = l->objects,
	    .busy_ms = l->busy_ms, .due_at = l->due_at, .share = share,
	    .share_n = l->waiting_n };
	size_t i;

	for (i = 0; i < l->waiting_n; i++)
		share[i] = (struct dispatch_share){ l->waiting[i].identity,
		    l->waiting[i].objects, l->waiting[i].ready };
	return d;
}

/* What is told of each lane, and when it then has nothing left. */
struct outlook {
	size_t		 n;
	int64_t		 lane[LANES];
	struct dispatch_forecast told[LANES];
	size_t		 longest;	/* of told */
	struct moment	 at;		/* when it was told */
	int64_t		 empty_at[LANES];	/* boot ms; 0: not yet */
};

static void
look(struct fixture *f, struct outlook *o)
{
	static struct dispatch_share share[LANES][LONGEST];
	struct dispatch_demand d[LANES];
	struct inspect_backlog *b;
	struct inspect *in;
	struct why why;
	size_t i;

	memset(o, 0, sizeof(*o));
	assert_int_equal(inspect_open(&in, queue_store(f->queue), &why), 0);
	inspect_set_patience(in, 10000);
	assert_int_equal(inspect_backlog(in, LONGEST, &b), INSPECT_OK);
	assert_true(b->lanes <= LANES);
	o->n = b->lanes;
	o->at = f->now;
	for (i = 0; i < o->n; i++) {
		o->lane[i] = b->lane[i].id;
		d[i] = demand_of(&b->lane[i], share[i]);
	}
	dispatch_forecast(f->dispatch, f->now, d, o->n, o->told);
	for (i = 1; i < o->n; i++)
		if (o->told[i].done_at > o->told[o->longest].done_at)
			o->longest = i;
	inspect_backlog_free(b);
	inspect_close(in);
}

/* turn_ended: which lanes have sent all they had by now. */
static void
watch(struct fixture *f, bool durable)
{
	struct outlook *o = f->far_arg;
	char *sql;
	size_t i;

	(void)durable;
	for (i = 0; i < o->n; i++) {
		if (o->empty_at[i] != 0)
			continue;
		sql = xasprintf("SELECT coalesce(sum(events), 0) FROM tally"
		    " WHERE lane = %" PRId64 " AND name IN ('queued',"
		    " 'inflight')", o->lane[i]);
		if (ask(f, sql) == 0)
			o->empty_at[i] = f->now.boot;
		free(sql);
	}
}

static void
assert_drains_as_told(struct fixture *f, struct outlook *o)
{
	int64_t said, took;
	size_t i;

	f->ended = watch;
	f->far_arg = o;
	fixture_drain(f, 2 * (o->told[o->longest].done_at - o->at.wall) +
	    10000);
	for (i = 0; i < o->n; i++) {
		said = o->told[i].done_at - o->at.wall;
		took = o->empty_at[i] - o->at.boot;
		if (took > said + said / 20 + 2000 ||
		    took < said - said / 20 - 2000)
			fail_msg("%s lane %zu: said %" PRId64 " ms, took %"
			    PRId64, f->label, i, said, took);
	}
}

/* --- backlogs ----------------------------------------------------------- */

static void
put_people(struct fixture *f, size_t output, size_t people, size_t events)
{
	char name[40];
	size_t i;

	for (i = 0; i < people; i++) {
		snprintf(name, sizeof(name), "id%zu", i);
		put_many(f, output, name, events);
	}
}

/* Before the agent starts: the second output sends to the app of the first. */
static void
share_an_app(struct fixture *f)
{
	free(f->settings[1].app_id);
	f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	f->config.outputs_n = 2;
}

static void
send_half(struct fixture *f)
{
	f->settings[0].rate_share = 0.5;
}

static void
put_little(struct fixture *f)
{
	put_people(f, 0, 3, 5);
}

static void
put_one_over(struct fixture *f)
{
	put_people(f, 0, 1, 1001);
}

static void
put_5000_of_one(struct fixture *f)
{
	put_people(f, 0, 1, 5000);
}

static void
put_of_50(struct fixture *f)
{
	put_people(f, 0, 50, 700);
}

static void
put_skewed(struct fixture *f)
{
	put_people(f, 0, 60, 40);
	put_many(f, 0, "ada", 4300);
	put_many(f, 0, "bob", 2900);
}

static void
put_one_in_both(struct fixture *f)
{
	put_people(f, 0, 1, 2600);
	put_people(f, 1, 1, 1700);
}

static void
put_mostly_in_one(struct fixture *f)
{
	put_people(f, 0, 1, 4500);
	put_people(f, 1, 1, 300);
}

static void
put_many_in_both(struct fixture *f)
{
	put_people(f, 0, 30, 600);
	put_people(f, 1, 20, 800);
}

static void
put_slices(struct fixture *f)
{
	put_track(f, 0, "ada", 4500, true);
	put_track(f, 0, "bob", 1200, true);
}

static void
put_bulky(struct fixture *f)
{
	size_t i;

	for (i = 0; i < 7; i++)
		put_track(f, 0, "ada", 600, true);
	for (i = 0; i < 9; i++)
		put_track(f, 0, "bob", 300, true);
}

static void
put_users(struct fixture *f)
{
	char name[40];
	size_t i;

	for (i = 0; i < 70; i++) {
		snprintf(name, sizeof(name), "id%zu", i);
		put_properties(f, name, "\"a\":1");
	}
}

static void
few_users(struct fixture *f)
{
	f->settings[0].properties_app_limit = (struct config_limit)
	    { 20, 60000 };
}

/* Others send to the app, as a 429 has told; what that taught is stored. */
static void
learn_half(struct fixture *f)
{
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	queue_app_factor(f->queue, f->outputs.o[0].ids.app, 0.5);
	assert_true(queue_commit(f->queue));
	fixture_crash(f);
	fixture_start(f);
	put_people(f, 0, 50, 900);
}

static void
answer_503(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 503, "");
}

/* It failed until the breaker opened, and works from now on. */
static void
open_breaker(struct fixture *f)
{
	put_people(f, 0, 20, 50);
	f->far = answer_503;
	while (lane_view(f, HEAP_TRACK).state != BREAKER_OPEN ||
	    lane_view(f, HEAP_TRACK).breaker_until - f->now.wall < 3000)
		fixture_run(f, 1000);
	f->far = NULL;
}

static const struct backlog {
	const char	*what;
	void		(*settings)(struct fixture *);	/* or NULL */
	void		(*put)(struct fixture *);
	int64_t		 head_start;	/* ms that pass before one looks */
	const char	*bound_by;
} backlogs[] = {
	{ "little", NULL, put_little, 0, "nothing" },
	{ "a window full, and one", NULL, put_one_over, 0, "identity_limit" },
	{ "5000 of one", NULL, put_5000_of_one, 0, "identity_limit" },
	{ "5000 of one, begun", NULL, put_5000_of_one, 7000,
	    "identity_limit" },
	{ "50 people", NULL, put_of_50, 0, "app_limit" },
	{ "50 people, begun", NULL, put_of_50, 61000, "app_limit" },
	{ "skewed", NULL, put_skewed, 0, "identity_limit" },
	{ "skewed, begun", NULL, put_skewed, 90000, "identity_limit" },
	{ "one person in two outputs", share_an_app, put_one_in_both, 0,
	    "identity_limit" },
	{ "... begun", share_an_app, put_one_in_both, 61000,
	    "identity_limit" },
	{ "one person, most in one output", share_an_app, put_mostly_in_one, 0,
	    "identity_limit" },
	{ "many people in two outputs", share_an_app, put_many_in_both, 0,
	    "app_limit" },
	{ "slices", NULL, put_slices, 0, "identity_limit" },
	{ "slices, begun", NULL, put_slices, 61000, "identity_limit" },
	{ "bulky events", NULL, put_bulky, 0, "identity_limit" },
	{ "half of the rate", send_half, put_of_50, 0, "app_limit" },
	{ "user properties", few_users, put_users, 0,
	    "properties_app_limit" },
	{ "learnt", NULL, learn_half, 0, "app_limit" },
	{ "learnt, begun", NULL, learn_half, 100000, "app_limit" },
	{ "breaker open", NULL, open_breaker, 0, "breaker" },
};

static void
dispatch_forecast_says_what_a_drain_takes(void **state)
{
	const struct dispatch_forecast *longest;
	const struct backlog *b;
	struct outlook o;
	struct fixture *f;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(backlogs); i++) {
		b = &backlogs[i];
		f = fixture_new();
		snprintf(f->label, sizeof(f->label), "%s:", b->what);
		if (b->settings != NULL)
			b->settings(f);
		fixture_start(f);
		b->put(f);
		if (b->head_start > 0)
			fixture_run(f, b->head_start);

		look(f, &o);

		longest = &o.told[o.longest];
		if (strcmp(dispatch_bound_name(longest->bound_by),
		    b->bound_by) != 0)
			fail_msg("%s bound by %s", f->label,
			    dispatch_bound_name(longest->bound_by));
		assert_drains_as_told(f, &o);
		fixture_free(f);
	}
}

/* A pause ends when somebody ends it; what has left meanwhile from the windows
 * is known at once. */
static void
dispatch_forecast_says_what_a_drain_takes_once_it_is_resumed(void **state)
{
	struct fixture *f = *state;
	struct outlook o;
	int64_t since;

	put_5000_of_one(f);
	fixture_run(f, 1000);
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_true(dispatch_pause(f->dispatch, "heap", true, f->now,
	    &since));
	fixture_run(f, 20000);
	look(f, &o);
	assert_true(o.told[o.longest].done_at == DISPATCH_UNKNOWN);
	assert_int_equal(o.told[o.longest].bound_by, DISPATCH_PAUSE);

	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_true(dispatch_pause(f->dispatch, "heap", false, f->now,
	    &since));
	look(f, &o);
	assert_int_equal(o.told[o.longest].bound_by,
	    DISPATCH_IDENTITY_LIMIT);
	assert_drains_as_told(f, &o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dispatch_forecast_says_what_a_drain_takes),
		DISPATCH_TEST(
		    dispatch_forecast_says_what_a_drain_takes_once_it_is_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
