/*
 * test_rate.c - sliding windows, by hand and against a naive model
 *
 * The model knows what the agent cannot: the true microsecond at which the
 * far side counted each request, anywhere between its note and its end.  It
 * replays random traffic with late answers, cancelled requests and restarts,
 * and looks for a closed interval of the window's length that holds more
 * than the limit.  HEAPRELAY_SEED repeats a run.
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

#include "mem.h"
#include "rate.h"

#define ADA	7
#define BOB	-8

struct seen {
	int		 keys;
	int64_t		 used;
	int64_t		 frees_at;	/* of the key visited last */
};

static void
note_seen(int64_t key, int64_t used, int64_t frees_at, void *arg)
{
	struct seen *seen = arg;

	(void)key;
	seen->keys++;
	seen->used += used;
	seen->frees_at = frees_at;
}

static struct seen
look(struct rate *r, int64_t now)
{
	struct seen seen = { 0, 0, 0 };

	rate_each(r, now, note_seen, &seen);
	return seen;
}

/* A request that was noted and ended. */
static void
pass(struct rate *r, int64_t key, int64_t id, int64_t n, int64_t ended)
{
	rate_note(r, key, id, n, ended);
	rate_end(r, key, id, ended);
}

static void
rate_new_allows_the_whole_limit(void **state)
{
	struct rate *r = rate_new(30, 30000);
	(void)state;

	assert_int_equal(rate_limit(r), 30);
	assert_int_equal(rate_window(r), 30000);
	assert_int_equal(rate_allow(r, ADA, 0), 30);
	assert_int_equal(rate_used(r, ADA, 0), 0);
	assert_int_equal(rate_next(r, ADA, 30, 5), 5);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

static void
rate_free_accepts_null(void **state)
{
	(void)state;

	rate_free(NULL);
}

static void
rate_note_occupies_until_told_of_the_end(void **state)
{
	struct rate *r = rate_new(100, 60000);
	(void)state;

	rate_note(r, ADA, 1, 60, 0);
	rate_expire(r, 10000000);

	assert_int_equal(rate_used(r, ADA, 10000000), 60);
	assert_int_equal(rate_allow(r, ADA, 10000000), 40);
	assert_int_equal(rate_next(r, ADA, 40, 10000000), 10000000);
	assert_int_equal(rate_next(r, ADA, 41, 10000000), RATE_NEVER);
	rate_free(r);
}

static void
rate_end_frees_one_ms_after_a_closed_window(void **state)
{
	struct rate *r = rate_new(100, 60000);
	(void)state;

	rate_note(r, ADA, 1, 100, 0);
	rate_end(r, ADA, 1, 500);

	assert_int_equal(rate_allow(r, ADA, 60500), 0);
	assert_int_equal(rate_allow(r, ADA, 60501), 100);
	assert_int_equal(rate_next(r, ADA, 1, 600), 60501);
	rate_free(r);
}

static void
rate_note_adds_up_for_one_id(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 2, 0);
	rate_note(r, ADA, 1, 3, 0);
	rate_note(r, ADA, 2, 0, 0);

	assert_int_equal(rate_used(r, ADA, 0), 5);
	rate_end(r, ADA, 1, 0);
	assert_int_equal(rate_used(r, ADA, 1000), 5);
	assert_int_equal(rate_used(r, ADA, 1001), 0);
	rate_free(r);
}

static void
rate_note_counts_each_key_alone(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 10, 0);
	rate_note(r, BOB, 1, 4, 0);

	assert_int_equal(rate_allow(r, ADA, 0), 0);
	assert_int_equal(rate_allow(r, BOB, 0), 6);
	rate_free(r);
}

