/*
 * test_simulation.c - simulated days of the whole way, by the seed
 *
 * simulation.c has the course of a run.  HEAPRELAY_SEED repeats one run,
 * HEAPRELAY_SEEDS says how many there are.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "simulation.h"

#define SEEDS		100
#define SEEDS_LONG	1000
#define BATCHES		320		/* of each run */
#define EXAM_EVERY	5		/* runs */

/* Of the run that goes on, for who looks at the failure; 0: none. */
static uint64_t running;

/* The least that a window lets n take. */
static int64_t
windows_for(int64_t n, const struct config_limit *w)
{
	return w->window_ms * ((n + w->n - 1) / w->n - 1);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/*
 * All windows are empty and Heap is well: a skewed backlog takes no longer
 * than they make it, and 2 % and 2 s more (delivery.md, Full use).
 */
static void
examine_drain(struct sim *s)
{
	struct config_limit w[SIM_WINDOWS] = {
		[SIM_TRACK] = { 30, 3000 },
		[SIM_IDENTITY] = { 40, 6000 },
		[SIM_APP] = { 2000, 6000 },
		[SIM_UPDATES] = { 30, 3000 },
		[SIM_APP_UPDATES] = { 250, 6000 },
	};
	int64_t n = 0, i, most = 5 * w[SIM_IDENTITY].n / 2, least, took;
	size_t person;

	if (sim_upto(s, 1) == 0) {	/* the app bounds it, not one person */
		w[SIM_IDENTITY].n = most;
		w[SIM_APP].n = 150;
	}
	sim_use_limits(s, w);
	sim_set_output(s, 4, 1);
	s->largest = HEAP_MAX_BYTES;
	fixture_reload(s->f);
	fixture_run(s->f, HOUR);	/* what was learnt is forgotten */
	s->input[0].outputs = s->input[1].outputs;
	for (person = 0; person < SIM_PEOPLE; person++)
		for (i = 0; i < most / (int64_t)(person + 1); i++, n++)
			sim_arrive_plain(s, person);
	least = later(windows_for(n, &w[SIM_APP]),
	    windows_for(most, &w[SIM_IDENTITY]));
	took = fixture_drain(s->f, HOUR);
	if (took > least + least / 50 + 2000)
		sim_fail(s, "%" PRId64 " events took %" PRId64
		    " ms, the windows ask for %" PRId64, n, took, least);
}

/* Returns how many ms were simulated; *digest: what was posted, and when. */
static int64_t
run(uint64_t seed, uint64_t *digest)
{
	struct sim *s = sim_new(seed);
	int64_t burst, spent;

	running = seed;
	sim_start(s);
	while (s->batches < BATCHES) {
		for (burst = sim_upto(s, 8); burst >= 0; burst--)
			sim_arrive(s);
		fixture_run(s->f, sim_pause_ms(s));
		sim_make_mischief(s);
	}
	s->quiet = true;
	fixture_drain(s->f, 2 * DAY);
	sim_judge_fates(s);
	sim_judge_properties(s);
	if (seed % EXAM_EVERY == 0) {
		examine_drain(s);
		sim_judge_fates(s);
	}
	spent = sim_now(s) - START_BOOT;
	*digest = s->digest;
	sim_end(s);
	running = 0;
	return spent;
}

static uint64_t
seeds(void)
{
	const char *n = getenv("HEAPRELAY_SEEDS");

	if (n != NULL)
		return strtoull(n, NULL, 10);
	return getenv("HEAPRELAY_LONG") != NULL ? SEEDS_LONG : SEEDS;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
agent_keeps_its_promises_whatever_happens(void **state)
{
	const char *one = getenv("HEAPRELAY_SEED");
	uint64_t seed = one != NULL ? strtoull(one, NULL, 10) : 1, digest;
	uint64_t last = one != NULL ? seed : seeds();
	double begun = seconds(), days = 0;
	(void)state;

	for (; seed <= last; seed++)
		days += (double)run(seed, &digest) / (double)DAY;
	print_message("%.1f simulated days, %.1f a second\n", days,
	    days / (seconds() - begun));
}

static void
run_repeats_itself_exactly(void **state)
{
	uint64_t first, second;
	(void)state;

	run(1, &first);
	run(1, &second);

	assert_true(first == second);
}

/* Also when it was an assertion of a fixture that failed. */
static int
tell_seed(void **state)
{
	(void)state;
	if (running != 0)
		print_error("HEAPRELAY_SEED=%" PRIu64 " repeats it\n",
		    running);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(run_repeats_itself_exactly,
		    tell_seed),
		cmocka_unit_test_teardown(
		    agent_keeps_its_promises_whatever_happens, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
