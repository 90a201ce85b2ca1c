/*
 * test_forecast.c - when a window will have let so many through: by hand, and
 * against windows that are played to the end
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forecast.h"

#define KEY	3
#define FLIGHTS	400	/* noted in one play, at most */
#define STEPS	4	/* of a limit, at most */

/* When the last of n leaves, of a window without steps. */
static int64_t
last(struct rate *r, int64_t n, int64_t busy_ms, int64_t now, int64_t from)
{
	struct forecast f = { .rate = r, .key = KEY, .now = now, .from = from,
	    .busy_ms = busy_ms };

	return forecast_last(&f, n);
}

/* A request that was noted and ended. */
static void
pass(struct rate *r, int64_t id, int64_t n, int64_t ended)
{
	rate_note(r, KEY, id, n, ended);
	rate_end(r, KEY, id, ended);
}

static void
forecast_last_is_at_once_while_there_is_room(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	assert_int_equal(last(r, 0, 5, 100, 100), 100);
	assert_int_equal(last(r, 10, 5, 100, 100), 100);
	assert_int_equal(last(r, 10, 5, 100, 700), 700);
	rate_free(r);
}

static void
forecast_last_takes_a_window_for_each_limit(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	assert_int_equal(last(r, 11, 0, 0, 0), 1001);
	assert_int_equal(last(r, 20, 0, 0, 0), 1001);
	assert_int_equal(last(r, 21, 0, 0, 0), 2002);
	assert_int_equal(last(r, 21, 50, 0, 0), 2102);
	rate_free(r);
}

static void
forecast_last_waits_for_what_is_used(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, 1, 4, 100);
	pass(r, 2, 5, 300);

	assert_int_equal(last(r, 1, 0, 400, 400), 400);
	assert_int_equal(last(r, 2, 0, 400, 400), 1101);
	assert_int_equal(last(r, 6, 0, 400, 400), 1301);
	assert_int_equal(last(r, 11, 0, 400, 400), 1401);
	/* By then all of it has left. */
	assert_int_equal(last(r, 10, 0, 400, 2000), 2000);
	rate_free(r);
}

static void
forecast_last_takes_flights_to_end_as_long_as_others_take(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, KEY, 1, 10, 0);

	assert_int_equal(last(r, 1, 30, 500, 500), 1531);
	assert_int_equal(last(r, 1, 30, 500, 9000), 9000);
	rate_free(r);
}

static void
forecast_last_has_more_room_after_each_step(void **state)
{
	static const struct forecast_step step[] = { { 500, 3 }, { 1700, 2 } };
	struct rate *r = rate_new(10, 1000);
	struct forecast f = { .rate = r, .key = KEY, .step = step,
	    .steps = HR_COUNT(step) };
	(void)state;

	assert_int_equal(forecast_last(&f, 10), 0);
	assert_int_equal(forecast_last(&f, 13), 500);
	assert_int_equal(forecast_last(&f, 14), 1001);
	assert_int_equal(forecast_last(&f, 23), 1001);
	/* Three places again, then the two that are new. */
	assert_int_equal(forecast_last(&f, 26), 1501);
	assert_int_equal(forecast_last(&f, 28), 1700);
	assert_int_equal(forecast_last(&f, 29), 2002);

	/* What was raised before anything leaves is there at once. */
	f.from = 600;
	assert_int_equal(forecast_last(&f, 13), 600);
	rate_free(r);
}

static void
forecast_packed_counts_the_room_that_is_too_small(void **state)
{
	static const struct {
		int64_t	n, groups, limit, packed;
	} rules[] = {
		{ 0, 0, 10, 0 }, { 7, 0, 10, 7 },	/* not known */
		{ 25, 25, 10, 25 },			/* of one each */
		{ 4, 1, 10, 4 },
		{ 8, 2, 10, 8 },			/* both fit */
		{ 12, 3, 10, 14 },			/* 4 4 -, 4 */
		{ 16, 4, 10, 18 },			/* 4 4 -, 4 4 */
		{ 18, 3, 10, 26 },			/* 6 -, 6 -, 6 */
		{ 25, 1, 10, 25 },			/* 10, 10, 5 */
		{ 50, 2, 10, 55 },			/* ... -, 10, 10, 5 */
		{ 15, 10, 10, 16 },			/* six of 1.5 -, four */
	};
	int64_t packed;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		packed = forecast_packed(rules[i].n, rules[i].groups,
		    rules[i].limit);
		if (packed != rules[i].packed)
			fail_msg("rule %zu: %" PRId64, i, packed);
	}
}

/* --- against a play --------------------------------------------------- */

/* What is out in a play. */
struct out {
	int64_t	id;
	int64_t	ends;
};