static void
rate_cancel_gives_back(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_note(r, ADA, 1, 4, 0);
	rate_note(r, ADA, 2, 5, 0);
	rate_cancel(r, ADA, 1);

	assert_int_equal(rate_used(r, ADA, 0), 5);
	rate_cancel(r, ADA, 2);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

static void
rate_end_and_cancel_ignore_what_was_never_noted(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	rate_end(r, ADA, 1, 0);
	rate_cancel(r, ADA, 1);
	pass(r, ADA, 2, 3, 0);
	rate_end(r, ADA, 2, 900);	/* it has ended: no second time */
	rate_cancel(r, ADA, 2);

	assert_int_equal(rate_used(r, ADA, 1000), 3);
	assert_int_equal(rate_used(r, ADA, 1001), 0);
	rate_free(r);
}

static void
rate_end_takes_ends_in_any_order(void **state)
{
	static const int64_t ends[] = { 50, 10, 90, 10, 70, 30, 90, 20 };
	struct rate *r = rate_new(100, 1000);
	int64_t expected = HR_COUNT(ends);
	size_t i, j;
	(void)state;

	for (i = 0; i < HR_COUNT(ends); i++)
		pass(r, ADA, (int64_t)i, 1, ends[i]);

	for (i = 0; i <= 100; i++) {
		assert_int_equal(rate_used(r, ADA, 1000 + (int64_t)i),
		    expected);
		for (j = 0; j < HR_COUNT(ends); j++)
			expected -= ends[j] == (int64_t)i;
	}
	assert_int_equal(expected, 0);
	rate_free(r);
}

static void
rate_next_waits_for_as_many_as_are_asked(void **state)
{
	static const struct { int64_t n, at; } rules[] = {
		{ 0, 400 }, { 1, 400 }, { 2, 1101 }, { 4, 1101 },
		{ 5, 1201 }, { 7, 1201 }, { 8, RATE_NEVER },
		{ 99, RATE_NEVER },
	};
	struct rate *r = rate_new(10, 1000);
	size_t i;
	(void)state;

	pass(r, ADA, 1, 3, 100);
	pass(r, ADA, 2, 3, 200);
	rate_note(r, ADA, 3, 3, 300);

	for (i = 0; i < HR_COUNT(rules); i++)
		assert_int_equal(rate_next(r, ADA, rules[i].n, 400),
		    rules[i].at);
	rate_end(r, ADA, 3, 400);
	assert_int_equal(rate_next(r, ADA, 99, 400), 1401);
	rate_free(r);
}

static void
rate_allow_is_zero_and_never_less_under_a_lowered_limit(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 6, 0);
	pass(r, ADA, 2, 3, 10);
	rate_set(r, 4, 1000);

	assert_int_equal(rate_allow(r, ADA, 20), 0);
	assert_int_equal(rate_used(r, ADA, 20), 9);
	assert_int_equal(rate_next(r, ADA, 0, 20), 20);
	assert_int_equal(rate_next(r, ADA, 1, 20), 1001);
	assert_int_equal(rate_next(r, ADA, 2, 20), 1011);
	rate_free(r);
}

static void
rate_set_measures_what_is_noted_by_the_new_window(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 6, 0);
	rate_set(r, 10, 5000);
	rate_expire(r, 5000);

	assert_int_equal(rate_used(r, ADA, 5000), 6);
	rate_set(r, 10, 200);
	assert_int_equal(rate_used(r, ADA, 201), 0);
	rate_free(r);
}

static void
rate_each_tells_use_and_when_the_oldest_frees(void **state)
{
	struct rate *r = rate_new(10, 1000);
	struct seen seen;
	(void)state;

	pass(r, ADA, 1, 2, 40);
	pass(r, ADA, 2, 2, 30);
	rate_note(r, ADA, 3, 2, 40);
	seen = look(r, 50);
	assert_int_equal(seen.keys, 1);
	assert_int_equal(seen.used, 6);
	assert_int_equal(seen.frees_at, 1031);

	seen = look(r, 2000);
	assert_int_equal(seen.used, 2);
	assert_true(seen.frees_at == RATE_NEVER);
	rate_free(r);
}

/*
 * Questions change nothing and may be asked about any time, so asking about
 * the past shows whether an entry was dropped or only skipped.
 */
static void
rate_expire_drops_what_left_and_nothing_else(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 2, 0);
	pass(r, ADA, 2, 3, 500);
	pass(r, BOB, 3, 4, 0);
	rate_expire(r, 1000);
	assert_int_equal(look(r, 500).used, 9);

	rate_expire(r, 1001);
	assert_int_equal(rate_used(r, ADA, 500), 3);
	assert_int_equal(rate_used(r, BOB, 500), 0);
	rate_expire(r, 1501);
	assert_int_equal(look(r, 500).keys, 0);
	rate_free(r);
}

static void
rate_note_drops_what_left_for_callers_that_never_expire(void **state)
{
	struct rate *r = rate_new(10, 1000);
	(void)state;

	pass(r, ADA, 1, 2, 0);
	rate_note(r, BOB, 2, 1, 1001);

	assert_int_equal(rate_used(r, ADA, 0), 0);
	assert_int_equal(rate_used(r, BOB, 0), 1);
	rate_free(r);
}

