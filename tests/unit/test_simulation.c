/*
 * test_simulation.c - simulated days of the whole way, by the seed
 *
 * Batches arrive, the far side answers at random, operators act, retention
 * runs, limits change, the agent is killed, the machine boots anew, the clock
 * steps, the disk fills up; then all is quiet and everything must be where it
 * belongs.  No clock and no chance but the seed's: HEAPRELAY_SEED repeats one
 * run, HEAPRELAY_SEEDS says how many there are.
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
#define MINUTE		INT64_C(60000)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)
#define CONSERVED_EVERY	200		/* turns */
#define WAITING_EVERY	50
#define EXAM_EVERY	5		/* runs */

/* Of the run that goes on, for who looks at the failure; 0: none. */
static uint64_t running;

uint64_t
sim_draw(struct sim *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

int64_t
sim_upto(struct sim *s, int64_t max)
{
	return (int64_t)(sim_draw(s) % ((uint64_t)max + 1));
}

bool
sim_one_in(struct sim *s, int64_t n)
{
	return !s->quiet && sim_upto(s, n - 1) == 0;
}

int64_t
sim_now(const struct sim *s)
{
	return s->f->now.boot + s->shift;
}

void
sim_fail(const struct sim *s, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail_msg("after %" PRId64 " ms, turn %zu: %s",
	    sim_now(s) - START_BOOT, s->turns, text);
}

/* --- settings --------------------------------------------------------- */

/* A small Heap, whose windows are always full; now and then a real one. */
static void
draw_limits(struct sim *s, struct config_limit *w)
{
	static const struct config_limit real[SIM_WINDOWS] = {
		[SIM_TRACK] = { 30, 30000 },
		[SIM_IDENTITY] = { 1000, 60000 },
		[SIM_APP] = { 15000, 60000 },
		[SIM_UPDATES] = { 30, 30000 },
		[SIM_APP_UPDATES] = { 15000, 60000 },
	};

	if (s->seed % 8 == 0) {
		memcpy(w, real, sizeof(real));
		return;
	}
	w[SIM_TRACK].n = 1 + sim_upto(s, 7);
	w[SIM_TRACK].window_ms = 500 + sim_upto(s, 2500);
	w[SIM_IDENTITY].n = 10 + sim_upto(s, 50);
	w[SIM_IDENTITY].window_ms = 1000 + sim_upto(s, 4000);
	w[SIM_APP].n = 60 + sim_upto(s, 300);
	w[SIM_APP].window_ms = 1000 + sim_upto(s, 4000);
	w[SIM_UPDATES].n = 1 + sim_upto(s, 7);
	w[SIM_UPDATES].window_ms = 500 + sim_upto(s, 2500);
	w[SIM_APP_UPDATES].n = 5 + sim_upto(s, 50);
	w[SIM_APP_UPDATES].window_ms = 1000 + sim_upto(s, 4000);
}

/* From the next start or reload on. */
static void
use_limits(struct sim *s, const struct config_limit w[SIM_WINDOWS])
{
	struct config_output *c = s->f->settings;
	size_t i;

	s->limits = xreallocarray(s->limits, s->limits_n + 1,
	    sizeof(*s->limits));
	memcpy(s->limits[s->limits_n++].window, w,
	    SIM_WINDOWS * sizeof(*w));
	for (i = 0; i < OUTPUTS; i++) {
		c[i].track_limit = w[SIM_TRACK];
		c[i].identity_limit = w[SIM_IDENTITY];
		c[i].app_limit = w[SIM_APP];
		c[i].properties_limit = w[SIM_UPDATES];
		c[i].properties_app_limit = w[SIM_APP_UPDATES];
	}
}

static void
set_output(struct sim *s, int64_t max_in_flight, double share)
{
	size_t i;

	for (i = 0; i < OUTPUTS; i++) {
		s->f->settings[i].max_in_flight = max_in_flight;
		s->f->settings[i].rate_share = share;
	}
}

/* Other settings, for the next start or reload. */
static void
change_settings(struct sim *s)
{
	struct config_limit w[SIM_WINDOWS];

	draw_limits(s, w);
	use_limits(s, w);
	set_output(s, 1 + sim_upto(s, 5), sim_upto(s, 3) == 0 ? 0.5 : 1);
}

static void
set_up_outputs(struct sim *s)
{
	struct fixture *f = s->f;
	size_t i;

	f->config.outputs_n = 1 + (size_t)sim_upto(s, 1);
	if (sim_upto(s, 1) == 0) {	/* two outputs of one app */
		free(f->settings[1].app_id);
		f->settings[1].app_id = xstrdup(f->settings[0].app_id);
	}
	for (i = 0; i < OUTPUTS; i++) {
		f->settings[i].external_id = MP_IDENTITIES;
		f->settings[i].forward_user_attributes = true;
		f->settings[i].forward_web_requests_server_side = true;
		f->settings[i].forward_identity[MP_EMAIL] = s->seed % 3 == 0;
		f->settings[i].backoff_base_ms = 50;
		f->settings[i].backoff_max_ms = 2000;
		f->settings[i].timeout_ms = 3000;
		f->settings[i].give_up_after_ms = 3 * HOUR;
	}
}

/* The first input's batches go to all outputs, the other's to one. */
static void
set_up_inputs(struct sim *s)
{
	static char names[][8] = { "shop", "feed" };
	struct fixture *f = s->f;
	size_t i;

	for (i = 0; i < HR_COUNT(names); i++) {
		s->input[i].name = names[i];
		s->input[i].key = names[i];
		s->input[i].forward_user_attributes = CONFIG_UNSET;
		s->input[i].forward_web_requests_server_side = CONFIG_UNSET;
	}
	s->input[1].outputs.s = &f->settings[0].name;
	s->input[1].outputs.n = 1;
	f->config.inputs = s->input;
	f->config.inputs_n = HR_COUNT(names);
	f->config.keep_dedup_ms = 10 * MINUTE;
}

/* --- turns ------------------------------------------------------------ */

/* What was answered in earlier turns is on disk now. */
static void
settle(struct sim *s)
{
	struct sim_call *c;
	size_t i, k;

	for (i = s->first_open; i < s->calls_n; i++) {
		c = &s->calls[i];
		if (c->state != SIM_ANSWERED)
			continue;
		c->state = SIM_SETTLED;
		if (s->f->posts[i].result.status == 200)
			for (k = 0; k < c->refs_n; k++)
				s->objects[s->refs[c->first_ref + k]]
				    .settled++;
	}
	while (s->first_open < s->calls_n &&
	    s->calls[s->first_open].state >= SIM_SETTLED)
		s->first_open++;
}

/* Who was in a request that has ended waits from now on. */
static void
note_served(struct sim *s, const struct sim_call *c)
{
	struct sim_person *p;
	size_t i, lane;

	for (i = 0; i < c->rows_n; i++) {
		p = &s->person[s->rows[c->first_row + i].person];
		for (lane = 0; lane < SIM_LANES; lane++)
			if (s->kind[lane] == c->kind)
				p->served[lane] = s->open[lane];
	}
}

static void
note_ends(struct sim *s)
{
	size_t i;

	for (i = s->first_open; i < s->calls_n; i++)
		if (s->calls[i].state == SIM_OUT && s->f->posts[i].ended) {
			s->calls[i].state = SIM_ANSWERED;
			note_served(s, &s->calls[i]);
		}
}

/* turn_ended. */
static void
turned(struct fixture *f, bool durable)
{
	struct sim *s = f->far_arg;

	s->turns++;
	sim_look(s);
	note_ends(s);
	sim_commit(s, durable);
	if (!durable)
		return;
	settle(s);
	if (s->turns % CONSERVED_EVERY == 0)
		assert_conserved(f);
	if (s->turns % WAITING_EVERY == 0)
		sim_judge_waiting(s);
	f->random = sim_draw(s);
}

/* --- what happens to the agent ---------------------------------------- */

/* It dies between two turns, or in the middle of one: claims are lost, or on
 * disk and never left. */
static void
die(struct sim *s)
{
	struct fixture *f = s->f;

	switch (sim_upto(s, 2)) {
	case 0:
		dispatch_plan(f->dispatch, f->now);
		break;
	case 1:
		dispatch_plan(f->dispatch, f->now);
		turned(f, queue_commit(f->queue));
		break;
	case 2:
		break;
	}
	sim_commit(s, false);
}

static void
restart(struct sim *s)
{
	struct fixture *f = s->f;
	int64_t down = sim_upto(s, sim_one_in(s, 5) ? HOUR : 3000);
	int64_t was = sim_now(s);
	char id[40];

	die(s);
	sim_lose_calls(s, was + down);
	sim_close_intake(s);
	fixture_crash(f);
	f->now.wall += down;
	f->now.boot += down;
	if (sim_one_in(s, 3)) {
		snprintf(id, sizeof(id), "boot-%" PRId64, s->boots++);
		clock_set_boot_id(id);
		f->now.boot = 100 + sim_upto(s, 20000);
		s->shift = was + down - f->now.boot;
	}
	if (sim_one_in(s, 4))
		change_settings(s);
	fixture_start(f);
	sim_open_intake(s);
	memset(s->was_open, 0, sizeof(s->was_open));
	assert_conserved(f);
}

static void
reload(struct sim *s)
{
	change_settings(s);
	fixture_reload(s->f);
}

static void
begin_outage(struct sim *s)
{
	int64_t span = sim_one_in(s, 8) ? sim_upto(s, 2 * DAY) :
	    sim_upto(s, 20 * MINUTE);

	s->outage = (enum sim_outage)(1 + sim_upto(s, SIM_LOCKED - 1));
	s->outage_until = sim_now(s) + span;
}

/* An operator looks at what is stuck, or takes something back. */
static void
operate(struct sim *s)
{
	struct accept_replay how = { .remap = sim_one_in(s, 4) };
	bool discard = sim_one_in(s, 4), queued = discard && sim_one_in(s, 3);
	char *sql = xasprintf("SELECT id FROM event WHERE state = '%s'"
	    " ORDER BY id LIMIT 1 OFFSET %" PRId64, queued ? "queued" :
	    "stuck", sim_upto(s, 8));
	int64_t id = ask(s->f, sql);
	struct queue_found found;
	struct why why;

	free(sql);
	if (id == -1)
		return;
	assert_int_equal(queue_begin(s->f->queue), QUEUE_READY);
	if (!discard) {
		if (queue_find(s->f->queue, id, &found) &&
		    accept_replay(s->acceptor, id, &how, s->f->now.wall,
		    &why) == QUEUE_MOVED)
			s->events[id].since = s->open[found.lane];
		return;
	}
	sim_stage_discard(s, id);
	assert_int_equal(queue_discard(s->f->queue, id, s->f->now.wall, &why),
	    QUEUE_MOVED);
}

static void
prune(struct sim *s)
{
	static const struct queue_keep keep = {
		.delivered_ms = 10 * MINUTE, .skipped_ms = 5 * MINUTE,
		.discarded_ms = 10 * MINUTE, .requests_ms = 20 * MINUTE,
		.dedup_ms = 10 * MINUTE,
	};

	assert_int_equal(queue_begin(s->f->queue), QUEUE_READY);
	queue_prune(s->f->queue, &keep, s->f->now);
}

static void
make_mischief(struct sim *s)
{
	if (sim_one_in(s, 25))
		operate(s);
	if (sim_one_in(s, 30))
		prune(s);
	if (sim_one_in(s, 60))
		s->f->fail_commits = 1 + (int)sim_upto(s, 2);
	if (sim_one_in(s, 50))
		restart(s);
	if (sim_one_in(s, 100))
		fixture_step_wall(s->f, sim_upto(s, 2 * HOUR) - HOUR);
	if (sim_one_in(s, 80))
		reload(s);
	if (sim_one_in(s, 60))
		begin_outage(s);
	if (sim_one_in(s, 80))
		s->forgiving = !s->forgiving;
}

/* How long nothing arrives: mostly moments, sometimes a night. */
static int64_t
pause_ms(struct sim *s)
{
	if (sim_one_in(s, 12))
		return sim_upto(s, 10 * MINUTE);
	if (sim_one_in(s, 60))
		return sim_upto(s, 6 * HOUR);
	return sim_upto(s, 300);
}

/* --- a run ------------------------------------------------------------ */

static struct sim *
begin(uint64_t seed)
{
	struct sim *s = xcalloc(1, sizeof(*s));

	s->seed = running = seed;
	s->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	s->f = fixture_new();
	snprintf(s->f->label, sizeof(s->f->label), "seed %" PRIu64 ":", seed);
	set_up_outputs(s);
	set_up_inputs(s);
	change_settings(s);
	s->largest = sim_upto(s, 2) == 0 ? 1000000 :
	    3000 + (size_t)sim_upto(s, 40000);
	s->clumsy = 8 + (int)sim_upto(s, 60);
	s->big = sim_upto(s, 9) == 0 || seed % 8 == 0 ? 3000 : 150;
	s->f->random = sim_draw(s);
	s->f->far = sim_answer;
	s->f->far_arg = s;
	s->f->ended = turned;
	s->f->lazy = true;
	fixture_start(s->f);
	sim_open_intake(s);
	return s;
}

static void
end(struct sim *s)
{
	sim_close_intake(s);
	fixture_free(s->f);
	sim_free_heap(s);
	buf_free(&s->errors);
	free(s->events);
	free(s->staged);
	free(s->limits);
	free(s->repeat);
	free(s);
	running = 0;
}

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
	use_limits(s, w);
	set_output(s, 4, 1);
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
	struct sim *s = begin(seed);
	int64_t burst, spent;

	while (s->batches < BATCHES) {
		for (burst = sim_upto(s, 8); burst >= 0; burst--)
			sim_arrive(s);
		fixture_run(s->f, pause_ms(s));
		make_mischief(s);
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
	end(s);
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