struct play {
	struct rate	*rate;
	int64_t		 now;
	int64_t		 busy;
	struct forecast_step rise[STEPS];
	size_t		 rises;
	struct out	 out[FLIGHTS];
	size_t		 out_n;
};

static void
note(struct play *p, int64_t id, int64_t n)
{
	assert_true(p->out_n < FLIGHTS);
	rate_note(p->rate, KEY, id, n, p->now);
	p->out[p->out_n].id = id;
	p->out[p->out_n++].ends = p->now + p->busy;
}

/* Raises the limit if it is time; when it will be next. */
static int64_t
rise(struct play *p)
{
	size_t i;

	for (i = 0; i < p->rises; i++) {
		if (p->rise[i].at > p->now)
			return p->rise[i].at;
		rate_set(p->rate, rate_limit(p->rate) + p->rise[i].more,
		    rate_window(p->rate));
		p->rise[i].more = 0;
	}
	return INT64_MAX;
}

/* Ends what is due; the next instant at which something can change. */
static int64_t
step(struct play *p)
{
	int64_t next = rise(p), frees;
	size_t i = 0;

	frees = rate_next(p->rate, KEY, 1, p->now + 1);
	if (frees < next)
		next = frees;

	while (i < p->out_n) {
		if (p->out[i].ends <= p->now) {
			rate_end(p->rate, KEY, p->out[i].id, p->out[i].ends);
			p->out[i] = p->out[--p->out_n];
			next = p->now + 1;
			continue;
		}
		if (p->out[i].ends < next)
			next = p->out[i].ends;
		i++;
	}
	return next;
}

/* Lets n things leave as soon as they may; when the last one does. */
static int64_t
play(struct play *p, int64_t n, int64_t from)
{
	int64_t id = 1000, room, next = 0;

	for (;;) {
		next = step(p);
		room = p->now >= from ? rate_allow(p->rate, KEY, p->now) : 0;
		if (room >= n)
			return p->now;
		if (room > 0) {
			note(p, id++, room);
			n -= room;
			continue;
		}
		p->now = p->now < from && next > from ? from : next;
	}
}

static int64_t
draw(int64_t least, int64_t most)
{
	return least + rand() % (most - least + 1);
}

/* A window that is used in some way, things still in flight among it. */
static void
use_some(struct play *p, int64_t limit, int64_t window)
{
	int64_t left = limit, n, id;

	for (id = 1; left > 0 && id < 8; id++) {
		n = draw(1, left);
		left -= n;
		if (draw(0, 3) == 0)
			note(p, id, n);
		else
			pass(p->rate, id, n, p->now - draw(0, window));
	}
}

/* In every other play the limit is going to rise. */
static void
raise_some(struct play *p)
{
	int64_t at = p->now;

	if (draw(0, 1) == 0)
		return;
	for (p->rises = 0; p->rises < STEPS; p->rises++) {
		at += draw(1, 100);
		p->rise[p->rises].at = at;
		p->rise[p->rises].more = draw(1, 5);
	}
}

static void
forecast_last_says_what_a_play_shows(void **state)
{
	struct forecast_step steps[STEPS];
	struct forecast f = { .key = KEY, .step = steps };
	int64_t limit, window, n, told, shown;
	int seed;
	(void)state;

	for (seed = 1; seed <= 3000; seed++) {
		struct play p = { .now = 10000 };

		srand((unsigned)seed);
		limit = draw(1, 12);
		window = draw(1, 60);
		p.busy = draw(0, 20);
		p.rate = rate_new(limit, window);
		use_some(&p, limit, window);
		raise_some(&p);
		memcpy(steps, p.rise, sizeof(steps));
		n = draw(1, 5 * limit);
		f.rate = p.rate;
		f.now = p.now;
		f.from = p.now + (draw(0, 1) ? draw(0, 100) : 0);
		f.busy_ms = p.busy;
		f.steps = p.rises;

		told = forecast_last(&f, n);
		shown = play(&p, n, f.from);

		if (told != shown)
			fail_msg("seed %d: told %" PRId64 ", shown %" PRId64,
			    seed, told, shown);
		rate_free(p.rate);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forecast_last_is_at_once_while_there_is_room),
		cmocka_unit_test(forecast_last_takes_a_window_for_each_limit),
		cmocka_unit_test(forecast_last_waits_for_what_is_used),
		cmocka_unit_test(
		    forecast_last_takes_flights_to_end_as_long_as_others_take),
		cmocka_unit_test(forecast_last_has_more_room_after_each_step),
		cmocka_unit_test(
		    forecast_packed_counts_the_room_that_is_too_small),
		cmocka_unit_test(forecast_last_says_what_a_play_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