static void
rate_expire_clears_fifteen_thousand_keys(void **state)
{
	struct rate *r = rate_new(30, 30000);
	const int64_t n = 15000;
	int64_t i;
	(void)state;

	for (i = 0; i < n; i++)
		rate_note(r, i * 4096, i, 1, 0);
	for (i = 0; i < n; i++)
		rate_end(r, i * 4096, i, i * 7919 % n);
	assert_int_equal(look(r, n).keys, n);

	for (i = 0; i < n; i += 100) {
		rate_expire(r, 30000 + i);
		assert_int_equal(look(r, 0).keys, n - i);
	}
	rate_expire(r, 30000 + n);
	assert_int_equal(look(r, 0).keys, 0);
	rate_free(r);
}

/* The model. */

#define KEYS		5
#define ROUNDS		40000	/* for each of the tables' rows */
#define MAX_NOTED	200000

enum fate { FLYING, ENDED, CANCELLED };

struct request {
	int64_t		 key;
	int64_t		 n;
	enum fate	 fate;
	int64_t		 noted_us;
	int64_t		 counted_us;	/* by the far side */
	int64_t		 ends_us;
};

struct model {
	struct rate	*rate;
	int64_t		 limit;
	int64_t		 window_ms;
	int64_t		 now_us;
	uint64_t	 seed;
	uint64_t	 random;
	struct request	*requests;	/* by `noted_us`; the id is the index */
	size_t		 n;
	size_t		 recent;	/* all before have left the windows */
	size_t		 restarts;
	size_t		 refused;
};

