/*
 * simulation.c - the course of a run, by the seed
 *
 * Batches arrive, the far side answers at random, operators act, retention
 * runs, limits change, the agent is killed, the machine boots anew, the clock
 * steps, the disk fills up; then all is quiet and everything must be where it
 * belongs.  No clock and no chance but the seed's.
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

#include "simulation.h"

#define CONSERVED_EVERY	200		/* turns */
#define WAITING_EVERY	50

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
void
sim_use_limits(struct sim *s, const struct config_limit w[SIM_WINDOWS])
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

void
sim_set_output(struct sim *s, int64_t max_in_flight, double share)
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
	sim_use_limits(s, w);
	sim_set_output(s, 1 + sim_upto(s, 5), sim_upto(s, 3) == 0 ? 0.5 : 1);
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
void
sim_settle(struct sim *s)
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

void
sim_note_ends(struct sim *s)
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
	sim_note_ends(s);
	sim_commit(s, durable);
	if (!durable)
		return;
	sim_settle(s);
	f->random = sim_draw(s);
	if (s->blind)
		return;
	if (s->turns % CONSERVED_EVERY == 0)
		assert_conserved(f);
	if (s->turns % WAITING_EVERY == 0)
		sim_judge_waiting(s);
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
	sim_start(s);
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
void
sim_operate(struct sim *s)
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
	if (queue_begin(s->f->queue) != QUEUE_READY)
		return;
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

void
sim_prune(struct sim *s)
{
	static const struct queue_keep keep = {
		.delivered_ms = 10 * MINUTE, .skipped_ms = 5 * MINUTE,
		.discarded_ms = 10 * MINUTE, .requests_ms = 20 * MINUTE,
		.dedup_ms = 10 * MINUTE,
	};

	if (queue_begin(s->f->queue) == QUEUE_READY)
		queue_prune(s->f->queue, &keep, s->f->now);
}

void
sim_make_mischief(struct sim *s)
{
	if (sim_one_in(s, 25))
		sim_operate(s);
	if (sim_one_in(s, 30))
		sim_prune(s);
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
int64_t
sim_pause_ms(struct sim *s)
{
	if (sim_one_in(s, 12))
		return sim_upto(s, 10 * MINUTE);
	if (sim_one_in(s, 60))
		return sim_upto(s, 6 * HOUR);
	return sim_upto(s, 300);
}

/* --- a run ------------------------------------------------------------ */

struct sim *
sim_new(uint64_t seed)
{
	struct sim *s = xcalloc(1, sizeof(*s));

	s->seed = seed;
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
	return s;
}

void
sim_start(struct sim *s)
{
	fixture_start(s->f);
	sim_open_intake(s);
}

void
sim_end(struct sim *s)
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
}
