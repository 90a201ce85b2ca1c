/*
 * test_rate_model.c - sliding windows against a naive model
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
#include <stdlib.h>

#include <cmocka.h>

#include "mem.h"
#include "rate.h"

#define KEYS		5
#define ROUNDS		40000	/* of each row of settings: arrivals */
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

static void
add_used(int64_t key, int64_t used, int64_t frees_at, void *arg)
{
	int64_t *sum = arg;

	(void)key;
	(void)frees_at;
	*sum += used;
}

/* All that is kept of every key, seen from an instant. */
static int64_t
used_at(struct rate *r, int64_t now)
{
	int64_t sum = 0;

	rate_each(r, now, add_used, &sum);
	return sum;
}

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
	struct request *q;
	size_t i, id;

	for (i = m->recent; i < m->n; i++) {
		id = backwards ? m->n - 1 - (i - m->recent) : i;
		q = &m->requests[id];
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
	model_check(m, used_at(m->rate, end - 3 * m->window_ms) == 0);
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
		m.seed = seed_of_run();
		m.random = m.seed + i;
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
		model_check(&m, used_at(m.rate, 0) == alive);
	}
	rate_free(m.rate);
	free(ended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    rate_holds_every_closed_interval_under_random_traffic),
		cmocka_unit_test(
		    rate_expire_leaves_nothing_behind_in_any_order_of_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