static uint64_t
draw(struct model *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

/* Uniform over 0 ... max. */
static int64_t
draw_upto(struct model *m, int64_t max)
{
	return (int64_t)(draw(m) % ((uint64_t)max + 1));
}

#define model_check(m, condition) do {					\
	if (!(condition))						\
		fail_msg("seed %" PRIu64 " limit %" PRId64		\
		    " window %" PRId64 " at %" PRId64 " us: %s",	\
		    (m)->seed, (m)->limit, (m)->window_ms,		\
		    (m)->now_us, #condition);				\
} while (0)

static int64_t
model_now(const struct model *m)
{
	return m->now_us / 1000;
}

/* The first ms in which an ended request counts no more. */
static int64_t
model_frees_at(const struct model *m, const struct request *q)
{
	return q->ends_us / 1000 + m->window_ms + 1;
}

static int64_t
model_used(const struct model *m, int64_t key, int64_t now)
{
	int64_t used = 0;
	size_t i;

	for (i = m->recent; i < m->n; i++) {
		const struct request *q = &m->requests[i];

		if (q->key == key && (q->fate == FLYING ||
		    (q->fate == ENDED && now < model_frees_at(m, q))))
			used += q->n;
	}
	return used;
}

/* Use only ever falls at the instant at which some request frees. */
static int64_t
model_next(const struct model *m, int64_t key, int64_t n, int64_t now)
{
	int64_t next = RATE_NEVER, at;
	size_t i;

	if (model_used(m, key, now) + n <= m->limit)
		return now;
	for (i = m->recent; i < m->n; i++) {
		if (m->requests[i].key != key || m->requests[i].fate != ENDED)
			continue;
		at = model_frees_at(m, &m->requests[i]);
		if (at > now && at < next &&
		    model_used(m, key, at) + n <= m->limit)
			next = at;
	}
	return next;
}

/* Moves past what left every window, so that the model stays fast. */
static void
model_prune(struct model *m)
{
	const struct request *q;

	for (; m->recent < m->n; m->recent++) {
		q = &m->requests[m->recent];
		if (q->fate == FLYING || (q->fate == ENDED &&
		    model_now(m) < model_frees_at(m, q)))
			break;
	}
}

/* The answers that are due are told in no order. */
static void
model_answers(struct model *m)
{
	bool backwards = draw(m) % 2 == 0;
	size_t i, id;

	for (i = m->recent; i < m->n; i++) {
		id = backwards ? m->n - 1 - (i - m->recent) : i;
		struct request *q = &m->requests[id];

		if (q->fate != FLYING || q->ends_us > m->now_us)
			continue;
		if (draw(m) % 16 == 0) {
			q->fate = CANCELLED;
			rate_cancel(m->rate, q->key, (int64_t)id);
		} else {
			q->fate = ENDED;
			rate_end(m->rate, q->key, (int64_t)id,
			    q->ends_us / 1000);
		}
	}
}

static void
model_send(struct model *m, int64_t key, int64_t n)
{
	struct request *q = &m->requests[m->n];
	int64_t delay_us = draw(m) % 8 == 0 ? 1000 * m->window_ms :
	    100 * m->window_ms;

	assert_true(m->n < MAX_NOTED);
	q->key = key;
	q->n = n;
	q->fate = FLYING;
	q->noted_us = m->now_us;
	q->ends_us = m->now_us + draw_upto(m, delay_us);
	/* The edges are where a log goes wrong: aim at them. */
	switch (draw(m) % 3) {
	case 0:
		q->counted_us = q->noted_us;
		break;
	case 1:
		q->counted_us = q->ends_us;
		break;
	default:
		q->counted_us = q->noted_us +
		    draw_upto(m, q->ends_us - q->noted_us);
	}
	rate_note(m->rate, key, (int64_t)m->n, n, model_now(m));
	m->n++;
}

/* Asks everything that can be asked of one key, then sends if it may. */
static void
model_arrival(struct model *m)
{
	int64_t key = draw_upto(m, KEYS - 1) - KEYS / 2;
	int64_t n = 1 + draw_upto(m, (m->limit - 1) / 3);
	int64_t now = model_now(m), used = model_used(m, key, now), next;

	model_check(m, used <= m->limit);
	model_check(m, rate_used(m->rate, key, now) == used);
	model_check(m, rate_allow(m->rate, key, now) == m->limit - used);

	next = rate_next(m->rate, key, n, now);
	model_check(m, next == model_next(m, key, n, now));
	if (next != RATE_NEVER)
		model_check(m, rate_allow(m->rate, key, next) >= n);
	if (next != RATE_NEVER && next > now)
		model_check(m, rate_allow(m->rate, key, next - 1) < n);

	if (next == now)
		model_send(m, key, n);
	else
		m->refused++;
	/* Leap to the very first millisecond that is free, at times. */
	if (next != RATE_NEVER && next > now && draw(m) % 8 == 0)
		m->now_us = next * 1000;
}

/*
 * The process is killed: what it knew is gone, and the requests it had out
 * count as ended when the next one starts.  Records are read in any order.
 */
static void
model_restart(struct model *m)
{
	size_t stride = draw(m) % 2 == 0 ? 1 : m->n - m->recent - 1;
	size_t left, i = 0, id, count = m->n - m->recent;
	struct request *q;

	m->now_us += draw_upto(m, 100 * m->window_ms);
	rate_free(m->rate);
	m->rate = rate_new(m->limit, m->window_ms);
	m->restarts++;

	/* Stride 1 reads forwards, count - 1 reads backwards. */
	for (left = count; left > 0; left--, i = (i + stride) % count) {
		id = m->recent + i;
		q = &m->requests[id];
		if (q->fate == CANCELLED)
			continue;
		if (q->fate == FLYING) {
			q->fate = ENDED;
			q->ends_us = m->now_us;
			if (q->counted_us > m->now_us)
				q->counted_us = m->now_us;
		}
		rate_note(m->rate, q->key, (int64_t)id, q->n,
		    q->noted_us / 1000);
		rate_end(m->rate, q->key, (int64_t)id, q->ends_us / 1000);
	}
}

static int
by_counted(const void *a, const void *b)
{
	const struct request *p = a, *q = b;

	return (p->counted_us > q->counted_us) -
	    (p->counted_us < q->counted_us);
}

/* What the far side saw: the fullest closed interval of each key. */
static void
model_judge(struct model *m)
{
	int64_t key, sum, fullest = 0;
	struct request *q;
	size_t first, i;

	qsort(m->requests, m->n, sizeof(*m->requests), by_counted);
	for (key = -KEYS / 2; key < KEYS - KEYS / 2; key++) {
		sum = 0;
		for (first = i = 0; i < m->n; i++) {
			q = &m->requests[i];
			if (q->key != key || q->fate == CANCELLED)
				continue;
			sum += q->n;
			while (m->requests[first].counted_us +
			    m->window_ms * 1000 < q->counted_us) {
				if (m->requests[first].key == key &&
				    m->requests[first].fate != CANCELLED)
					sum -= m->requests[first].n;
				first++;
			}
			model_check(m, sum <= m->limit);
			if (sum > fullest)
				fullest = sum;
		}
	}
	/* A limit that is never reached would prove nothing. */
	model_check(m, fullest == m->limit);
}

static void
model_run(struct model *m)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		/* About twice as much arrives as the windows let through. */
		m->now_us += draw_upto(m, 1 + 3000 * m->window_ms / KEYS /
		    (m->limit > 6 ? 6 : m->limit));
		model_answers(m);
		if (draw(m) % 3 == 0)
			rate_expire(m->rate, model_now(m));
		model_prune(m);
		if (m->n > m->recent && draw(m) % 500 == 0)
			model_restart(m);
		model_arrival(m);
	}
}

static void
model_finish(struct model *m)
{
	int64_t end;

	m->now_us += 2000 * m->window_ms;
	model_answers(m);
	end = model_now(m) + m->window_ms + 1;
	rate_expire(m->rate, end);
	model_check(m, look(m->rate, end - 3 * m->window_ms).keys == 0);
	model_check(m, m->restarts > 0 && m->refused > 0);
	model_judge(m);
}

static uint64_t
seed_of_run(void)
{
	const char *text = getenv("HEAPRELAY_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 0;

	return seed != 0 ? seed : 20250117;
}

static void
rate_holds_every_closed_interval_under_random_traffic(void **state)
{
	static const struct { int64_t limit, window_ms; } rows[] = {
		{ 30, 30000 }, { 1000, 60000 }, { 1, 1 }, { 7, 10 },
	};
	size_t i, sent = 0;
	(void)state;

	for (i = 0; i < HR_COUNT(rows); i++) {
		struct model m = { 0 };

		m.limit = rows[i].limit;
		m.window_ms = rows[i].window_ms;
		m.seed = m.random = seed_of_run() + i;
		m.now_us = 1000000000;
		m.requests = xcalloc(MAX_NOTED, sizeof(*m.requests));
		m.rate = rate_new(m.limit, m.window_ms);

		model_run(&m);
		model_finish(&m);

		sent += m.n;
		rate_free(m.rate);
		free(m.requests);
	}
	assert_true(sent > 50000);
}

/* Ends told late move their key forward among those that rate_expire awaits;
 * none may hide another's entries from it. */
static void
rate_expire_leaves_nothing_behind_in_any_order_of_ends(void **state)
{
	enum { SOME_KEYS = 200, STEPS = 20000, WINDOW_MS = 100 };
	struct model m = { 0 };
	int64_t *ended = xcalloc(STEPS, sizeof(*ended));
	int64_t alive, key, i, j;
	(void)state;

	m.seed = m.random = seed_of_run();
	m.limit = STEPS;
	m.window_ms = WINDOW_MS;
	m.rate = rate_new(m.limit, m.window_ms);
	for (i = 0; i < STEPS; i++) {
		m.now_us = 1000 * (WINDOW_MS + i / 2);
		ended[i] = model_now(&m) - draw_upto(&m, WINDOW_MS);
		key = draw_upto(&m, SOME_KEYS - 1);
		rate_note(m.rate, key, i, 1, model_now(&m));
		rate_end(m.rate, key, i, ended[i]);
		if (draw(&m) % 32 > 0)
			continue;

		rate_expire(m.rate, model_now(&m));

		alive = 0;
		for (j = i > 4 * WINDOW_MS ? i - 4 * WINDOW_MS : 0; j <= i; j++)
			alive += ended[j] >= model_now(&m) - WINDOW_MS;
		model_check(&m, look(m.rate, 0).used == alive);
	}
	rate_free(m.rate);
	free(ended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_new_allows_the_whole_limit),
		cmocka_unit_test(rate_free_accepts_null),
		cmocka_unit_test(rate_note_occupies_until_told_of_the_end),
		cmocka_unit_test(rate_end_frees_one_ms_after_a_closed_window),
		cmocka_unit_test(rate_note_adds_up_for_one_id),
		cmocka_unit_test(rate_note_counts_each_key_alone),
		cmocka_unit_test(rate_cancel_gives_back),
		cmocka_unit_test(
		    rate_end_and_cancel_ignore_what_was_never_noted),
		cmocka_unit_test(rate_end_takes_ends_in_any_order),
		cmocka_unit_test(rate_next_waits_for_as_many_as_are_asked),
		cmocka_unit_test(
		    rate_allow_is_zero_and_never_less_under_a_lowered_limit),
		cmocka_unit_test(
		    rate_set_measures_what_is_noted_by_the_new_window),
		cmocka_unit_test(
		    rate_each_tells_use_and_when_the_oldest_frees),
		cmocka_unit_test(rate_expire_drops_what_left_and_nothing_else),
		cmocka_unit_test(
		    rate_note_drops_what_left_for_callers_that_never_expire),
		cmocka_unit_test(rate_expire_clears_fifteen_thousand_keys),
		cmocka_unit_test(
		    rate_holds_every_closed_interval_under_random_traffic),
		cmocka_unit_test(
		    rate_expire_leaves_nothing_behind_in_any_order_of_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
